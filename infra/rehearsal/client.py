"""The command line's door to the rehearsal cloud: start, find, end, trouble it. Imports nothing heavy."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from infra.errors import NothingToDo, RehearsalDown, UserError
from infra.rehearsal import processes, secret
from infra.rehearsal.clock import Clock
from infra.rehearsal.paths import CLOUD_MARK, Place, read_json, write_whole

START_TIMEOUT_S: Final = 30.0
END_TIMEOUT_S: Final = 20.0
ANSWER_TIMEOUT_S = 10.0
ALREADY_RUNNING: Final = 3


@dataclass(frozen=True)
class Cloud:
    """A running rehearsal cloud: *endpoint_url* is what boto3 and awscli are given, and *secret* its secret key."""

    endpoint_url: str
    pid: int
    log: Path
    clock: Clock
    secret: str = field(repr=False)


def ensure_running(project: Path, tell: Callable[[str], None], *, engine: str = "") -> Cloud:
    """Return the project's cloud, started if need be. Two callers at once get the same one.

    *engine*: auto, docker or process; empty leaves what was chosen before.
    Raises RehearsalDown when it does not come up, and UserError for a folder whose name no machine of it could say.
    """
    if not str(project).isprintable():
        raise UserError(
            f"The name of this folder cannot be printed ({str(project)!a}), and a rehearsal's machines lie in it.",
            "give it another name, or work in another folder",
        )
    place = Place(project)
    place.prepare()
    _choose_engine(place, engine)
    if found := _answering(place):
        return found
    _require_not_moved(place)
    if _asked_who(place) is not None:
        tell("Starting the rehearsal cloud; the one that is up is that of the folder this one is a copy of ...")
    elif place.cloud_file.exists():
        tell("The rehearsal cloud had died, and its instances with it; starting a new one ...")
    else:
        tell("Starting the rehearsal cloud ...")
    return _start(place)


def _choose_engine(place: Place, engine: str) -> None:
    """Nothing is written where nothing changes: `stop` has to work on a full disk."""
    known = place.engine_file.read_text() if place.engine_file.is_file() else ""
    if engine not in ("", known):
        write_whole(place.engine_file, engine)


def find(project: Path) -> Cloud | None:
    """The running cloud, or None when none was started.

    Raises RehearsalDown when it died (what it left behind is ended then) or does not answer.
    """
    place = Place(project)
    if found := _answering(place):
        return found
    known = _known(place)
    if known is None:
        return None
    _require_not_moved(place)
    if _is_ours(known.pid, place):
        raise RehearsalDown(
            f"The rehearsal cloud of {project} (process {known.pid}) does not answer.",
            f"try again if this computer is very busy\nits log: {place.log}\n`rig rehearsal down` ends it",
        )
    processes.end(place.mark)
    raise RehearsalDown(
        f"The rehearsal cloud of {project} has died, and its instances with it.",
        f"its log: {place.log}\n`rig rehearsal up` starts a new one",
    )


def clock(project: Path) -> Clock:
    """The time of the project's cloud; the world's own when none is running."""
    found = _answering(Place(project))
    return found.clock if found else Clock()


def down(project: Path) -> None:
    """End the cloud and every process of its instances. Raises NothingToDo when none is there."""
    place = Place(project)
    known = _known(place)
    if known is None:
        raise NothingToDo("No rehearsal cloud is running here.")
    its_own = _moved_from(place) or place
    if _answering(place) or _is_ours(known.pid, its_own):
        _end_process(known.pid)
    if not processes.end(its_own.mark):
        raise RehearsalDown(f"Some processes of {its_own.folder} could not be ended.")
    place.cloud_file.unlink(missing_ok=True)


def fault(project: Path, words: Sequence[str]) -> str:
    """Trouble the cloud (docs/rehearsal.md lists how) and return what it says. Raises UserError for unknown words."""
    found = find(project)
    if found is None:
        raise RehearsalDown("No rehearsal cloud is running here.", "`rig rehearsal up` starts one")
    try:
        answer = _ask(found.endpoint_url, found.secret, "fault", {"words": list(words)})
    except urllib.error.HTTPError as error:
        said = json.loads(error.read() or b"{}")
        raise UserError(str(said.get("cause", error)), str(said.get("hint", ""))) from error
    return str(answer["said"])


@dataclass(frozen=True)
class _Known:
    """What a cloud left in its file; whether it still runs, only its answer tells."""

    endpoint_url: str
    pid: int


def _known(place: Place) -> _Known | None:
    value = read_json(place.cloud_file)
    try:
        return _Known(str(value["endpoint_url"]), int(value["pid"])) if value else None
    except (KeyError, TypeError, ValueError):
        return None


def _answering(place: Place) -> Cloud | None:
    pong, known = _asked_who(place), _known(place)
    if pong is None or known is None or pong.get("project") != str(place.project.resolve()):  # moved, or copied
        return None
    clock = Clock(pong["speed"], pong["start"])
    return Cloud(known.endpoint_url, int(pong["pid"]), place.log, clock, secret.read(place))


def _asked_who(place: Place) -> Mapping[str, Any] | None:
    """What the cloud says of itself that the file in this folder names; it may be another folder's."""
    known, its_secret = _known(place), secret.read(place)
    if known is None or not its_secret:
        return None
    try:
        return _ask(known.endpoint_url, its_secret, "ping")
    except (OSError, ValueError, http.client.HTTPException):
        return None


