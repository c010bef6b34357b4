"""Several horizons and several parts in one run: what is asked, what is known, and that answers never contradict."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("training.compat", reason="MXNet is not installed")

from training.compat import mx
from training.config import parse
from training.console import Console
from training.errors import BadData, BadInput
from training.jobs import load, sensors
from training.nets.sequence import LifeNet
from training.pack.pack import one_by_one, pack
from training.pack.reading import open_pack
from training.prognostics.answers import AGE, UNIT, fails, fails_known
from training.prognostics.forecast import cut
from training.prognostics.log_schema import read_description
from training.prognostics.questions import Questions
from training.prognostics.read_log import read_log
from training.prognostics.scaling import fit_scaling
from training.train import train_and_evaluate

PARTS = ("bearing", "main seal")
DESCRIBED = """\
files = ["log.csv"]
unit = "machine"
time = "hour"
time_unit = "hours"
channels = ["heat", "leak"]
[failures]
files = ["repairs.csv"]
time = "hour"
part = "part"
parts = ["bearing", "main seal"]
"""


def a_workshop(folder: Path, machines: int = 14, hours: int = 160) -> dict[str, list[tuple[int, str]]]:
    """Machines whose bearings and seals fail in turn; heat rises before the one, leak before the other."""
    random = np.random.RandomState(4)
    rows, repairs, events = ["machine,hour,heat,leak"], ["machine,hour,part"], {}
    for number in range(machines):
        name, ages = f"M{number}", {part: int(random.randint(0, 40)) for part in PARTS}
        lives = {part: int(random.randint(70, 120)) for part in PARTS}
        for hour in range(hours):
            wear = [max(0.0, 1 - (lives[part] - ages[part]) / 40) for part in PARTS]
            rows.append(f"{name},{hour},{wear[0] + random.normal(0, 0.2):.3f},{wear[1] + random.normal(0, 0.2):.3f}")
            for part in PARTS:
                ages[part] += 1
                if ages[part] >= lives[part]:
                    ages[part] = 0
                    repairs.append(f"{name},{hour},{part}")
                    events.setdefault(name, []).append((hour, part))
    for name, lines in (("log.csv", rows), ("repairs.csv", repairs)):
        (folder / name).write_text("\n".join(lines) + "\n")
    (folder / "fleet.toml").write_text(DESCRIBED)
    return events


def test_each_row_knows_of_each_part_when_it_fails_next_through_the_repairs_of_the_others(tmp_path):
    events, horizons, last = a_workshop(tmp_path), (5.0, 30.0), 159
    log = read_log(read_description(tmp_path / "fleet.toml"))
    questions = Questions(horizons, log.parts)
    config = parse(sensors.Config, ["horizon=30,5", "stretch=1", "cap=200"])
    split = cut(log.train, fit_scaling(log.train), config)

    assert config.horizons == horizons
    assert log.parts == PARTS
    checked = 0
    for number, one in enumerate(log.train):
        mine = split.y[split.y[:, UNIT] == number]
        for row, hour in zip(mine, one.times[0] + mine[:, AGE], strict=True):
            for place, asked in enumerate(questions.each()):
                later = [at for at, part in events[one.machine] if at >= hour and asked.part in ("", part)]
                happens = bool(later) and later[0] - hour <= asked.horizon
                known = bool(later) or last - hour > asked.horizon
                assert (row[fails(place)], row[fails_known(place)]) == (happens, known)
                checked += 1
    assert checked > 10_000


def test_a_pack_knows_the_same_of_each_part(tmp_path):
    a_workshop(tmp_path, machines=4)
    description = read_description(tmp_path / "fleet.toml")

    pack(description, tmp_path / "packed", DESCRIBED, one_by_one, Console())

    log, packed = read_log(description), open_pack(tmp_path / "packed").whole()
    assert packed.parts == log.parts == PARTS
    told = [
        [(one.unit, str(one.parts_fail_at), one.watched_until) for one in some] for some in (log.train, packed.train)
    ]
    assert told[0] == told[1]


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 4), st.integers(0, 3), st.integers(0, 99))
def test_no_net_gives_a_longer_horizon_or_any_failure_the_smaller_probability(horizons, parts, seed):
    mx.random.seed(seed)
    net = LifeNet(length=5, channels=2, segment=2, hidden=3, dropout=0.0, cap=9.0, horizons=horizons, parts=parts)
    net.initialize(mx.init.Normal(2.0))
    told = net(mx.nd.random.normal(scale=3, shape=(40, 5, 2))).asnumpy()

    assert told.shape == (40, 1 + (1 + parts) * horizons)
    odds = told[:, 1:].reshape(40, 1 + parts, horizons)
    assert (np.diff(odds, axis=2) >= 0).all()
    assert (odds[:, :1] >= odds[:, 1:]).all()


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("workshop")
    a_workshop(folder)
    words = [
        f"table={folder}/fleet.toml",
        "horizon=24,48",
        "cap=100",
        "num_epochs=6",
        "hidden=12",
        "window=15",
        "stride=2",
    ]
    train_and_evaluate(load("sensors"), parse(sensors.Config, [*words, "held_out=0.3", "device=cpu"]), folder / "run")
    return folder / "run"


COLUMNS = ["probability_24", "probability_48", "probability_bearing_24", "probability_bearing_48"]
COLUMNS += ["probability_main_seal_24", "probability_main_seal_48"]


def test_predict_prints_a_probability_for_each_and_the_right_part_is_called(run, capsys):
    from training.serve.predict import main

    assert main(["--run", str(run), str(run.parent / "log.csv")]) == 0

    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == ["unit", "time", *COLUMNS, "life", "rows", "missing", "outside", "low", "high"]
    told = np.array([[float(row[name]) for name in COLUMNS] for row in rows])
    assert (told[:, 1::2] >= told[:, ::2]).all()
    assert (told[:, [0]] >= told[:, [2, 4]]).all()
    repairs = [row.split(",") for row in (run.parent / "repairs.csv").read_text().splitlines()[1:]]
    by_row = {(row["unit"], row["time"]): chances for row, chances in zip(rows, told, strict=True)}
    called = [by_row[machine, hour][2::2].argmax() == PARTS.index(part) for machine, hour, part in repairs]
    assert np.mean(called) > 0.8


def test_the_report_the_summary_and_the_card_speak_of_each(run):
    scores = json.loads((run / "summary.json").read_text())["scores"]
    report, card = (run / "report.html").read_text(), (run / "model" / "CARD.md").read_text()

    for suffix in ("24", "48", "bearing_24", "bearing_48", "main_seal_24", "main_seal_48"):
        assert 0 < scores[f"brier_{suffix}"] < 0.25
        assert {f"calibration_error_{suffix}", f"simple_brier_{suffix}"} <= set(scores)
        assert f"`probability_{suffix}`" in card
    for question in ("any failure within 24 hours", "bearing within 48 hours", "main seal within 24 hours"):
        assert report.count(question) == 3  # its worth, its curve, and what is known of it
        assert question in card
    assert "and its main seal, fails within the next 24 and 48 hours" in card


def test_the_server_answers_each_in_the_numbers_of_predict(run, tmp_path, capsys):
    from starlette.testclient import TestClient

    from training.serve.app import make_app
    from training.serve.predict import main
    from training.serve.service import open_service

    lines = (run.parent / "log.csv").read_text().splitlines(keepends=True)[:51]
    (tmp_path / "some.csv").write_text("".join(lines))
    main(["--run", str(run), str(tmp_path / "some.csv"), "--engine", "onnx"])
    printed = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    service = open_service(run, state=tmp_path / "state", most_units=5, most_rows=999)
    with TestClient(make_app(service)) as client:
        answer = client.post("/units", content="".join(lines), headers={"content-type": "text/csv"}).json()["forecasts"]
        unit = client.get("/units/M0").json()

    assert [[f"{row[name]:.4f}" for name in COLUMNS] for row in answer] == [
        [row[n] for n in COLUMNS] for row in printed
    ]
    assert unit["probabilities"] == pytest.approx({name: answer[-1][name] for name in COLUMNS}, abs=1e-6)


def test_the_page_shows_each_for_the_unit_that_is_chosen(run, tmp_path):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium here: apt install chromium")
    lines = (run.parent / "log.csv").read_text().splitlines(keepends=True)[:51]
    words = ["-m", "training", "serve", "--run", str(run), "--state", str(tmp_path / "state")]
    with subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True) as server:
        try:
            address = server.stdout.readline().strip()
            asked = urllib.request.Request(f"{address}/units", "".join(lines).encode(), {"content-type": "text/csv"})
            urllib.request.urlopen(asked).read()
            seen = [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/browser"]
            page = [*seen, "--virtual-time-budget=8000", "--dump-dom", address]
            dom = subprocess.run(page, capture_output=True, text=True, timeout=120, check=True).stdout
        finally:
            server.terminate()

    table = next(part for part in dom.split("<table>") if "within 24 hours</th>" in part).partition("</table>")[0]
    assert re.findall(r">([^<]+)</th>", table) == ["within 24 hours", "within 48 hours", "any failure", *PARTS]
    assert table.count("</td>") == len(COLUMNS)
    assert "Failure within 24 or 48 hours; remaining life up to 100 hours." in dom


@pytest.mark.parametrize(
    ("horizon", "parts", "why"),
    [
        (
            "24,900",
            '["bearing", "main seal"]',
            "any failure within 900 hours: no row of the training units is known not to",
        ),
        ("24", '["bearing", "gear"]', "repairs.csv: no part is 'gear'"),
    ],
)
def test_a_horizon_or_a_part_of_which_nothing_is_known_is_refused(tmp_path, horizon, parts, why):
    a_workshop(tmp_path)
    (tmp_path / "fleet.toml").write_text(DESCRIBED.replace('["bearing", "main seal"]', parts))

    with pytest.raises(BadData) as refused:
        sensors.data(parse(sensors.Config, [f"table={tmp_path}/fleet.toml", f"horizon={horizon}"]))

    assert why in refused.value.cause


def test_horizons_are_put_in_order_and_one_of_them_is_a_number_as_ever():
    assert parse(sensors.Config, ["horizon=48,24,168,24"]).horizon == (24.0, 48.0, 168.0)
    assert parse(sensors.Config, ["horizon=[24, 48]"]).horizon == (24.0, 48.0)
    assert parse(sensors.Config, ["horizon=48"]).horizon == 48.0
    for wrong in ("horizon=24,x", "horizon=-1,24", "horizon=,", "horizon=nan,3"):
        with pytest.raises(BadInput):
            parse(sensors.Config, [wrong])
