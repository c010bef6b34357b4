"""docs/condition.md is run as it stands; states are told apart that can be, and what cannot be told is said."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("training.compat", reason="MXNet is not installed")

from tests.training.typed_page import follow
from training.compat import mx
from training.config import parse
from training.data.splits import Split
from training.diagnostics.cycles import read_cycles
from training.diagnostics.description import read_description
from training.diagnostics.features import binned
from training.diagnostics.metrics import by_part, cross_entropy, fit_temperature
from training.diagnostics.piecewise import _descend, _Problem, fit_piecewise
from training.diagnostics.preparation import StatePreparation
from training.diagnostics.splitting import groups_of, held_out
from training.diagnostics.states import states_loss, states_scores
from training.errors import BadData, BadInput
from training.jobs import condition
from training.nets.sequence import StateNet
from training.serve.predict import main
from training.serve.states import drift_note, read_state_preparation

PROJECT = Path(__file__).parents[3]
PAGE = (PROJECT / "docs" / "condition.md").read_text()


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """A folder in which somebody has typed every command of the page."""
    return follow(PAGE, tmp_path_factory.mktemp("page"), described_by="[channels]")


@pytest.mark.exhaustive
def test_the_states_of_another_day_are_told_right_and_as_surely_as_they_are_right(followed):
    told = list(csv.DictReader((followed / "states.csv").open()))
    true = list(csv.DictReader((followed / "rig" / "later" / "profile.csv").open()))
    parts = list(true[0])

    right = {part: np.mean([one[part] == other[part] for one, other in zip(told, true, strict=True)]) for part in parts}
    sure = {part: np.mean([float(one[f"{part}_probability"]) for one in told]) for part in parts}

    assert list(told[0]) == [
        "cycle",
        *(n for part in parts for n in (part, f"{part}_probability")),
        "missing",
        "outside",
    ]
    assert min(right.values()) > 0.5  # chance: a quarter to a third
    assert np.mean(list(right.values())) > 0.95
    assert abs(np.mean(list(sure.values())) - np.mean(list(right.values()))) < 0.15


@pytest.mark.exhaustive
def test_on_the_made_up_rig_the_net_does_as_well_as_a_random_forest(followed):
    scores = json.loads((followed / "runs" / "rig" / "summary.json").read_text())["scores"]

    assert scores["accuracy"] > scores["forest_accuracy"] - 0.02


@pytest.mark.exhaustive
def test_the_report_has_each_part_beside_a_random_forest(followed):
    report = (followed / "runs" / "rig" / "report.html").read_text()
    scores = json.loads((followed / "runs" / "rig" / "summary.json").read_text())["scores"]

    assert {"accuracy", "forest_accuracy", "cooler_accuracy", "valve_accuracy", "calibration_error"} <= set(scores)
    for words in ("Is the net worth it?", "What was taken for what", "to be trusted?", "Which channels matter"):
        assert words in report


@pytest.mark.exhaustive
def test_a_run_tells_the_same_without_mxnet(followed):
    blocked = (
        "import sys; sys.modules['mxnet'] = None; from training.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    words = ["predict", "--run", "runs/rig", "--engine", "onnx", "rig/later"]

    done = subprocess.run(
        [sys.executable, "-c", blocked, *words], cwd=followed, env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout == (followed / "states.csv").read_text()


@pytest.mark.exhaustive
def test_cycles_unlike_those_of_training_are_marked_and_said(followed):
    prepared = read_state_preparation(followed / "runs" / "rig")
    cycles = read_cycles(prepared.layout, [followed / "rig" / "later"])
    X = prepared.windows(cycles)
    assert drift_note(prepared, X) == ""
    X[:5, :, 0] = 1e3

    assert drift_note(prepared, X).startswith(f"5 of {len(X)} cycles are outside what training saw (pressure)")


@pytest.mark.exhaustive
def test_predict_names_what_it_wants(followed, monkeypatch):
    monkeypatch.chdir(followed)

    with pytest.raises(BadInput, match=r"rig/profile\.csv is no folder"):
        main(["--run", "runs/rig", "rig/profile.csv"])
    with pytest.raises(BadInput, match="--follow"):
        main(["--run", "runs/rig", "--follow", "rig/later"])


def a_bump_up_and_a_bump_down(cycles: int) -> tuple[np.ndarray, list[int]]:
    """Somewhere in each cycle, on a slope of its own; the state is which of them comes first."""
    random, t = np.random.RandomState(0), np.arange(120) / 120
    states = [number // 4 % 2 for number in range(cycles)]
    rows = []
    for state in states:
        begin, slope = random.uniform(0.1, 0.8), random.normal(0, 1.5)
        up, down = (np.exp(-(((t - begin - shift) / 0.03) ** 2)) for shift in ((0, 0.1), (0.1, 0))[state])
        rows.append(up - down + slope * t + random.normal(0, 0.1, len(t)))
    return np.array(rows), states


@pytest.mark.exhaustive
def test_what_statistics_do_not_show_is_told_by_how_a_cycle_goes_on(tmp_path):
    rows, states = a_bump_up_and_a_bump_down(320)
    np.savetxt(tmp_path / "x.csv", rows, delimiter=",", fmt="%.3f")
    (tmp_path / "s.csv").write_text("part\n" + "".join(f"{state}\n" for state in states))
    (tmp_path / "t.toml").write_text('states = "s.csv"\nparts = ["part"]\n[channels]\nx = "x.csv"\n')
    words = ["condition", "--workdir", str(tmp_path / "run"), f"table={tmp_path / 't.toml'}", "num_epochs=40"]

    done = subprocess.run([sys.executable, "-m", "training", *words], cwd=PROJECT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / "run" / "summary.json").read_text())["scores"]
    assert scores["accuracy"] > scores["forest_accuracy"] + 0.15


TABLE = 'files = ["log.csv"]\ncycle = "c"\nchannels = ["x", "y"]\nparts = ["pump"]\n'


def table_rows(cycles: int = 30) -> list[str]:
    """A cycle is five rows or so; the pump leaks in every other stretch of three cycles, and x shows it."""
    rows = []
    for number in range(cycles):
        leaks = number // 3 % 2
        rows += [
            f"{number},{leaks + 0.1 * step},{step},{'leaks' if leaks else 'tight'}" for step in range(4 + number % 3)
        ]
    return ["c,x,y,pump", *rows]


def data_of(folder: Path, rows: list[str], toml: str = TABLE, *words: str):
    (folder / "log.csv").write_text("\n".join(rows) + "\n")
    (folder / "t.toml").write_text(toml)
    return condition.data(parse(condition.Config, [f"table={folder / 't.toml'}", "bins=4", *words]))


def test_a_cycle_may_be_many_rows_of_a_table(tmp_path):
    data = data_of(tmp_path, table_rows())

    assert data.keep["states"] == {"pump": ["leaks", "tight"]}
    assert sum(map(len, (data.train, data.valid, data.test))) == 30
    assert data.train.X.shape[1:] == (4, 6)


def test_no_stretch_of_equal_states_is_on_two_sides(tmp_path):
    data = data_of(tmp_path, table_rows(60))

    groups = [set(split.y[:, -1].tolist()) for split in (data.train, data.valid, data.test)]
    assert set.union(*groups) == set(range(20))
    assert sum(map(len, groups)) == 20


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda rows: [*rows[:3], rows[3].replace("tight", "leaks"), *rows[4:]], "has two values of pump"),
        (lambda rows: [*rows, rows[1]], "cycle '0' begins a second time"),
        (lambda rows: [rows[0], rows[1].replace("0,0.0", "0,hi"), *rows[2:]], r"line 2: x: 'hi' is not a number"),
        (lambda rows: [row.replace("leaks", "tight") for row in rows], "pump is in one state only: tight"),
        (lambda rows: [rows[0].replace("x", "z"), *rows[1:]], "column 'x' is not there"),
        (lambda rows: [rows[0], *(row.replace(".", ",", 1) for row in rows[1:])], "line 2: 5 cells, but the log has 4"),
        (lambda rows: rows[:1], "has no rows"),
        (lambda rows: rows[:20], r"cannot be shared out[^$]*The rarest: pump is 'leaks' in 1 of 2 groups"),
        (lambda rows: [rows[0], *(f",{row.split(',', 1)[1]}" for row in rows[1:])], "line 2: c: names no cycle"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_table_is_named(tmp_path, change, why):
    with pytest.raises(BadData, match=why):
        data_of(tmp_path, change(table_rows()))


@pytest.mark.parametrize(
    ("toml", "problems"),
    [
        ('files = ["log.csv"]\n', ["cycle: is missing", "channels: is missing", "parts: is missing"]),
        (TABLE + 'grup = "m"\n', ["grup: there is no such key; did you mean group?"]),
        (TABLE.replace('"x", "y"', '"x", "x"'), ["channels: 'x' is listed twice"]),
        (TABLE.replace('"x", "y"', '"x", "pump"'), ["channels: 'pump' is one of parts, which the net must not see"]),
        (TABLE.replace("log.csv", "no.csv"), ["no.csv: there is no such file"]),
        ('states = "s.csv"\nparts = [0]\n[channels]\nx = "x.csv"\n', ["parts: must be a list of column names"]),
        ('states = "s.csv"\nparts = [1]\n[channels]\nx = "x.csv"\n', ["x.csv: there is no such", "s.csv: there is no"]),
    ],
)  # fmt: skip
def test_everything_wrong_with_a_description_is_told_at_once(tmp_path, toml, problems):
    (tmp_path / "log.csv").write_text("c,x,y,pump\n")
    (tmp_path / "t.toml").write_text(toml)

    with pytest.raises(BadData) as refused:
        read_description(tmp_path / "t.toml")

    for problem in problems:
        assert f"  - {problem}" in refused.value.cause


def test_files_that_differ_in_their_rows_are_refused(tmp_path):
    (tmp_path / "x.csv").write_text("1,2\n3,4\n")
    (tmp_path / "y.csv").write_text("1\n")
    (tmp_path / "s.csv").write_text("a\n1\n2\n")
    (tmp_path / "t.toml").write_text('states = "s.csv"\nparts = ["a"]\n[channels]\nx = "x.csv"\ny = "y.csv"\n')

    with pytest.raises(BadData, match=r"the files differ in their rows: x.csv 2, y.csv 1"):
        condition.data(parse(condition.Config, [f"table={tmp_path / 't.toml'}"]))


@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 99))
@settings(deadline=None)
def test_a_bin_holds_the_mean_of_its_stretch_whatever_the_rate(samples, bins, seed):
    from training.diagnostics.cycles import Cycles

    signal = np.random.RandomState(seed).standard_normal(samples).astype(np.float32)
    ramp = np.linspace(0, 1, samples, dtype=np.float32)

    X = binned(Cycles(("1",), ((signal,), (ramp,))), bins=bins)

    mean, spread, extent = X[0, :, 0], X[0, :, 2], X[0, :, 4]
    assert mean.min() >= signal.min() - 1e-5
    assert mean.max() <= signal.max() + 1e-5
    assert (np.diff(X[0, :, 1]) >= -1e-6).all()
    assert (spread <= extent + 1e-5).all()
    if samples % bins == 0:
        assert np.allclose(mean, signal.reshape(bins, -1).mean(axis=1), atol=1e-5)


def test_what_was_not_measured_is_the_mean_of_training_and_no_number_is_lost_by_it():
    from training.diagnostics.cycles import Cycles
    from training.diagnostics.features import fit_scale

    whole, holed = np.arange(8, dtype=np.float32), np.float32([0, np.nan, 2, 3, np.nan, np.nan, 6, 7])
    X = binned(Cycles(("1", "2"), ((whole, holed),)), bins=4)

    assert X[:, 0, 0].tolist() == [0.5, 0.0]
    assert np.isnan(X[1, 2]).all()
    assert (fit_scale(X).apply(X)[1, 2] == 0).all()


@given(st.lists(st.integers(0, 2), min_size=1, max_size=80), st.integers(0, 9))
@settings(deadline=None, max_examples=30)
def test_cycles_are_shared_out_in_whole_groups_that_show_every_state_or_refused(states, seed):
    truth = np.array(states)[:, None]
    groups = groups_of(truth, (), split="blocks")

    try:
        masks = held_out(truth, groups, shares=[0.2, 0.2], seed=seed, hint="")
    except BadData:
        return
    assert np.sum(masks, axis=0).tolist() == [1] * len(states)
    for mask in masks:
        assert set(truth[mask, 0]) == set(states)
        assert not set(groups[mask]) & set(groups[~mask])


def some_cycles(cycles: int, tells, seed: int = 0) -> Split:
    """Of a part with three states and one with two; *tells* (X, states) puts into X (cycles, bins, features) how."""
    random = np.random.RandomState(seed)
    states = np.stack([random.randint(3, size=cycles), random.randint(2, size=cycles)], axis=1)
    X = random.standard_normal((cycles, 10, 6)).astype(np.float32)
    tells(X, states)
    sizes, groups = np.tile([3, 2], (cycles, 1)), np.arange(cycles)[:, None]
    return Split(X, np.concatenate([states, sizes, groups], axis=1).astype(np.float32))


def by_level_and_spread(X, states):
    X[:, :, 0] += np.float32([1.5, 0, 1.5])[states[:, 0], None]  # a line cannot tell 0 and 2 by it
    X[:, :, 1] *= np.float32([1, 1, 3])[states[:, 0], None]
    X[:, :, 2] += 2 * states[:, 1, None]


def fitted(tells=by_level_and_spread, unknown=0):
    train, valid, test = (some_cycles(n, tells, seed) for seed, n in enumerate((150, 60, 200)))
    train.y[:unknown, 0] = -1
    return fit_piecewise(train, valid, [3, 2], seed=0), test


@pytest.mark.parametrize("unknown", [0, 60])
def test_the_wide_part_tells_by_few_cycles_what_statistics_show(unknown):
    wide, test = fitted(unknown=unknown)

    assert states_scores(wide.scores(test.X), test.y)["accuracy"] > 0.95
    assert np.mean(wide.weight == 0) > 0.5


def test_where_statistics_tell_nothing_the_wide_part_says_how_often_each_state_is():
    wide, _ = fitted(lambda X, states: None)
    others, _ = fitted()

    assert np.abs(wide.weight).sum() < 0.1 * np.abs(others.weight).sum()


def test_the_wide_part_is_at_the_optimum_for_its_penalties():
    """Where a weight is not zero, the slope of the loss is the penalty; elsewhere it is less."""
    split = some_cycles(100, by_level_and_spread)
    X = split.X.mean(axis=1)
    problem = _Problem(X / X.std(axis=0), split.y, [3, 2])
    penalties = (0.1 * problem.strongest_penalties()).astype(np.float32)

    weight, bias = problem.start()
    for _ in range(10):
        weight, bias = _descend(problem, weight, bias, penalties)
    slope, bias_slope = problem.gradient(weight, bias)

    assert np.abs(bias_slope).max() < 1e-4
    assert (np.abs(slope) <= penalties + 1e-4).all()
    here = weight != 0
    assert 0 < here.sum() < here.size
    assert np.abs(slope + np.sign(weight) * penalties)[here].max() < 1e-4


def test_before_its_first_step_the_net_says_what_the_wide_part_does():
    wide, test = fitted()
    net = StateNet(hidden=8, dropout=0.4, **vars(wide))
    net.initialize(mx.init.Xavier())

    said = net(mx.nd.array(test.X)).asnumpy()

    assert np.allclose(said, wide.scores(test.X), atol=1e-4)


def test_a_state_that_nobody_knows_costs_nothing():
    outputs = np.float32([[2, 0, 1, 0, 0], [0, 0, 9, 9, 9]])
    y = np.float32([[0, 2, 2, 3, 0], [-1, -1, 2, 3, 1]])

    loss = mx.gluon.nn.HybridLambda(states_loss([2, 3]))(mx.nd.array(outputs), mx.nd.array(y)).asnumpy()

    parts = by_part(outputs[:1], [2, 3])
    by_hand = sum(cross_entropy(scores, y[:1, number]) for number, scores in enumerate(parts))
    assert loss == pytest.approx([by_hand, 0.0], rel=1e-5)
    assert states_scores(outputs, y)["accuracy"] == 0.5


@pytest.mark.parametrize("heat", [0.25, 1.0, 4.0])
def test_scores_that_are_too_sure_are_cooled_to_what_they_are_worth(heat):
    random = np.random.RandomState(0)
    scores = random.standard_normal((4000, 3)) * 2
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    truth = (p.cumsum(axis=1) < random.rand(4000, 1)).sum(axis=1)

    assert fit_temperature(scores * heat, truth) == pytest.approx(heat, rel=0.15)


def test_the_preparation_survives_json(tmp_path):
    keep = data_of(tmp_path, table_rows()).keep

    written = json.loads(json.dumps(keep))
    assert json.loads(json.dumps(StatePreparation.from_json(written).as_json())) == written
