"""The verbs that only tell: settings."""

from __future__ import annotations

import sys
from argparse import Namespace

from infra.settings import Settings, example


def show_settings(options: Namespace, settings: Settings) -> int:
    from infra.cli import screens

    if options.example:
        sys.stdout.write(example())
    else:
        print(screens.settings(settings))
    return 0
