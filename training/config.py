"""A job's settings: one frozen dataclass per job, filled from `key=value` words, checked whole.

Every wrong value and every unknown key is reported together, with the nearest right key, before any data is read.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from typing import Any, NoReturn, TypeVar, get_type_hints

from training.errors import BadInput
from training.numerals import read_decimal, read_whole

SMALLEST, LARGEST = 1.2e-38, 3.4e38  # MXNet takes its numbers as 32-bit floats, and refuses others late
C = TypeVar("C", bound="JobConfig")
Lengths = float | tuple[float, ...]
"""One length of time, or several, rising."""


def option(
    default: Any,
    doc: str,
    *,
    least: float | None = None,
    below: float | None = None,
    choices: Sequence[str] = (),
    written: tuple[str, str] | None = None,
    movable: bool = False,
) -> Any:
    """Declare one key. *written*: how a text must look, as a pattern and in words. A *movable* key may differ when a
    run is resumed: it does not change the numbers."""
    limits = {"least": least, "below": below, "choices": tuple(choices), "written": written}
    return field(default=default, metadata={"doc": doc, "movable": movable, **limits})


class Parser(argparse.ArgumentParser):
    """For commands with options. What is wrong with a line is said as all else is: BadInput, which shows no terminal
    sequence that was typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.register("type", int, read_whole)
        self.register("type", float, read_decimal)

    @classmethod
    def of(cls, command: str, said: str | None) -> Parser:
        """Of `python -m training COMMAND`, whose help is what its module *said* of itself."""
        about, _, details = (said or "").partition("\n")
        return cls(
            prog=f"python -m training {command}",
            description=about,
            epilog=details,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{self.prog}: {message}", f"{self.prog} --help says what there is")


@dataclass(frozen=True, kw_only=True)
class JobConfig:
    """Keys that every job understands; a job's own Config adds to them or changes the defaults."""

    num_epochs: int = option(10, "times the training set is seen", least=1)
    batch_size: int = option(128, "examples per step", least=1)
    lr: float = option(0.1, "learning rate at the start", least=0)
    wd: float = option(0.0, "weight decay (L2)", least=0)
    optimizer: str = option("sgd", "any optimizer MXNet knows by name: sgd, adam, ...")
    momentum: float = option(0.0, "momentum of sgd", least=0, below=1)
    schedule: str = option("constant", "how lr falls over the run", choices=("constant", "linear", "cosine"))
    clip: float = option(0.0, "clip each gradient element to this absolute value; 0: do not", least=0)
    seed: int = option(
        0, "start of all random numbers; the same seed gives the same run on the CPU", least=0, below=2**32
    )
    device: str = option(
        "auto",
        "auto (measures and explains), cpu, gpu, or cpu:2 (two pretended devices)",
        written=("auto|gpu|cpu(:[1-9][0-9]{0,2})?", "say auto, cpu, gpu, or cpu:2 for two pretended devices"),
        movable=True,
    )
    gpus: str = option(
        "1",
        "GPUs to use: a number, or all",
        written=("[1-9][0-9]{0,2}|all", "say a number from 1 on, or all; device=cpu takes none"),
    )
    data: str = option("", "folder with data sets; empty: $RIG_DATA, else ~/.cache/gluon-rig/data", movable=True)
    limit: int = option(0, "use only this many training examples, to try something out; 0: all", least=0)
    log_interval: int = option(50, "steps between two readings of the loss", least=1)
    checkpoint_every_s: float = option(60.0, "seconds between checkpoints within an epoch", least=0, movable=True)
    keep: int = option(3, "checkpoints kept", least=1, movable=True)


def parse(config_class: type[C], words: Sequence[str]) -> C:
    """Build a *config_class* from words like "lr=0.1". Raises BadInput, which lists everything that is wrong."""
    known = {f.name: f for f in fields(config_class)}
    types = get_type_hints(config_class)
    problems: list[str] = []
    values: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            problems.append(f"{word!r}: write it as key=value")
        elif key not in known:
            problems.append(f"{key}: there is no such key" + nearest(key, known))
        else:
            try:
                values[key] = _check_limits(known[key], _converter(types[key])(text))
            except ValueError as error:
                problems.append(f"{word}: {error}")
    if problems:
        raise BadInput(
            "Some settings are wrong; nothing was started:\n" + "\n".join(f"  - {p}" for p in problems),
            "`python -m training JOB --help` lists every key with its meaning",
        )
    return config_class(**values)


def nearest(word: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(word.lower().replace("-", "_"), list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _yes_or_no(text: str) -> bool:
    answers = {"1": True, "yes": True, "true": True, "on": True, "0": False, "no": False, "false": False, "off": False}
    if text.lower() not in answers:
        raise ValueError("say 1 or 0")
    return answers[text.lower()]


def _number(kind: Callable[[str], Any], name: str) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"must be {name}") from None

    return convert


def _lengths(text: str) -> Lengths:
    """ "48", or "24,48,168", also in brackets."""
    whole = text.strip()
    words = (whole[1:-1] if whole[:1] == "[" and whole[-1:] == "]" else whole).split(",")
    try:
        lengths = tuple(sorted({read_decimal(word) for word in words}))
    except ValueError:
        raise ValueError("must be a number, or several like 24,48,168") from None
    return lengths[0] if len(lengths) == 1 else lengths


def _converter(kind: Any) -> Callable[[str], Any]:
    converters: dict[Any, Callable[[str], Any]] = {
        bool: _yes_or_no,
        int: _number(read_whole, "a whole number"),
        float: _number(read_decimal, "a number"),
        Lengths: _lengths,
        str: str,
    }
    return converters[kind]


def _check_limits(key: Field[Any], value: Any) -> Any:
    limits = key.metadata
    if isinstance(value, tuple):
        return tuple(_check_limits(key, one) for one in value)
    # `not >=` also refuses nan, which compares false with everything.
    if limits.get("least") is not None and not value >= limits["least"]:
        raise ValueError(f"must be at least {limits['least']:g}")
    if isinstance(value, float) and value and not SMALLEST <= abs(value) <= LARGEST:
        raise ValueError("must be finite" if value == float("inf") else "must fit into 32 bits")
    if limits.get("below") is not None and not value < limits["below"]:
        raise ValueError(f"must be below {limits['below']:g}")
    if limits.get("choices") and value not in limits["choices"]:
        raise ValueError("one of: " + ", ".join(limits["choices"]))
    if limits.get("written") and not re.fullmatch(limits["written"][0], value):
        raise ValueError(limits["written"][1])
    return value


def describe(config_class: type[JobConfig]) -> str:
    """One line per key: its default and its meaning."""
    rows = []
    for f in fields(config_class):
        assert f.default is not MISSING
        choices = f.metadata.get("choices") or ()
        rows.append(
            (f"{f.name}={_text(f.default)}", f.metadata["doc"] + (f" ({'|'.join(choices)})" if choices else ""))
        )
    width = max(len(left) for left, _ in rows)
    return "\n".join(f"  {left:<{width}}  {right}" for left, right in rows)


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def differences(config: JobConfig, recorded: Mapping[str, Any]) -> list[str]:
    """Keys whose recorded value is another one, and which change the numbers of a run: "lr: 0.1 then, 0.2 now"."""
    now = json.loads(json.dumps(asdict(config)))
    fixed = [f.name for f in fields(config) if not f.metadata.get("movable")]
    return [f"{name}: {recorded.get(name)} then, {now[name]} now" for name in fixed if recorded.get(name) != now[name]]
