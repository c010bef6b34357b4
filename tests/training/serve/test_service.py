"""What a server answers: the numbers of the report, rows refused by line and column, examples that work."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("training.compat", reason="MXNet is not installed")

from starlette.testclient import TestClient

from tests.training import small_job
from tests.training.serve.conftest import PROJECT, as_csv
from training.compat import mx
from training.data.splits import Split
from training.serve.app import make_app
from training.serve.backends import open_net
from training.serve.examples import example_picture
from training.serve.service import Service, open_service

Rows = list[dict[str, str]]
ROW = {"machine": "A", "time": 1, "load": 1, "vibration": 1, "oil_temperature": 1, "motor_current": 1}


@pytest.fixture
def service(gearboxes: Path, tmp_path: Path) -> Service:
    return open_service(gearboxes / "run", state=tmp_path / "state", most_units=6, most_rows=2000)


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    with TestClient(make_app(service)) as client:
        yield client


@pytest.fixture(scope="module")
def pictures(finished_run: Path) -> Iterator[TestClient]:
    service = open_service(finished_run, state=None, most_units=1, most_rows=10)
    with TestClient(make_app(service)) as client:
        yield client


def post(client: TestClient, path: str, rows: Rows | str, **headers: str) -> Any:
    text = rows if isinstance(rows, str) else as_csv(rows)
    return client.post(path, content=text, headers={"content-type": "text/csv", **headers})


def test_its_numbers_are_those_of_predict_and_of_the_net_that_was_trained(
    client: TestClient, gearboxes: Path, later: Rows
) -> None:
    told = post(client, "/predict", later).json()["forecasts"]
    line = [sys.executable, "-m", "training", "predict", "--run", gearboxes / "run", "-", "--engine", "mxnet"]
    printed = subprocess.run(line, input=as_csv(later), cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    predicted = [row.split(",") for row in printed.splitlines()[1:]]

    assert [[one["unit"], one["time"], f"{one['probability']:.4f}"] for one in told] == [row[:3] for row in predicted]
    ours = np.array([[one["probability"], one["life"]] for one in told])
    assert ours == pytest.approx(by_mxnet(gearboxes / "run", later), rel=1e-6, abs=1e-6 * 150)
    assert ours[:, 0] == pytest.approx(by_mxnet(gearboxes / "run", later)[:, 0], abs=1e-6)


def by_mxnet(run: Path, rows: Rows) -> np.ndarray[Any, Any]:
    from training.serve.body import Body, read_body
    from training.serve.forecaster import Forecaster
    from training.serve.predict import read_preparation

    prepared = read_preparation(run)
    arrived = read_body(Body(as_csv(rows).encode(), "text/csv"), prepared.columns)
    said = Forecaster(prepared, open_net(run, "mxnet")).forecast(arrived.rows)
    return np.stack([said.probability, said.life], axis=1)


def test_rows_one_by_one_in_any_form_give_the_numbers_of_the_whole_log(client: TestClient, later: Rows) -> None:
    rows = [row for row in later if row["machine"] == "G41"][:60]
    whole = post(client, "/predict", rows).json()["forecasts"]
    told = []
    for number, row in enumerate(rows):
        without_unit = {name: cell for name, cell in row.items() if name != "machine"}
        numbers = {
            name: float(cell) if cell and name != "time" else cell or None for name, cell in without_unit.items()
        }
        body = {"rows": [numbers]} if number % 2 else {"columns": list(numbers), "rows": [list(numbers.values())]}
        answer = post(client, "/units/G41", [row]) if number % 3 == 0 else client.post("/units/G41", json=body)
        told += answer.json()["forecasts"]

    assert len(told) == 60
    for name in ("probability", "life"):
        assert [one[name] for one in told] == pytest.approx([one[name] for one in whole], rel=1e-6)
    kept = ("unit", "time", "rows", "missing", "outside")
    assert [[one[name] for name in kept] for one in told] == [[one[name] for name in kept] for one in whole]


def test_units_stand_by_risk_and_each_shows_its_history_and_what_is_behind_it(client: TestClient, later: Rows) -> None:
    told = post(client, "/units", later).json()["forecasts"]
    last = {one["unit"]: one["probability"] for one in told}
    listed = client.get("/units").json()
    worst = client.get(f"/units/{listed['units'][0]['unit']}").json()

    assert listed["count"] == len(last) == 4
    assert [one["unit"] for one in listed["units"]] == sorted(last, key=lambda unit: -last[unit])
    assert worst["history"]["probability"][-1] == pytest.approx(worst["probability"])
    assert {one["name"] for one in worst["channels"]} == {"vibration", "oil_temperature", "motor_current"}
    assert abs(worst["channels"][0]["moves"]) >= abs(worst["channels"][-1]["moves"])
    assert len(client.get("/units?limit=2").json()["units"]) == 2
    assert client.get("/units?limit=x").status_code == 422


@pytest.mark.parametrize(
    ("body", "kind", "where"),
    [
        ("machine,time,load,vibration,oil_temperature,motor_current\nA,1,1,1,x,1\nA,2,1,1,1,inf\n", "text/csv",
         [(2, "oil_temperature", "'x' is not a number"), (3, "motor_current", "'inf' is not finite")]),
        ("machine,time,load,vibration,oil_temperature,motor_current\nA,1,1,1,1\n", "text/csv",
         [(2, None, "5 cells, but the log has 6 columns")]),
        ("machine,time,load,vibration,oil_temperature,motor_current\nA,2,1,1,1,1\nA,2,1,1,1,1\n", "text/csv",
         [(3, "time", "2 of unit 'A' does not come after 2 (line 2)")]),
        ("machine,time,load,vibration,oil_temperature,motor_current\nA,,1,1,1,1\n", "text/csv",
         [(2, "time", "the time is missing")]),
        ("machine,time,load,vibration,oil_temperature,motor_current\n,1,1,1,1,1\n", "text/csv",
         [(2, "machine", "names no unit")]),
        ("machine,time,load,heat\nA,1,1,1\n", "text/csv", [(1, None, "column 'vibration' is not there")]),
        (b"machine,time\n\xff,1\n", "text/csv", [(2, None, "is not UTF-8 text")]),
        ("machine,time,load,vibration,oil_temperature,motor_current\n", "text/csv",
         [(None, None, "there are no rows")]),
        (json.dumps({"rows": [{**ROW, "vibration": [1]}]}),
         "application/json", [(1, "vibration", "is neither a number nor a text")]),
        (json.dumps({"rows": [{**ROW, "vibration": "x"}]}),
         "application/json", [(1, "vibration", "'x' is not a number")]),
        ('{"rows": [1]}', "application/json", [(1, None, "is no row")]),
        ('{"rows": []}', "application/json", [(None, None, "there are no rows")]),
        ('{"columns": ["machine", "time"], "rows": []}', "application/json", [(None, None, "there are no rows")]),
        ('{"rows": 1}', "application/json", [(None, None, "there is no list of rows")]),
        ('["columns"]', "application/json", [(1, None, "is no row")]),
        ('{"rows": [}', "application/json", [(1, None, "is not JSON")]),
        ("[" * 100_000, "application/json", [(None, None, "is not JSON")]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/predict", "/units"])
def test_a_bad_row_is_refused_with_its_line_and_column_and_nothing_counts(
    client: TestClient, path: str, body: str | bytes, kind: str, where: list[tuple[int | None, str | None, str]]
) -> None:
    answer = client.post(path, content=body, headers={"content-type": kind})

    assert answer.status_code in (422, 413)
    if answer.status_code == 422:
        found = [(one["line"], one["column"], one["msg"]) for one in answer.json()["detail"]]
        assert [one[:2] for one in found] == [one[:2] for one in where]
        assert all(expected in one[2] for one, (_, _, expected) in zip(found, where, strict=True)), found
    assert client.get("/units").json()["count"] == 0


def test_json_is_taken_as_python_writes_it(client: TestClient) -> None:
    long = 12345678901234567890123
    rows = [{**ROW, "machine": long + 1}, {**ROW, "machine": long, "vibration": float("nan")}]

    answer = client.post("/units", content=json.dumps({"rows": rows}), headers={"content-type": "application/json"})

    assert [one["unit"] for one in answer.json()["forecasts"]] == [str(long + 1), str(long)]
    assert [one["missing"] for one in answer.json()["forecasts"]] == [0, 1]


def test_late_rows_rows_of_another_unit_and_times_written_otherwise_are_refused(
    client: TestClient, later: Rows
) -> None:
    rows = later[:10]
    assert post(client, "/units/G41", rows).status_code == 200

    late = post(client, "/units/G41", later[5:12]).json()["detail"]
    other = post(client, "/units/G42", later[10:12]).json()["detail"]
    without_zone = [{**row, "time": row["time"].removesuffix("+00:00")} for row in later[10:12]]
    otherwise = post(client, "/units/G41", without_zone).json()["detail"]

    assert [one["line"] for one in late] == [2, 3, 4, 5, 6]
    assert "does not come after 2024-03-21T05:00:00+00:00, the last one taken" in late[0]["msg"]
    assert [(one["line"], one["column"], one["msg"]) for one in other] == [
        (2, "machine", "is 'G41', not 'G42'"), (3, "machine", "is 'G41', not 'G42'"),
    ]  # fmt: skip
    assert "a time without a zone, unlike" in otherwise[0]["msg"]
    assert client.get("/units/G41").json()["count"] == 10


def test_a_request_that_is_sent_again_gets_the_same_answer_and_counts_once(client: TestClient, later: Rows) -> None:
    first, again = (post(client, "/units", later[:30]).json() for _ in range(2))

    assert first == again
    assert client.get("/units/G41").json()["count"] == 30
    assert "rig_rows_total 30.0" in client.get("/metrics").text


def test_more_units_than_may_be_kept_are_refused_until_one_is_forgotten(client: TestClient, later: Rows) -> None:
    row = {name: cell for name, cell in later[0].items() if name != "machine"}
    assert [post(client, f"/units/U{n}", [row]).status_code for n in range(7)] == [200] * 6 + [507]

    assert client.delete("/units/U3").status_code == 204
    assert client.delete("/units/U3").status_code == 404
    assert post(client, "/units/U6", [row]).status_code == 200
    assert client.get("/units/U3").status_code == 404


def test_limits_hold_for_rows_and_for_forms(client: TestClient, later: Rows) -> None:
    assert post(client, "/predict", later * 3).status_code == 413
    assert client.post("/predict", content=b"x", headers={"content-type": "text/html"}).status_code == 415
    assert post(client, "/units/" + "u" * 300, later[:2]).status_code == 422


def test_a_disk_that_is_full_changes_nothing(
    client: TestClient, service: Service, later: Rows, monkeypatch: Any
) -> None:
    assert post(client, "/units", later[:5]).status_code == 200

    def full(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("training.serve.journal._to_disk", full)
        refused = post(client, "/units", later[5:9])
    assert (refused.status_code, refused.json()["detail"][0]["msg"]) == (
        507, "the rows could not be written down: No space left on device",
    )  # fmt: skip
    assert post(client, "/units", later[5:9]).status_code == 200
    assert client.get("/units/G41").json()["count"] == 9


def test_csv_is_answered_in_csv_to_who_asks_for_it(client: TestClient, later: Rows) -> None:
    answer = post(client, "/predict", later[:3], accept="text/csv")

    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.splitlines()[0] == "unit,time,probability,life,rows,missing,outside,low,high"
    assert len(answer.text.splitlines()) == 4


@pytest.mark.parametrize("which", ["client", "pictures"])
def test_every_example_on_the_page_of_the_api_works(which: str, request: pytest.FixtureRequest) -> None:
    client = request.getfixturevalue(which)
    paths = client.get("/openapi.json").json()["paths"]
    tried = []
    for path, calls in paths.items():
        for kind, form in calls.get("post", {}).get("requestBody", {}).get("content", {}).items():
            examples = [one["value"] for one in form.get("examples", {}).values()] or [form.get("example")]
            for number, example in enumerate(examples):
                body = example if isinstance(example, str) else json.dumps(example)
                if kind == "image/png":
                    body = example_picture(open_service_of(request))
                place = path.replace("{unit}", f"unit-{kind[-3:]}-{number}")
                answer = client.post(place, content=body, headers={"content-type": kind})
                tried.append((path, kind, answer.status_code if answer.status_code == 200 else answer.text))
                client.delete("/units/example")

    assert [one for one in tried if one[2] != 200] == []
    assert len(tried) == (9 if which == "client" else 1)


def open_service_of(request: pytest.FixtureRequest) -> Service:
    run = request.getfixturevalue("finished_run")
    return open_service(run, state=None, most_units=1, most_rows=10)


def as_png(image: np.ndarray[Any, Any]) -> bytes:
    from PIL import Image

    png = io.BytesIO()
    Image.fromarray(image).save(png, "PNG")
    return png.getvalue()


def test_pictures_get_the_classes_that_the_trained_net_gives_them(pictures: TestClient, finished_run: Path) -> None:
    test: Split = small_job.data(small_job.Config()).test
    net = open_net(finished_run, "mxnet")
    for image in test.X[:20]:
        answer = pictures.post("/predict", content=as_png(image[0]), headers={"content-type": "image/png"}).json()
        scores = net(small_job.scaled(mx.nd.array(image[None])).asnumpy())[0].astype(float)
        shares = np.exp(scores - scores.max())

        assert list(answer["probabilities"].values()) == pytest.approx(shares / shares.sum(), abs=1e-6)
        assert answer["class"] == ("nw", "ne", "sw", "se")[int(scores.argmax())]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no picture", "the picture is no PNG, or damaged"),
        (as_png(np.zeros((9, 8), np.uint8)), "the picture is 8 x 9; the net takes 8 x 8"),
        (as_png(np.zeros((8, 8), np.uint8))[:-30], "the picture is no PNG, or damaged"),
    ],
)
def test_a_picture_that_cannot_be_used_is_refused(pictures: TestClient, content: bytes, why: str) -> None:
    answer = pictures.post("/predict", content=content, headers={"content-type": "image/png"})

    assert (answer.status_code, answer.json()["detail"][0]["msg"]) == (422, why)


def test_a_job_of_numbers_answers_for_numbers(tmp_path: Path) -> None:
    from training.config import parse
    from training.jobs import linear, load
    from training.train import train_and_evaluate

    train_and_evaluate(load("linear"), parse(linear.Config, ["num_epochs=1", "device=cpu"]), tmp_path / "run")
    with TestClient(make_app(open_service(tmp_path / "run", state=None, most_units=1, most_rows=10))) as client:
        answer = client.post("/predict", json={"inputs": [[1.0, 2.0], [0.0, 0.0]]})
        wrong = client.post(
            "/predict", content='{"inputs": [[1, 2], [NaN, 2]]}', headers={"content-type": "application/json"}
        )
        expected = open_net(tmp_path / "run", "mxnet")(np.array([[1, 2], [0, 0]], np.float32))

        assert np.array(answer.json()["outputs"]) == pytest.approx(expected, rel=1e-6)
        assert wrong.json()["detail"][0]["line"] == 2
        assert client.post("/predict", json={"inputs": [[1.0]]}).status_code == 422
