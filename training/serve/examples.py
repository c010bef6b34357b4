"""Bodies that the page of the API shows for this very model; a test sends each of them."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np

from training.prognostics.cells import TRUTH
from training.prognostics.columns import Columns
from training.prognostics.log_keys import DIGITS, TIME_OF_DAY
from training.prognostics.preparation import Preparation
from training.serve.body import CSV, JSON
from training.serve.pictures import MODES, PNG
from training.serve.service import Service
from training.workdir.model_folder import FORECAST, IMAGES

UNIT = "example"
JANUARY_2024_S = 1_704_067_200.0


def body_of(service: Service, *, with_unit: bool) -> dict[str, Any]:
    """The `requestBody` of a path that takes what *service* is asked, with an example of each form."""
    kind = service.model.description.kind
    if kind == FORECAST:
        return _rows(service.prepared, with_unit=with_unit)
    if kind == IMAGES:
        return _content({PNG: {"schema": {"type": "string", "format": "binary"}}})
    example = {"inputs": [np.zeros(service.model.description.input_shape).tolist()]}
    return _content({JSON: {"schema": {"type": "object"}, "example": example}})


def _content(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


def _rows(prepared: Preparation, *, with_unit: bool) -> dict[str, Any]:
    columns = prepared.columns.in_no_file
    rows = _example_rows(prepared, with_unit=with_unit and bool(columns.unit))
    names = list(rows[0])
    forms = {
        "a row by its columns' names": {"rows": rows},
        "columns once, then rows": {"columns": names, "rows": [list(row.values()) for row in rows]},
    }
    examples = {name: {"value": value} for name, value in forms.items()}
    return _content(
        {
            JSON: {"schema": {"type": "object"}, "examples": examples},
            CSV: {"schema": {"type": "string"}, "example": _as_text(rows, columns)},
        }
    )


def _example_rows(prepared: Preparation, *, with_unit: bool) -> list[dict[str, Any]]:
    """Two rows of a unit that stands at the mean of training in every channel."""
    columns, scaling = prepared.columns, prepared.scaling
    means = dict(zip(scaling.kept, scaling.mean[0].tolist(), strict=True))
    values: dict[str, Any] = {
        name: round(means.get(feature, 0.0), 4)
        for name, feature in zip(columns.measured, _first_features(columns), strict=True)
        if name in columns.channels
    }
    values |= {name: words[0] for name, words in columns.categories if words}
    values |= {name: round(values[name]) for name, kind in columns.kinds if kind == TRUTH and name in values}
    values |= {name: round(float(scaling.centres[0][place]), 4) for place, name in enumerate(columns.conditions)}
    unit = {columns.unit: UNIT} if with_unit else {}
    return [{**unit, **values, **_example_time(columns, moment)} for moment in (1, 2)]


def _example_time(columns: Columns, moment: int) -> dict[str, Any]:
    """One that the log's own times can be read beside."""
    day = 16 + moment
    if columns.clock:
        two = f"202405{day}" if columns.dates == DIGITS else f"2024-05-{day}", "10:00:00"
        words = two if len(columns.clock) == 1 else ("2024", "05", f"{day}", "10", "00", "00")
        return dict(zip(columns.timed_by, words, strict=False))
    if columns.dates in (DIGITS, TIME_OF_DAY):
        return {columns.time: f"202405{day}" if columns.dates == DIGITS else f"10:0{moment}:00"}
    seconds = round(JANUARY_2024_S + 3600 * moment - columns.epoch_begins)
    return {columns.time: round(seconds * columns.epoch) if columns.epoch else moment}


def _first_features(columns: Columns) -> list[int]:
    """For each value that a row holds the first feature that is made of it."""
    held = [place for place, _ in columns.summaries] if columns.step else list(range(len(columns.features)))
    return [held.index(place) for place in range(len(columns.measured))]


def _as_text(rows: list[dict[str, Any]], columns: Columns) -> str:
    """As the training log has it: with its separator, and with a header unless that log has none."""
    names = list(columns.header) or list(rows[0])
    between = columns.separator or " "
    lines = [between.join(_cell(row.get(name, UNIT), columns) for name in names) for row in rows]
    head = [] if columns.header else [between.join(names)]
    return "\n".join([*head, *lines]) + "\n"


def _cell(value: Any, columns: Columns) -> str:
    return str(value).replace(".", columns.decimal) if isinstance(value, float) else str(value)


def example_picture(service: Service) -> bytes:
    """A grey PNG of the size that the net takes."""
    from PIL import Image

    assert service.model.description.pixels is not None
    channels, height, width = service.model.description.pixels.shape
    picture = io.BytesIO()
    Image.new(MODES[channels], (width, height), "grey").save(picture, "PNG")
    return picture.getvalue()


def curl_of(service: Service, address: str) -> str:
    """A line that asks this server something, for who has just started it."""
    if service.model.description.kind == FORECAST:
        data = json.dumps({"rows": _example_rows(service.prepared, with_unit=False)[:1]})
        return f"curl -H 'content-type: {JSON}' -d '{data}' {address}/units/{UNIT}"
    if service.model.description.kind == IMAGES:
        picture = base64.b64encode(example_picture(service)).decode()
        return f"echo {picture} | base64 -d | curl -H 'content-type: {PNG}' --data-binary @- {address}/predict"
    return f"curl {address}/model"
