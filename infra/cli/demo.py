"""The whole story on this computer: a pretend AWS, a real SSH connection, real training on real images."""

from __future__ import annotations

import platform
import time
from argparse import Namespace
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from infra.cli import render, run_result
from infra.cli.context import open_rig
from infra.cli.hints import theirs
from infra.cli.progress import LogView
from infra.console import deliver, tell
from infra.job.spec import Job, command_job, training_job
from infra.kit_files import ROOT
from infra.settings import Settings

STAND_IN = """\
echo '[ 50%] a stand-in for lenet: without MXNet nothing is trained'
echo 'Written on the pretend instance by a stand-in for lenet.' > "$RIG_RUN_DIR/note.txt"
"""


def demo(options: Namespace, settings: Settings) -> int:
    """Launch, train, pull, stop, each as its own command would, then show what came out and what it would have cost."""
    from infra.job import artifacts
    from infra.rehearsal import client
    from infra.workflows import stop
    from infra.workflows.launch import launch
    from infra.workflows.plan import make_plan
    from infra.workflows.train import bring_run_home, follow_run, start_training

    began = time.monotonic()
    ours = client.find(Path.cwd()) is None
    engine = _engine(settings)
    job = _job(engine, settings)
    rig = open_rig(replace(settings, cloud="rehearsal", name="demo", code=str(ROOT), engine=engine))
    try:
        _chapter("1. launch", "find the image, make a key, open SSH to this address only, start the instance")
        plan = make_plan(rig)
        tell(render.plan(plan))
        launch(rig, plan)
        _chapter("2. train", "copy the code over SSH, start a container, follow its log")
        with LogView() as show:
            name = start_training(rig, job, show)
            instance = follow_run(rig, name, show)
        done = bring_run_home(rig, name, instance)
        _chapter("3. stop", "the results are home, so the instance may go")
        over = stop.stopped(rig)
        tell(theirs(render.stopped_in_demo(over), settings) if ours else theirs(render.stopped(over), rig.settings))
    finally:
        if ours:
            client.down(Path.cwd())
    summary = artifacts.summary(done.folder)
    said = run_result.demo(done, seconds=time.monotonic() - began, here=Path.cwd(), summary=summary)
    deliver(theirs(said, settings))
    return 0


def _job(engine: str, settings: Settings) -> Job:
    """LeNet; where there is no MXNet, which is said before anything starts, a stand-in that shows the rest."""
    if engine == "docker" or find_spec("mxnet"):
        return training_job("lenet", ROOT)
    said = (
        f"There is no MXNet on this computer ({platform.system()} {platform.machine()}), so nothing is trained: a "
        "stand-in takes lenet's place, and all the rest is as it is.\n"
        "  -> with Docker running, `rig demo --engine docker` trains; building its image takes some minutes"
    )
    tell(theirs(said, settings))
    return command_job(STAND_IN)


def _engine(settings: Settings) -> str:
    """Docker when it has the training image already; building it would make a demo of a minute one of five."""
    import subprocess

    from infra.job.docker_image import tag

    if settings.engine != "auto":
        return settings.engine
    try:
        found = subprocess.run(
            ["docker", "image", "inspect", tag("cpu", settings.base_image)], capture_output=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return "process"
    return "docker" if found.returncode == 0 else "process"


def _chapter(title: str, what: str) -> None:
    tell(f"\n{title}: {what}")
