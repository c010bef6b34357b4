"""A server over a real SSH server: the model goes there, it answers through the tunnel, its units come home."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from infra.errors import UserError, WorldError
from infra.host.connection import Host
from infra.host.facts import ask_facts
from infra.job import notebook
from infra.job import serve as lines
from infra.workflows import notebooks, serve
from tests.host.ssh_server import Server
from tests.workflows.user import eventually
from training.prognostics.columns import Columns
from training.prognostics.preparation import Preparation
from training.prognostics.questions import Questions
from training.prognostics.scaling import Scaling
from training.workdir.model_folder import FORECAST, Description, write_model

RUN = "20260101-120000-sensors-0b93"


@pytest.fixture
def rig(host: Host, docker_as_processes: None, tmp_path: Path, free_port: int, monkeypatch: Any) -> Any:
    monkeypatch.setattr(lines, "PORT", free_port)
    for name, stand_in in {
        "running_instance": lambda rig: None,
        "open_host": lambda rig, instance: host,
        "images_for": lambda *_: ("kit", "own"),
        "ensure_images": lambda *_: None,
        "announce": lambda *_: None,
    }.items():
        monkeypatch.setattr(serve, name, stand_in)
    (tmp_path / "runs" / RUN).mkdir(parents=True)
    made_up_model(tmp_path / "runs" / RUN)
    return SimpleNamespace(project=tmp_path, runs=tmp_path / "runs", tell=print)


def made_up_model(run: Path) -> None:
    """A net that says the mean of each of its two channels, as life and as log-odds."""
    from onnx import TensorProto, helper, save

    ends = [
        helper.make_tensor_value_info("data", TensorProto.FLOAT, ["batch", 3, 2]),
        helper.make_tensor_value_info("told", TensorProto.FLOAT, ["batch", 2]),
    ]
    nodes = [helper.make_node("ReduceMean", ["data"], ["told"], axes=[1], keepdims=0)]
    graph = helper.make_graph(nodes, "mean", ends[:1], ends[1:])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(run / "model.onnx"))
    scaling = Scaling(kept=(0, 1), centres=np.zeros((1, 0)), mean=np.zeros((1, 2)), spread=np.ones((1, 2)))
    columns = Columns(time="hour", channels=("heat", "noise"), unit="machine")
    kept = Preparation(columns, scaling, smooth=1, window=3, cap=100, questions=Questions((24.0,)), carry=20)
    described = Description(kind=FORECAST, job="sensors", input_shape=(3, 2), preparation=kept.as_json())
    write_model(run, described, card="A card.")


def ask(address: str, path: str, rows: str = "", token: str = "") -> Any:
    place, _, known = address.partition("/?token=")
    headers = {"authorization": f"Bearer {token or known}", "content-type": "text/csv"}
    request = urllib.request.Request(place + path, rows.encode() or None, headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=300) as answer:
        return json.loads(answer.read())


def served(rig: Any, *steps: Any) -> list[Any]:
    """What the server on the instance answers to *steps*, until Ctrl-C."""
    answers: list[Any] = []

    def person(address: str) -> None:
        answers.extend(step(address) for step in steps)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serve.serve_there(rig, "latest", person, print)
    return answers


def test_the_model_goes_there_answers_behind_its_token_and_its_units_come_home_and_go_back(
    rig: Any, host: Host
) -> None:
    def stranger(address: str) -> int:
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(address, "/units", token="x" * 48)
        return refused.value.code

    first = served(rig, lambda at: ask(at, "/units", "machine,hour,heat,noise\nA,1,2,0\nA,2,4,0\n"), stranger)
    again = served(rig, lambda at: ask(at, "/units/A", "hour,heat,noise\n3,6,0\n"))

    assert [round(one["life"], 3) for one in first[0]["forecasts"]][-1] > 2
    assert first[1] == 401
    assert again[0]["forecasts"][0]["rows"] == 3, (
        "the third of the window's rows: the first two came home and went back"
    )
    assert again[0]["forecasts"][0]["life"] == pytest.approx(4.0)
    assert (rig.project / "notebooks" / "serve" / RUN / "model").is_file()
    assert not host.ask(lines.is_running(["docker"])).ok, "nothing is left running"


def test_the_end_of_a_server_leaves_an_open_jupyter_alone_and_brings_home_what_is_there(
    rig: Any, host: Host, server: Server
) -> None:
    jupyter, facts = server.home / "bin" / "jupyter", ask_facts(host)
    jupyter.write_text("#!/bin/sh\necho a day of work > mine.ipynb\nexec sleep 600\n")
    jupyter.chmod(0o755)
    host.run(*notebook.start(facts, "own", gpu=False))
    mine = server.home / notebook.FOLDER / "mine.ipynb"
    eventually(mine.exists, "the notebook")

    served(rig, lambda at: ask(at, "/units", "machine,hour,heat,noise\nC,1,2,0\n"))

    assert host.run(notebook.is_running(["docker"])).strip() == "true"
    assert not host.ask(lines.is_running(["docker"])).ok
    assert (rig.project / "notebooks" / "mine.ipynb").read_text() == "a day of work\n"
    assert (rig.project / "notebooks" / "serve" / RUN / "model").is_file()

    mine.write_text("two days of work\n")
    notebooks.require_home(rig, host, facts, notebook)
    assert not host.ask(notebook.is_running(["docker"])).ok
    assert (rig.project / "notebooks" / "mine.ipynb").read_text() == "two days of work\n"


@pytest.mark.exhaustive
def test_a_server_that_lost_its_laptop_brings_its_units_home_before_the_next_one(rig: Any, host: Host) -> None:
    facts = ask_facts(host)
    serve._send(rig, host, facts, rig.runs / RUN / "model", RUN)
    host.run(*lines.start(facts, "image", RUN))
    serve._wait_until_ready(host, facts, lines.PORT, host.run(lines.token(facts)).strip().partition("=")[2])
    token = host.run(lines.token(facts)).strip().partition("=")[2]
    ask(f"http://127.0.0.1:{lines.PORT}/?token={token}", "/units", "machine,hour,heat,noise\nB,1,2,0\n")

    answers = served(rig, lambda at: ask(at, "/units"))

    assert "B" in [one["unit"] for one in answers[0]["units"]]


def test_a_server_that_does_not_start_is_said_with_its_own_words(rig: Any) -> None:
    (rig.runs / RUN / "model" / "model.onnx").write_bytes(b"damaged")

    with pytest.raises(WorldError, match=r"The server did not start on the instance: .*"):
        serve.serve_there(rig, RUN, print, print)


@pytest.mark.parametrize(("name", "why"), [("20260102", "There is no run '20260102'"), (RUN, "has no model folder")])
def test_what_cannot_be_served_is_said_before_anything_is_asked(rig: Any, name: str, why: str) -> None:
    import shutil

    shutil.rmtree(rig.runs / RUN / "model")

    with pytest.raises(UserError, match=why):
        serve.serve_there(rig, name, print, print)
