"""Who may call a rehearsal cloud runs programs on this computer: so nobody may but its own user.

First every request there could be, put to the gate itself; then a running cloud, attacked as a web page, a name that
was led here, a second user of this computer and a program on a dead cloud's port would.
"""

from __future__ import annotations

import http.client
import http.server
import io
import json
import os
import queue
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import boto3
import pytest
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import RehearsalDown, UserError
from infra.rehearsal import client, processes, secret
from infra.rehearsal.clock import Clock
from infra.rehearsal.paths import Place, write_whole
from infra.rehearsal.startup_proxy import Gate

ADDRESS = "127.0.0.1:4566"
SECRET = "5ecre7" * 6
FORM = "application/x-www-form-urlencoded; charset=utf-8"
RUN = {"Action": "RunInstances", "Version": "2016-11-15", "ImageId": "ami-1", "MinCount": "1", "MaxCount": "1",
       "UserData": "IyEvYmluL3NoCg=="}  # fmt: skip


class Sent(AWSRequest):
    """A request as it goes over the wire."""

    def environ(self) -> dict[str, Any]:
        parts, body = urlsplit(self.url), self.data
        headers = {"Host": parts.netloc, "Content-Length": str(len(body)), **dict(self.headers.items())}
        names = {name: name.upper().replace("-", "_") for name in headers}
        return {
            "REQUEST_METHOD": self.method, "PATH_INFO": parts.path, "QUERY_STRING": parts.query,
            "REQUEST_URI": parts.path + (f"?{parts.query}" if parts.query else ""), "wsgi.input": io.BytesIO(body),
            **{(word if word in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{word}"): headers[name]
               for name, word in names.items()},
        }  # fmt: skip


def sign(request: Sent, service: str, key: tuple[str, str] = ("rehearsal", SECRET)) -> Sent:
    scheme = S3SigV4Auth if service == "s3" else SigV4Auth
    scheme(Credentials(*key), service, "us-east-1").add_auth(request)
    return request


def ask(gate: Gate, environ: dict[str, Any]) -> tuple[int, dict[str, str]]:
    seen: list[Any] = []
    list(gate(environ, lambda status, headers, *_: seen.append((int(status.split()[0]), dict(headers)))))
    return seen[0]


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """A gate behind which nothing stands yet: whoever is let in waits for ever, who is refused hears so at once."""
    return Gate(Place(tmp_path_factory.mktemp("project")), Clock(), ADDRESS, SECRET)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    def behind(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        start("200 OK", [("Access-Control-Allow-Origin", "*"), ("Content-Type", "text/xml")])
        return [environ["wsgi.input"].read()]

    gate = Gate(Place(tmp_path_factory.mktemp("project")), Clock(), ADDRESS, SECRET)
    gate.open(behind, lambda *_: pytest.fail("no control call was made"))
    return gate


words = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#%"), max_size=12)
paths = st.sampled_from(["/", "/bucket/key", "/_rehearsal/ping", "/_rehearsal/fault", "/moto-api/reset"]) | words.map(
    lambda word: "/" + word.replace("/", "")
)
SCOPE = "Credential=rehearsal/20260101/us-east-1/ec2/aws4_request"
claims = st.sampled_from([
    "", "AWS rehearsal:c2ln", "Bearer x", "AWS4-HMAC-SHA256",
    f"AWS4-HMAC-SHA256 {SCOPE}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}",
    f"AWS4-HMAC-SHA256 {SCOPE}, SignedHeaders=, Signature=",
    "AWS4-ECDSA-P256-SHA256 Credential=rehearsal/20260101/ec2/aws4_request, SignedHeaders=host, Signature=00",
]) | words  # fmt: skip


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "PATCH"]),
    path=paths,
    query=st.dictionaries(st.sampled_from(["X-Amz-Signature", "X-Amz-Credential", "X-Amz-Algorithm", "acl"]), words),
    headers=st.fixed_dictionaries(
        {},
        optional={
            "Authorization": claims,
            "Origin": st.sampled_from(["null", "http://127.0.0.1:4566", "https://example.com", ""]),
            "X-Amz-Date": st.sampled_from(["20260101T000000Z", "now", ""]),
            "X-Amz-Target": words,
            "X-Rehearsal-Nonce": words,
            "X-Rehearsal-Proof": words,
            "Content-Type": st.just(FORM),
            "Content-Length": st.sampled_from(["-1", "1e3", "+5", "", "99999999999999999999"]),
            "Transfer-Encoding": st.just("chunked"),
        },
    ),
    body=st.binary(max_size=40) | st.just(urlencode(RUN).encode()),
)
def test_whatever_is_asked_without_the_secret_is_refused_at_once_and_readable_by_no_page(
    shut: Gate, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
) -> None:
    url = f"http://{ADDRESS}{path}" + (f"?{urlencode(query)}" if query else "")

    status, answered = ask(shut, Sent(method, url, headers, body).environ())

    assert status in (403, 411)
    assert not [name for name in answered if name.lower().startswith("access-control")]


