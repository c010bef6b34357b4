"""Whatever is typed, exported or written into rig.toml: one clear sentence, an exit code a script can rely on, and
nothing asked of AWS before all of it is known to be right."""

from __future__ import annotations

import io
import os
import re
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from moto import mock_aws
from moto.core.models import botocore_stubber

from infra import cli, console
from infra.aws.client import session as aws_session
from infra.cli.commands import COMMANDS
from infra.errors import HostUnreachable
from infra.settings import Settings, example
from tests.aws import samples
from tests.aws.conftest import moto_as_strict_as_ec2, pretend_clock
from tests.sizes import size, tried

PROJECT = Path(__file__).resolve().parents[1]
CASES = size(80, 15_000)
EXIT_CODES = {0, 1, 2, 130}

# What people and shells produce, and what numbers, paths and names turn into at their ends.
TYPED = (
    "| |-|--|---|=|--=|\u00b2|\u0661|\u00bd|0|-1|1|1e999|nan|inf|-inf|1e308|1_000|0x10|1,2|,|here|remote|up|down|fault|"
    "env|.|..|/|../..|~|~nobody/x|\u00e9|\u6f22|\udcff|\x1b[31m|a\nb|a\tb|a\rb|\u202e|\x7f|a b|'|\"|'a|$(x)|`x`|a;b|*|"
    "%s|%|{0}|{|s3://|s3://b|s3:///|ami-1|us-east-1|us east|g4dn.xlarge|g4dn.xlarge,|t3.micro|1h|90m|1h30m|\u00b2h|"
    "9999999h|lenet|linear|num_epochs=1|rehearsal|aws|process|docker|idle|stop|yes|no|on|cafe\u0301|/dev/null|rig.toml|"
    "/etc/passwd|/root/x|script.py|runs|file/x|--help|--yes|-h|capacity --zone|throttle 0.2"
)
ODD = [*TYPED.split("|"), "9" * 400, "a" * 300, "a" * 5000, "s3://" + "b" * 300]
# What a system hands over as a word or a variable: bytes without a zero, not always UTF-8.
BYTES = some.binary(max_size=12).map(lambda raw: raw.replace(b"\0", b"").decode(errors="surrogateescape"))
NUMBERS = some.integers().map(str) | some.floats().map(str)
VALUES = some.one_of(*[some.sampled_from(ODD)] * 4, BYTES, NUMBERS)
OPTIONS = sorted({f.name.replace("_", "-") for f in fields(Settings)})


@some.composite
def command_lines(draw: some.DrawFn) -> list[str]:
    """A command with values for its own words and options, and with some setting; now and then any words at all."""
    name = draw(some.sampled_from(sorted(COMMANDS)) if draw(some.integers(0, 9)) else VALUES)
    command = COMMANDS.get(name)
    own = [option.name for option in command.options] if command else []
    words = [name, *(draw(VALUES) for _ in command.arguments if draw(some.booleans()))] if command else [name]
    for option in draw(some.lists(some.sampled_from([*own * 5, *OPTIONS]), max_size=2)):
        value = draw(VALUES)
        words += draw(some.sampled_from([["--" + option], ["--" + option, value], [f"--{option}={value}"]]))
    return words + ([draw(VALUES)] if draw(some.integers(0, 9)) == 9 else [])


