"""One script against one lesson: what is right, and the first thing that is missing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.lessons.catalog import Lesson
from training.lessons.hint import Hint, Lacks, expect
from training.lessons.script import Script, ScriptError, TimeUp, load

CRASHED = Hint(
    "error",
    "Your script stops with an error.",
    "What comes after that line never happens, so nobody can say whether it is right.",
    "Read the message from its end; then print the shapes of what stands in that line.",
)
TOO_LONG = Hint(
    "time",
    "Your script was still busy when its time was up.",
    "A loop that never ends looks just like one that is slow: from outside nobody can tell them apart.",
    "Look at the loop around that line: what makes it end? Long training belongs below the line with `__main__`.",
)


NUMPY_STYLE = Hint(
    "numpy-style",
    "Your script computes with mxnet.np.",
    "MXNet has two kinds of arrays, which do not mix: nd, and np for those who come from NumPy. The lessons use nd.",
    "The names are nearly the same; import nd instead (plain NumPy is welcome where the task asks for it).",
)


@dataclass(frozen=True)
class Verdict:
    """*right*: sentences. *hint*: None when all is right. *where*: line and text of the learner's error, if any."""

    right: tuple[str, ...]
    left: int = 0
    hint: Hint | None = None
    line: int = 0
    code: str = ""
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(said: dict[str, Any]) -> Verdict:
        hint = Hint(**said["hint"]) if said["hint"] else None
        return Verdict(**{**said, "right": tuple(said["right"]), "hint": hint})


def judge(lesson: Lesson, path: Path) -> Verdict:
    """Run the script at *path* and check it, up to the first thing that is missing."""
    checks = lesson.checks()
    right: list[str] = []
    script: Script | None = None
    try:
        script = load(path)
        script.run()
        expect(not any(name.startswith(("mxnet.np.", "mxnet.npx.")) or name in ("mxnet.np", "mxnet.npx")
                       for name in script.imports()), NUMPY_STYLE)  # fmt: skip
        for check in checks:
            check.run(script)
            right.append(check.says)
    except Lacks as lacking:
        return Verdict(tuple(right), len(checks) - len(right) - 1, lacking.hint)
    except ScriptError as error:
        source = script.source if script else ""
        hint = next((one.hint for one in lesson.known_errors() if one.fits(error.message, source)), CRASHED)
        return Verdict(tuple(right), max(0, len(checks) - len(right) - 1), hint, error.line, error.code, error.message)
    except TimeUp as late:
        line = script.line_of(late.__traceback__) if script else 0
        code = script.code_at(line) if script else ""
        return Verdict(tuple(right), max(0, len(checks) - len(right) - 1), TOO_LONG, line, code, "the time was up here")
    return Verdict(tuple(right))
