"""Options and settings that several commands share."""

from __future__ import annotations

from typing import Final

from infra.cli.arguments import Option

_NAMED = "the run's name, or a part of it: 0b93, lenet; without it, "
RUN: Final = Option(name="run", help=f"{_NAMED}the newest")
RUN_TO_PULL: Final = Option(name="run", help=f"{_NAMED}every run that is not home yet")
RUN_TO_CANCEL: Final = Option(name="run", help=f"{_NAMED}the one that goes on")
JSON: Final = Option(name="json", help="print JSON, for scripts", flag=True)
YES: Final = Option(name="yes", help="do not ask before money is spent", flag=True)
ASKS_NOTHING: Final = Option(name="yes", help="it asks nothing; for scripts that say so to every command", flag=True)
DRY_RUN: Final = Option(name="dry-run", help="stop after the plan, and ask AWS whether it would permit it", flag=True)


def here_or_remote(instead: str) -> Option:
    """`rig train remote`. *instead*: see Option."""
    return Option(name="where", help="here, or remote", default="here", choices=("here", "remote"), instead=instead)


FIND_IT: Final = ("cloud", "name", "region", "profile")
WHERE_AM_I: Final = (*FIND_IT, "key")
MACHINE: Final = (
    "type",
    "gpu_mem",
    "gpus",
    "any_region",
    "os",
    "ami",
    "disk_gib",
    "spot",
    "on_demand_fallback",
    "nodes",
    "placement",
    "wait_minutes",
    "instance_profile",
)
LIMITS: Final = ("hours", "budget", "idle")
