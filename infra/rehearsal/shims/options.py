"""Read command lines as Docker's client does: options first, then positional words; unknown options are refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class UnknownOption(ValueError):
    pass


class Line:
    """Options by their long name; every value is a list, for many may be given again."""

    def __init__(self) -> None:
        self.options: dict[str, list[str]] = {}
        self.words: list[str] = []

    def last(self, name: str, default: str = "") -> str:
        return self.options.get(name, [default])[-1]

    def all(self, name: str) -> list[str]:
        return self.options.get(name, [])

    def has(self, name: str) -> bool:
        return name in self.options

    def pairs(self, name: str) -> dict[str, str]:
        """KEY=VALUE options as a mapping; without "=" the value is empty."""
        return {key: value for key, _, value in (text.partition("=") for text in self.all(name))}


def read(
    words: Iterable[str], *, valued: Mapping[str, str], switches: Mapping[str, str], intermixed: bool = True
) -> Line:
    """*valued* and *switches* map each spelling ("-t", "--tag") to its long name.

    Not *intermixed*: the first positional word ends the options, as the image does for `docker run`.
    """
    line = Line()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            line.words += rest
            break
        if not word.startswith("-") or word == "-":
            line.words.append(word)
            if not intermixed:
                line.words += rest
                break
            continue
        rest = _option(line, word, rest, valued, switches)
    return line


def _option(
    line: Line, word: str, rest: list[str], valued: Mapping[str, str], switches: Mapping[str, str]
) -> list[str]:
    name, equals, value = word.partition("=")
    if name in valued:
        value = value if equals else rest.pop(0)
        line.options.setdefault(valued[name], []).append(value)
    elif name in switches:
        line.options.setdefault(switches[name], []).append(value or "true")
    elif not word.startswith("--") and len(word) > 2:  # -it is -i -t, and -n20 is -n 20
        if word[:2] in valued:
            return [word[:2], word[2:], *rest]
        return [word[:2], "-" + word[2:], *rest]
    else:
        raise UnknownOption(f"unknown flag: {word}")
    return rest
