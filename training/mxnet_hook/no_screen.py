"""A run nobody watches: windows that a program opens are pictures instead, and notebook widgets plain lines."""

import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

MOST_PICTURES = 100  # a program may show one at each step
# Those that need somebody to look, by their beginnings: https://matplotlib.org/stable/users/explain/figure/backends.html
_WINDOWS = ("tk", "qt", "gtk", "wx", "macosx", "webagg", "nbagg", "notebook", "ipympl", "widget")


def nobody_looks() -> bool:
    """Whether this is a run of the kit on a machine without a screen."""
    has_screen = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return bool(os.environ.get("RIG_RUN_DIR")) and sys.platform == "linux" and not has_screen


def draw_into_files(pyplot: "Any") -> None:
    """*pyplot* opens no window; what `show()` would show is kept in the run's folder, below figures/."""
    switch: Callable[[str], None] = pyplot.switch_backend
    show: Callable[..., Any] = pyplot.show
    album = _Album(os.path.join(os.environ["RIG_RUN_DIR"], "figures"))

    def switch_backend(newbackend: str) -> None:
        wants_window = isinstance(newbackend, str) and newbackend.lower().startswith(_WINDOWS)
        if wants_window:
            _say_once(f"nobody sees a window of a run: {newbackend} is Agg here")
        switch("agg" if wants_window else newbackend)

    def show_or_keep(*words: "Any", **named: "Any") -> "Any":
        if pyplot.get_backend().lower() != "agg":
            return show(*words, **named)
        if named.get("block", True) in (True, None):  # else it is a film, a picture for each moment
            album.keep(pyplot)
        return None

    pyplot.switch_backend, pyplot.show = switch_backend, show_or_keep


class _Album:
    """Pictures in *folder*, each once: what stays open is shown again with the next one."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._kept: set[int] = set()

    def keep(self, pyplot: "Any") -> None:
        try:
            for manager in pyplot._pylab_helpers.Gcf.get_all_fig_managers():
                if len(self._kept) < MOST_PICTURES:
                    self._save(manager.canvas.figure)
        except Exception as error:  # noqa: BLE001 - of any kind: a picture that nobody asked for must end no run
            _say_once(f"what plt.show() shows could not be kept: {error}")

    def _save(self, figure: "Any") -> None:
        picture = io.BytesIO()
        figure.savefig(picture, format="png")
        if hash(picture.getvalue()) not in self._kept:
            self._kept.add(hash(picture.getvalue()))
            os.makedirs(self._folder, exist_ok=True)
            self._write(picture.getvalue())
            _say_once("nobody sees a window of a run: what plt.show() shows is kept in figures/")

    def _write(self, picture: bytes) -> None:
        """Under the first free name: the run's other processes, and its earlier parts, have theirs."""
        for number in range(1, MOST_PICTURES + 1):
            try:
                with open(os.path.join(self._folder, f"figure-{number:03}.png"), "xb") as file:
                    file.write(picture)
                return
            except FileExistsError:
                continue


def print_progress(notebook: "ModuleType") -> None:
    """tqdm's bars for a notebook are those for a terminal where there is no notebook."""
    if "ipykernel" in sys.modules and notebook.IProgress is not None:
        return
    plain = sys.modules["tqdm.std"]  # which tqdm.notebook has imported
    for name, its_name in {"tqdm": "tqdm", "tqdm_notebook": "tqdm", "trange": "trange", "tnrange": "trange"}.items():
        setattr(notebook, name, getattr(plain, its_name))


_said: "set[str]" = set()


def _say_once(line: str) -> None:
    if line not in _said:
        _said.add(line)
        print(f"gluon-rig: {line}", file=sys.stderr, flush=True)
