"""What is shown while an image is made, and what the log keeps."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from infra.job import docker_image

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
