"""What the user wants: one frozen value, read once, checked whole.

Precedence: command-line option > environment `RIG_*` > `rig.toml` > default. Every wrong value that the command needs,
and every unknown name that may stand for one, is reported together, with the nearest right name, before anything is
asked of AWS. What it does not need is left aside. AWS credentials are not settings: they come through AWS's own chain
(profiles, SSO, environment).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from infra.errors import BadSettings
from infra.settings.values import (
    NONE,
    between,
    dollars,
    name_like,
    one_line,
    one_of,
    path,
    way_to_notify,
    words,
    yes_or_no,
)  # fmt: skip

ENVIRONMENT_PREFIX = "RIG_"
AGENT = "RIG_AGENT"  # 1: a program types (infra/cli/agent.py); no setting, for it says who types, not what is wished
SEE_THEM_ALL = "`rig settings` lists every setting with its meaning"

# Nothing is promised for longer than this, whatever HOURS, BUDGET and `extend` say: go on from there, knowingly.
MOST_HOURS = 720.0  # thirty days
ASKED_TWICE_HOURS = 168.0  # a week
MOST_NODES = 64  # hundreds of GPUs with eight in each; beyond that a laptop is the wrong place to start from
# A group that one machine has left computes nothing, and eight p4d wait for twenty minutes at the price of 58 USD.
GROUP_IDLE_MINUTES = 5


def setting(default: Any, parse: Callable[[str], Any], doc: str) -> Any:
    return field(default=default, metadata={"parse": parse, "doc": doc})


hours = between(0.05, MOST_HOURS, float)


def machines(text: str) -> int | None:
    """None for as many as are there, which is another wish than one of them."""
    count: int | None = None if text.strip().lower() == NONE else between(1, MOST_NODES, int)(text)
    return count


@dataclass(frozen=True)
class Wrong:
    """In the place of a value: what was given is none, and *why*."""

    why: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything `rig.toml` can remember. Units stand in the names or in the text beside the field.

    Whoever asks for one that is wrong gets BadSettings: a default in its place may be another rig, or another price.
    """

    cloud: str = setting(
        "aws", one_of("aws", "rehearsal"), "aws, or rehearsal: a pretend AWS on this computer that costs nothing"
    )
    name: str = setting("rig", name_like, "which rig this is; rigs of different names live side by side")
    region: str = setting(
        "", one_line, "AWS region; empty: AWS_REGION, AWS_DEFAULT_REGION, that of your AWS profile, else us-east-1"
    )
    profile: str = setting("", one_line, "AWS profile; empty: what AWS's own rules choose")

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
    ami: str = setting("", one_line, "a fixed image id (ami-...) instead of the newest Deep Learning AMI")
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

    key: str = setting("", path, "SSH private key file; empty: one made for this kit in ~/.config/gluon-rig")
    code: str = setting(".", path, "the project folder that is copied to the instance")
    data: str = setting(
        "", path, "a data folder that is copied to the instance once, and where jobs look for data sets"
    )
    bucket: str = setting("", one_line, "s3://bucket/prefix for durable copies of checkpoints")
    instance_profile: str = setting(
        "", one_line, "IAM instance profile that the instance gets at launch, so that it may write to the bucket"
    )
    registry: str = setting("", one_line, "pull the training image from this registry instead of building it")
    base_image: str = setting("", one_line, "base image of the Dockerfile; empty: the one written there")
    engine: str = setting(
        "auto", one_of("auto", "docker", "process"), "rehearsal only: run containers in Docker, or as plain processes"
    )

    if not TYPE_CHECKING:  # else a type checker would let everything be asked for

        def __getattribute__(self, name: str) -> Any:
            value = object.__getattribute__(self, name)
            if isinstance(value, Wrong):
                raise BadSettings(f"A setting is wrong: {value.why}", SEE_THEM_ALL)
            return value

    @property
    def machines(self) -> int:
        """How many a launch is for."""
        return self.nodes or 1

    @property
    def wrong(self) -> Mapping[str, str]:
        """Those that the command may do without, and that are wrong: why."""
        return {name: value.why for name, value in vars(self).items() if isinstance(value, Wrong)}

    def require(self, *names: str) -> None:
        """Raises BadSettings if one of them is wrong: now, and not when it is read."""
        for name in names:
            getattr(self, name)

    def but(self, **other: Any) -> Settings:
        """As `dataclasses.replace`, which would ask for those that are wrong."""
        return Settings(**{**vars(self), **other})


def option_name(field_name: str) -> str:
    return "--" + field_name.replace("_", "-")


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
