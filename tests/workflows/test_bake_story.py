"""The prepared instance as an image, and the editor's Host entry, through a life of the machine."""

from __future__ import annotations

import re

import pytest

from tests.workflows.user import Person


def entry_port(person: Person) -> str:
    found = re.search(r"^    Port (\d+)$", (person.folder / ".rig" / "ssh" / "rig").read_text(), re.MULTILINE)
    assert found
    return found[1]


@pytest.mark.exhaustive
def test_a_baked_image_boots_ready_and_holds_nothing_of_the_person(person: Person) -> None:
    person.types("launch")
    person.types("train", "remote", "--cmd", "echo hello")
    assert person.types("ssh-config").startswith("Include ")
    assert entry_port(person) == str(person.status()[0]["port"])

    ami = person.types("bake").strip()
    assert "Its snapshot costs $3.00 per month at most" in person.said
    assert {ami, "snapshot"} <= set(person.types("sweep").split())

    person.types("terminate")
    assert not (person.folder / ".rig" / "ssh" / "rig").exists(), "a name that leads nowhere is taken away"
    person.types("launch", "--ami", ami)
    person.types("image")
    assert "is on the instance already" in person.said
    runs = person.types("runs").partition("\n\n")[0].splitlines()[1:]
    assert [run.split()[-1] for run in runs] == ["here"], "the one run is at home, and none is on the new disk"


@pytest.mark.exhaustive
def test_the_host_entry_follows_the_machine_to_its_new_address_and_an_image_can_be_pulled(person: Person) -> None:
    person.types("launch")
    person.types("ssh-config")
    before = entry_port(person)
    person.types("stop")
    person.types("start")

    assert entry_port(person) == str(person.status()[0]["port"]) != before

    assert person.types("image", "--registry", "registry.example/ada/gluon-rig").startswith(
        "registry.example/ada/gluon-rig:cpu-"
    )
    assert "Pulling the training image" in person.said
