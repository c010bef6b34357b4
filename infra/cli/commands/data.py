"""The group "the data": pack."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from infra.cli.arguments import Group, Option
from infra.errors import BadSettings
from infra.settings import Settings

GROUP: Final = Group("the data")


@GROUP.command(
    help="a sensor log of any size, made ready for training to stream it",
    arguments=(
        Option(name="table", help="the TOML file that describes the log", value="TOML"),
        Option(name="out", help="a new folder, or one begun by the same command", value="DIR"),
    ),
    options=(Option(name="processes", help="so many side by side", default="1", value="N"),),
    examples=(
        ("rig pack fleet.toml packed/", "then: `rig train --job sensors --args table=packed/`"),
        ("rig pack fleet.toml packed/ --processes 2", "on two cores; killed, the same command goes on"),
    ),
    live=False,
)
def pack(options: Namespace, settings: Settings) -> int:
    """What `python -m training pack` does, here."""
    if not options.table or not options.out:
        raise BadSettings("Which log, and into which folder?", "for example `make pack TABLE=fleet.toml OUT=packed`")
    import os
    import subprocess
    import sys

    from infra.kit_files import ROOT

    behind = os.environ.get("PYTHONPATH")
    environment = {**os.environ, "PYTHONPATH": str(ROOT) + (os.pathsep + behind if behind else "")}
    words = [sys.executable, "-m", "training", "pack", f"--workers={options.processes}", options.table, options.out]
    code = subprocess.run(words, env=environment).returncode
    return code if code in (0, 2, 130) else 1
