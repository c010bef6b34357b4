"""`docker` on an instance: the real client where there is an engine, else the subset in process_engine.py."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from infra.rehearsal.paths import CLOUD_MARK, INSTANCE_MARK
from infra.rehearsal.shims import engine, process_engine


def main(name: str, words: list[str]) -> int:
    if engine.chosen(Path(os.environ[CLOUD_MARK]) / "engine", os.environ) == "process":
        return process_engine.main(words, os.environ)
    client, instance_id = engine.real_docker(), os.environ[INSTANCE_MARK]
    if client and words[:1] == ["ps"]:
        import subprocess  # half of what a shim takes to start

        listed = subprocess.run(
            [client, *for_real(words, instance_id, "")], stdout=subprocess.PIPE, text=True, check=False
        )
        sys.stdout.write(listed.stdout.replace(f".{instance_id}", ""))
        return listed.returncode
    if client:
        os.execv(client, ["docker", *for_real(words, instance_id, os.environ[CLOUD_MARK])])
    print("docker: this computer has no Docker client, yet the rehearsal was told to use one", file=sys.stderr)
    return 127


def for_real(words: list[str], instance_id: str, cloud: str) -> list[str]:
    """The same line for the engine of the computer below, which has no GPU and is shared by all instances: the machines
    of a group give their containers the same name."""
    label = f"{engine.OWNER_LABEL}={instance_id}"
    if words[:1] in (["run"], ["create"]):
        labels = ["--label", label, "--label", f"{engine.CLOUD_LABEL}={cloud}"]
        return [words[0], *labels, *_adapted(words[1:], instance_id)]
    if words[:1] == ["ps"]:
        return ["ps", "--filter", f"label={label}", *words[1:]]
    if words[:1] and words[0] in OF_CONTAINERS:
        return [words[0], *(_own_name(word, instance_id) for word in words[1:])]
    return words


OF_CONTAINERS = ("inspect", "kill", "logs", "rm", "start", "stop", "wait")


def _own_name(word: str, instance_id: str) -> str:
    return f"{word}.{instance_id}" if word.startswith("rig-") else word


def _adapted(words: list[str], instance_id: str) -> list[str]:
    """Without --gpus among the options, and with a name of this instance's own; what follows the image belongs to the
    program."""
    kept: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        value = [rest.pop(0)] if option in process_engine.RUN_VALUES and rest else []
        if option.partition("=")[0] == "--gpus":
            print("rehearsal: this computer lends no GPU to containers; --gpus is left out", file=sys.stderr)
        elif option.startswith("--name="):
            kept.append(f"--name={_own_name(option.partition('=')[2], instance_id)}")
        else:
            kept += [option, *(_own_name(one, instance_id) if option == "--name" else one for one in value)]
    return kept + rest
