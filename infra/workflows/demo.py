"""The whole story on this computer: a pretend AWS, a real SSH connection, real training on real images."""

from __future__ import annotations

import platform
import subprocess
from importlib.util import find_spec
from typing import Final

from infra.console import Tell
from infra.job.docker_image import tag
from infra.job.spec import Job, command_job, training_job
from infra.kit_files import ROOT
from infra.settings import Settings
from infra.workflows import stop
from infra.workflows.context import Rig
from infra.workflows.ensure_image import Show
from infra.workflows.launch import Announce, launch
from infra.workflows.plan import make_plan
from infra.workflows.runs import Outcome
from infra.workflows.status import Standing
from infra.workflows.train import bring_run_home, follow_run, start_training

STAND_IN: Final = """\
echo '[ 50%] a stand-in for lenet: without MXNet nothing is trained'
echo 'Written on the pretend instance by a stand-in for lenet.' > "$RIG_RUN_DIR/note.txt"
"""


def choose_engine(settings: Settings) -> str:
    """Docker when it has the training image already; building it would make a demo of a minute one of five."""
    if settings.engine != "auto":
        return settings.engine
    try:
        found = subprocess.run(
            ["docker", "image", "inspect", tag("cpu", settings.base_image)], capture_output=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return "process"
    return "docker" if found.returncode == 0 else "process"


def choose_job(engine: str, tell: Tell) -> Job:
    """LeNet; where there is no MXNet, which is said before anything starts, a stand-in that shows the rest."""
    if engine == "docker" or find_spec("mxnet"):
        return training_job("lenet", ROOT)
    tell(
        f"There is no MXNet on this computer ({platform.system()} {platform.machine()}), so nothing is trained: a "
        "stand-in takes lenet's place, and all the rest is as it is.\n"
        "  -> with Docker running, `rig demo --engine docker` trains; building its image takes some minutes"
    )
    return command_job(STAND_IN)


def run_demo(rig: Rig, job: Job, show: Show, announce: Announce) -> tuple[Outcome, Standing]:
    """Launch, train, pull, stop, each as its own command would; what came out, and what was left to pay for."""
    rig.tell("A pretend AWS on this computer: every price is what it would be there, and nothing is paid")
    _chapter(rig, "1. launch", "find the image, make a key, open SSH to this address only, start the instance")
    plan = make_plan(rig)
    announce(plan)
    launch(rig, plan)
    _chapter(rig, "2. train", "copy the code over SSH, start a container, follow its log")
    name = start_training(rig, job, show)
    done = bring_run_home(rig, name, follow_run(rig, name, show))
    _chapter(rig, "3. stop", "the results are home, so the instance may go")
    return done, stop.stop_and_report(rig)[0]


def _chapter(rig: Rig, title: str, what: str) -> None:
    rig.tell(f"\n{title}: {what}")
