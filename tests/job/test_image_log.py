"""What is shown while an image is made, and what the logs keep."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.errors import WorldError
from infra.job import docker_image
from infra.settings import Settings
from infra.workflows.context import Rig
from infra.workflows.ensure_image import ensure_images
from infra.workflows.nodes import on_each

SAID = ("Step 1/2 : FROM debian", f" ---> sha256:{'0af1' * 16}", f"writing image sha256:{'0af1' * 16} done", "Built.")


class Engine:
    """A host whose Docker says SAID."""

    def stream(self, *lines: list[str], **how: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["printf", "%s\\n", *SAID], **how)


def test_the_names_of_layers_are_kept_in_the_log_and_shown_to_nobody(tmp_path: Path) -> None:
    shown: list[str] = []

    docker_image.make(Engine(), ["docker", "build"], log=tmp_path / "build.log", show=shown.append)

    assert shown == [SAID[0], SAID[3]]
    assert (tmp_path / "build.log").read_text().splitlines() == list(SAID)


def test_of_a_group_each_machine_has_a_log_of_its_own_and_the_one_that_failed_is_named_with_its_own(
    tmp_path: Path,
) -> None:
    def build(rank: int) -> Any:
        line = f"cat > /dev/null; for n in $(seq 500); do echo node {rank + 1} line $n; done; exit {int(rank == 2)}"
        return lambda *_, **how: subprocess.Popen(["sh", "-c", line], **how)

    nobody: Any = None
    rig = Rig(settings=Settings(), session=nobody, project=tmp_path, tell=lambda line: None)
    facts: Any = SimpleNamespace(images=(), docker=("docker",))
    nodes: Any = [
        SimpleNamespace(rank=rank, nodes=4, node=f"node {rank + 1} of 4", stream=build(rank),
                        target=SimpleNamespace(identity=f"i-{rank}"))
        for rank in range(4)
    ]  # fmt: skip

    with pytest.raises(WorldError, match=r"node 3 of 4: .* node 3 line 500") as failed:
        on_each(rig, nodes, lambda rig, one: ensure_images(rig, one, facts, ("kit:cpu-1", "kit:cpu-1"), "", print))

    whole = Path(failed.value.hint.rpartition(" ")[2])
    assert whole.read_text().splitlines() == [f"node 3 line {n}" for n in range(1, 501)]
    assert len({path.read_text() for path in (tmp_path / ".rig").iterdir()}) == 4
