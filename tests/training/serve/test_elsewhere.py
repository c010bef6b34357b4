"""The programs of docs/deploy.md, each as it stands there, say what the server says."""

from __future__ import annotations

import functools
import http.server
import io
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("training.compat", reason="MXNet is not installed")

from starlette.testclient import TestClient

from tests.training import small_job
from tests.training.serve.conftest import PROJECT, as_csv
from tests.training.serve.test_server import seen_in_a_browser
from training.serve.app import make_app
from training.serve.service import open_service

PAGE = (PROJECT / "docs" / "deploy.md").read_text()
NPM = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
LATEST = "1.23"  # of the same line as the kit's own onnxruntime


def program(name: str) -> str:
    blocks = re.findall(r"```\w+\n(.*?)```", PAGE, flags=re.DOTALL)
    return next(block for block in blocks if re.match(rf"(#|//|<!--) {re.escape(name)}\b", block))


@pytest.fixture(scope="module")
def place(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with model/, run/, picture.png and, in told.txt, what the server says of it."""
    from PIL import Image

    place = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(finished_run, place / "run")
    shutil.copytree(finished_run / "model", place / "model")
    png = io.BytesIO()
    Image.fromarray(small_job.data(small_job.Config()).test.X[3, 0]).save(png, "PNG")
    (place / "picture.png").write_bytes(png.getvalue())
    service = open_service(finished_run, state=None, most_units=1, most_rows=1)
    with TestClient(make_app(service)) as client:
        told = client.post("/predict", content=png.getvalue(), headers={"content-type": "image/png"}).json()
    (place / "told.txt").write_text("".join(f"{name} {share:.5f}\n" for name, share in told["probabilities"].items()))
    return place


def same(said: str, place: Path) -> bool:
    ours, theirs = ([line.split() for line in text.splitlines()] for text in ((place / "told.txt").read_text(), said))
    names = [name for name, _ in ours] == [name for name, _ in theirs]
    shares = np.array([[float(share) for _, share in lines] for lines in (ours, theirs)])
    return names and bool(np.abs(shares[0] - shares[1]).max() <= 2e-5)  # printed with five digits


def printed(*line: str, at: Path, stdin: str = "") -> str:
    done = subprocess.run(line, cwd=at, input=stdin, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("name", "folder"), [("classify.py", "model"), ("classify_mxnet.py", "run")])
def test_a_picture_gets_the_same_classes_in_plain_python(place: Path, name: str, folder: str) -> None:
    (place / name).write_text(program(name))

    assert same(printed(sys.executable, name, folder, "picture.png", at=place), place)


def test_a_log_gets_the_same_forecast_in_plain_python(
    gearboxes: Path, tmp_path: Path, later: list[dict[str, str]]
) -> None:
    channels = ("vibration", "oil_temperature", "motor_current")
    rows = [row for row in later if row["load"] == "1" and all(row[name] for name in channels)][:30]
    alone = [{**row, "machine": "A", "time": str(hour)} for hour, row in enumerate(rows)]
    (tmp_path / "forecast.py").write_text(program("forecast.py"))
    numbers = "\n".join(",".join(row[name] for name in channels) for row in alone)
    said = printed(sys.executable, "forecast.py", str(gearboxes / "run/model"), at=tmp_path, stdin=numbers).split()
    service = open_service(gearboxes / "run", state=tmp_path / "state", most_units=1, most_rows=100)
    with TestClient(make_app(service)) as client:
        told = client.post("/predict", content=as_csv(alone), headers={"content-type": "text/csv"}).json()

    last = told["forecasts"][-1]
    assert [float(word) for word in said] == pytest.approx([last["probability"], last["life"]], abs=2e-3)
    assert float(said[0]) == pytest.approx(last["probability"], abs=1e-5)


@pytest.fixture(scope="module")
def packages(place: Path) -> None:
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("no npm here: apt install nodejs npm")
    wanted = [f"onnxruntime-node@{LATEST}", f"onnxruntime-web@{LATEST}", "pngjs@7"]
    done = subprocess.run([*NPM, *wanted], cwd=place, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


@pytest.mark.exhaustive
def test_a_picture_gets_the_same_classes_in_node(place: Path, packages: None) -> None:
    (place / "classify.mjs").write_text(program("classify.mjs"))

    assert same(printed("node", "classify.mjs", "model", "picture.png", at=place), place)


# While an answer is due, Chromium's virtual time stands still; it would run out while WebAssembly is compiled.
HELD = """<script type="module">
while (document.getElementById("told").textContent === "...") await fetch("moment");
</script>
"""


@pytest.fixture
def site(place: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/moment":
                time.sleep(0.1)
            super().do_GET()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(place)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()


@pytest.mark.exhaustive
def test_a_picture_gets_the_same_classes_in_a_browser(place: Path, packages: None, site: str, tmp_path: Path) -> None:
    (place / "classify.html").write_text(program("classify.html") + HELD)
    dom = seen_in_a_browser(f"{site}/classify.html", tmp_path)

    assert same(dom.partition('<pre id="told">')[2].partition("</pre>")[0], place)
