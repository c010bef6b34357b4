"""A log in a bucket is read and packed as one that lies here; what is wrong is named, and no credential is shown."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from training.console import Console
from training.errors import BadData
from training.pack import layout
from training.pack.pack import one_by_one, pack
from training.pack.reading import open_pack
from training.prognostics.log_schema import read_description
from training.prognostics.read_log import read_log

boto3 = pytest.importorskip("boto3")
SECRET = "a-secret-that-nobody-may-see"
DESCRIBED = """\
files = [{files}]
unit = "machine"
time = "hour"
channels = ["heat"]
runs_to_failure = true
"""


def rows(first: int) -> bytes:
    lines = [f"M{unit},{hour},{unit * hour % 7}" for unit in range(first, first + 3) for hour in range(20)]
    return ("machine,hour,heat\n" + "\n".join(lines) + "\n").encode()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="fleet-logs")
    files = {"raw/jan.csv": rows(0), "raw/feb.csv.gz": gzip.compress(rows(3), mtime=0), "raw/old/x.csv": rows(6)}
    for key, content in {**files, "raw/readme.md": b"no log"}.items():
        client.put_object(Bucket="fleet-logs", Key=key, Body=content)
    return client


def described(folder: Path, *files: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "fleet.toml").write_text(DESCRIBED.format(files=", ".join(f'"{one}"' for one in files)))
    return folder / "fleet.toml"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("s3://fleet-logs/raw/jan.csv", ["jan.csv"]),
        ("s3://fleet-logs/raw/*", ["feb.csv.gz", "jan.csv", "readme.md"]),
        ("s3://fleet-logs/raw/**/*.csv", ["jan.csv", "x.csv"]),
        ("s3://fleet-logs/raw/", ["feb.csv.gz", "jan.csv", "x.csv"]),
        ("s3://fleet-logs/*/[jf]*.csv*", ["feb.csv.gz", "jan.csv"]),
        ("s3://fleet-logs", ["feb.csv.gz", "jan.csv", "x.csv"]),
    ],
)
def test_a_pattern_means_in_a_bucket_what_it_means_in_a_folder(bucket, tmp_path, pattern, names):
    found = read_description(described(tmp_path, pattern)).files

    assert [file.name for file in found] == names
    assert str(found[0]).startswith("s3://fleet-logs/raw/")


def test_a_log_in_a_bucket_gives_the_units_of_one_that_lies_here(bucket, tmp_path):
    (tmp_path / "jan.csv").write_bytes(rows(0))
    (tmp_path / "feb.csv.gz").write_bytes(gzip.compress(rows(3)))

    here = read_log(read_description(described(tmp_path, "feb.csv.gz", "jan.csv"))).train
    there = read_log(read_description(described(tmp_path, "s3://fleet-logs/raw/*.csv*"))).train

    assert [(one.unit, one.times.tolist(), one.values.tolist()) for one in there] == [
        (one.unit, one.times.tolist(), one.values.tolist()) for one in here
    ]


def test_parquet_zip_and_workbooks_are_read_from_a_bucket(bucket, tmp_path):
    import zipfile

    openpyxl = pytest.importorskip("openpyxl")
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    (tmp_path / "plain.csv").write_bytes(rows(0))
    parquet.write_table(arrow_csv.read_csv(tmp_path / "plain.csv"), tmp_path / "a.parquet")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("b.csv", rows(0))
    book = openpyxl.Workbook()
    for line in rows(0).decode().splitlines():
        unit, *numbers = line.split(",")
        book.active.append([unit, *(float(n) if n.isdigit() else n for n in numbers)])
    book.save(tmp_path / "c.xlsx")
    plain = read_log(read_description(described(tmp_path, "plain.csv"))).train
    for name in ("a.parquet", "b.zip", "c.xlsx"):
        bucket.upload_file(str(tmp_path / name), "fleet-logs", f"forms/{name}")

        found = read_log(read_description(described(tmp_path, f"s3://fleet-logs/forms/{name}"))).train

        assert [one.values.tolist() for one in found] == [one.values.tolist() for one in plain]


DYING = """
import os, signal, sys
from training.pack import layout
from training.pack.main import main
left, put = [int(sys.argv[1])], layout.put

