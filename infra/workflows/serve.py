"""A run's model as a server: here as a process, or on the instance behind the tunnel."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from infra.errors import UserError, WorldError
from infra.host.connection import Host
from infra.host.facts import Facts
from infra.host.push import push_code
from infra.host.retry import persistently
from infra.host.selection import Selection, select_code, select_data
from infra.host.sync import remember
from infra.job import serve
from infra.job.run_folders import run_home
from infra.kit_files import ROOT
from infra.names import MODEL
from infra.workflows.context import Rig, open_host, running_instance
from infra.workflows.ensure_image import Show, ensure_images, images_for
from infra.workflows.notebooks import hold_open, require_home, wait_until_it_answers
from infra.workflows.results import announce
from infra.workflows.runs import facts_of

READY_TIMEOUT_S = 120.0


def model_of(runs: Path, name: str) -> Path:
    """The model folder of the run that *name* means (see `choose_run`); with no name, the newest. Raises UserError."""
    run = run_home(runs, name)
    if not (run / MODEL).is_dir():
        raise UserError(
            f"Run {run.name} has no model folder, {run / MODEL}.",
            "a job of the kit leaves one when it is through; a run of an older kit has to be trained again",
        )
    return run / MODEL


def line_here(model: Path, state: Path, words: list[str]) -> tuple[list[str], dict[str, str]]:
    """The server's command line on this computer, and its environment."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    line = [sys.executable, "-m", "training", "serve", "--run", str(model), "--state", str(state), *words]
    return line, {**os.environ, "PYTHONPATH": paths}


def serve_there(rig: Rig, name: str, ready: Callable[[str], None], show: Show) -> None:
    """The server in the training image on the instance, until Ctrl-C. *ready* is told its address, token and all.

    It is no run: only the open tunnel counts as use, so one that is forgotten on a closed laptop does not keep the
    machine on; the deadline holds for it as for all. The units' past comes home to notebooks/serve/ at the end.
    """
    model = model_of(rig.runs, name)
    run, instance = model.parent.resolve().name, running_instance(rig)
    with open_host(rig, instance) as host:
        images = images_for(rig, instance, serve.REQUIREMENTS)
        facts = facts_of(rig, host, images=images)
        if host.ask(serve.is_running(facts.docker)).ok:  # a `rig serve remote` was cut off: its units come home first
            require_home(rig, host, facts, serve)
        ensure_images(rig, host, facts, images, serve.REQUIREMENTS, show)
        _send(rig, host, facts, model, run)
        host.run(*serve.start(facts, images[-1], run))
        announce(rig, instance, "a server")  # before rows can come
        hold_open(
            rig, host, facts, serve, there=serve.PORT, token=serve.token(facts), page="",
            wait=partial(_wait_until_ready, host, facts), ready=ready,
        )  # fmt: skip


def _send(rig: Rig, host: Host, facts: Facts, model: Path, run: str) -> None:
    """The code that serves, the model, and the units' past, so far as an earlier server left it here."""
    rig.tell(f"Copying {run}'s model to the instance")
    chosen = {
        f"{facts.home}/{serve.FOLDER}/code/training": select_code(ROOT / "training"),
        serve.model_folder(facts, run): select_data(model),
    }
    past = rig.project / "notebooks" / "serve" / run
    if past.is_dir():
        remember(rig.project / "notebooks")
        chosen[f"{facts.home}/{serve.STATE}/{run}"] = select_data(past)
    for there, folder in chosen.items():
        persistently(partial(_push, host, facts, folder, there), tell=rig.tell)


def _push(host: Host, facts: Facts, folder: Selection, there: str) -> None:
    host.run(["mkdir", "-p", there])
    push_code(host, folder, there, rsync_there=facts.rsync)


def _wait_until_ready(host: Host, facts: Facts, number: int, token: str) -> None:
    wait_until_it_answers(
        host, facts.docker, serve, f"http://127.0.0.1:{number}/model", f"Bearer {token}", timeout_s=READY_TIMEOUT_S,
        failure=lambda said: WorldError(
            f"The server did not start on the instance: {said}", "`rig ssh` opens a shell there"
        ),
    )  # fmt: skip
