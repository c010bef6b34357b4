"""A fleet of which nothing has failed: the machine that changed is found, the others are not accused."""

import numpy as np
import pytest

from training.errors import BadData
from training.prognostics.drift import fleet_drift
from training.prognostics.windows import UnitLog
from training.serve.fleet_drift import main


def a_fleet(units: int, seed: int, *, rows: int = 400) -> list[UnitLog]:
    """Machines that differ from one another, and whose channels wander a little together."""
    random = np.random.RandomState(seed)
    logs = []
    for number in range(units):
        common = random.standard_normal((rows, 1))
        values = random.standard_normal((1, 3)) * 5 + 0.7 * common + random.standard_normal((rows, 3))
        logs.append(
            UnitLog(f"m{number}", np.arange(float(rows)), values.astype(np.float32), np.zeros((rows, 0), np.float32))
        )
    return logs


def told(logs, **keys):
    return fleet_drift(logs, ["a", "b", "c"], **{"stretch": 25, "beginning": 0.5, "carry": 20, **keys})


@pytest.mark.parametrize("size", [3.0, -3.0])
def test_the_machine_that_changed_comes_first_with_the_channel_that_did(size):
    logs = a_fleet(20, 0)
    logs[7].values[-60:, 1] += size

    first = told(logs)[0]

    assert (first.unit, first.channel, np.sign(first.change)) == ("m7", "b", np.sign(size))
    assert first.chance == pytest.approx(1 / 20)


def test_a_fleet_in_which_nothing_changed_is_not_accused_more_often_than_said():
    chances = np.concatenate([[one.chance for one in told(a_fleet(15, seed))] for seed in range(1, 13)])

    assert np.mean(chances <= 0.1) < 0.16
    assert 0.4 < np.mean(chances) < 0.65


def test_a_change_that_breaks_how_channels_go_together_is_further_off_than_one_that_keeps_it():
    logs = a_fleet(20, 3)
    together, apart = logs[2], logs[5]
    together.values[-60:] += np.float32([0.5, 0.5, 0.5])
    apart.values[-60:] += np.float32([0.5, -0.5, 0.5])

    scores = {one.unit: one.score for one in told(logs)}

    assert scores["m5"] > scores["m2"]


def test_what_comes_later_in_other_units_changes_no_answer():
    logs = a_fleet(8, 4)
    before = {one.unit: one for one in told(logs)}
    logs[3].values[-25:] += 9.0

    after = {one.unit: one for one in told(logs)}

    assert all(after[unit] == one for unit, one in before.items() if unit != "m3")


def test_too_few_or_too_short_records_are_refused():
    with pytest.raises(BadData, match="2 of 2 units have 100 rows or more: too few to compare"):
        told(a_fleet(2, 0))
    with pytest.raises(BadData, match="0 of 5 units"):
        told(a_fleet(5, 0, rows=60))


def test_the_command_prints_a_line_for_each_machine(tmp_path, capsys):
    rows = ["machine,hour,heat,noise"]
    for log in a_fleet(6, 5, rows=240):
        values = log.values + (6 * (log.unit == "m4") * (log.times > 200))[:, None]
        rows += [f"{log.unit},{t:g},{a:.3f},{b:.3f}" for t, (a, b, _) in zip(log.times, values, strict=True)]
    rows += [f"new,{t},1,2" for t in range(9)]
    (tmp_path / "log.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "fleet.toml").write_text(
        'files = ["log.csv"]\nunit = "machine"\ntime = "hour"\ntime_unit = "hours"\n'
        'channels = ["heat", "noise"]\nruns_to_failure = false\n'
    )

    assert main([str(tmp_path / "fleet.toml"), "--stretch", "20"]) == 0

    out, err = capsys.readouterr()
    lines = [line.split(",") for line in out.splitlines()]
    assert lines[0] == ["unit", "rows", "score", "chance", "channel", "change"]
    assert lines[1][:2] == ["m4", "240"]
    assert sorted(line[0] for line in lines[1:]) == [f"m{number}" for number in range(6)]
    assert "1 of 7 units have too few rows, and are left out" in err


def test_where_nothing_failed_training_refuses_and_names_what_can_be_asked(tmp_path):
    pytest.importorskip("training.compat", reason="MXNet is not installed")
    from training.config import parse
    from training.jobs import sensors

    (tmp_path / "log.csv").write_text("u,t,x\n" + "".join(f"{u},{t},{t % 7}\n" for u in "abcd" for t in range(20)))
    (tmp_path / "t.toml").write_text(
        'files = ["log.csv"]\nunit = "u"\ntime = "t"\nchannels = ["x"]\nruns_to_failure = false\n'
    )

    with pytest.raises(BadData, match="0 of 4 units failed") as refused:
        sensors.data(parse(sensors.Config, [f"table={tmp_path / 't.toml'}"]))

    assert f"python -m training drift {tmp_path / 't.toml'}" in refused.value.hint
