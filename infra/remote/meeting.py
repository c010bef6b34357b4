"""Where the launchers of a group's nodes meet: who is there, who has ended how, and whose end is the end of all.

They meet at the rendezvous server that Horovod's workers need anyway: a store of small values behind HTTP, on node 0.
Node 0 is the judge too. Whoever cannot reach it for a while takes it for lost, and ends.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

BEAT_EVERY_S = 0.5
ANSWER_WITHIN_S = 2.0
READ_WITHIN_S = 5.0  # what is published, by everybody who still can
# From the first worker that lost the others until those that say nothing are taken for the reason: all that have not
# frozen have noticed by then.
OTHERS_NOTICE_S = 5.0
LOST_OTHERS = 75
SIOCGIFADDR = 0x8915  # netdevice(7)


class NotMet(Exception):
    """Not all nodes came."""


@dataclass(frozen=True)
class Slot:
    """One worker's place: Horovod's own words and numbers for it."""

    hostname: str
    rank: int
    local_rank: int
    cross_rank: int
    size: int
    local_size: int
    cross_size: int

    @property
    def node(self) -> int:
        return int(self.hostname.removeprefix("node"))


@dataclass(frozen=True)
class Cause:
    """Why a run ends before it is done, in words, and the exit code of it."""

    what: str
    exit_code: int


def plan(counts: Sequence[int]) -> list[Slot]:
    """The places of *counts* workers on each node: ranks follow the nodes, as horovodrun gives them.

    https://github.com/horovod/horovod/blob/v0.28.1/horovod/runner/common/util/hosts.py, `get_host_assignments`
    """
    slots: list[Slot] = []
    size = sum(counts)
    for node, count in enumerate(counts):
        for local_rank in range(count):
            across = [other for other, their in enumerate(counts) if their > local_rank]
            place = (len(slots), local_rank, across.index(node), size, count, len(across))
            slots.append(Slot(f"node{node}", *place))
    return slots


def ending(name: str, code: int) -> Cause:
    """*code*: as Popen.returncode has it."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return Cause(f"{name} was ended by {signal.Signals(-code).name}", 128 - code)
    return Cause(f"{name} ended with exit code {code}", code if code > 0 else 128 - code)


def judge(
    ends: Mapping[int, int], names: Mapping[int, str], *, silent: Sequence[str], silence_s: float, lost_for_s: float
) -> Cause | None:
    """Whose end is the end of all, if anybody's. *ends*: exit codes by rank, in the order in which they were told;
    *silent*: nodes that nobody has heard of for *silence_s*; *lost_for_s*: since the first worker lost the others."""
    for rank, code in ends.items():
        if code not in (0, LOST_OTHERS):
            return ending(names[rank], code)
    if silent:
        return Cause(f"{' and '.join(silent)} has not been heard of for {silence_s:g} s", 1)
    if LOST_OTHERS not in ends.values():
        return None
    missing = [name for rank, name in names.items() if rank not in ends]
    if missing and lost_for_s < OTHERS_NOTICE_S:
        return None
    if missing:
        return Cause(f"{', '.join(missing)} did not answer the others any more", 1)
    return Cause("the workers lost one another, and each of them is there: the network between them broke", 1)


