"""Whatever is typed, exported or written into rig.toml: one clear sentence, an exit code a script can rely on, and
nothing asked of AWS before all of it is known to be right."""

from __future__ import annotations

import io
import os
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from infra import cli, console
from infra.aws.client import session as aws_session
from infra.cli.commands import COMMANDS
from infra.settings import Settings
from tests.sizes import size, tried

CASES = size(150, 20_000)
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
    name = draw(some.one_of(some.sampled_from(sorted(COMMANDS)), VALUES))
    command = COMMANDS.get(name)
    own = [option.name for option in command.options] if command else []
    words = [name, *(draw(VALUES) for _ in command.arguments if draw(some.booleans()))] if command else [name]
    for option in draw(some.lists(some.sampled_from([*own * 5, *OPTIONS]), max_size=2)):
        value = draw(VALUES)
        words += draw(some.sampled_from([["--" + option], ["--" + option, value], [f"--{option}={value}"]]))
    return words + ([draw(VALUES)] if draw(some.integers(0, 9)) == 9 else [])


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
TOML_VALUES = some.one_of(
    VALUES.map(lambda text: "'" + text + "'"),
    VALUES,
    some.sampled_from(
        ["[]", "['a', 1]", "{}", "{a=1}", "2026-01-01", "true", "[" * 3000, '"\\u0000"', '"\\u001b"', "1e400"]
    ),
)
FILES = some.one_of(
    some.just(b""), some.just(b""),
    some.binary(max_size=20),
    some.lists(
        some.tuples(some.sampled_from([f.name for f in fields(Settings)] + ["[x]", "a.b"]), TOML_VALUES), max_size=2
    ).map(lambda rows: "".join(f"{k} = {v}\n" for k, v in rows).encode(errors="surrogateescape")),
)  # fmt: skip
REFUSALS = some.sampled_from([FileNotFoundError(2, "No such file"), PermissionError(13, "Permission denied"),
                              OSError(8, "Exec format error"), OSError(7, "Argument list too long")])  # fmt: skip


@dataclass
class World:
    """A computer without network and without programs; what was asked of AWS is counted."""

    refusal: OSError
    asked: list[str] = field(default_factory=list)

    def send(self, request: Any) -> Any:
        from botocore.exceptions import EndpointConnectionError

        self.asked.append(request.url)
        raise EndpointConnectionError(endpoint_url=request.url)

    def start(self, line: Any, *_: Any, **__: Any) -> Any:
        words = [line] if isinstance(line, str | bytes) else list(line)
        if any("\0" in os.fsdecode(word) for word in words):
            raise ValueError("embedded null byte")
        raise type(self.refusal)(self.refusal.errno, self.refusal.strerror, words[0])


class Opened:
    """A session of boto3 that makes each client once: a thousand lines ask the same few."""

    def __init__(self, session: Any) -> None:
        self._session, self._made = session, dict[tuple[Any, ...], Any]()

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


def type_line(words: list[str], world: World, environment: dict[str, str], toml: bytes) -> tuple[int, str]:
    """The exit code and all that was printed."""
    Path("rig.toml").write_bytes(toml)
    out, said = io.StringIO(), io.StringIO()
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    blind = {"AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_CONFIG_FILE": "/nowhere", "HOME": os.getcwd()}
    with (
        patch.dict(os.environ, {"PATH": os.environ["PATH"], **keys, **blind, **environment}, clear=True),
        patch("sys.stdout", out), patch("sys.stderr", said), patch("sys.stdin", io.StringIO("")),
        patch("botocore.httpsession.URLLib3Session.send", world.send),
        patch("urllib.request.urlopen", side_effect=urllib.error.URLError("no network")),
        patch("subprocess.Popen", world.start), patch("time.sleep"),
        patch("infra.aws.client.session._watch", opened),
    ):  # fmt: skip
        try:
            code = cli.main(words)
        except SystemExit as ended:  # argparse after --help
            code = int(ended.code or 0)
    return code, out.getvalue() + said.getvalue()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").write_text("print(1)\n")
    (tmp_path / "file").write_text("")
    (tmp_path / "runs").mkdir()
    yield
    console._lost.clear()


@settings(max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=command_lines(), environment=ENVIRONMENTS, toml=FILES, refusal=REFUSALS)
def test_any_line_ends_in_a_sentence(
    words: list[str], environment: dict[str, str], toml: bytes, refusal: OSError
) -> None:
    tried()
    world = World(refusal)

    code, said = type_line(words, world, environment, toml)

    assert "fault in rig" not in said, said
    assert "Traceback" not in said
    assert code in EXIT_CODES
    assert not ("nothing was asked of AWS" in said and world.asked)
