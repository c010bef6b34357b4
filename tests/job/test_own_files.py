"""A program may write files of the kit's names: the kit reads what it wrote itself, and shows the rest as unknown."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from infra.aws.account.cost import run_cost
from infra.cli.screens.money import render_costs
from infra.cli.screens.runs import render_outcome
from infra.job import artifacts
from infra.workflows.cost import Costs
from infra.workflows.runs import Outcome
from infra.workflows.watch import row
from tests.sizes import size, tried

LEAVES = some.one_of(
    some.none(), some.booleans(), some.integers(), some.just(10**400), some.floats(), some.text(max_size=4)
)
ANY = some.recursive(
    LEAVES, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner)
)
NAMES = [
    "by", "score", "metric", "samples_per_s", "device", "exit_code", "seconds", "seconds_before", "usd_per_hour",
    "instance_type", "pretended", "signal", "started", "ended", "oom_kills", "results", "step", "loss",
]  # fmt: skip
# Of the right names, with a mark or without, or nothing like it.
SHAPES = some.one_of(
    some.dictionaries(some.sampled_from(NAMES), ANY, max_size=5),
    some.dictionaries(some.sampled_from(NAMES), ANY, max_size=5).map(lambda found: {**found, "by": "gluon-rig"}),
    ANY,
)
CONTENTS = some.one_of(
    SHAPES.map(lambda value: json.dumps(value).encode()),
    some.binary(max_size=20),
    some.sampled_from([b"[" * 5000, b'{"by": "gluon-rig", "score": ' + b"9" * 5000 + b"}", b"\xff\xfe{\x00"]),
)


@settings(max_examples=size(40, 5_000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(summary=CONTENTS, ending=CONTENTS, metrics=CONTENTS)
def test_files_of_any_shape_are_shown_or_left_out(
    tmp_path: Path, summary: bytes, ending: bytes, metrics: bytes
) -> None:
    tried()
    (tmp_path / "summary.json").write_bytes(summary)
    (tmp_path / "exit.json").write_bytes(ending)

    found, cost = artifacts.read_recorded(tmp_path), run_cost("r", artifacts.ending(tmp_path))
    done = Outcome(run="r", folder=tmp_path, exit_code=0, cost=cost)
    shown = render_outcome(done, artifacts.summary(tmp_path), here=tmp_path)
    costs = render_costs(Costs(instances=[], runs=[cost]), pretended=False)
    row(metrics.decode(errors="replace"))

    assert found.exit_code is None or isinstance(found.exit_code, int)
    assert "nan" not in shown + costs
    if b"gluon-rig" not in summary + ending:
        assert (found.state, found.exit_code, cost.seconds) == ("lost", None, 0.0)


def test_a_script_s_own_summary_is_not_taken_for_the_kit_s(tmp_path: Path) -> None:
    for own in ('{"score": {"f1": 0.9}}', '{"score": "n/a"}', '{"score": 0.5}', "null"):
        (tmp_path / "summary.json").write_text(own)

        assert artifacts.summary(tmp_path) == {}
    (tmp_path / "summary.json").write_text('{"by": "gluon-rig", "score": 0.5}')
    assert artifacts.summary(tmp_path)["score"] == 0.5