class Meeting:
    def __init__(self, node: int, nodes: int, first: str, *, silence_s: float) -> None:
        """*first*: ADDRESS:PORT of node 0."""
        self.node, self.nodes, self.silence_s = node, nodes, silence_s
        self.address, _, port = first.rpartition(":")
        self.port = int(port)
        self._verdict: Cause | None = None
        self._all_done = False
        self._slots: list[Slot] = []
        self._server: Any = None

    # --- Coming together ---------------------------------------------------------------------------------------------
    def meet(self, workers: int, *, within_s: float) -> list[Slot]:
        """Wait until every node is there; this node's places. Raises NotMet. *workers*: how many this node starts."""
        if self.node == 0:
            self._serve()
        ends_at = time.monotonic() + within_s
        while not self._try_put("came", self.node, workers):
            self._wait_or_give_up(ends_at, f"node 1 ({self.address}:{self.port}) did not come", within_s)
        if self.node == 0:
            self._make_plan(ends_at, within_s)
        while not (rows := self._try_get("rig", "plan")):
            self._wait_or_give_up(ends_at, "node 1 did not hear of all others", within_s)
        self._slots = [Slot(**row) for row in rows]
        return [slot for slot in self._slots if slot.node == self.node]

    def _serve(self) -> None:
        # The one thing in here that is not the standard library's; below the launcher's look for Horovod.
        from horovod.runner.http.http_server import RendezvousHandler, RendezvousHTTPServer

        try:
            self._server = RendezvousHTTPServer((self.address, self.port), RendezvousHandler, 0)
        except OSError as error:
            raise NotMet(f"node 1 cannot listen at {self.address}:{self.port}: {error.strerror}") from error
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _make_plan(self, ends_at: float, within_s: float) -> None:
        while len(there := self._all("came", range(self.nodes))) < self.nodes:
            missing = ", ".join(str(node + 1) for node in range(self.nodes) if node not in there)
            self._wait_or_give_up(ends_at, f"node {missing} of {self.nodes} did not come", within_s)
        slots = plan([there[node] for node in range(self.nodes)])
        self._server.init(slots)  # empties the store; it forgets a mesh's addresses when all of it has met
        self._put("rig", "plan", [asdict(slot) for slot in slots])

    def _wait_or_give_up(self, ends_at: float, what: str, within_s: float) -> None:
        if time.monotonic() > ends_at:
            raise NotMet(f"{what} within {within_s:g} s, so nothing was begun")
        time.sleep(BEAT_EVERY_S)

    # --- While it goes on --------------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Give signs of life, and hear those of the others, until the block is done."""
        over = threading.Event()
        tasks = [self._beat, *([self._watch] if self.node == 0 else [])]
        threads = [threading.Thread(target=task, args=(over,), daemon=True) for task in tasks]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._try_put("left", self.node, True)
            if self.node == 0:
                self._wait_for_the_others()
            over.set()
            for thread in threads:
                thread.join(timeout=ANSWER_WITHIN_S)

    @property
    def own_address(self) -> str:
        """The address by which this node reaches node 0."""
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asked:
            asked.connect((self.address, self.port))  # sends nothing
            return str(asked.getsockname()[0])

    def name_of(self, rank: int) -> str:
        node = next(slot.node for slot in self._slots if slot.rank == rank)
        return f"worker {rank}" + (f" (node {node + 1})" if self.nodes > 1 else "")  # `rig status` counts from 1

    def tell_end(self, rank: int, code: int) -> None:
        self._try_put("ended", rank, code)

    def accuse(self, cause: Cause) -> None:
        self._try_put("rig", "accused", asdict(cause))

    def verdict(self) -> Cause | None:
        return self._verdict

    def part(self) -> Cause | None:
        """This node's workers have ended: wait until all others have, or until the verdict, and return it."""
        while self._verdict is None and not self._all_done:
            time.sleep(BEAT_EVERY_S / 5)
        return self._verdict

    def _beat(self, over: threading.Event) -> None:
        number, heard_at = 0, time.monotonic()
        while not over.wait(BEAT_EVERY_S if number else 0):
            number += 1
            if self._try_put("beat", self.node, number):
                heard_at = time.monotonic()
                self._hear()
            if time.monotonic() - heard_at > self.silence_s and self._verdict is None:
                self._verdict = Cause(f"node 1 has not been heard of for {self.silence_s:g} s", 1)

    def _hear(self) -> None:
        if said := self._try_get("rig", "verdict"):
            self._verdict = self._verdict or Cause(**said)
        self._all_done = self._all_done or bool(self._try_get("rig", "done"))

    def _watch(self, over: threading.Event) -> None:
        """Node 0's alone: judge, and publish."""
        names = {slot.rank: self.name_of(slot.rank) for slot in self._slots}
        ends: dict[int, int] = {}
        beats = {node: (0, time.monotonic()) for node in range(self.nodes)}
        lost_at: float | None = None
        while not over.wait(BEAT_EVERY_S / 5):
            now = time.monotonic()
            ends |= {rank: code for rank, code in self._all("ended", names).items() if rank not in ends}
            for node, number in self._all("beat", beats).items():
                if number != beats[node][0]:
                    beats[node] = (number, now)
            if lost_at is None and LOST_OTHERS in ends.values():
                lost_at = now
            left = self._all("left", beats)
            silent = [f"node {n + 1}" for n, (_, at) in beats.items() if now - at > self.silence_s and n not in left]
            accused = self._try_get("rig", "accused")
            lost_for_s = 0.0 if lost_at is None else now - lost_at
            found = Cause(**accused) if accused else None
            found = found or judge(ends, names, silent=silent, silence_s=self.silence_s, lost_for_s=lost_for_s)
            if found and self._try_get("rig", "verdict") is None:
                self._try_put("rig", "verdict", asdict(found))
            if len(ends) == len(names) and found is None:
                self._try_put("rig", "done", True)

    def _wait_for_the_others(self) -> None:
        """The store stays until the others have read what it says; those that cannot are not waited for long."""
        ends_at = time.monotonic() + READ_WITHIN_S
        while time.monotonic() < ends_at and len(self._all("left", range(self.nodes))) < self.nodes:
            time.sleep(BEAT_EVERY_S / 5)

    # --- The store ---------------------------------------------------------------------------------------------------
    def _all(self, scope: str, keys: Any) -> dict[int, Any]:
        """Node 0's look at all values of *scope*, in the order in which they came."""
        with self._server.cache_lock:
            found = dict(self._server.cache.get(scope, {}))
        return {int(key): json.loads(text) for key, text in found.items() if int(key) in set(keys)}

    def _try_put(self, scope: str, key: object, value: object) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            self._put(scope, key, value)
            return True
        return False

    def _put(self, scope: str, key: object, value: object) -> None:
        self._ask("PUT", f"/{scope}/{key}", json.dumps(value).encode())

    def _try_get(self, scope: str, key: object) -> Any:
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            status, body = self._ask("GET", f"/{scope}/{key}")
            return json.loads(body) if status == 200 else None
        return None

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.address, self.port, timeout=ANSWER_WITHIN_S)
        with contextlib.closing(connection):
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()


def interface_of(address: str) -> str:
    """The name of the network interface that has *address*; empty where nobody tells (not Linux)."""
    if not sys.platform.startswith("linux"):
        return ""
    import fcntl

    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asked:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):  # one without an address
                row = fcntl.ioctl(asked.fileno(), SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                if socket.inet_ntoa(row[20:24]) == address:
                    return name
    return ""
