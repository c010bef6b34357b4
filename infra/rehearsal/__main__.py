"""`python -m infra.rehearsal --project DIR`: the background process. `rig` starts it when it is first needed."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from infra.errors import RigError
from infra.rehearsal import daemon

ALREADY_RUNNING = 3  # exit code: not an error to whoever raced us


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.rehearsal", description=__doc__)
    parser.add_argument("--project", type=Path, required=True, help="the folder whose .rig/rehearsal holds the state")
    options = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s", level=logging.INFO)
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    try:
        daemon.run(options.project, os.environ)
    except daemon.AlreadyRunning:
        return ALREADY_RUNNING
    except RigError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
