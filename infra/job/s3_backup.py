"""Durable copies: arm them on the host, bring a run back from them."""

from __future__ import annotations

from infra.errors import BadSettings, UserError
from infra.host.connection import Host
from infra.host.facts import Facts
from infra.names import KIT_DIR
from infra.remote.s3_backup import NOT_THERE


def require_bucket(text: str) -> str:
    """Raises BadSettings unless *text* is s3://name or s3://name/prefix."""
    name = text.removeprefix("s3://").partition("/")[0]
    if not text.startswith("s3://") or not name:
        raise BadSettings(f"bucket = {text!r} is no bucket.", "for example BUCKET=s3://my-bucket/rig")
    return text.rstrip("/")


def arm(host: Host, facts: Facts, bucket: str, *, every_s: float) -> None:
    """From now on the host copies its runs to *bucket* every *every_s* seconds, whatever becomes of this computer.

    Raises UserError when the instance may not write there.
    """
    answer = host.ask([*_program(facts), "--install", bucket, f"{every_s:g}"], timeout_s=120)
    if not answer.ok:
        said = (answer.err or answer.out).strip().splitlines()[-1:] or ["no reason given"]
        raise UserError(
            f"The instance cannot keep copies in {bucket}: {said[0]}",
            "it needs a role that may read and write there (docs/host.md, Durable copies)\n"
            "or leave bucket empty: results come home when the run ends",
        )


def restore(host: Host, facts: Facts, bucket: str, run: str) -> bool:
    """Bring *run* back onto the host's disk; False if the bucket does not have it."""
    answer = host.ask([*_program(facts), "--restore", bucket, run], timeout_s=3600)
    if answer.exit_code == NOT_THERE:
        return False
    if not answer.ok:
        raise UserError(f"{run} could not be read from {bucket}: {answer.err.strip()}", "docs/host.md, Durable copies")
    return True


def newest(host: Host, facts: Facts, bucket: str) -> str:
    """The name of the newest run in *bucket*; empty for none."""
    return host.ask([*_program(facts), "--newest", bucket]).out.strip()


def _program(facts: Facts) -> list[str]:
    return ["python3", f"{facts.home}/{KIT_DIR}/s3_backup.py"]
