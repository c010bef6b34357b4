"""Starts the shim named by the first argument: `python -ESs run.py docker ps`."""

import sys
from importlib import import_module
from os.path import abspath, dirname

HOME_OF = {
    "docker": "docker", "supervise": "supervise", "confined": "confinement",
    "systemctl": "systemctl", "unit": "unit_keeper",
    "terminal": "terminal", "sudo": "sudo", "who": "who",
    "shutdown": "power", "shutdown-later": "power", "poweroff": "power", "halt": "power", "reboot": "power",
}  # fmt: skip


def main() -> int:
    # The folder of this file gives way to the project's: `infra` is found, and no shim hides a standard module.
    sys.path[0] = dirname(dirname(dirname(dirname(abspath(__file__)))))
    name, *words = sys.argv[1:]
    shim = import_module(f"infra.rehearsal.shims.{HOME_OF[name]}")
    return int(shim.main(name, words))


if __name__ == "__main__":
    sys.exit(main())