def dying(*words):
    left[0] -= 1
    os.kill(os.getpid(), signal.SIGKILL) if not left[0] else put(*words)

layout.put = dying
main(sys.argv[2:])
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("step", [4, *(pytest.param(step, marks=pytest.mark.exhaustive) for step in (1, 2, 6))])
def test_packing_a_bucket_goes_on_after_a_kill_and_ends_with_the_same_bytes(bucket, tmp_path, monkeypatch, step):
    table = described(tmp_path, "s3://fleet-logs/raw/*.csv*")
    pack(read_description(table), tmp_path / "whole", table.read_text(), one_by_one, Console())
    killed = subprocess.run([sys.executable, "-c", DYING, str(step), table, tmp_path / "again"], env=os.environ)
    pack(read_description(table), tmp_path / "again", table.read_text(), one_by_one, Console())

    assert killed.returncode == -signal.SIGKILL
    assert contents(tmp_path / "again") == contents(tmp_path / "whole")
    assert layout.INDEX in contents(tmp_path / "whole")
    assert len(open_pack(tmp_path / "again").lives) == 6


def refused(table: Path) -> str:
    with pytest.raises(BadData) as error:
        read_log(read_description(table))
    said = f"{error.value.cause}\n{error.value.hint}"
    assert SECRET not in said
    assert "AKIA" not in said
    return said


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("s3://no-such-bucket/raw/*.csv", "there is no bucket 'no-such-bucket'"),
        ("s3://no-such-bucket/raw/jan.csv", "there is no bucket 'no-such-bucket'"),
        ("s3://fleet-logs/raw/march.csv", "s3://fleet-logs/raw/march.csv: there is no such file"),
        ("s3://fleet-logs/raw/*.tsv", "s3://fleet-logs/raw/*.tsv: there is no such file"),
        ("s3://", "s3:// names no bucket"),
        ("s3://*/raw", "s3://*/raw names no bucket"),
        ("s3://fleet-logs//raw/jan.csv", "has an empty part"),
    ],
)
def test_what_is_not_there_is_named(bucket, tmp_path, pattern, why):
    assert why in refused(described(tmp_path, pattern))


def test_a_cell_that_is_wrong_is_named_by_bucket_key_and_line(bucket, tmp_path):
    bucket.put_object(Bucket="fleet-logs", Key="bad/a.csv", Body=rows(0).replace(b"M0,3,0", b"M0,3,hot"))

    assert "s3://fleet-logs/bad/a.csv line 5: heat: 'hot' is not a number" in refused(
        described(tmp_path, "s3://fleet-logs/bad")
    )


@pytest.mark.parametrize(
    ("answer", "why"),
    [("AccessDenied", "may not be read with these credentials (ACCESS_DENIED)"), ("SlowDown", "cannot be read: ")],
)
def test_who_may_not_read_is_told_and_nothing_that_s3_says_is_passed_on(bucket, tmp_path, monkeypatch, answer, why):
    """A server that answers each request with an error that repeats the credentials."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    class Denying(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = f"{SECRET} {self.headers['Authorization']}"
            said = f"<Error><Code>{answer}</Code><Message>{told}</Message></Error>".encode()
            self.send_response(403 if answer == "AccessDenied" else 400)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said if self.command == "GET" else b"")

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Denying)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    try:
        assert why in refused(described(tmp_path, "s3://fleet-logs/raw/*.csv"))
    finally:
        server.shutdown()
        server.server_close()


def test_an_endpoint_that_nobody_answers_at_is_named(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    assert "s3://fleet-logs/raw: 127.0.0.1:9 cannot be reached" in refused(
        described(tmp_path, "s3://fleet-logs/raw/*.csv")
    )
