"""`rig serve` here: the server is the process that was started, and ends with it."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra.errors import UserError
from infra.settings import Settings
from infra.workflows import shell
from infra.workflows.context import Rig
from infra.workflows.serve import model_of
from tests.host.ssh_server import a_free_port
from tests.host.test_serve import RUN, made_up_model

RIG = Path(sys.executable).with_name("rig")


def test_a_part_of_its_name_is_enough_for_a_run(tmp_path: Path) -> None:
    for name in ("20261120-090000-lenet-aaaa", "20261120-100000-mine-bbbb"):
        (tmp_path / name / "model").mkdir(parents=True)

    assert model_of(tmp_path, "aaaa") == tmp_path / "20261120-090000-lenet-aaaa" / "model"
    assert model_of(tmp_path, "") == tmp_path / "20261120-100000-mine-bbbb" / "model"
    with pytest.raises(UserError, match="no run 'cccc'"):
        model_of(tmp_path, "cccc")


def test_jupyter_is_not_sent_the_past_of_units_that_a_server_may_be_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mine.ipynb", "serve/run/model"):
        (tmp_path / "notebooks" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "notebooks" / name).write_text("{}")
    sent: list[str] = []
    monkeypatch.setattr(shell, "push_data", lambda host, chosen, *_, **__: sent.extend(chosen.sent))
    rig = Rig(settings=Settings(), session=cast(Any, None), project=tmp_path, tell=lambda line: None)

    shell._send(rig, cast(Any, None), cast(Any, SimpleNamespace(home="/home/rig", rsync=True)))

    assert sent == ["mine.ipynb"]


def test_the_newest_run_is_served_and_a_signal_ends_the_server_itself(tmp_path: Path) -> None:
    run = tmp_path / "runs" / RUN
    run.mkdir(parents=True)
    made_up_model(run)
    line = [RIG, "serve", "--port", str(a_free_port())]  # the usual one may be another test's the moment we leave it
    process = subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    assert opener.open(f"{address}/health", timeout=300).status == 200

    process.send_signal(signal.SIGTERM)

    process.communicate(timeout=300)
    assert process.returncode == 0
    with pytest.raises(urllib.error.URLError):
        opener.open(f"{address}/health", timeout=300)
    assert (tmp_path / ".rig" / "serve" / RUN / "model").is_file()
