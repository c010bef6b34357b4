"""What `rig train` was asked to run: a job, a script or a line of shell, and by how many workers."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace

from infra.cli.hints import say
from infra.errors import BadSettings
from infra.job.spec import Job, command_job, existing_folder, script_job, training_job
from infra.job.workers import read_workers
from infra.settings import Settings


def asked_job(options: Namespace, settings: Settings) -> Job:
    """Raises BadSettings for one that there is not, and for two at once."""
    return replace(_what(options, settings), workers=read_workers(options.workers), waits=bool(options.queue))


def _what(options: Namespace, settings: Settings) -> Job:
    code = existing_folder(settings.code, "code")
    if options.script and options.cmd:
        raise BadSettings("script and cmd were both given; a run does one thing.", "leave one out")
    if options.cmd:
        return command_job(options.cmd)
    if options.script:
        return script_job(options.script, code, options.args)
    return training_job(options.job, code, options.args)


def workers_from_now_on(options: Namespace, settings: Settings) -> str:
    """The one wish that a run which goes on can be told; of others that it is not, the user hears."""
    unheard = [f"--{name}" for name in ("script", "cmd", "args") if getattr(options, name)]
    if unheard:
        say(f"Left aside: {' and '.join(unheard)}. A run goes on with what it was begun with", settings)
    return read_workers(options.workers)
