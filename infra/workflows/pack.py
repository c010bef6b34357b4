"""`rig pack` on a group: the log goes to all machines, they pack it as one run, and the packed folder comes home."""

from __future__ import annotations

import os.path
import shutil
from dataclasses import replace
from pathlib import Path

from infra.errors import BadSettings
from infra.job.spec import PACKED, Job, existing_folder, pack_job
from infra.remote.workspace import link_or_copy
from infra.workflows.context import Rig


def plan_pack(rig: Rig, table: Path, out: Path, processes: str) -> tuple[Rig, Job]:
    """The run, and the rig with the log's folder as its data. Raises BadSettings before anything is asked."""
    if not os.path.isfile(table):
        raise BadSettings(f"{table}: there is no such file.", "the TOML file that describes the log")
    if os.path.lexists(out):
        raise BadSettings(f"{out} is there already.", "a new folder takes what the machines pack")
    folder = existing_folder(str(table.parent), "table")
    return replace(rig, settings=rig.settings.but(data=str(folder.resolve()))), pack_job(table, processes)


def take_packed(run: Path, out: Path) -> Path:
    """The packed folder that came home with *run*, as *out*, whole or not at all; no byte is stored twice."""
    half = out.with_name(f".{out.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    shutil.copytree(run / PACKED, half, copy_function=link_or_copy)
    half.replace(out)
    return out
