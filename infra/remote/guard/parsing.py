"""Parse metadata values; return None or an empty text for malformed ones."""

from __future__ import annotations

import json
from datetime import datetime, timezone


def moment(text: str | None) -> float | None:
    """Seconds since 1970 of an ISO 8601 time with its zone; None for anything else."""
    try:
        # Python before 3.11 does not read the Z.
        at = datetime.fromisoformat((text or "").strip().replace("Z", "+00:00"))
        return at.timestamp() if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def minutes(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def spot_notice(text: str) -> str:
    """In words; empty when this is no notice. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html"""
    try:
        notice = json.loads(text)
        return "{} at {}".format(notice["action"], notice["time"])
    except (ValueError, TypeError, KeyError):
        return ""


def utc(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return "unknown"
