"""Troubles on demand. One value, replaced whole; read by whoever it concerns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Faults:
    pass
