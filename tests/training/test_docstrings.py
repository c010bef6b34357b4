"""A public function that takes or returns arrays says their shapes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TRAINING = Path(__file__).resolve().parents[2] / "training"
ROOMS = ("data", "jobs", "nets", "prognostics", "report", "serve", "trainer", "workdir")
ARRAYS = re.compile(r"\b(Array|NDArray|Arrays|Split|Predictions)\b")
SHAPE = re.compile(r"\([\w .*]+,[\w ,.*]*\)|\bshapes?\b|\bshaped\b")


def functions(path: Path) -> list[ast.FunctionDef]:
    return [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]


def annotations(function: ast.FunctionDef) -> str:
    every = [*function.args.args, *function.args.kwonlyargs]
    return " ".join(ast.unparse(one) for one in [*(arg.annotation for arg in every), function.returns] if one)


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_function_on_arrays_says_their_shapes(room: str) -> None:
    silent = [
        f"{path.relative_to(TRAINING)}: {function.name}"
        for path in sorted((TRAINING / room).rglob("*.py"))
        for function in functions(path)
        if not function.name.startswith("_") and ARRAYS.search(annotations(function))
        if not SHAPE.search(ast.get_docstring(function) or "")
    ]

    assert silent == []
