"""The group "begin here": demo, doctor, rehearsal, settings."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from infra.cli.arguments import Group, Option
from infra.cli.options import JSON, LIMITS, MACHINE, WHERE_AM_I
from infra.console import deliver
from infra.settings import Settings

GROUP: Final = Group("begin here")


@GROUP.command(
    help="the whole story on this computer: no AWS account, no cost, under a minute",
    settings=("engine", "base_image"),
    examples=(
        ("rig demo", "launch, train, results home, stop: nothing is paid"),
        ("rig demo --engine docker", "the same, with the training image in Docker"),
    ),
)
def demo(options: Namespace, settings: Settings) -> int:
    """Launch, train, pull, stop, each as its own command would, then show what came out and what it would have cost."""
    import time
    from pathlib import Path

    from infra.cli.context import open_demo
    from infra.cli.hints import say, show
    from infra.cli.progress import show_log
    from infra.cli.screens.begin import render_demo, render_demo_stop
    from infra.cli.screens.money import render_plan
    from infra.job import artifacts
    from infra.workflows.demo import choose_engine, choose_job, run_demo

    began = time.monotonic()
    engine = choose_engine(settings)
    job = choose_job(engine, lambda line: say(line, settings))
    with open_demo(settings, engine) as (rig, ours):
        done, standing = run_demo(rig, job, show_log, lambda plan: rig.tell(render_plan(plan)))
        say(render_demo_stop(standing, ours=ours), settings if ours else rig.settings)
    seconds, summary = time.monotonic() - began, artifacts.summary(done.folder)
    show(render_demo(done, seconds=seconds, here=Path.cwd(), summary=summary), settings)
    return 0


@GROUP.command(
    help="what stands in the way of a launch, and how to fix it",
    options=(JSON,),
    settings=(*WHERE_AM_I, *MACHINE, *LIMITS),
    examples=(
        ("rig doctor", "every check, and what to do about those that fail"),
        ("rig doctor --gpu-mem 16 --json", "for a machine with 16 GiB of GPU memory, for scripts"),
    ),
)
def doctor(options: Namespace, settings: Settings) -> int:
    """0 when nothing stands in the way of a launch, else 2: each failing line says how to fix it."""
    from infra.cli.context import open_rig
    from infra.cli.hints import show
    from infra.cli.screens.begin import render_checks
    from infra.cli.screens.layout import render_json
    from infra.workflows.doctor import examine_all

    checks = examine_all(open_rig(settings))
    if options.json:
        deliver(render_json(checks))
    else:
        show(render_checks(checks), settings)
    return 2 if any(check.ok is False for check in checks) else 0


@GROUP.command(
    help="the pretend cloud of this folder: up, down, status, env, fault",
    arguments=(Option(name="do", help="what to do with it", default="status", value="up|down|status|env|fault"),),
    settings=("engine",),
    needed=(),  # `down` reads none
    rest_after="fault",
    examples=(
        ("rig rehearsal down", "end the pretend cloud, and its instances with it"),
        (
            "rig rehearsal fault capacity --zone us-east-1a",
            "no machine is free there; docs/rehearsal.md has more",
        ),
    ),
)
def rehearsal(options: Namespace, settings: Settings) -> int:
    from infra.cli.rehearsal import look_after

    return look_after([options.do, *options.rest], settings)


@GROUP.command(
    help="every setting, its meaning, and its value here, or what is wrong with it",
    options=(Option(name="example", help="print rig.toml.example", flag=True),),
    examples=(
        ("rig settings", "each with its value here"),
        ("rig settings --example", "a rig.toml to begin with"),
    ),
)
def settings(options: Namespace, given: Settings) -> int:
    from infra.cli.hints import show
    from infra.cli.screens.begin import render_settings
    from infra.settings import example

    if options.example:
        deliver(example().rstrip("\n"))
        return 0
    show(render_settings(given), given)
    return 2 if given.wrong else 0


@GROUP.command(
    help="what your shell completes when you press Tab: a script for bash, zsh or fish",
    arguments=(Option(name="kind", help="your shell", default="bash", choices=("bash", "zsh", "fish")),),
    examples=(
        ("rig completion bash > ~/.local/share/bash-completion/completions/rig", "from the next shell on"),
        ("rig completion fish > ~/.config/fish/completions/rig.fish", "for fish; zsh: a file _rig in your fpath"),
    ),
)
def completion(options: Namespace, settings: Settings) -> int:
    from infra.cli.arguments import COMMANDS
    from infra.cli.completion import render_completion

    deliver(render_completion(options.kind, COMMANDS).rstrip("\n"))
    return 0
