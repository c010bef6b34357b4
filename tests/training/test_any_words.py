"""Whatever words `python -m training` is given: one message, exit 0, 1 or 2, nothing written before all is right."""

from __future__ import annotations

import io
from dataclasses import fields
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.sizes import size, tried
from training.__main__ import main
from training.jobs import JOBS, load
from training.workdir.summary import DONE, Summary

CASES = size(100, 8_000)
NUMBERS = "0|1|-1|2|1.5|\u00b2|\u0661|nan|inf|-inf|1e308|1e-320|3.5e38|999999999999|1_0|0x1|1e3"
OTHERS = (
    "|=|x=y|true|cpu:2|cpu:0|cpu:\u00b2|gpu|all|256,|,|adam|cosine|/nowhere|\udcff|\u00e9|\x1b]0;x\x07|a\nb|--|-|--help"
)
VALUES = some.one_of(
    some.sampled_from([*f"{NUMBERS}|{OTHERS}".split("|"), "9" * 5000, "a" * 5000]), some.text(max_size=5)
)
OTHER_COMMANDS = ["compare", "predict", "serve", "drift", "pack", "tune", "overlay"]
OPTION_NAMES = "run state follow limit workers stretch beginning carry space trials minutes port token host out help"
OPTIONS = [*(f"--{name}" for name in OPTION_NAMES.split()), "-h", "--"]
KEYS = {name: [f.name for f in fields(load(name).config)] for name in JOBS}


@some.composite
def lines(draw: some.DrawFn) -> list[str]:
    first = draw(some.one_of(some.sampled_from([*JOBS, *OTHER_COMMANDS * 2]), VALUES))
    words = [first, *draw(some.sampled_from([["--workdir", "w"]] * 4 + [["--workdir"], []]))]
    for key in draw(some.lists(some.sampled_from(KEYS.get(first, [""])), max_size=3)):
        words.append(f"{key}={draw(VALUES)}")
    if first in OTHER_COMMANDS:
        words = [first, *(draw(VALUES) for _ in range(draw(some.integers(0, 2))))]
        for option in draw(some.lists(some.sampled_from(OPTIONS), max_size=3)):
            words += draw(some.sampled_from([[option], [option, draw(VALUES)], [f"{option}={draw(VALUES)}"]]))
    return words + ([draw(VALUES)] if draw(some.integers(0, 5)) == 5 else [])


@settings(max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=lines())
def test_any_words_end_in_a_message(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("training.trainer.signals.StopRequest.listen", lambda self: self)
    through = Summary(job="j", reason=DONE, metric="m", score=1.0, higher_is_better=True)
    out, said = io.StringIO(), io.StringIO()

    with (
        patch("training.train.train_and_evaluate", return_value=through),
        patch("sys.stdout", out),
        patch("sys.stderr", said),
    ):
        try:
            code = main(words)
        except SystemExit as ended:  # argparse, after --help or a word it does not know
            code = int(ended.code or 0)

    assert code in (0, 1, 2)
    assert (code == 0) == (said.getvalue() == "")
    assert "\x1b" not in said.getvalue()
    assert list(tmp_path.iterdir()) == []
