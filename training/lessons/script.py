"""The learner's script: run once as a whole, then asked for what it defines."""

from __future__ import annotations

import ast
import re
import traceback
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from training.lessons.hint import Lacks, absent, empty, wrong_kind

NAME = "lesson"  # what the script's __name__ is in a check: the cell below `if __name__ == "__main__":` stays asleep


class TimeUp(BaseException):
    """The script used up its time. A BaseException: `except Exception` in the script must not swallow it."""


class ScriptError(Exception):
    """An error in the learner's script. *line* is 0 where MXNet told it later, when the result was read."""

    def __init__(self, line: int, code: str, message: str) -> None:
        super().__init__(message)
        self.line, self.code, self.message = line, code, message


@dataclass
class Script:
    path: Path
    source: str
    names: dict[str, Any] = field(default_factory=dict)

    def run(self) -> None:
        """Raises ScriptError. `sys.exit()` is taken for the script's end."""
        module = ModuleType(NAME)
        module.__file__ = str(self.path)
        self.names = vars(module)
        with self.watched():
            code = compile(self.source, str(self.path), "exec", dont_inherit=True)
            try:
                exec(code, self.names)
            except SystemExit:
                return

    def value(self, name: str) -> Any:
        """The script's function or class *name*. Raises Lacks."""
        if name not in self.names:
            raise Lacks(absent(name))
        if not callable(self.names[name]):
            raise Lacks(wrong_kind(name, "something that can be called", self.names[name]))
        return self.names[name]

    def call(self, name: str, *arguments: Any) -> Any:
        """The result of the script's function *name*. Raises Lacks when there is none, ScriptError when it fails."""
        function = self.value(name)
        result = self.ask(function, *arguments)
        if result is None:
            raise Lacks(empty(name))
        return result

    def ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The result of anything of the learner's, which may be None. Raises ScriptError."""
        with self.watched(function):
            return function(*arguments)

    @contextmanager
    def watched(self, function: object = None) -> Any:
        """Turns what the learner's code raises into a ScriptError; one that never got in is told of its first line."""
        try:
            yield
        except SyntaxError as error:
            inside = error.filename == str(self.path)
            raise ScriptError(
                error.lineno or 0 if inside else 0, (error.text or "").strip(), f"{type(error).__name__}: {error.msg}"
            ) from error
        except (TimeUp, KeyboardInterrupt, Lacks, ScriptError):
            raise
        # Whatever a learner's code raises is what the check is there to show, GeneratorExit and SystemExit included.
        except BaseException as error:
            line = self.line_of(error.__traceback__) or self.first_line(function)
            raise ScriptError(line, self.code_at(line), brief(error)) from error

    def line_of(self, trace: TracebackType | None) -> int:
        """The last line of the learner's file that *trace* goes through; 0 if none."""
        lines = [number for frame, number in traceback.walk_tb(trace) if frame.f_code.co_filename == str(self.path)]
        return lines[-1] if lines else 0

    def first_line(self, function: object) -> int:
        """Where the learner's *function* begins; 0 for what is not in the script."""
        code = getattr(function, "__code__", None)
        return code.co_firstlineno if code and code.co_filename == str(self.path) else 0

    def code_at(self, line: int) -> str:
        return "" if not line else "".join(self.source.splitlines()[line - 1 : line]).strip()

    def imports(self) -> set[str]:
        """Every dotted name of a module that the script imports or reaches through one: mxnet.gluon.nn, ..."""
        tree = ast.parse(self.source)
        known: dict[str, str] = {}
        found: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                known |= {one.asname or one.name.partition(".")[0]: one.name for one in node.names}
                found |= {one.name for one in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                known |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
                found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                first, _, rest = ast.unparse(node).partition(".")
                if first in known:
                    found.add(f"{known[first]}.{rest}")
        return found


def load(path: Path) -> Script:
    """Raises ScriptError for a file that is not text."""
    try:
        return Script(path, path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ScriptError(0, "", f"the file is not UTF-8 text: {error.reason}") from error


def brief(error: BaseException) -> str:
    """One line. MXNet's own messages bring the condition that failed, advice, and a stack of C++, along."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in lines if "Check failed: " in line), lines[0] if lines else "")
    # "Check failed: !AGInfo: :IsNone(*i): Cannot differentiate ...": MXNet writes C++'s double colon with a space.
    _, failed, condition = said.rpartition("Check failed: ")
    meaning = re.split(r": (?!:)", condition, maxsplit=1)[-1] if failed else said
    return f"{type(error).__name__}: {meaning.partition('. ')[0]}"[:200].removesuffix(": ")
