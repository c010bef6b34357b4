"""Says that a run has ended where the user is: on the desktop, to an address, or by a command of their own."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from infra import budget
from infra.aws.account.cost import run_cost
from infra.console import Tell, ring
from infra.errors import RigError
from infra.job import artifacts
from infra.settings.values import DESKTOP, is_url

_URL_TIMEOUT_S: Final = 10.0
_COMMAND_TIMEOUT_S: Final = 60.0
# With the words as arguments, so that none of them is read as a script.
_APPLE: Final = "on run argv\ndisplay notification (item 2 of argv) with title (item 1 of argv)\nend run"


@dataclass(frozen=True, kw_only=True)
class News:
    """All that is sent: no path, no account, no line of a log. *seconds* and *usd*: None where nobody knows."""

    run: str
    state: str
    metric: str
    score: float | None
    seconds: float | None
    usd: float | None

    @property
    def text(self) -> str:
        parts = [f"Run {self.run} {'is done' if self.state == 'done' else 'has failed'}"]
        if self.score is not None:
            parts.append(f"{self.metric} {self.score:.4g}")
        if self.seconds:
            parts.append(budget.stopwatch(self.seconds))
        if self.usd is not None:
            parts.append(budget.usd(self.usd))
        return ", ".join(parts)


def news_of(folder: Path, state: str) -> News:
    """What the run in *folder* came to; *state* "done" or "failed"."""
    summary, cost = artifacts.summary(folder), run_cost(folder.name, artifacts.ending(folder))
    return News(
        run=folder.name,
        state=state,
        metric=str(summary.get("metric", ""))[:40],
        score=artifacts.as_number(summary.get("score")),
        seconds=cost.seconds or None,
        usd=None if cost.pretended else cost.usd,
    )


@contextmanager
def notice_end(wish: str, folder: Path, tell: Tell) -> Iterator[None]:
    """When what stands inside has ended, well or badly, say so as *wish*, the setting, asks. What the user interrupts,
    or may fix at once, is no news."""
    try:
        yield
    except RigError as error:
        if error.exit_code == 1:
            notify(wish, news_of(folder, "failed"), tell)
        raise
    notify(wish, news_of(folder, "done"), tell)


def notify(wish: str, news: News, tell: Tell) -> None:
    """Ring the terminal's bell, and do what *wish* asks. It fails with a word, for the run itself is what counts."""
    ring()
    try:
        if wish == DESKTOP:
            _run(_desktop_line(news))
        elif is_url(wish):
            _post(wish, news)
        elif wish:
            _run([*shlex.split(wish), news.text], RIG_RUN=news.run, RIG_STATE=news.state)
    except (OSError, ValueError, http.client.HTTPException, subprocess.SubprocessError) as error:
        tell(f"Nobody could be notified: {_explain(error)}")


def _desktop_line(news: News) -> list[str]:
    if sys.platform == "darwin":
        return ["osascript", "-e", _APPLE, "Gluon Rig", news.text]
    if not shutil.which("notify-send"):
        raise OSError("there is no notify-send here; Debian and Ubuntu: apt install libnotify-bin")
    return ["notify-send", "--app-name=Gluon Rig", "Gluon Rig", news.text]


def _run(words: Sequence[str], **more: str) -> None:
    subprocess.run(
        words,
        env={**os.environ, **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=_COMMAND_TIMEOUT_S,
        check=True,
    )


def _post(url: str, news: News) -> None:
    """JSON with a "text", which Slack, Mattermost and ntfy show as it is."""
    body = json.dumps({"text": news.text, **asdict(news)}).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=_URL_TIMEOUT_S).close()


def _explain(error: Exception) -> str:
    """Without the address or the command's own words: an address may be a secret."""
    if isinstance(error, subprocess.CalledProcessError):
        return f"the command ended with exit code {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"the command took more than {_COMMAND_TIMEOUT_S:g} s"
    if isinstance(error, urllib.error.URLError):
        return f"the address does not take it: {error.reason}"
    if isinstance(error, http.client.HTTPException) and not isinstance(error, http.client.InvalidURL):
        return "the address answers, but not as a web server does"
    return error.strerror or str(error) if isinstance(error, OSError) else "the setting notify cannot be read"
