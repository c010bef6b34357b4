"""When a run has ended, its user hears of it where they asked to; and nothing of that can spoil the run."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from infra.errors import JobFailed, UserError
from infra.settings.values import way_to_notify
from infra.workflows import notify
from infra.workflows.notify import news_of, notice_end

NAME = "20261126-070000-lenet-0b93"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps({"by": "gluon-rig", "metric": "accuracy", "score": 0.9877}))
    record = {
        "by": "gluon-rig",
        "exit_code": 0,
        "seconds": 103.4,
        "usd_per_hour": 0.538,
        "instance_type": "g4dn.xlarge",
    }
    (folder / "exit.json").write_text(json.dumps(record))
    return folder


@pytest.fixture
def told() -> list[str]:
    return []


class Address(HTTPServer):
    """Takes what is posted to it; *answer* is its status."""

    def __init__(self) -> None:
        self.posted: list[dict[str, object]] = []
        self.answer = 200
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/s3cr3t"


class Handler(BaseHTTPRequestHandler):
    server: Address

    def do_POST(self) -> None:
        self.server.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def address() -> Iterator[Address]:
    with Address() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_an_address_is_sent_what_the_run_came_to_and_nothing_of_this_computer(
    run: Path, told: list[str], address: Address
) -> None:
    with notice_end(address.url, run, told.append):
        pass

    assert (address.posted, told) == (
        [
            {
                "text": f"Run {NAME} is done, accuracy 0.9877, 1:43, $0.016",
                "run": NAME,
                "state": "done",
                "metric": "accuracy",
                "score": 0.9877,
                "seconds": 103.4,
                "usd": pytest.approx(0.01545, abs=1e-4),
            }
        ],
        [],
    )


def test_a_command_gets_the_sentence_as_one_word_and_no_shell_reads_it(
    run: Path, tmp_path: Path, told: list[str]
) -> None:
    program = "import json, os, sys; json.dump([sys.argv[2:], os.environ['RIG_STATE']], open(sys.argv[1], 'w'))"
    heard = tmp_path / "heard file"
    wish = f"'{sys.executable}' -c \"{program}\" '{heard}' '$(touch x)'"

    with pytest.raises(JobFailed), notice_end(way_to_notify(wish), run, told.append):
        raise JobFailed("it fell")

    assert json.loads(heard.read_text()) == [
        ["$(touch x)", f"Run {NAME} has failed, accuracy 0.9877, 1:43, $0.016"],
        "failed",
    ]
    assert told == []


def test_what_the_user_can_fix_at_once_or_stops_is_no_news(run: Path, told: list[str], address: Address) -> None:
    for error in (UserError("a slip"), KeyboardInterrupt()):
        with pytest.raises(type(error)), notice_end(address.url, run, told.append):
            raise error

    assert address.posted == []


@pytest.mark.parametrize("wish", ["no-such-program --x", "false", "http://127.0.0.1:9/s3cr3t", "http://[::1/s3cr3t",
                                  "http://127.0.0.1:s3cr3t/"])  # fmt: skip
def test_a_way_that_does_not_work_is_told_without_the_address_and_spoils_nothing(
    run: Path, told: list[str], wish: str
) -> None:
    with notice_end(wish, run, told.append):
        pass

    assert len(told) == 1
    assert told[0].startswith("Nobody could be notified: ")
    assert "s3cr3t" not in told[0]


def test_an_address_where_no_web_server_answers_is_told_and_spoils_nothing(run: Path, told: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answering = threading.Thread(target=_greet_as_ssh, args=(listener,))
        answering.start()
        with notice_end(f"http://127.0.0.1:{listener.getsockname()[1]}/s3cr3t", run, told.append):
            pass
        answering.join()

    assert told == ["Nobody could be notified: the address answers, but not as a web server does"]


def _greet_as_ssh(listener: socket.socket) -> None:
    with listener.accept()[0] as connection:
        connection.recv(65536)
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):  # a reset would come before the greeting is read
            pass


def test_the_desktop_is_told_by_its_own_program(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify.shutil, "which", lambda name: f"/usr/bin/{name}")
    news = news_of(run, "done")

    monkeypatch.setattr(notify.sys, "platform", "linux")
    assert notify._desktop_line(news) == ["notify-send", "--app-name=Gluon Rig", "Gluon Rig", news.text]
    monkeypatch.setattr(notify.sys, "platform", "darwin")
    assert notify._desktop_line(news)[3:] == ["Gluon Rig", news.text]


def test_a_command_that_cannot_be_taken_apart_is_refused_before_the_run() -> None:
    with pytest.raises(ValueError, match="no command"):
        way_to_notify("say 'half")
