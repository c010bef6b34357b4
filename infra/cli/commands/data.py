"""The group "the data": pack."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from infra.cli.arguments import Group, Option
from infra.cli.options import WHERE_AM_I
from infra.console import deliver
from infra.errors import BadSettings
from infra.settings import Settings
from infra.text import whole_number

GROUP: Final = Group("the data")
_MOST: Final = 1024
_READ_THERE: Final = ("code", "after", "notify", "bucket", "registry", "base_image")


@GROUP.command(
    help="a sensor log of any size, made ready for training to stream it",
    arguments=(
        Option(name="table", help="the TOML file that describes the log", value="TOML"),
        Option(name="out", help="a new folder, or one begun by the same command", value="DIR"),
    ),
    options=(Option(name="processes", help="so many side by side; of a group on each machine", value="N"),),
    settings=(*WHERE_AM_I, *_READ_THERE, "nodes"),
    needed=("nodes",),  # which says whether the others are read
    examples=(
        ("rig pack fleet.toml packed/ --processes 2", "on two cores; killed, the same command goes on"),
        ("rig pack fleet.toml packed/ --nodes 4", "on the four machines of a group; the same bytes"),
    ),
    live=False,
)
def pack(options: Namespace, settings: Settings) -> int:
    """What `python -m training pack` does, here or on the machines of a group."""
    if not options.table or not options.out:
        raise BadSettings("Which log, and into which folder?", "for example `make pack TABLE=fleet.toml OUT=packed`")
    if options.processes and not whole_number(options.processes, most=_MOST):
        raise BadSettings(f"processes = {options.processes[:20]!r}: a number from 1 to {_MOST}.", "`rig pack --help`")
    return _pack_there(options, settings) if settings.machines > 1 else _pack_here(options)


def _pack_there(options: Namespace, settings: Settings) -> int:
    from pathlib import Path

    from infra.cli.context import open_rig
    from infra.cli.follow import follow
    from infra.cli.progress import show_log
    from infra.workflows.pack import plan_pack, take_packed
    from infra.workflows.train import start_training

    settings.require(*WHERE_AM_I, *_READ_THERE)
    out = Path(options.out)
    rig, job = plan_pack(open_rig(settings), Path(options.table), out, options.processes)
    name = start_training(rig, job, show_log)
    code = follow(rig, name)
    if code == 0:
        deliver(str(take_packed(rig.runs / name, out)))
    return code


def _pack_here(options: Namespace) -> int:
    import os
    import subprocess
    import sys

    from infra.kit_files import ROOT

    behind = os.environ.get("PYTHONPATH")
    environment = {**os.environ, "PYTHONPATH": str(ROOT) + (os.pathsep + behind if behind else "")}
    words = [
        sys.executable,
        "-m",
        "training",
        "pack",
        f"--workers={options.processes or 1}",
        options.table,
        options.out,
    ]
    code = subprocess.run(words, env=environment).returncode
    return code if code in (0, 2, 130) else 1
