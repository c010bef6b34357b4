"""The live screen: what a run, its machine and its bill say, as a value; and the keys that act on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from infra.cli import watch
from infra.cli.screens.plot import plot
from infra.cli.screens.watch import render_line, render_watch
from infra.guard.safeguard import after_run, guard
from infra.guard.status import Watch
from infra.host.facts import RunFacts
from infra.settings import Settings
from infra.workflows import watch as watching
from infra.workflows.status import Standing
from infra.workflows.watch import Glance, Gpu, Load, Watcher, processor_ticks, use

NOW = datetime(2026, 11, 26, 7, 0, 30, tzinfo=timezone.utc)
RUN = RunFacts(
    name="20261126-070000-lenet-0b93", state="running", exit_code=None, oom=False, signal="", started=None, ended=None,
    sealed=False, fetched=False,
)  # fmt: skip
ROWS = tuple(
    {"step": epoch * 10, "epoch": epoch, "loss": loss, "valid_accuracy": score, "odd": [1]}
    for epoch, loss, score in ((1, 1.0, 0.9), (2, 0.5, 0.99), (3, 0.25, 0.98))
)
SEEN = Glance(
    run=RUN,
    log=("[ 40%] epoch 3/8  loss 0.25  3,100 samples/s  0:45 left", "a line of the program"),
    rows=ROWS,
    gpus=(Gpu(93, 3021, 15360),),
    load=Load(4, 45.0, 3 << 30, 16 << 30),
    guard=Watch(NOW, 3600.0, 0.0, 20.0, ("container lenet",)),
    ended=False,
)
INSTANCE = SimpleNamespace(launched_at=NOW - timedelta(hours=1))
STANDING: Any = SimpleNamespace(
    instance=INSTANCE, running_s=3600.0, usd_per_hour=0.5, usd_worst=4.42, pretended=False,
    safeguards=(after_run("stop"), guard(NOW + timedelta(hours=1), 20)),
)  # fmt: skip


def test_the_screen_says_phases_progress_curves_machine_money_safeguards_and_log() -> None:
    assert render_watch(SEEN, STANDING, NOW, width=80, log_lines=1).splitlines() == [
        RUN.name,
        "  phases          machine up 1 h 00 min > [run 0:30] > results not home yet",
        "  run             ━━━━━━━━━━━━──────────────────  40%  0:30, 0:45 left",
        "                  epoch 3/8  loss 0.25  3,100 samples/s  0:45 left",
        "  speed           3,100 samples/s",
        "  loss            0.25     █▃▁",
        "  valid_accuracy  0.98     ▁█▇  best 0.99 (epoch 2)",
        "  GPU 0            93 % █████████░  3,021 of 15,360 MiB",
        "  host            CPU 45 % of 4, memory 3.0 of 16.0 GiB",
        "  money           $0.50 since this start, $4.42 at most",
        "  safeguards      0, the training command: stops the machine when a run's results are home",
        "                  1, the guard: off in 1 h 00 min; sees container lenet",
        "",
        "  a line of the program",
    ]


def test_a_pipe_gets_one_line_of_it() -> None:
    assert render_line(SEEN, STANDING, NOW) == (
        f"07:00:30 {RUN.name}  running  40%  loss 0.25  valid_accuracy 0.98  3,100 samples/s  0:45 left  "
        "GPU 0 93% 3021 MiB  CPU 45 % of 4, memory 3.0 of 16.0 GiB  spent $0.50 of $4.42 at most"
    )


@given(
    log=some.lists(some.text(max_size=30), max_size=3),
    rows=some.lists(
        some.dictionaries(some.text(max_size=5), some.one_of(some.floats(), some.text(max_size=3))), max_size=3
    ),
    width=some.integers(1, 200),
)
def test_no_log_and_no_metrics_are_too_odd(log: list[str], rows: list[dict[str, object]], width: int) -> None:
    seen = Glance(run=RUN, log=tuple(log), rows=tuple(rows), gpus=(), load=None, guard=None, ended=False)

    assert RUN.name in render_watch(seen, STANDING, NOW, width=width, log_lines=3, plot_lines=3)
    assert RUN.name in render_line(seen, STANDING, NOW)


@given(values=some.lists(some.floats(-1e9, 1e9), max_size=300), width=some.integers(1, 80), height=some.integers(1, 5))
def test_a_plot_has_its_size_and_shows_the_ends_of_the_scale(values: list[float], width: int, height: int) -> None:
    lines = plot(values, width=width, height=height)

    assert len(lines) == (height if values else 0)
    assert {len(line) for line in lines} <= {min(width, len(values))}
    assert plot([1, 3, 2], width=9, height=2) == [" █▁", "▁██"]


def test_what_the_host_says_of_its_load_is_read_or_left_out() -> None:
    assert processor_ticks("cpu  10 0 10 70 10 0 0 0 0 0\ncpu0 1 2") == (20, 100)
    assert processor_ticks("cpu  ten 0 10 70 10") is None
    assert processor_ticks("cpu 1 2") is None
    assert [use(line) for line in ("97, 3021, 15360", "97, 3021", "[N/A], [N/A]", "1, 2, 3, 4")] == [
        Gpu(97, 3021, 15360),
        Gpu(97, 3021),
        None,
        None,
    ]


def test_a_look_asks_the_host_for_the_end_of_each_file_and_the_load_since_the_look_before() -> None:
    answers = {
        "train.log": "one\n[ 10%] two\rthree\n",
        "metrics.jsonl": json.dumps(ROWS[0]) + "\nhalf a {",
        "nvidia-smi": "93, 3021, 15360\n",
        "/proc/stat": "cpu  10 0 10 70 10\ncpu0 1\ncpu1 1\nMemTotal: 1024 kB\nMemAvailable: 256 kB\n",
        "exit.json": json.dumps({"by": "gluon-rig", "exit_code": 0, "seconds": 90.5}),
    }
    watcher = object.__new__(Watcher)
    watcher.run, watcher._folder, watcher._ticks = RUN, "/runs/r", None
    watcher._ask = lambda *words: next((said for key, said in answers.items() if key in " ".join(words)), "")

    first = watcher.look()
    answers["/proc/stat"] = answers["/proc/stat"].replace("10 0 10 70 10", "40 0 30 90 40")
    second = watcher.look()

    assert (first.log, first.rows, first.gpus) == (("one", "three"), (ROWS[0],), (Gpu(93, 3021, 15360),))
    assert (first.ended, first.took_s) == (True, 90.5)
    assert first.load == Load(2, None, 768 * 1024, 1024 * 1024)
    assert second.load == Load(2, 50.0, 768 * 1024, 1024 * 1024)


def test_the_money_is_that_of_all_machines_of_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    machine: Any = SimpleNamespace(nodes=4)
    of_one = Standing(
        instance=machine, running_s=60.0, usd_per_hour=0.5, usd_spent=None, usd_worst=4.0, usd_disk_per_month=1.0,
        last_words="", safeguards=(),
    )  # fmt: skip
    monkeypatch.setattr(watching, "standings_of", lambda rig, nodes: [of_one] * 4)
    watcher: Any = object.__new__(Watcher)
    watcher._rig = watcher._nodes = watcher._standing = None

    seen = watcher.standing()

    assert (seen.usd_per_hour, seen.usd_spent, seen.usd_worst, seen.usd_disk_per_month) == (2.0, None, 16.0, 4.0)


@pytest.mark.parametrize(
    ("keys", "done"),
    [(["", "l", "q"], []), (["c"], ["cancel"]), (["e", "q"], ["extend", "asked AWS anew"])],
)
def test_keys_show_more_cancel_extend_and_leave(
    monkeypatch: pytest.MonkeyPatch, keys: list[str], done: list[str]
) -> None:
    did: list[str] = []
    pressed = iter(keys)
    screens: list[int] = []

    @contextmanager
    def keyboard() -> Iterator[watch.Press]:
        yield lambda seconds: next(pressed)

    def compose(rig: object, watcher: object, seen: object, console: object, log_lines: int) -> str:
        screens.append(log_lines)
        return ""

    monkeypatch.setattr(watch, "_keyboard", keyboard)
    monkeypatch.setattr(watch, "_compose", compose)
    monkeypatch.setattr("infra.cli.prompt.confirm", lambda *_, **__: None)
    watcher: Any = SimpleNamespace(look=lambda: SEEN, run=RUN, forget_standing=lambda: did.append("asked AWS anew"))
    from rich.console import Console

    rig: Any = SimpleNamespace(settings=Settings())
    watch._show_screen(
        rig, watcher, Console(quiet=True), lambda name: did.append("cancel"), lambda time: did.append("extend")
    )

    assert did == done
    assert screens == ([5, 5, 30] if "l" in keys else [5] * len(keys))