def change(environ: dict[str, Any], draw: Callable[[Any], Any]) -> None:
    """One thing of a signed request, made another."""
    what = draw(st.sampled_from(["method", "uri", "body", "host", "origin", "date", "signature", "header", "day"]))
    if what == "method":
        environ["REQUEST_METHOD"] = "DELETE" if environ["REQUEST_METHOD"] != "DELETE" else "POST"
    elif what == "uri":
        environ["REQUEST_URI"] += "x" if "?" in environ["REQUEST_URI"] else "?DryRun=true"
    elif what == "body":
        body = environ["wsgi.input"].read() + b"&x"
        environ.update({"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
    elif what == "host":
        environ["HTTP_HOST"] = draw(
            st.sampled_from(["evil.example:4566", "localhost:4566", "127.0.0.1", ADDRESS + ",x"])
        )
    elif what == "origin":
        environ["HTTP_ORIGIN"] = draw(st.sampled_from(["null", "", "http://" + ADDRESS]))
    elif what == "date":
        environ["HTTP_X_AMZ_DATE"] = environ["HTTP_X_AMZ_DATE"][:-3] + "99Z"
    elif what == "header":
        environ[draw(st.sampled_from(["HTTP_X_AMZ_TARGET", "HTTP_X_AMZ_COPY_SOURCE", "HTTP_X_AMZ_ACL"]))] = "other"
    else:
        claim = environ["HTTP_AUTHORIZATION"]
        at = len(claim) - 1 - draw(st.integers(0, 63)) if what == "signature" else claim.index("/") + 1
        environ["HTTP_AUTHORIZATION"] = claim[:at] + ("0" if claim[at] != "0" else "1") + claim[at + 1 :]


@given(
    data=st.data(),
    service=st.sampled_from(["ec2", "s3", "ssm", "monitoring", "scheduler"]),
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD"]),
    path=st.lists(words, max_size=3).map(lambda parts: "/" + "/".join(parts)),
    query=st.dictionaries(words.filter(bool), words, max_size=3),
    body=st.binary(max_size=60) | st.just(urlencode(RUN).encode()),
)
def test_what_was_signed_is_let_in_as_it_is_and_with_one_thing_changed_it_is_refused(
    opened: Gate, data: st.DataObject, service: str, method: str, path: str, query: dict[str, str], body: bytes
) -> None:
    url = f"http://{ADDRESS}{path}" + (f"?{urlencode(query)}" if query else "")
    headers = {"Content-Type": FORM, "User-Agent": "any"}
    signed = sign(Sent(method, url, headers, body), service)

    assert ask(opened, signed.environ()) == (200, {"Content-Type": "text/xml"})
    environ = signed.environ()
    change(environ, data.draw)
    assert ask(opened, environ)[0] == 403


def test_an_old_request_and_an_old_key_open_nothing(shut: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    def listing() -> Sent:
        return Sent("GET", f"http://{ADDRESS}/", {}, b"")

    stale = sign(listing(), "s3").environ()
    stale["HTTP_X_AMZ_DATE"] = "20200101T000000Z"

    assert ask(shut, stale)[0] == 403
    assert ask(shut, sign(listing(), "s3", ("rehearsal", "rehearsal")).environ())[0] == 403
    assert ask(shut, sign(listing(), "s3", ("rehearsal", "")).environ())[0] == 403
    assert ask(shut, sign(listing(), "s3", ("AKIDEXAMPLE", SECRET)).environ())[0] == 403


# A running cloud


def journal(rehearsal: Any) -> list[str]:
    return Place(rehearsal.project).calls.read_text().splitlines()


def send(port: int, request: Sent, **more: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    parts = urlsplit(request.url)
    where = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(request.method, where, request.data, {**dict(request.headers.items()), **more})
    response = connection.getresponse()
    response.read()
    return response


def test_a_running_cloud_refuses_every_stranger_and_nothing_has_changed(rehearsal: Any) -> None:
    endpoint = rehearsal.cloud.endpoint_url
    port, key = urlsplit(endpoint).port, ("rehearsal", rehearsal.cloud.secret)
    s3 = rehearsal.client("s3")
    s3.create_bucket(Bucket="open", ACL="public-read-write")
    s3.put_object(Bucket="open", Key="all", Body=b"may read", ACL="public-read")
    presigned = Sent("GET", f"{endpoint}/open/all", {}, b"")
    SigV4QueryAuth(Credentials(*key), "s3", "us-east-1").add_auth(presigned)

    def run() -> Sent:
        return Sent("POST", endpoint + "/", {"Content-Type": FORM}, urlencode(RUN).encode())

    before = journal(rehearsal)
    strangers = {
        "a page elsewhere": send(port, sign(run(), "ec2", key), Origin="https://example.com"),
        "a page from a file": send(port, sign(run(), "ec2", key), Origin="null"),
        "a name that was led here": send(port, sign(run(), "ec2", key), Host=f"evil.example:{port}"),
        "localhost": send(port, sign(run(), "ec2", key), Host=f"localhost:{port}"),
        "an old key": send(port, sign(run(), "ec2", ("rehearsal", "rehearsal"))),
        "no signature": send(port, run()),
        "a preflight": send(port, Sent("OPTIONS", endpoint + "/", {"Access-Control-Request-Method": "POST"}, b"")),
        "a signature in the address": send(port, presigned),
        "a public object": send(port, Sent("GET", f"{endpoint}/open/all", {}, b"")),
        "an object for all": send(port, Sent("PUT", f"{endpoint}/open/new", {}, b"x")),
        "moto's own switch": send(port, Sent("POST", f"{endpoint}/moto-api/reset", {}, b"")),
        "a ping": send(port, Sent("GET", f"{endpoint}/_rehearsal/ping", {}, b"")),
        "a fault": send(port, Sent("POST", f"{endpoint}/_rehearsal/fault", {}, b'{"words": ["hang"]}')),
    }
    streamed = send(port, sign(run(), "ec2", key), **{"Transfer-Encoding": "chunked"})

    assert {who: answer.status for who, answer in strangers.items()} == dict.fromkeys(strangers, 403)
    assert not [
        1 for answer in strangers.values() for name, _ in answer.getheaders() if "access-control" in name.lower()
    ]
    assert streamed.status == 411
    assert journal(rehearsal) == before
    anonymous = boto3.client(
        "s3", region_name="us-east-1", endpoint_url=endpoint, config=Config(signature_version=UNSIGNED)
    )
    with pytest.raises(anonymous.exceptions.ClientError, match="403"):
        anonymous.get_object(Bucket="open", Key="all")


def test_the_metadata_service_and_its_power_button_hear_the_instance_only(box: Any) -> None:
    url = urlsplit(box.say("echo $AWS_EC2_METADATA_SERVICE_ENDPOINT"))
    token = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}

    def put(path: str, **more: str) -> int:
        return send(url.port or 0, Sent("PUT", f"http://{url.netloc}{path}", token, b"poweroff"), **more).status

    assert put(f"{url.path}/latest/api/token") == 200
    assert put("/latest/api/token") == put("/rehearsal/power") == put(f"/{'x' * 22}/rehearsal/power") == 404
    assert put(f"{url.path}/rehearsal/power", Origin="https://example.com") == 403
    assert put(f"{url.path}/latest/api/token", Host=f"evil.example:{url.port}") == 403
    assert send(url.port or 0, Sent("OPTIONS", f"http://{url.netloc}/", {}, b"")).status == 404
    assert box.state == "running"


def test_ssh_lets_in_the_instance_s_own_key_and_nothing_else(box: Any) -> None:
    words = [*box.ssh_words("-v", "-o", "PreferredAuthentications=none"), "ubuntu@127.0.0.1", "true"]
    words[words.index("LogLevel=ERROR")] = "LogLevel=VERBOSE"
    offered = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60).stderr

    assert "Authentications that can continue: publickey\n" in offered.replace("\r", "")


@contextmanager
def serving(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[int]:
    """A web server of somebody else; the port it listens on."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_program_that_got_a_dead_cloud_s_port_is_neither_believed_nor_told_the_secret(tmp_path: Path) -> None:
    place, heard = Place(tmp_path), []

    def pretend(request: http.server.BaseHTTPRequestHandler) -> None:
        heard.append(str(request.headers) + request.path)
        who = {"pid": 1, "project": str(tmp_path.resolve()), "speed": 1.0, "start": 0.0}
        text = json.dumps(who).encode()
        request.send_response(200)
        request.send_header(secret.PROOF_HEADER, request.headers[secret.PROOF_HEADER])  # what it heard, said back
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    place.prepare()
    its_secret = secret.renew(place)
    with serving(pretend) as port:
        write_whole(place.cloud_file, json.dumps({"endpoint_url": f"http://127.0.0.1:{port}", "pid": 2**22 + 1}))
        with pytest.raises(RehearsalDown, match="has died"):
            client.find(tmp_path)

    assert heard
    assert its_secret not in "".join(heard)


def test_a_secret_that_another_user_may_know_is_not_used(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.folder.mkdir(parents=True)
    place.folder.chmod(0o777)
    place.prepare()
    known = secret.renew(place)

    assert stat.S_IMODE(place.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(place.secret_file.stat().st_mode) == 0o600
    assert secret.read(place) == known != secret.renew(place)
    place.secret_file.chmod(0o640)
    assert secret.read(place) == ""
    place.secret_file.rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").chmod(0o600)
    place.secret_file.symlink_to(tmp_path / "elsewhere")
    assert secret.read(place) == ""
    shutil.rmtree(place.folder)
    place.folder.write_text("no folder")
    with pytest.raises(UserError, match="Cannot keep a rehearsal cloud in"):
        client.ensure_running(tmp_path, print)


PAGE = """<!doctype html><script>
const targets = %s, form = "application/x-www-form-urlencoded";
const tries = targets.flatMap(([url, method, headers, body]) => ["cors", "no-cors"].map(async mode => {
  const said = {url, mode};
  try {
    const asked = mode == "cors" ? {method, headers} : {method: body ? "POST" : "GET", headers: {"Content-Type": form}};
    const answer = await fetch(url, {mode, body: body || undefined, ...asked});
    said.type = answer.type;
    said.text = await answer.text();
  } catch (error) { said.type = "refused"; said.text = ""; }
  return said;
}));
Promise.all(tries).then(said => fetch("/said", {method: "POST", body: JSON.stringify(said)}));
</script>"""


def test_a_web_page_can_neither_run_nor_read_anything(rehearsal: Any, box: Any, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here: apt install chromium")
    endpoint, metadata = rehearsal.cloud.endpoint_url, box.say("echo $AWS_EC2_METADATA_SERVICE_ENDPOINT")
    imds = metadata.rpartition("/")[0]
    guess = sign(Sent("POST", endpoint + "/", {"Content-Type": FORM}, urlencode(RUN).encode()), "ec2",
                 ("rehearsal", "rehearsal"))  # fmt: skip
    targets = [
        (endpoint + "/", "POST", dict(guess.headers.items()), guess.data.decode()),
        (endpoint + "/_rehearsal/fault", "POST", {}, '{"words": ["hang"]}'),
        (endpoint + "/_rehearsal/ping", "GET", {}, ""),
        (endpoint + "/moto-api/reset", "POST", {}, "x"),
        (imds + "/latest/api/token", "PUT", {"X-aws-ec2-metadata-token-ttl-seconds": "60"}, "x"),
        (metadata + "/rehearsal/power", "PUT", {}, "poweroff"),  # as if it knew the way
    ]
    heard: queue.Queue[list[dict[str, str]]] = queue.Queue()

    def serve(request: http.server.BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if request.path == "/said":
            heard.put(json.loads(body))
        text = (PAGE % json.dumps(targets)).encode()
        request.send_response(200)
        request.send_header("Content-Type", "text/html")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    before = journal(rehearsal)
    with serving(serve) as port:
        browser = subprocess.Popen(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
             f"--user-data-dir={tmp_path}", f"http://127.0.0.1:{port}/"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            said = heard.get(timeout=90)
        finally:
            browser.terminate()
            browser.wait()

    assert len(said) == 2 * len(targets)
    assert {(one["type"], one["text"]) for one in said} <= {("refused", ""), ("opaque", "")}
    assert journal(rehearsal) == before
    assert box.state == "running"
    assert box.say("echo well") == "well"


# What a second user of this computer can try, with nothing but Python: read all files and processes, ask all ports.
STRANGER = """
import json, os, pathlib, socket, sys, urllib.error, urllib.request
project, pid, ports = sys.argv[1], sys.argv[2], sys.argv[3:]
read, said = [], {}
for root, _, names in os.walk(project):
    for path in [root, *(root + "/" + name for name in names)]:
        if os.access(path, os.R_OK) and path != project:
            read.append(path)
for name in ("environ", "fd", "mem"):
    try:
        pathlib.Path("/proc", pid, name).read_bytes(); read.append(name)
    except OSError:
        pass
for port in ports:
    for method, path in (("PUT", "/latest/api/token"), ("PUT", "/rehearsal/power"), ("POST", "/"), ("GET", "/"),
                         ("POST", "/_rehearsal/fault")):
        body = b'{"words": ["hang"]}' if "fault" in path else b"poweroff" if "power" in path else b"Action=RunInstances"
        headers = {"X-aws-ec2-metadata-token-ttl-seconds": "9"}
        ask = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers, method=method)
        try:
            code = urllib.request.urlopen(ask, timeout=20).status
        except urllib.error.HTTPError as error:
            code = error.code
        except Exception as error:
            code = type(error).__name__
        said[f"{port} {method} {path}"] = code
print(json.dumps({"there": os.path.isdir(project), "read": read, "said": said}))
"""


@pytest.mark.skipif(not processes.LINUX or os.getuid() != 0, reason="only root can act as another user")
def test_a_second_user_of_this_computer_reads_nothing_and_is_heard_by_nobody(begin: Callable[[Path], Any]) -> None:
    project = Path(tempfile.mkdtemp(dir="/tmp"))  # pytest's own folders are shut to others already
    project.chmod(0o755)
    try:
        rehearsal = begin(project)
        box = rehearsal.launch().ready()
        ports = [str(urlsplit(url).port) for url in (rehearsal.cloud.endpoint_url,
                                                     box.say("echo $AWS_EC2_METADATA_SERVICE_ENDPOINT"))]  # fmt: skip
        before = journal(rehearsal)
        words = ["-I", "-c", STRANGER, str(project / ".rig"), str(rehearsal.cloud.pid), *ports]
        python = shutil.which("python3", path="/usr/bin:/bin")
        assert python
        done = subprocess.run([python, *words], user=65534, group=65534, extra_groups=[], cwd="/",
                              capture_output=True, text=True, check=True, timeout=120)  # fmt: skip
        tried = json.loads(done.stdout)

        assert tried["there"]
        assert tried["read"] == []
        assert set(tried["said"].values()) <= {403, 404}
        assert len(tried["said"]) == 10
        assert journal(rehearsal) == before
        assert box.state == "running"
        assert box.say("echo well") == "well"
        seen = subprocess.run(["ps", "-axww", "-o", "command="], capture_output=True, text=True, check=True).stdout
        assert rehearsal.cloud.secret not in seen
    finally:
        client.down(project)
        shutil.rmtree(project)


SDK = """
import boto3, io, os
s3 = boto3.client("s3")
s3.create_bucket(Bucket="box")
names = ["plain", "a b+c=d&e", "\u00fc/\u4e2d%20", "double//slash", "dots/./..x"]
for name in names:
    s3.put_object(Bucket="box", Key=name, Body=name.encode(), Metadata={"unit": "N m"})
    assert s3.get_object(Bucket="box", Key=name)["Body"].read() == name.encode()
s3.upload_fileobj(io.BytesIO(bytes(9 << 20)), "box", "large")
assert s3.head_object(Bucket="box", Key="large")["ContentLength"] == 9 << 20
assert s3.list_objects_v2(Bucket="box", Prefix="\\u00fc/")["KeyCount"] == 1
boto3.client("ec2").create_tags(Resources=[os.environ["BOX"]], Tags=[{"Key": "note", "Value": "\u00fc + ~ * & ="}])
boto3.client("cloudwatch").list_metrics()
boto3.client("scheduler").list_schedules()
boto3.client("iam").list_roles()
print(boto3.client("sts").get_caller_identity()["Account"])
"""


def test_awscli_and_boto3_need_one_line_whatever_stands_in_the_environment(rehearsal: Any, box: Any) -> None:
    bin_folder = Path(sys.executable).parent
    line = f'eval "$(rig rehearsal env)" && aws sts get-caller-identity --query Account && "{sys.executable}" -c "$SDK"'
    theirs = {"AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "x", "AWS_REGION": "eu-west-1", "SDK": SDK, "BOX": box.id,
              "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}  # fmt: skip

    said = subprocess.run(
        ["bash", "-c", line], cwd=rehearsal.project, capture_output=True, text=True, check=False,
        env={**os.environ, **theirs, "PATH": f"{bin_folder}:{os.environ['PATH']}"},
    )  # fmt: skip

    assert said.returncode == 0, said.stderr
    assert said.stdout.split() == ['"123456789012"', "123456789012"]
