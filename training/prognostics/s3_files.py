"""Files in a bucket, where a description names them: s3://BUCKET/KEY, with patterns.

PyArrow speaks to S3. It finds credentials and region where AWS's own tools do (environment, profile, the instance's
role), and another endpoint in AWS_ENDPOINT_URL. Of what S3 answers only the kind of error is shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PosixPath
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlsplit

from training.errors import BadData

SCHEME: Final = "s3://"
TIMEOUT_S: Final = 20.0
_ERROR: Final = re.compile(r"AWS Error ([A-Z_]+)(?: \(HTTP status (\d+)\))?")
_WILD: Final = re.compile(r"[*?\[]")
_DENIED: Final = ("ACCESS_DENIED", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "INVALID_CLIENT_TOKEN_ID",
                  "MISSING_AUTHENTICATION_TOKEN", "EXPIRED_TOKEN", "UNRECOGNIZED_CLIENT")  # fmt: skip
_SEEN: Final[dict[str, Any]] = {}
"""What the listing said of each file: size and time of change, so that it is asked for once."""


class S3File(PosixPath):
    """A file in a bucket, where a path is expected: it can be opened, and has a size and a time of change."""

    @classmethod
    def at(cls, place: str) -> S3File:
        """*place*: BUCKET/KEY."""
        return cls("s3:", *place.split("/"))

    @property
    def place(self) -> str:
        return "/".join(self.parts[1:])

    def __str__(self) -> str:
        return SCHEME + self.place

    def __fspath__(self) -> str:
        raise TypeError(f"{self} is no file of this computer")

    def resolve(self, strict: bool = False) -> S3File:
        return self

    def open(self, *_: Any, **__: Any) -> Any:
        """Its bytes, to read at any place. Raises BadData."""
        with reaching(self.place):
            return _connect(self.place).open_input_file(self.place)

    def stat(self, **_: Any) -> Any:
        info = _SEEN.get(self.place) or _look(self.place)
        return SimpleNamespace(st_size=int(info.size or 0), st_mtime_ns=int(info.mtime_ns or 0))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """As `reaching`, where *path* is in a bucket."""
    if isinstance(path, S3File):
        with reaching(path.place):
            yield
    else:
        yield


def is_s3(pattern: str) -> bool:
    return pattern.lower().startswith(SCHEME)


def find_files(pattern: str, endings: tuple[str, ...]) -> list[Path]:
    """The files that *pattern* means, by name: one file, those that a pattern fits, or of a folder those whose names
    have one of *endings*. Raises BadData where the bucket is not there, or may not be read.
    """
    place = pattern[len(SCHEME) :].rstrip("/")
    bucket, _, key = place.partition("/")
    if not bucket or _WILD.search(bucket):
        raise BadData(f"{pattern} names no bucket", "Write it as s3://BUCKET/FOLDER/*.csv.")
    if "" in key.split("/")[:-1] or {".", ".."} & set(key.split("/")):
        raise BadData(f"{pattern} has an empty part", "Write each folder once, with one / between them.")
    wild = _WILD.search(key)
    if wild:
        folder = key[: wild.start()].rpartition("/")[0]
        fits = re.compile(glob_regex(key))
        deep = "/" in key[len(folder) :].lstrip("/")
        found = [one for one in _list(bucket, folder, deep=deep) if fits.fullmatch(one.path.partition("/")[2])]
    else:
        found = _one_or_folder(place, endings)
    _SEEN.update({one.path: one for one in found})
    return [S3File.at(one.path) for one in sorted(found, key=lambda one: str(one.path))]


def _one_or_folder(place: str, endings: tuple[str, ...]) -> list[Any]:
    from pyarrow import fs

    bucket, _, key = place.partition("/")
    info = _look(place)
    if info.type == fs.FileType.File:
        return [info]
    if info.type == fs.FileType.NotFound:
        _require_bucket(bucket)
        return []
    return [
        one
        for one in _list(bucket, key, deep=True)
        if one.base_name.lower().endswith(endings) and not one.base_name.startswith((".", "~$"))
    ]


def glob_regex(pattern: str) -> str:
    """As glob: "**/" is any number of folders, "*" and "?" stay within a name."""
    words = {"**/": r"(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    return "".join(
        words.get(part) or (part.replace("[!", "[^") if part[:1] == "[" else re.escape(part)) for part in parts
    )


def _list(bucket: str, folder: str, *, deep: bool) -> list[Any]:
    from pyarrow import fs

    place = f"{bucket}/{folder}".rstrip("/")
    with reaching(place):
        found = _connect(place).get_file_info(fs.FileSelector(place, recursive=deep, allow_not_found=True))
    if not found:
        _require_bucket(bucket)
    return [one for one in found if one.type == fs.FileType.File]


def _look(place: str) -> Any:
    with reaching(place):
        return _connect(place).get_file_info([place])[0]


def _require_bucket(bucket: str) -> None:
    from pyarrow import fs

    if _look(bucket).type == fs.FileType.NotFound:
        raise _no_bucket(bucket)


def _no_bucket(bucket: str) -> BadData:
    return BadData(f"there is no bucket '{bucket}'", "aws s3 ls shows yours; buckets of other regions need AWS_REGION.")


@contextmanager
def reaching(place: str) -> Iterator[None]:
    """Raises BadData with what S3 said: never more than the kind of its error."""
    bucket = place.partition("/")[0]
    try:
        yield
    except FileNotFoundError as error:
        raise BadData(f"{SCHEME}{place} is not there any more", f"aws s3 ls {SCHEME}{place}") from error
    except OSError as error:
        found = _ERROR.search(str(error))
        kind, status = (found[1], found[2]) if found else ("", None)
        if kind == "NO_SUCH_BUCKET":
            raise _no_bucket(bucket) from None
        if kind in _DENIED or status in ("401", "403"):
            raise BadData(
                f"{SCHEME}{place} may not be read with these credentials ({kind or status})",
                "aws sts get-caller-identity says whose they are; reading takes s3:ListBucket and s3:GetObject.",
            ) from None
        if kind == "NETWORK_CONNECTION":
            where = urlsplit(_endpoint()).netloc or "S3"
            raise BadData(
                f"{SCHEME}{place}: {where} cannot be reached", "Is the network there? AWS_ENDPOINT_URL right?"
            ) from None
        raise BadData(
            f"{SCHEME}{place} cannot be read: {kind or 'S3 gave no answer'}", f"aws s3 ls {SCHEME}{place}"
        ) from None


def _endpoint() -> str:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


def _connect(place: str) -> Any:
    """To where the environment says; to AWS in the region of the bucket that *place* is in."""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    return _connection(_endpoint(), region, "" if region or _endpoint() else place.partition("/")[0])


@lru_cache(maxsize=16)
def _connection(endpoint: str, region: str, bucket: str) -> Any:
    from pyarrow import fs

    if bucket:
        region = fs.resolve_s3_region(bucket)
    named: dict[str, Any] = {"region": region} if region else {}
    if endpoint:
        split = urlsplit(endpoint)
        named |= {"endpoint_override": split.netloc, "scheme": split.scheme, "region": region or "us-east-1"}
    return fs.S3FileSystem(connect_timeout=TIMEOUT_S, request_timeout=TIMEOUT_S, **named)


def as_file(path: Path) -> Any:
    """What a library takes for a file: the path, or of one in a bucket its opened bytes."""
    return path.open("rb") if isinstance(path, S3File) else path
