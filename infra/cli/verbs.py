"""Every verb with its words and its help: the table that `rig --help`, the parser and the README's test read."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from infra.cli.parser import Option, Verb

RUN = Option(name="run", help="the run's name; without it, the newest")
JSON = Option(name="json", help="print JSON, for scripts", flag=True)
WHERE_AM_I = ("cloud", "name", "region", "profile", "key")

LEARN, MONEY, WORK, LIFE = "begin here", "money", "work", "the instance"


def later(place: str) -> Callable[..., int]:
    """The function at "module:name", imported only when the verb is run: `rig --help` loads none of them."""

    def run(*arguments: object) -> int:
        module, _, name = place.partition(":")
        done: int = getattr(import_module(f"infra.cli.{module}"), name)(*arguments)
        return done

    return run


_ALL = [
    Verb(
        name="train",
        group=WORK,
        help="train here on the CPU, or with the word `remote` on the instance",
        run=later("work:train"),
        words=(Option(name="where", help="here, or remote", default="here", choices=("here", "remote")),),
        options=(
            Option(name="job", help="a job of the kit [lenet]", default="lenet"),
            Option(name="script", help="a Python program of yours, below the code folder"),
            Option(name="cmd", help="any line of shell"),
            Option(name="args", help='more words: "num_epochs=3" for a job, "--epochs 3" for a script'),
            Option(name="detach", help="start it and return at once", flag=True),
        ),
        settings=(*WHERE_AM_I, "code", "data", "after", "base_image"),
    ),
    Verb(
        name="logs",
        group=WORK,
        help="follow a run again, then bring it home",
        run=later("work:logs"),
        options=(RUN,),
        settings=(*WHERE_AM_I, "after"),
    ),
    Verb(
        name="pull",
        group=WORK,
        help="fetch results, also while the run goes on",
        run=later("work:pull"),
        options=(RUN,),
        settings=WHERE_AM_I,
    ),
    Verb(
        name="runs",
        group=WORK,
        help="the runs on the instance",
        run=later("work:runs"),
        options=(JSON,),
        settings=WHERE_AM_I,
    ),
    Verb(
        name="cancel",
        group=WORK,
        help="ask a run to save and end, then bring it home",
        run=later("work:cancel"),
        options=(RUN,),
        settings=WHERE_AM_I,
    ),
    Verb(
        name="settings",
        group=LEARN,
        help="every setting, its meaning, and its value here",
        run=later("about:show_settings"),
        options=(Option(name="example", help="print rig.toml.example", flag=True),),
    ),
]
VERBS = {verb.name: verb for verb in _ALL}
