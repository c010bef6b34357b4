"""The same story with a real Docker engine: the image is built through the kit, and the job runs inside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.workflows.user import Person

KIT = Path(__file__).resolve().parents[2]


@pytest.mark.docker
def test_lenet_on_real_mnist_inside_the_cpu_image(docker: Person) -> None:
    docker.types("launch", "--type", "t3.large")

    docker.types("train", "remote", "--code", str(KIT), "--args", "num_epochs=1")

    home = (docker.folder / "runs" / "latest").resolve()
    summary = json.loads((home / "summary.json").read_text())
    assert summary["score"] > 0.96
    assert "plain process" not in (home / "train.log").read_text()
    listed = {line.split("  ")[1] for line in (home / "MANIFEST.sha256").read_text().splitlines()}
    assert {"best.params", "report.html", "curves.png", "model.onnx", "metrics.jsonl", "train.log"} <= listed

    docker.types("train", "remote", "--code", str(KIT), "--cmd", "exit 7", code=1)
    assert "failed with exit code 7" in docker.said
    assert "Building the training image" not in docker.said, "a second run builds nothing"
    docker.types("terminate")