TYPED_IN_THE_MANUAL = sorted({
    line.split("  #")[0]
    for page in [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
    for pair in re.findall(r"`rig ([^`\n]+)`|^rig (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    for line in pair if line
})  # fmt: skip
# What a web page, a mail or a keyboard of another language makes of what was written.
LOOKALIKES = {
    "-": "\u2013",
    "--": "\u2014",
    '"': "\u201d",
    "'": "\u2019",
    "=": "\uff1d",
    "1": "\uff11",
    "e": "\u0435",
    ".": "\u2026",
}


@some.composite
def pasted_lines(draw: some.DrawFn) -> list[str]:
    """A line of the manual, and what copying it by eye or by mouse makes of it."""
    words = draw(some.sampled_from(TYPED_IN_THE_MANUAL)).split()
    for _ in range(draw(some.integers(1, 3))):
        at = draw(some.integers(0, len(words) - 1))
        word, good = words[at], draw(some.sampled_from(sorted(LOOKALIKES)))
        cut = draw(some.integers(0, len(word)))
        words[at : at + 1] = draw(
            some.sampled_from([
                [word.replace(good, LOOKALIKES[good])], [word, word], [word.upper()], [word.lstrip("-")], [word + "\r"],
                [word.replace("-", "_")], [f"\u201c{word}\u201d"], [word[:cut] + "\u200b" + word[cut:]], [word + ","],
                [word[:cut], word[cut:]], [word[:cut] + word[cut + 1 :]], ["\u00a0".join(words[at : at + 2])],
            ])
        )  # fmt: skip
    return words


VARIABLES = [f"RIG_{f.name.upper()}" for f in fields(Settings)]
OTHER_VARIABLES = [
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CONFIG_FILE",
    "RIG_",
    "HOME",
    "GLUON_RIG_CALLED_BY",
]
NOTHING: dict[str, str] = {}
ENVIRONMENTS = some.one_of(
    some.just(NOTHING), some.just(NOTHING),
    some.dictionaries(some.sampled_from([*VARIABLES, *OTHER_VARIABLES * 4]), VALUES, max_size=2),
)  # fmt: skip
BITS = [
    *(mark.encode() for mark in "'\"[]{}=.,#\n\r\\\0-0_;\t"),
    "\u201c".encode(), "\u2013".encode(), "\uff15".encode(), "\u00a0".encode(),
    b"\xef\xbb\xbf", b"\xff", b"9" * 30, b"nan", b"true", b"1979-05-27", b'\"\"\"', b"\\u0000",
]  # fmt: skip
EXAMPLE = [line.removeprefix("# ") for line in example().splitlines() if " = " in line]


@some.composite
def damaged_files(draw: some.DrawFn) -> bytes:
    """Some lines of the example, all of them settings, in which a hand or a disk slipped a few times."""
    lines = draw(some.lists(some.sampled_from(EXAMPLE), min_size=1, max_size=4, unique=True))
    content = "\n".join(lines).encode() + b"\n"
    for _ in range(draw(some.integers(1, 3))):
        at, length = draw(some.integers(0, len(content))), draw(some.sampled_from([0, 0, 1, 5, 40]))
        between = draw(some.sampled_from([b"", *BITS, content[at : at + length] * 3]))
        content = content[:at] + between + content[at + length :]
    return content


TOML_VALUES = some.one_of(
    VALUES.map(lambda text: "'" + text + "'"),
    VALUES,
    some.sampled_from(
        ["[]", "['a', 1]", "{}", "{a=1}", "2026-01-01", "true", "[" * 3000, '"\\u0000"', '"\\u001b"', "1e400"]
    ),
)
FILES = some.one_of(
    some.just(b""), some.just(b""), some.just(b""),
    damaged_files(),
    some.binary(max_size=20),
    some.lists(
        some.tuples(some.sampled_from([f.name for f in fields(Settings)] + ["[x]", "a.b"]), TOML_VALUES), max_size=2
    ).map(lambda rows: "".join(f"{k} = {v}\n" for k, v in rows).encode(errors="surrogateescape")),
)  # fmt: skip
REFUSALS = some.sampled_from([FileNotFoundError(2, "No such file"), PermissionError(13, "Permission denied"),
                              OSError(8, "Exec format error"), OSError(7, "Argument list too long")])  # fmt: skip


READS = ("Describe", "Get", "List", "Lookup")


class Account:
    """An account of moto's with a rig in it, each of whose answers is made once: thousands of lines ask the same."""

    def __init__(self) -> None:
        self._known = dict[tuple[Any, ...], Any]()

    def answer(self, event_name: str, request: Any) -> Any:
        question = (event_name, request.url, request.body)
        if question not in self._known:
            try:
                self._known[question] = botocore_stubber(event_name, request)
            except (KeyError, NotImplementedError):  # moto has no such region, or no such call
                self._known[question] = None
        return self._known[question]


@dataclass
class World:
    """A computer without programs. AWS hears what is asked, counts it, and breaks off when anything would change.

    *account*: what it answers, None: there is no network.
    """

    refusal: OSError
    account: Account | None = None
    asked: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    def send(self, event_name: str, request: Any) -> Any:
        from botocore.exceptions import EndpointConnectionError

        operation = event_name.rpartition(".")[2]
        self.asked.append(operation)
        if not operation.startswith(READS):
            self.changed.append(operation)
        reads = operation.startswith(READS)
        answer = self.account.answer(event_name, request) if self.account and reads else None
        if answer is None:
            raise EndpointConnectionError(endpoint_url=request.url)
        return answer

    def start(self, line: Any, *_: Any, **__: Any) -> Any:
        words = [line] if isinstance(line, str | bytes) else list(line)
        if any("\0" in os.fsdecode(word) for word in words):
            raise ValueError("embedded null byte")
        raise type(self.refusal)(self.refusal.errno, self.refusal.strerror, words[0])


class Opened:
    """A session of boto3 that makes each client once: a thousand lines ask the same few."""

    world: World

    def __init__(self, session: Any) -> None:
        self._session, self._made = session, dict[tuple[Any, ...], Any]()
        session.events.unregister("before-send", botocore_stubber)
        session.events.register("before-send", lambda event_name, request, **_: Opened.world.send(event_name, request))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def client(self, service: str, *, config: Any, **where: Any) -> Any:
        wanted = (service, config.retries["total_max_attempts"], *where.values())
        if wanted not in self._made:
            self._made[wanted] = self._session.client(service, config=config, **where)
        return self._made[wanted]


REAL = aws_session._watch
OPENED: dict[tuple[Any, ...], Opened] = {}


def opened(inner: Any, region: str, keys: Any) -> Opened:
    key = (inner.profile, region, *sorted((name, value) for name, value in os.environ.items() if "AWS_" in name))
    if key not in OPENED:
        OPENED[key] = Opened(REAL(inner, region, keys))
    return OPENED[key]


def silent(*_: object) -> str:
    raise HostUnreachable("Nobody answers.")


def type_line(words: list[str], world: World, environment: dict[str, str], toml: bytes) -> tuple[int, str]:
    """The exit code and all that was printed."""
    Path("rig.toml").write_bytes(toml)
    Opened.world = world
    out, said = io.StringIO(), io.StringIO()
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    blind = {"AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_CONFIG_FILE": "/nowhere", "HOME": os.getcwd()}
    with (
        patch.dict(os.environ, {"PATH": os.environ["PATH"], **keys, **blind, **environment}, clear=True),
        patch("sys.stdout", out), patch("sys.stderr", said), patch("sys.stdin", io.StringIO("")),
        patch("infra.workflows.context.host_key", silent), patch("infra.workflows.context._source", return_value=""),
        patch("infra.aws.account.discovery.my_address", return_value=samples.HOME),
        patch("socket.socket.connect", side_effect=OSError(101, "Network is unreachable")),
        patch("urllib.request.urlopen", side_effect=urllib.error.URLError("no network")),
        patch("subprocess.Popen", world.start), patch("time.sleep"),
        patch("infra.aws.client.session._watch", opened),
    ):  # fmt: skip
        try:
            code = cli.main(words)
        except SystemExit as ended:  # argparse after --help
            code = int(ended.code or 0)
    return code, out.getvalue() + said.getvalue()


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with pytest.MonkeyPatch.context() as patched:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patched.setenv(name, "testing")
        moto_as_strict_as_ec2(patched)
        with mock_aws():
            samples.launch(aws_session.Session(region=samples.REGION), pretend_clock())
            yield Account()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").write_text("print(1)\n")
    (tmp_path / "file").write_text("")
    (tmp_path / "runs").mkdir()
    yield
    console._lost.clear()


@settings(
    max_examples=CASES, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(
    words=some.one_of(command_lines(), command_lines(), command_lines(), pasted_lines()),
    environment=ENVIRONMENTS,
    toml=FILES,
    refusal=REFUSALS,
    online=some.sampled_from([True, True, False]),
)
def test_any_line_ends_in_a_sentence_and_a_refused_one_changed_nothing(
    account: Account, words: list[str], environment: dict[str, str], toml: bytes, refusal: OSError, online: bool
) -> None:
    tried()
    world = World(refusal, account if online else None)

    code, said = type_line(words, world, environment, toml)

    assert "fault in rig" not in said, said
    assert "Traceback" not in said
    assert code in EXIT_CODES
    assert not (code == 2 and world.changed), "all is known to be right before anything is changed"
    assert not ("nothing was asked of AWS" in said and world.asked)
    assert "\x1b" not in said
