"""The image `serve`: small, nobody's, read-only, and it answers as the run's report does."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.host.tunnel import free_port
from tests.image.conftest import Docker
from training.workdir.model_folder import ARRAYS, Description, write_model

pytestmark = pytest.mark.docker
PROJECT = Path(__file__).resolve().parents[2]
MOST_MB = 350
TOKEN = "-".join(
    ["a", "token", "that", "nobody", "guesses", "0123456789"]
)  # in one piece it would be held back as a secret
NAME = f"serve-image-test-{os.getpid()}"


@pytest.fixture(scope="module")
def image(docker: Docker) -> str:
    done = subprocess.run([PROJECT / "scripts/ci/serve-image"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A net that doubles what it is given, in a model folder that anybody may read."""
    from onnx import TensorProto, helper, save

    run = tmp_path_factory.mktemp("run")
    run.chmod(0o755)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 2]) for name in ("data", "twice")]
    graph = helper.make_graph([helper.make_node("Add", ["data", "data"], ["twice"])], "twice", ends[:1], ends[1:])
    net = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    save(net, str(run / "model.onnx"))
    return write_model(run, Description(kind=ARRAYS, job="twice", input_shape=(2,)), card="It doubles.")


@pytest.fixture
def server(docker: Docker, image: str, model: Path) -> Iterator[str]:
    """Read-only, as nobody, with one volume; the address it answers on."""
    port = free_port(0)
    docker(
        "run", "--detach", "--name", NAME, "--network", "host", "--read-only", "--user", "nobody", "--cap-drop", "ALL",
        "--security-opt", "no-new-privileges", "--volume", f"{model}:/model:ro", "--env", f"SERVE_TOKEN={TOKEN}",
        image, "--host", "0.0.0.0", "--port", str(port),
    )  # fmt: skip
    yield f"http://127.0.0.1:{port}"
    docker("rm", "--force", "--volumes", NAME)


def ask(address: str, path: str, body: bytes | None = None) -> bytes:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(address + path, body, headers), timeout=300) as answer:
        return bytes(answer.read())


@pytest.mark.exhaustive
def test_it_weighs_little(docker: Docker, image: str) -> None:
    size_mb = int(docker("image", "inspect", "--format", "{{.Size}}", image)) / 1e6

    assert size_mb <= MOST_MB, f"{size_mb:.0f} MB"


@pytest.mark.exhaustive
def test_it_serves_as_nobody_on_a_read_only_disk_and_ends_when_asked(docker: Docker, server: str) -> None:
    deadline = time.monotonic() + 300  # only what has failed waits as long
    while True:
        try:
            ask(server, "/health")
            break
        except OSError:
            assert docker("inspect", "--format", "{{.State.Running}}", NAME).strip() == "true", docker("logs", NAME)
            assert time.monotonic() < deadline, docker("logs", NAME)
            time.sleep(0.1)

    assert json.loads(ask(server, "/predict", b'{"inputs": [[1, 2.5]]}')) == {"outputs": [[2.0, 5.0]]}
    assert b"Gluon Rig" in ask(server, "/")
    assert docker("exec", NAME, "id", "-un").strip() == "nobody"
    refused = subprocess.run(["docker", "exec", NAME, "touch", "/opt/x"], capture_output=True, text=True)
    assert "Read-only file system" in refused.stderr
    docker("exec", NAME, "touch", "/state/x")

    docker("stop", "--time", "20", NAME)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", NAME).strip() == "0"
    assert TOKEN not in docker("logs", NAME)


@pytest.mark.exhaustive
def test_it_does_not_start_for_everybody_without_a_token(image: str, model: Path) -> None:
    line = ["docker", "run", "--rm", "--network", "host", "--volume", f"{model}:/model:ro", image]
    done = subprocess.run(line, capture_output=True, text=True)

    assert done.returncode == 2
    assert "--host 0.0.0.0 lets others ask, and there is no token" in done.stderr
