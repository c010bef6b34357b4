"""Money is spent, and things are deleted, only after a yes."""

from __future__ import annotations

import io
from argparse import Namespace
from types import SimpleNamespace
from typing import Any

import pytest

from infra.cli.commands import instance
from infra.cli.prompt import confirm
from infra.errors import UserError
from infra.settings import Settings


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("n\n", "Nothing was made."),
        ("\n", "Nothing was made."),
        ("yep\n", "Nothing was made."),
        ("", "Nothing was made. Nobody was there to answer.\n  -> say YES=1"),
    ],
)
def test_anything_but_yes_is_no(monkeypatch: pytest.MonkeyPatch, typed: str, said: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))

    with pytest.raises(UserError) as refused:
        confirm("Go ahead?", otherwise="Nothing was made.", beforehand="say YES=1")
    assert str(refused.value) == said


@pytest.mark.parametrize("typed", ["y\n", "YES\n"])
def test_yes_is_yes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    confirm("Go ahead?", otherwise="Nothing was made.", beforehand="say YES=1")

    assert capsys.readouterr().err == "\nGo ahead? [y/N] "


@pytest.mark.parametrize(
    ("cloud", "yes", "running", "launched"),
    [
        ("aws", False, False, False),
        ("aws", True, False, True),
        ("aws", False, True, True),  # it costs what it costs already
        ("rehearsal", False, False, True),
    ],
)
def test_a_launch_with_nobody_at_the_keyboard_spends_nothing(
    monkeypatch: pytest.MonkeyPatch, cloud: str, yes: bool, running: bool, launched: bool
) -> None:
    done: list[Any] = []
    settings = Settings(cloud=cloud)
    rig = SimpleNamespace(settings=settings, rehearsing=cloud == "rehearsal", tell=lambda line: None)
    monkeypatch.setattr("infra.cli.context.open_rig", lambda settings: rig)
    monkeypatch.setattr("infra.workflows.plan.make_plan", lambda rig: SimpleNamespace(running=running, usd_worst=4.42))
    monkeypatch.setattr("infra.workflows.launch.launch", lambda rig, plan: (done.append(plan), None))
    monkeypatch.setattr("infra.cli.screens.money.render_plan", lambda plan: "the plan")
    monkeypatch.setattr("infra.cli.screens.instance.render_ready", lambda *_, **__: "ready")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    options = Namespace(dry_run=False, yes=yes)

    if launched:
        assert instance.launch(options, settings) == 0
    else:
        with pytest.raises(UserError, match="Nothing was made"):
            instance.launch(options, settings)
    assert bool(done) == launched
