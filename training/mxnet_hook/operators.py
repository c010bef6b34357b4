"""MXNet's operators, compiled when they are called.

As it is imported, MXNet 1.9.1 writes 2,571 functions as Python text, one for each operator in each namespace, and
compiles them all: half a second. A program calls a few dozen of them. Here each function begins as its first
line alone, with its name, its parameters and its documentation; the first call brings the body.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from inspect import CO_VARARGS
from typing import Any

Maker = Callable[[Any, str, str], Any]
"""MXNet's own: (handle, name of the operator, name of the function) -> the function."""


def compile_at_first_call(base: Any) -> None:
    """*base*: the module `mxnet.base`, before an operator is registered."""
    register, register_numpy = base._init_op_module, base._init_np_op_module

    @wraps(register)
    def init_op_module(root_namespace: str, module_name: str, make_op_func: Maker) -> None:
        register(root_namespace, module_name, put_off(make_op_func))

    @wraps(register_numpy)
    def init_np_op_module(*, make_op_func: Maker, **names: Any) -> None:
        register_numpy(**names, make_op_func=put_off(make_op_func))

    base._init_op_module, base._init_np_op_module = init_op_module, init_np_op_module


def put_off(make: Any) -> Maker:
    """A maker of the same functions, which *make* completes at the first call of each."""
    space = make.__globals__  # the functions are at home in MXNet's own module, and find there what completes them
    begun = space.setdefault("_begun", [])
    write = space[make.__name__.replace("_make_", "_generate_") + "_code"]

    def begin(handle: Any, name: str, function_name: str) -> Any:
        text, documentation = write(handle, name, function_name, signature_only=True)
        first_line = text.lstrip("\n").partition("\n")[0]
        made: dict[str, Any] = {}
        exec(f"{first_line}\n    return _begun[{len(begun)}](locals())", space, made)
        function = made[function_name]
        function.__doc__ = documentation
        begun.append(partial(complete_and_call, function, partial(make, handle, name, function_name)))
        return function

    return begin


def complete_and_call(function: Any, make: Callable[[], Any], given: dict[str, Any]) -> Any:
    """The first call of *function*. Threads that come at once complete it alike, each for itself.

    It stays the same object, since modules of MXNet copy names from each other. Its parameters and their defaults stay
    too: MXNet writes them by the same code.
    """
    code = function.__code__ = make().__code__
    several = given.pop(code.co_varnames[code.co_argcount]) if code.co_flags & CO_VARARGS else ()
    further = given.pop("kwargs")
    return function(*several, **given, **further)
