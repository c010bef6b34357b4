"""Every order in which two or three laptops can begin work and bring it home: no result may pass for home that is not.

The steps are those of workflows/results.py: each is one question to the host or one call to AWS, and a laptop may die
after any of them. What the host shows and what the tags say is kept in a small world; the rules are the story's own
functions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from infra.aws.instances.instance import Instance
from infra.host.facts import Facts, RunFacts
from infra.workflows import results
from tests.sizes import tried

NOW = datetime(2026, 11, 20, tzinfo=timezone.utc)
BOTH = (results.STARTED_TAG, results.RESULTS_FETCHED_TAG)
Steps = Iterator[None]
Laptop = Callable[["World"], Steps]


@dataclass
class World:
    """*disk*: by run its state and how far its results are; *home*: how far those at home are."""

    tags: dict[str, str] = field(default_factory=lambda: dict.fromkeys(BOTH, "launch"))
    disk: dict[str, tuple[str, int]] = field(default_factory=dict)
    home: dict[str, int] = field(default_factory=dict)
    notebooks: bool = False

    def instance(self) -> Instance:
        return Instance(
            id="i-1", state="running", type="t3.micro", zone="", launched_at=NOW, image_id="", tags=dict(self.tags)
        )

    def write(self, session: object, instance: Instance, tags: dict[str, str]) -> None:
        self.tags.update(tags)

    def facts(self) -> Facts:
        shown = [run(name, state, self.home.get(name) == part) for name, (state, part) in self.disk.items()]
        return Facts(
            home="/home/u", uid=1, gid=1, memory_bytes=0, docker=("docker",), images=(), gpus=(), rsync=True,
            runs=tuple(one for one in shown if one.state != "beginning"),
            beginning=tuple(one.name for one in shown if one.state == "beginning"),
            notebooks=self.notebooks, guard_silent_s=None, ended=None,
        )  # fmt: skip

    @property
    def lost(self) -> list[str]:
        """What a `terminate` would delete now, if the machine was stopped in this moment."""
        if not results.is_home(self.instance()):
            return []
        return [name for name, (_, part) in self.disk.items() if part and self.home.get(name) != part]


def run(name: str, state: str, fetched: bool) -> RunFacts:
    return RunFacts(
        name=name, state=state, exit_code=0, oom=False, signal="", started=None, ended=None, sealed=True,
        fetched=fetched and state != "running",
    )  # fmt: skip


def starts(name: str, *, part: int = 1, ends: bool = True) -> Laptop:
    """`train --detach`, or with another *part* `--resume`; its container *ends* by itself at any moment after."""

    def steps(world: World) -> Steps:
        world.disk[name] = ("beginning", part - 1)
        yield
        results.announce(rig(), world.instance(), f"run {name}")
        yield
        world.disk[name] = ("running", part)
        if ends:
            yield
            world.disk[name] = ("ended", part)

    return steps


def brings_home(world: World) -> Steps:
    """`pull`, or the end of a followed run: one run after the other, each looked at anew (`train.fetch_run`)."""
    for name in list(world.disk):
        instance = world.instance()
        yield
        facts = world.facts()
        found = [one for one in facts.runs if one.name == name and one.state == "ended"]
        yield
        if not found:
            continue
        if world.disk[name][0] == "running":
            return  # the recorder has taken the manifest away: ArtifactsMissing
        world.home[name] = world.disk[name][1]
        yield
        if results.nothing_left(facts, fetched=found[0]):
            results.tag_results_fetched(rig(), instance)


def rig() -> Any:
    return SimpleNamespace(session=None)


def every_order(laptops: list[Laptop], prepare: Callable[[World], None], patch: pytest.MonkeyPatch) -> Iterator[World]:
    """The world after every step of every order of steps; a laptop that takes no further step has died there."""
    lengths = [longest(laptop, prepare, patch) for laptop in laptops]
    whole = [number for number, length in enumerate(lengths) for _ in range(length)]
    for order in distinct_orders(whole):
        world = World()
        patch.setattr(results, "write_tags", world.write)
        prepare(world)
        living = [laptop(world) for laptop in laptops]
        for number in order:
            next(living[number], None)
            yield world


def longest(laptop: Laptop, prepare: Callable[[World], None], patch: pytest.MonkeyPatch) -> int:
    world = World()
    patch.setattr(results, "write_tags", world.write)
    prepare(world)
    return sum(1 for _ in laptop(world)) + 1


def distinct_orders(numbers: list[int]) -> Iterator[tuple[int, ...]]:
    if not numbers:
        yield ()
        return
    for first in sorted(set(numbers)):
        rest = list(numbers)
        rest.remove(first)
        for others in distinct_orders(rest):
            yield (first, *others)


def one_ended(world: World) -> None:
    """A run of before that has ended and is not home."""
    results.announce(rig(), world.instance(), "run a")
    world.disk["a"] = ("ended", 1)


def one_home(world: World) -> None:
    one_ended(world)
    world.home["a"] = 1


STORIES = {
    "one comes home while another is started": ([brings_home, starts("b")], one_ended),
    "two come home at once": ([brings_home, brings_home, starts("b", ends=False)], one_ended),
    "two are started while one comes home": (
        [brings_home, starts("b", ends=False), starts("c", ends=False)],
        one_ended,
    ),
    "a run goes on while its first part comes home": ([brings_home, starts("a", part=2)], one_ended),
    "a run that was home goes on": ([brings_home, starts("a", part=2)], one_home),
}


@pytest.mark.parametrize("story", STORIES)
def test_in_no_order_of_steps_passes_a_result_for_home_that_is_not(monkeypatch, story):
    laptops, prepare = STORIES[story]
    seen = 0
    for world in every_order(laptops, prepare, monkeypatch):
        seen += 1
        assert world.lost == []
    tried(seen)
    assert seen > 100


def test_what_was_started_and_came_home_in_peace_is_home(monkeypatch):
    world = World()
    monkeypatch.setattr(results, "write_tags", world.write)
    for laptop in (starts("a"), brings_home, starts("b"), brings_home):
        for _ in laptop(world):
            pass
        assert results.is_home(world.instance()) is (laptop is brings_home)


def test_the_checker_finds_the_fault_of_a_tag_that_says_only_yes(monkeypatch):
    """What was shipped once: results-home = yes, raised from facts older than the last start."""
    monkeypatch.setattr(results, "fresh_mark", lambda what: "no")
    laptops, prepare = STORIES["one comes home while another is started"]

    assert any(world.lost for world in every_order(laptops, prepare, monkeypatch))


@pytest.mark.parametrize("tags", [{}, dict.fromkeys(BOTH, ""), {results.RESULTS_FETCHED_TAG: "yes"}])
def test_tags_that_somebody_took_away_never_say_that_all_is_home(tags):
    assert not results.is_home(dataclasses.replace(World().instance(), tags=tags))


def test_the_tags_of_an_instance_that_an_older_version_launched_are_read():
    tags = {"gluon-rig:last-start": "run a 9c1e", "gluon-rig:results-home": "run a 9c1e"}

    assert results.is_home(dataclasses.replace(World().instance(), tags=tags))


@pytest.mark.parametrize(
    "left", [{"beginning": ("b",)}, {"notebooks": True}, {"visited": True}, {"runs": (run("b", "ended", False),)}]
)
def test_a_look_that_shows_anything_else_declares_nothing(left):
    facts = dataclasses.replace(World().facts(), **left)

    assert not results.nothing_left(facts, fetched=run("a", "ended", False))
    assert results.nothing_left(World().facts(), fetched=run("a", "ended", False))
