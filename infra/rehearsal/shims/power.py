"""`shutdown`, `poweroff`, `reboot`, `halt`: press the instance's own power button.

As on EC2, `halt` stops the system without cutting the power, and the instance goes on costing money.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from infra.rehearsal.clock import from_environment


def main(name: str, words: list[str]) -> int:
    if name == "shutdown-later":
        return _later(words[0], float(words[1]))
    if name != "shutdown":
        press(name)
        return 0
    flags = {word for word in words if word.startswith("-")}
    when = next((word for word in words if not word.startswith("-")), "+1")
    if "-c" in flags:
        _pending().unlink(missing_ok=True)
        return 0
    button = "reboot" if flags & {"-r", "--reboot"} else "halt" if flags & {"-H", "--halt"} else "poweroff"
    return _at(when, button)


def press(button: str) -> None:
    """Raises OSError when the instance's metadata service does not answer."""
    import urllib.request  # takes longer than all else here, and `systemctl` needs it only to power off

    request = urllib.request.Request(
        os.environ["RIG_REHEARSAL_POWER"] + "/rehearsal/power", data=button.encode(), method="PUT"
    )
    urllib.request.urlopen(request, timeout=10).close()


def _at(when: str, button: str) -> int:
    if when in ("now", "+0"):
        press(button)
        return 0
    if not when.lstrip("+").isdigit():
        print(f"shutdown: the rehearsal understands now and +MINUTES, not {when}", file=sys.stderr)
        return 1
    seconds = from_environment(os.environ).really(60 * int(when.lstrip("+")))
    _pending().touch()
    print(f"Shutdown scheduled in {when.lstrip('+')} minutes, use 'shutdown -c' to cancel.", file=sys.stderr)
    waiter = [sys.executable, "-ESs", str(Path(__file__).with_name("run.py")), "shutdown-later", button, str(seconds)]
    subprocess.Popen(waiter, start_new_session=True, stdin=subprocess.DEVNULL,
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    return 0


def _pending() -> Path:
    return Path(os.environ["RIG_ROOT"]) / "run" / "shutdown-scheduled"


def _later(button: str, seconds: float) -> int:
    time.sleep(seconds)
    if _pending().exists():  # `shutdown -c` takes it away
        press(button)
    return 0
