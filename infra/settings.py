"""What the user wants: one frozen value, read once, checked whole.

Precedence: command-line option > environment `RIG_*` > `rig.toml` > default. Every wrong value and every unknown name
is reported together, with the nearest right name, before anything is asked of AWS. AWS credentials are not settings:
they come through AWS's own chain (profiles, SSO, environment).
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Final

from infra.errors import BadSettings
from infra.secrets import looks_secret

ENVIRONMENT_PREFIX = "RIG_"
AGENT = "RIG_AGENT"  # 1: a program types (infra/cli/agent.py); no setting, for it says who types, not what is wished


def words(text: str) -> tuple[str, ...]:
    """Split "g4dn.xlarge, g6.xlarge" into its parts."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


ANSWERS: Final = {
    "1": True, "yes": True, "true": True, "on": True, "0": False, "no": False, "false": False, "off": False,
}  # fmt: skip


def yes_or_no(text: str) -> bool:
    try:
        return ANSWERS[text.strip().lower()]
    except KeyError:
        raise ValueError("say 1 or 0") from None


# Nothing is promised for longer than this, whatever HOURS, BUDGET and `extend` say: go on from there, knowingly.
MOST_HOURS = 720.0  # thirty days
ASKED_TWICE_HOURS = 168.0  # a week
MOST_NODES = 64  # hundreds of GPUs with eight in each; beyond that a laptop is the wrong place to start from
# A group that one machine has left computes nothing, and eight p4d wait for twenty minutes at the price of 58 USD.
GROUP_IDLE_MINUTES = 5


