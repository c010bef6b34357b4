"""What moto works out anew for each answer, and is the same each time: worked out once.

Half of what an answer of EC2 takes is the search for the names under which a value may stand in moto's objects, and a
list of all 300 verbs, made to look one up.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Verbs:
    """Of *service*, a class of moto's, which asks only whether one is among them."""

    service: type

    def __contains__(self, name: str) -> bool:
        return inspect.isfunction(getattr(self.service, name, None))


def remember() -> None:
    from moto.core import responses
    from moto.core.serialize import XFormedAttributePicker

    patched: Any = responses
    patched.method_names_from_class = Verbs
    picker: Any = XFormedAttributePicker
    if not hasattr(picker.get_possible_keys, "__wrapped__"):
        picker.get_possible_keys = remembered(picker.get_possible_keys)


def remembered(work_out: Callable[[Any, Any], Iterable[str]]) -> Callable[[Any, Any], tuple[str, ...]]:
    """They depend on the place in the answer, which is *shape* and *key*, and on the class of the object."""

    @functools.wraps(work_out)
    def get_possible_keys(picker: Any, context: Any) -> tuple[str, ...]:
        known: dict[Any, tuple[str, ...]] = context.shape.__dict__.setdefault("_possible_keys", {})
        place = context.key, type(context.obj)
        if place not in known:
            known[place] = tuple(dict.fromkeys(work_out(picker, context)))
        return known[place]

    return get_possible_keys
