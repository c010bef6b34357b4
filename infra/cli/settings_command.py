"""The commands that only tell: settings."""

from __future__ import annotations

from argparse import Namespace

from infra.console import deliver
from infra.settings import Settings, example


def show_settings(options: Namespace, settings: Settings) -> int:
    from infra.cli import render

    if options.example:
        deliver(example().rstrip("\n"))
    else:
        deliver(render.settings(settings))
    return 0
