"""The server as a process: killed, ended, asked by strangers; nothing answered is lost, and nobody else gets in."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from tests.training.serve.conftest import DEADLINE_S, PROJECT, Server, Start, as_csv
from training.errors import BadInput, TrainingError
from training.serve import server
from training.serve.app import make_app
from training.serve.gate import Gate, Limits
from training.serve.service import open_service

TOKEN = "-".join(
    ["a", "token", "that", "nobody", "guesses", "0123456789"]
)  # in one piece it would be held back as a secret
Rows = list[dict[str, str]]


def test_a_fleet_that_is_killed_at_any_step_on_the_disk_has_all_that_was_answered(
    gearboxes: Path, tmp_path: Path
) -> None:
    line = [sys.executable, str(PROJECT / "tests/training/serve/dying_fleet.py"), gearboxes / "run", tmp_path]
    done = subprocess.run(line, cwd=PROJECT, env={"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 30


@pytest.mark.parametrize("kills", [2, pytest.param(12, marks=pytest.mark.exhaustive)])
def test_a_server_that_is_killed_under_load_goes_on_where_it_was(
    start: Start, gearboxes: Path, tmp_path: Path, later: Rows, kills: int
) -> None:
    rows = [row for row in later if row["machine"] == "G41"][: 40 * kills]
    words = ["--run", str(gearboxes / "run"), "--state", str(tmp_path / "state")]
    told: list[dict[str, Any]] = []
    for death in range(kills + 1):
        server = start(*words)
        killer = threading.Timer(0.02 + 0.05 * death, server.process.kill)
        if death < kills:
            killer.start()
        told += said_until_it_dies(server, rows[len(told) :])
        killer.cancel()

    whole = open_service(gearboxes / "run", state=tmp_path / "whole", most_units=1, most_rows=10_000)
    with TestClient(make_app(whole)) as client:
        expected = client.post("/units", content=as_csv(rows), headers={"content-type": "text/csv"}).json()["forecasts"]
    assert len(told) == len(rows)
    assert [one["time"] for one in told] == [one["time"] for one in expected]
    assert [one["probability"] for one in told] == pytest.approx([one["probability"] for one in expected], abs=1e-6)


def said_until_it_dies(server: Server, rows: Rows) -> list[dict[str, Any]]:
    """Row by row, as a machine sends them that tries again what was not answered."""
    told: list[dict[str, Any]] = []
    try:
        for row in rows:
            told += json.loads(server.ask("/units", as_csv([row])))["forecasts"]
    except (OSError, http.client.HTTPException):
        pass
    return told


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_server_that_is_asked_to_end_keeps_its_units_and_says_so_by_its_exit_code(
    start: Start, gearboxes: Path, tmp_path: Path, later: Rows, number: int, code: int
) -> None:
    words = ["--run", str(gearboxes / "run"), "--state", str(tmp_path)]
    first = start(*words)
    first.ask("/units", as_csv(later[:200]))
    before = json.loads(first.ask("/units"))

    assert first.end(number) == code
    assert not list(tmp_path.glob("journal-1"))  # its entries are in the snapshot
    assert json.loads(start(*words).ask("/units")) == before


def test_a_request_that_has_begun_is_answered_before_the_end(
    start: Start, gearboxes: Path, tmp_path: Path, later: Rows
) -> None:
    server = start("--run", str(gearboxes / "run"), "--state", str(tmp_path))
    answers: list[bytes] = []
    sender = threading.Thread(target=lambda: answers.append(server.ask("/units", as_csv(later))))
    sender.start()
    while b'POST /units"' not in server.ask("/metrics") and not answers:
        if (tmp_path / "journal-1").stat().st_size:  # it is taken, and being forecast
            break
    assert server.end() == 0
    sender.join(DEADLINE_S)

    assert len(json.loads(answers[0])["forecasts"]) == len(later)


def test_two_servers_do_not_share_their_units_and_another_model_does_not_get_them(
    gearboxes: Path, tmp_path: Path
) -> None:
    def opened(run: Path) -> Any:
        return open_service(run, state=tmp_path / "state", most_units=1, most_rows=1)

    first = opened(gearboxes / "run")
    with pytest.raises(TrainingError, match="is in use by another server"):
        opened(gearboxes / "run")
    first.fleet.close()
    (tmp_path / "state" / "model").write_text("0123\n")
    with pytest.raises(BadInput, match="holds the units of another model"):
        opened(gearboxes / "run")


@pytest.mark.parametrize("name", ["arrays.npz", "texts.json"])
@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x03\x04 half"])
def test_a_damaged_snapshot_is_named(
    start: Start, gearboxes: Path, tmp_path: Path, later: Rows, name: str, content: bytes
) -> None:
    service = open_service(gearboxes / "run", state=tmp_path, most_units=9, most_rows=99)
    with TestClient(make_app(service)) as client:
        client.post("/units", content=as_csv(later[:3]), headers={"content-type": "text/csv"})
    (tmp_path / "state-1" / name).write_bytes(content)

    with pytest.raises(BadInput, match="is damaged") as refused:
        open_service(gearboxes / "run", state=tmp_path, most_units=9, most_rows=99)
    assert "--state" in refused.value.hint


@pytest.mark.parametrize(
    ("words", "environ", "why"),
    [
        (["--host", "0.0.0.0"], {}, "--host 0.0.0.0 lets others ask, and there is no token"),
        (["--host", "0.0.0.0"], {"SERVE_TOKEN": "short"}, "the token of SERVE_TOKEN is too short"),
        (["--host", "example.com"], {}, "--host example.com is no address"),
        (["--port", "http"], {}, "--port http: that is no number from 1 to 65,535"),
        (["--token-file", "/nowhere"], {}, "--token-file /nowhere cannot be read"),
        (["--run", "/nowhere"], {}, "/nowhere has no model folder"),
    ],
)
def test_what_it_cannot_be_started_with_is_refused_in_a_message(
    finished_run: Path, words: list[str], environ: dict[str, str], why: str
) -> None:
    line = [sys.executable, "-m", "training", "serve", "--run", str(finished_run), *words]
    done = subprocess.run(line, cwd=PROJECT, env={"PATH": "", **environ}, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(why)
    assert "short" not in done.stderr.replace("too short", "")


def test_it_listens_so_that_answers_are_sent_without_delay(tmp_path: Path) -> None:
    """asyncio sets TCP_NODELAY on connections of a socket that says it is TCP; others wait 40 ms for each answer."""
    asked = server._read(server._parser().parse_args(["--run", str(tmp_path), "--port", str(free_port())]), {})
    with server._listen(asked) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_a_port_that_is_taken_is_said(start: Start, finished_run: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        server = start("--run", str(finished_run), "--port", port)
        _, said = server.process.communicate(timeout=DEADLINE_S)

    assert (server.process.returncode, said.splitlines()[0]) == (1, f"port {port} of 127.0.0.1: Address already in use")


def test_with_a_token_it_answers_who_knows_it_and_never_shows_it(start: Start, finished_run: Path) -> None:
    server = start("--run", str(finished_run), "--host", "0.0.0.0", SERVE_TOKEN=TOKEN)
    basic = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
    asked = {
        "": 401, f"Bearer {TOKEN}": 200, f"bearer {TOKEN}": 200, f"Basic {basic}": 200, f"Bearer {TOKEN}x": 401,
        f"Bearer {TOKEN[:-1]}": 401, "Basic !": 401, "Bearer": 401, TOKEN: 401,
    }  # fmt: skip

    assert {given: status(server, "/model", authorization=given) for given in asked} == asked
    assert status(server, "/health") == 200
    assert status(server, "/?token=wrong") == 401
    assert status(server, "/health?token=wrong") == 200
    by_address = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor())
    with by_address.open(f"{server.address}/?token={TOKEN}") as page:  # with the cookie that it was given
        assert page.url == f"{server.address}/"
    assert by_address.open(f"{server.address}/model").status == 200
    assert all(status(server, path) == 401 for path in ("/", "/docs", "/openapi.json", "/metrics", "/static/page.js"))
    shown = server.ask("/metrics", authorization=f"Bearer {TOKEN}").decode()
    server.end()
    out, said = server.process.communicate()
    assert TOKEN not in shown + out + said


def status(server: Server, path: str, **headers: str) -> int:
    try:
        server.ask(path, **headers)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


@pytest.fixture(scope="module")
def gate(finished_run: Path) -> Iterator[TestClient]:
    service = open_service(finished_run, state=None, most_units=1, most_rows=1)
    app = Gate(make_app(service), token="", loopback=True, limits=Limits(bytes=1000, body_s=0.3))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 200),
        ({"host": "localhost:8000"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({"host": "evil.example:8000"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "[::1"}, 403),
        ({"host": ""}, 403),
        ({"origin": "http://127.0.0.1:8000"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:9000"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_on_the_loopback_pages_of_others_are_refused(gate: TestClient, headers: dict[str, str], code: int) -> None:
    assert gate.get("/model", headers=headers).status_code == code


def test_pages_may_load_nothing_from_elsewhere_and_be_framed_by_nobody(gate: TestClient) -> None:
    for path in ("/", "/docs", "/model", "/static/units.js"):
        headers = gate.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")


def test_a_body_that_is_too_large_is_cut_off(gate: TestClient) -> None:
    assert gate.post("/predict", content=b"x" * 1001).status_code == 413
    assert gate.post("/predict", content=iter([b"x" * 600] * 2)).status_code == 413


def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    async def nobody(*_arguments: Any) -> None:
        raise AssertionError("the request got through")

    sent: list[Any] = []

    async def ask() -> None:
        parts = [{"type": "http.request", "body": b"x", "more_body": True}]

        async def receive() -> Any:
            return parts.pop() if parts else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        slow = Gate(nobody, token="", loopback=True, limits=Limits(body_s=0.05))
        await slow({"type": "http", "path": "/predict", "headers": [(b"host", b"localhost")]}, receive, send)

    asyncio.run(ask())
    assert sent[0]["status"] == 408


def test_the_page_is_complete_in_itself() -> None:
    page = PROJECT / "training" / "serve" / "page"
    for path in page.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        addresses = [line for line in text.splitlines() if "http" in line and not line.lstrip().startswith("//")]
        assert addresses == [], path.name
        assert "innerHTML" not in text, "a unit's name could hold a script"


def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium here: apt install chromium")
    return found


def seen_in_a_browser(address: str, folder: Path) -> str:
    line = [chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
            f"--user-data-dir={folder}", "--virtual-time-budget=8000", "--dump-dom", address]  # fmt: skip
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=True).stdout


def test_the_page_shows_units_by_risk_with_the_channels_behind_them(
    start: Start, gearboxes: Path, tmp_path: Path, later: Rows
) -> None:
    server = start("--run", str(gearboxes / "run"), "--state", str(tmp_path / "state"))
    server.ask("/units", as_csv(later))
    row = {**later[0], "machine": "<img src=x onerror=alert(1)>"}
    server.ask("/units", as_csv([row]))
    by_risk = [one["unit"] for one in json.loads(server.ask("/units"))["units"]]
    dom = seen_in_a_browser(server.address, tmp_path / "browser")

    shown = [dom.index(f">{unit.replace('<', '&lt;').replace('>', '&gt;')}</b>") for unit in by_risk]
    assert shown == sorted(shown)
    assert "The channels behind it" in dom
    assert "oil_temperature" in dom
    assert "<img" not in dom
    assert '<p id="trouble" role="alert" hidden' in dom


DRAWN = """
const field = document.querySelector("canvas");
const box = field.getBoundingClientRect();
const at = ([x, y]) => ({ bubbles: true, clientX: box.left + x * box.width, clientY: box.top + y * box.height });
const strokes = STROKES;
for (const [first, ...rest] of strokes) {
  field.dispatchEvent(new PointerEvent("pointerdown", at(first)));
  for (const point of rest) window.dispatchEvent(new PointerEvent("pointermove", at(point)));
  window.dispatchEvent(new PointerEvent("pointerup", at(rest[rest.length - 1])));
}
"""
ONE = [[[0.5, 0.15], [0.49, 0.5], [0.48, 0.85]]]
SEVEN = [[[0.25, 0.2], [0.5, 0.19], [0.75, 0.2], [0.62, 0.5], [0.5, 0.85]]]


def _answer(response: Response, _request: Request) -> Response:
    return response


@contextlib.contextmanager
def page_on_which_somebody_draws(run: Path, strokes: Any) -> Iterator[str]:
    """The page as it is, and a script after it that moves a pointer as a hand would."""
    app = make_app(open_service(run, state=None, most_units=1, most_rows=1))
    page = (PROJECT / "training/serve/page/index.html").read_text()
    script = "setTimeout(() => {" + DRAWN.replace("STROKES", json.dumps(strokes)) + "}, 500);"
    more = {"/drawn": (page.replace("</head>", '<script type="module" src="/drawn.js"></script></head>'), "text/html"),
            "/drawn.js": (script, "text/javascript")}  # fmt: skip
    for path, (content, kind) in more.items():
        app.router.add_route(path, functools.partial(_answer, Response(content, media_type=kind)))
    config = uvicorn.Config(Gate(app, token="", loopback=True, limits=Limits()), port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/drawn"
    finally:
        server.should_exit = True
        thread.join()


def test_what_is_drawn_on_the_page_gets_its_classes(finished_run: Path, tmp_path: Path) -> None:
    with page_on_which_somebody_draws(finished_run, ONE) as address:
        dom = seen_in_a_browser(address, tmp_path)

    shares = [float(share) for share in re.findall(r"--share: ([\d.]+)%", dom)]
    assert len(shares) == 4
    assert sum(shares) == pytest.approx(100, abs=0.3)
    assert dom.count('class="bar first"') == 1


@pytest.mark.exhaustive
@pytest.mark.parametrize(("digit", "strokes"), [("1", ONE), ("7", SEVEN)])
def test_a_digit_that_is_drawn_on_the_page_is_told(lenet: Path, tmp_path: Path, digit: str, strokes: Any) -> None:
    with page_on_which_somebody_draws(lenet, strokes) as address:
        dom = seen_in_a_browser(address, tmp_path)

    assert f'<div class="bar first"><span>{digit}</span>' in dom


@pytest.fixture(scope="module")
def lenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from training.config import parse
    from training.jobs import lenet, load
    from training.train import train_and_evaluate

    run = tmp_path_factory.mktemp("lenet") / "run"
    train_and_evaluate(load("lenet"), parse(lenet.Config, ["num_epochs=1", "limit=20000", "device=cpu"]), run)
    return run


def test_the_page_of_the_api_is_drawn_without_a_network(start: Start, finished_run: Path, tmp_path: Path) -> None:
    dom = seen_in_a_browser(start("--run", str(finished_run)).address + "/docs", tmp_path / "browser")

    assert "The class of a picture" in dom
