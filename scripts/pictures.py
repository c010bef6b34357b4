"""Makes the pictures of docs/pictures from the program as it is: `make pictures`.

Everything happens in a folder that is thrown away, against the rehearsal cloud. Screens are typed into tmux, pages are
opened in Chromium.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PICTURES = PROJECT / "docs" / "pictures"
RIG = PROJECT / ".venv" / "bin" / "rig"
PYTHON = PROJECT / ".venv" / "bin" / "python"
COLUMNS, LINES = 100, 30
GEARBOXES = "table=log/gearboxes.toml horizon=24,48,168 cap=150 num_epochs=4 hidden=24"
SEVEN = [[0.25, 0.2], [0.5, 0.19], [0.75, 0.2], [0.62, 0.5], [0.5, 0.85]]


def main() -> int:
    missing = [name for name in ("tmux", "chromium") if not shutil.which(name)]
    if missing:
        print(f"{' and '.join(missing)} is not on this computer: apt install {' '.join(missing)}", file=sys.stderr)
        return 2
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        rig(at, "rehearsal", "up")
        screen(at, "plan", "plan --budget 5")
        train(at, "lenet", "num_epochs=2")
        page((at / "runs/latest/report.html").as_uri(), "report", height=900)
        with drawn(at / "runs/latest") as address:
            page(address, "serve-digit", height=620)
        make_log(at)
        train(at, "sensors", GEARBOXES)
        rig(at, "dashboard")
        page((at / "runs/dashboard.html").as_uri(), "dashboard", height=900)
        with served(at) as address:
            send(address, (at / "log/later.csv").read_bytes())
            page(address, "serve-units", height=840)
        rig(at, "rehearsal", "down")
    return 0


def environment(at: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(at), "RIG_CLOUD": "rehearsal", "RIG_ENGINE": "process"}


def rig(at: Path, *words: str) -> None:
    subprocess.run([RIG, *words], cwd=at, env=environment(at), check=True, stdout=subprocess.DEVNULL)


def train(at: Path, job: str, settings: str) -> None:
    rig(at, "train", "--job", job, "--args", settings)


def screen(at: Path, name: str, line: str) -> None:
    """What a terminal shows after `rig LINE`, with its colours, as a picture."""
    from rich.console import Console
    from rich.text import Text

    tmux = ["tmux", "-L", f"pictures-{os.getpid()}"]
    size = ["-x", str(COLUMNS), "-y", str(LINES)]
    start = [*tmux, "new-session", "-d", *size, f"{RIG} {line}; touch {at}/done; sleep 60"]
    subprocess.run(start, cwd=at, env=environment(at), check=True)
    wait_for(at / "done")
    shown = subprocess.run([*tmux, "capture-pane", "-e", "-p"], capture_output=True, text=True, check=True).stdout
    subprocess.run([*tmux, "kill-server"], check=True)
    (at / "done").unlink()
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"))  # noqa: SIM115  it lives as long as we do
    console.print(Text.from_ansi(shown.rstrip()))
    (at / "screen.html").write_text(f"<body style=margin:0>{console.export_svg(title=f'rig {line}')}")
    page((at / "screen.html").as_uri(), name, height=80 + 22 * len(shown.rstrip().splitlines()))


def wait_for(path: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path.name} did not appear")
        time.sleep(0.1)


def page(address: str, name: str, *, height: int) -> None:
    """A picture of a page as a window of 1,100 pixels shows it."""
    chromium = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    sized = [f"--window-size=1100,{height}", "--virtual-time-budget=8000", f"--screenshot={PICTURES / name}.png"]
    subprocess.run([*chromium, *sized, address], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(PICTURES / f"{name}.png")


def make_log(at: Path) -> None:
    subprocess.run([PYTHON, PROJECT / "docs/examples/gearboxes.py", at / "log"], check=True)
    described = (PROJECT / "docs/sensors.md").read_text().partition("```toml\n")[2].partition("```")[0]
    (at / "log/gearboxes.toml").write_text(described)


@contextmanager
def served(at: Path) -> Iterator[str]:
    server = subprocess.Popen([RIG, "serve"], cwd=at, env=environment(at), stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


DRAW = """
const field = document.querySelector("canvas").getBoundingClientRect();
const at = ([x, y]) => ({
  bubbles: true, clientX: field.left + x * field.width, clientY: field.top + y * field.height,
});
const points = POINTS;
document.querySelector("canvas").dispatchEvent(new PointerEvent("pointerdown", at(points[0])));
for (const point of points) window.dispatchEvent(new PointerEvent("pointermove", at(point)));
window.dispatchEvent(new PointerEvent("pointerup", at(points[points.length - 1])));
"""


@contextmanager
def drawn(run: Path) -> Iterator[str]:
    """The page of a server of *run*, and a script behind it that draws as a hand would."""
    sys.path.insert(0, str(PROJECT))
    import uvicorn
    from starlette.requests import Request
    from starlette.responses import HTMLResponse

    from training.serve.app import make_app
    from training.serve.service import open_service

    script = f"<script type=module>setTimeout(() => {{{DRAW.replace('POINTS', str(SEVEN))}}}, 500);</script>"
    shown = (PROJECT / "training/serve/page/index.html").read_text().replace("</head>", f"{script}</head>")

    def answer(_request: Request) -> HTMLResponse:
        return HTMLResponse(shown)

    app = make_app(open_service(run, state=None, most_units=1, most_rows=1))
    app.router.add_route("/drawn", answer)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/drawn"
    finally:
        server.should_exit = True
        thread.join()


def send(address: str, rows: bytes) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{address}/units", rows, {"content-type": "text/csv"})).close()


if __name__ == "__main__":
    sys.exit(main())