def _moved_from(place: Place) -> Place | None:
    """Where this folder was when its cloud was started, if it has another name now. A copy's original is there, with
    its secret; under an old name the cloud may have made new folders since, and no more."""
    pong = _asked_who(place)
    if pong is None:
        return None
    before = Place(Path(str(pong.get("project"))))
    is_there = before.project == place.project.resolve() or before.secret_file.exists()
    return None if is_there else before


def _require_not_moved(place: Place) -> None:
    """Raises RehearsalDown where the cloud is up and its instances are, under the folder's earlier name."""
    if before := _moved_from(place):
        raise RehearsalDown(
            f"This folder was {before.project} when its rehearsal cloud was started, which knows it by that name.",
            "give it that name again, and `rig stop` brings home what is not\n"
            "`rig rehearsal down` ends that cloud and its instances; the next command starts a new one",
        )


def _ask(endpoint_url: str, its_secret: str, path: str, value: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What the cloud answers. Raises ValueError when whoever answers does not know its secret."""
    body = b"" if value is None else json.dumps(value).encode()
    nonce, method, path = secrets.token_hex(16), "POST" if body else "GET", f"/_rehearsal/{path}"
    asked = secret.proof(its_secret, nonce, endpoint_url.removeprefix("http://"), method, path, body)
    request = urllib.request.Request(
        endpoint_url + path, body or None, {secret.NONCE_HEADER: nonce, secret.PROOF_HEADER: asked}, method=method
    )
    # The system's proxy settings are for the outside world.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=ANSWER_TIMEOUT_S) as answer:
        said = answer.read()
        if not secret.same(answer.headers.get(secret.PROOF_HEADER, ""), secret.proof(its_secret, nonce, said)):
            raise ValueError(f"another program answers at {endpoint_url}")
    return dict(json.loads(said))


def _start(place: Place) -> Cloud:
    with place.log.open("ab") as log:
        child = subprocess.Popen(
            _command(place),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=_environment(),
        )  # fmt: skip
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until:
        if found := _answering(place):
            return found
        if child.poll() not in (None, ALREADY_RUNNING):
            break
        time.sleep(0.02)
    raise RehearsalDown("The rehearsal cloud did not come up: " + _last_words(place.log), f"its log: {place.log}")


def _command(place: Place) -> list[str]:
    return [sys.executable, "-m", "infra.rehearsal", "--project", str(place.project.resolve())]


def _environment() -> dict[str, str]:
    """Ours, without the marks of an instance (else ending that instance would end the new cloud), and with `infra`."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    kept = {name: value for name, value in os.environ.items() if name not in (CLOUD_MARK, "RIG_INSTANCE_ID")}
    return {**kept, "PYTHONPATH": os.pathsep.join(paths)}


def _last_words(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip() and "  -> " not in line]
    return lines[-1] if lines else "it said nothing"


def _is_ours(pid: int, place: Place) -> bool:
    """Whether *pid* is still the cloud of *place*, and not another program that got its number later."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # our own child, if it has ended, is listed until we ask
    return processes.command_of(pid)[1:] == _command(place)[1:]


def _end_process(pid: int) -> None:
    """Ask it to end, which ends its instances too; kill it when it does not."""
    until = time.monotonic() + END_TIMEOUT_S
    number = int(signal.SIGTERM)
    while _sent(pid, number):
        number = 0 if time.monotonic() < until else int(signal.SIGKILL)
        time.sleep(0.02)


def _sent(pid: int, number: int) -> bool:
    """Send a signal (0: none) to *pid*; False when it is gone."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
