"""`docker` on an instance: the real client where there is an engine, else the subset in `as_process`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from infra.rehearsal.paths import CLOUD_MARK, INSTANCE_MARK
from infra.rehearsal.shims import engine, process_engine


def main(name: str, words: list[str]) -> int:
    if engine.chosen(Path(os.environ[CLOUD_MARK]) / "engine", os.environ) == "process":
        return process_engine.main(words, os.environ)
    client = engine.real_docker()
    if client:
        os.execv(client, ["docker", *for_real(words, os.environ[INSTANCE_MARK], os.environ[CLOUD_MARK])])
    print("docker: this computer has no Docker client, yet the rehearsal was told to use one", file=sys.stderr)
    return 127


def for_real(words: list[str], instance_id: str, cloud: str) -> list[str]:
    """The same line for the engine of the computer below, which has no GPU and is shared by all instances."""
    label = f"{engine.OWNER_LABEL}={instance_id}"
    if words[:1] in (["run"], ["create"]):
        labels = ["--label", label, "--label", f"{engine.CLOUD_LABEL}={cloud}"]
        return [words[0], *labels, *_without_gpus(words[1:])]
    if words[:1] == ["ps"]:
        return ["ps", "--filter", f"label={label}", *words[1:]]
    return words


def _without_gpus(words: list[str]) -> list[str]:
    """Without --gpus among the options; what follows the image belongs to the program."""
    kept: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        value = [rest.pop(0)] if option in process_engine.RUN_VALUES and rest else []
        if option.partition("=")[0] == "--gpus":
            print("rehearsal: this computer lends no GPU to containers; --gpus is left out", file=sys.stderr)
        else:
            kept += [option, *value]
    return kept + rest
