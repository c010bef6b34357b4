"""Logging in to a private registry: with the user's rights, and the password in no command line."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.errors import WorldError
from infra.settings import Settings
from infra.workflows import ensure_image

REGISTRY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/gluon-rig"


class Host:
    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.target = SimpleNamespace(identity="i-0a")

    def ask(self, words: list[str]) -> None:
        self.asked.append(words)


@pytest.mark.parametrize("fails", [False, True])
def test_the_password_goes_on_standard_input_and_is_forgotten_whatever_happens(
    monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    made: list[tuple[Any, ...]] = []

    def make(host: Any, *lines: Any, context: bytes, **_: Any) -> None:
        made.append((lines, context))
        if fails:
            raise WorldError("no such tag")

    monkeypatch.setattr(ensure_image.docker_image, "make", make)
    monkeypatch.setattr(ensure_image, "ecr_password", lambda session, registry: b"top secret")
    host: Any = Host()
    rig: Any = SimpleNamespace(settings=Settings(registry=REGISTRY), session=None, project=Path(), tell=print)
    facts: Any = SimpleNamespace(images=(), docker=("docker",))
    name = f"{REGISTRY}:gpu-0123"

    if fails:
        with pytest.raises(WorldError):
            ensure_image.ensure_images(rig, host, facts, (name, name), "", print)
    else:
        ensure_image.ensure_images(rig, host, facts, (name, name), "", print)

    (((login, pull), given),) = made
    assert login == ["docker", "login", "--username", "AWS", "--password-stdin", REGISTRY.partition("/")[0]]
    assert (pull, given) == (["docker", "pull", name], b"top secret")
    assert host.asked == [["docker", "logout", REGISTRY.partition("/")[0]]]