def between(minimum: float, maximum: float, number: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            value = number(_plain(text))
        except ValueError:
            point = ", such as 1.5: no unit, and a point, no comma" if number is float else ""
            raise ValueError(f"not a {'whole ' if number is int else ''}number{point}") from None
        # `not <=` also refuses "nan", which compares false with everything.
        if not minimum <= value <= maximum:
            raise ValueError(f"must be at least {minimum:g}, and {maximum:,.10g} at most")
        return value

    return parse


def _plain(text: str) -> str:
    """*text*. Raises ValueError where Python alone would take it for a number: 1_000, or digits of another script."""
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return text


NONE: Final = "none"


def dollars(text: str) -> float | None:
    """None for no budget. Zero is not taken for that: it says that nothing may be spent."""
    if text.strip().lower() == NONE:
        return None
    value: float = between(0, 100_000, float)(text)
    if not value:
        raise ValueError(f"for nothing there is no machine; for no budget leave it out, or say {NONE}")
    return value


def machines(text: str) -> int | None:
    """None for as many as are there, which is another wish than one of them."""
    count: int | None = None if text.strip().lower() == NONE else between(1, MOST_NODES, int)(text)
    return count


def one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError("one of: " + ", ".join(choices))
        return text

    return parse


def name_like(text: str) -> str:
    """A name that AWS takes in a tag, a key pair and an alarm alike."""
    if not text or len(text) > 40 or not all(c.isascii() and (c.isalnum() or c in "-_") for c in text):
        raise ValueError("letters, digits, - and _ only, 40 at most")
    return text


DESKTOP = "desktop"


def is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def way_to_notify(text: str) -> str:
    """ "desktop", an address, or the words of a command, which must be such."""
    if text != DESKTOP and not is_url(text):
        try:
            shlex.split(text)
        except ValueError as error:
            raise ValueError(f"no command: {error}") from None
    return text


def setting(default: Any, parse: Callable[[str], Any], doc: str) -> Any:
    return field(default=default, metadata={"parse": parse, "doc": doc})


hours = between(0.05, MOST_HOURS, float)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything `rig.toml` can remember. Units stand in the names or in the text beside the field."""

    cloud: str = setting(
        "aws", one_of("aws", "rehearsal"), "aws, or rehearsal: a pretend AWS on this computer that costs nothing"
    )
    name: str = setting("rig", name_like, "which rig this is; rigs of different names live side by side")
    region: str = setting(
        "", str, "AWS region; empty: AWS_REGION, AWS_DEFAULT_REGION, that of your AWS profile, else us-east-1"
    )
    profile: str = setting("", str, "AWS profile; empty: what AWS's own rules choose")

    type: tuple[str, ...] = setting(
        ("g4dn.xlarge",), words, "instance types, tried in this order: g4dn.xlarge,g6.xlarge"
    )
    gpu_mem: float = setting(
        0.0, between(0, 100_000, float), "GiB of GPU memory needed; the kit then picks the cheapest type that fits"
    )
    gpus: int = setting(1, between(1, 1000, int), "GPUs needed, used together with gpu_mem")
    any_region: bool = setting(False, yes_or_no, "with gpu_mem: compare all regions, not only this one")
    os: str = setting(
        "ubuntu-22.04", one_of("ubuntu-22.04", "ubuntu-24.04", "al2023"), "operating system of the Deep Learning AMI"
    )
    ami: str = setting("", str, "a fixed image id (ami-...) instead of the newest Deep Learning AMI")
    disk_gib: int = setting(60, between(1, 65_536, int), "root disk in GiB; raised to what the image needs")
    spot: bool = setting(
        False, yes_or_no, "use spare capacity: cheaper, but AWS may take it back with two minutes' notice"
    )
    on_demand_fallback: bool = setting(
        False, yes_or_no, "with spot: pay the full price when there is no spare capacity"
    )
    nodes: int | None = setting(
        None,
        machines,
        "machines that train as a group: all of them or none, in one zone, on one budget; none: one, and of a group "
        "that is there all",
    )
    placement: str = setting(
        "auto", one_of("auto", "cluster", "none"), "of a group: close together on one fast network (cluster), wherever "
        "machines are free (none), or close where the type's network gains by it and there is room (auto)"
    )  # fmt: skip
    wait_minutes: float = setting(0.0, between(0, 10_080, float), "keep asking this long when AWS has no free machine")

    hours: float = setting(8.0, hours, "the instance is off after this many hours, whatever happens")
    budget: float | None = setting(
        None,
        dollars,
        "$ that this launch may cost at most; sets the deadline instead of hours; none: no limit but hours",
    )
    idle: int = setting(
        20,
        between(0, 10_080, int),
        "minutes without job, login or GPU use after which the instance powers off [20; in a group 5]; 0: never",
    )
    after: str = setting(
        "idle", one_of("idle", "stop", "terminate", "keep"), "when a run has ended and its results are home: stop the "
        "instance, terminate it, keep it, or leave it to the idle rule"
    )  # fmt: skip
    notify: str = setting(
        "", way_to_notify, "when a run that you follow has ended, besides the bell: desktop, a URL that is sent some "
        "JSON, or a command of yours, which is given a sentence as its last word"
    )  # fmt: skip

    key: str = setting("", str, "SSH private key file; empty: one made for this kit in ~/.config/gluon-rig")
    code: str = setting(".", str, "the project folder that is copied to the instance")
    data: str = setting("", str, "a data folder that is copied to the instance once, and where jobs look for data sets")
    bucket: str = setting("", str, "s3://bucket/prefix for durable copies of checkpoints")
    instance_profile: str = setting(
        "", str, "IAM instance profile that the instance gets at launch, so that it may write to the bucket"
    )
    registry: str = setting("", str, "pull the training image from this registry instead of building it")
    base_image: str = setting("", str, "base image of the Dockerfile; empty: the one written there")
    engine: str = setting(
        "auto", one_of("auto", "docker", "process"), "rehearsal only: run containers in Docker, or as plain processes"
    )

    @property
    def machines(self) -> int:
        """How many a launch is for."""
        return self.nodes or 1


def option_name(field_name: str) -> str:
    return "--" + field_name.replace("_", "-")


def load(
    options: Mapping[str, str],
    *,
    environ: Mapping[str, str],
    remembered: Mapping[str, Any],
    foreign: Collection[str] = (),
    own: Collection[str] = (),
    needed: Collection[str] | None = None,
    tell: Callable[[str], object] = lambda line: None,
) -> Settings:
    """Build the settings from the command line, the environment and rig.toml.

    *foreign*: names of options nobody knows, so that they are reported with the rest; *own*: of those that the command
    takes besides, which may have been meant. Of a command that must not fail for what it does not read, the *needed*
    ones: what is wrong with others that are not typed but remembered is told. Raises BadSettings, which lists
    everything that is wrong.
    """
    known = {f.name: f for f in fields(Settings)}
    problems = [_unknown(f"option --{name}", name, (*known, *own)) for name in foreign]
    values: dict[str, Any] = {}
    for source, given in (
        ("rig.toml", {name: _toml_text(value, _joins(name)) for name, value in remembered.items()}),
        ("environment", _from_environment(environ)),
        ("option", dict(options)),
    ):
        for name, text in given.items():
            place = {"rig.toml": f"rig.toml: {name}", "environment": ENVIRONMENT_PREFIX + name.upper()}.get(
                source, option_name(name)
            )
            try:
                values[name] = _parse(place, name, text, known)
            except ValueError as error:
                if source == "option" or needed is None or name in needed:
                    problems.append(str(error))
                else:
                    tell(f"left aside: {error}")
    if problems:
        raise BadSettings(
            "Some settings are wrong; nothing was asked of AWS:\n" + "\n".join(f"  - {p}" for p in problems),
            "`rig settings` lists every setting with its meaning",
        )
    if (values.get("nodes") or 1) > 1:
        values.setdefault("idle", GROUP_IDLE_MINUTES)
    return Settings(**values)


def _parse(place: str, name: str, text: str, known: Mapping[str, Field[Any]]) -> Any:
    """Raises ValueError with a sentence about *place*."""
    if name not in known:
        raise ValueError(_unknown(place, name, known))
    if looks_secret(text):  # it would go into tags, hints and reports
        raise ValueError(f"{place} holds what looks like a credential, which is no setting")
    try:
        return known[name].metadata["parse"](text)
    except ValueError as error:
        raise ValueError(f"{place} = {text!r}: {error}") from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    found = {
        name[len(ENVIRONMENT_PREFIX) :].lower(): text
        for name, text in environ.items()
        # RIG_REHEARSAL_* tune the pretend cloud (docs/rehearsal.md); they are not settings of the story.
        if name.startswith(ENVIRONMENT_PREFIX) and not name.startswith("RIG_REHEARSAL_") and name != AGENT
    }
    # `CLOUD=rehearsal rig launch`: who types that must not meet the real AWS, and the pretend one costs nothing.
    return {"cloud": "rehearsal", **found} if is_rehearsal_meant(environ) else found


def is_rehearsal_meant(environ: Mapping[str, str]) -> bool:
    """Whether CLOUD=rehearsal, as make takes it, stands in the environment; any other CLOUD is somebody else's."""
    return environ.get("CLOUD") == "rehearsal"


def _joins(name: str) -> Callable[[list[str]], str]:
    """How a list in rig.toml is said as one text: the words of a command may hold anything."""
    return shlex.join if name == "notify" else ",".join


def _toml_text(value: Any, join: Callable[[list[str]], str]) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list):
        return join([str(part) for part in value])
    return str(value)


def _unknown(place: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name.lower().replace("-", "_"), list(known), n=1)
    return f"{place}: there is no such setting" + (f"; did you mean {near[0]}?" if near else "")


def show(value: object) -> str:
    """A setting's value as one may type it."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "1" if value else "0"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def example() -> str:
    """rig.toml.example: every setting at its default, with its meaning."""
    lines = ["# Copy to rig.toml and change what you like. Options and RIG_* variables win over this file.", ""]
    for f in fields(Settings):
        assert f.default is not MISSING
        lines += [f"# {f.metadata['doc']}", f"# {f.name} = {_toml_literal(f.default)}", ""]
    return "\n".join(lines)


def _toml_literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml_literal(part) for part in value) + "]"
    return f'"{show(value)}"' if value is None or isinstance(value, str) else str(value)
