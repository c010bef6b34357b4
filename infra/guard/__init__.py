"""Safeguard 1: the guard that lives on the instance. `program/` runs there; the rest phrases and reads it from here."""
