"""What a server can be asked, without HTTP: the model of a folder, and the units it keeps."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from training.prognostics.preparation import Preparation
from training.serve.backends import open_onnx
from training.serve.body import JSON, BadBody, Body, Problem, read_body
from training.serve.fleet import Answer, Fleet, answer_of
from training.serve.forecaster import Forecaster
from training.serve.pictures import read_picture, softmax
from training.serve.recurrent import Net
from training.serve.stepping import forecast_steps
from training.serve.store import Store
from training.workdir.model_folder import CARD, FORECAST, Model, open_model

NO_UNIT = "log"
"""The name of the unit in rows that name none."""


ROUND_ROWS = 3
"""A header, a last line's end, and the brackets around all rows."""


class TooManyRows(Exception):
    """More than one request may hold."""


@dataclass(frozen=True, kw_only=True)
class Service:
    model: Model
    net: Net
    fleet: Fleet | None
    """Of a model that forecasts."""
    most_rows: int

    @property
    def kind(self) -> str:
        return self.model.description.kind

    @cached_property
    def prepared(self) -> Preparation:
        return Preparation.from_json(self.model.description.preparation)

    def describe(self) -> dict[str, Any]:
        """What GET /model answers: the description, and the card as it is."""
        card = (self.model.folder / CARD).read_text(encoding="utf-8")
        return {"name": self.model.name, **self.model.description.as_json(), "card": card}

    def forecast(self, body: Body) -> Answer:
        """Of a log by itself: nothing is kept of it. Raises BadBody or TooManyRows."""
        self._few(body)
        columns = self.prepared.columns
        arrived = read_body(body if columns.unit or body.unit else Body(body.content, body.kind, NO_UNIT), columns)
        forecaster = Forecaster(self.prepared, self.net)
        return answer_of(*forecast_steps(forecaster, arrived))

    def add(self, body: Body) -> Answer:
        """Rows that follow those a unit had before. Raises BadBody, NoRoom, TooManyRows, OSError."""
        assert self.fleet is not None
        self._few(body)
        return self.fleet.add(body)

    def _few(self, body: Body) -> None:
        marks = (b"{", b"[") if body.kind == JSON else (b"\n",)  # a row is a line, an object or a list
        if max(body.content.count(mark) for mark in marks) > self.most_rows + ROUND_ROWS:
            raise TooManyRows(f"The body has more than {self.most_rows:,} rows: send it in several requests.")

    def classify(self, content: bytes) -> dict[str, Any]:
        """The probability of each class, of one picture. Raises BadBody."""
        described = self.model.description
        assert described.pixels is not None
        X = read_picture(content, described.pixels).reshape(1, *described.input_shape)
        return self._classes(self.net(X))[0]

    def compute(self, content: bytes) -> list[Any]:
        """The net's outputs, or the probabilities of its classes, of examples as the net takes them. Raises BadBody."""
        outputs = self.net(self._examples(content))
        if self.model.description.classes:
            return self._classes(outputs)
        return [one.tolist() for one in outputs]

    def _examples(self, content: bytes) -> np.ndarray[Any, Any]:
        shape = self.model.description.input_shape
        hint = f'Send {{"inputs": [...]}}, each a list of shape {" x ".join(map(str, shape))}.'
        try:
            given = json.loads(content)["inputs"]
            X = np.array(given, dtype=np.float32)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise BadBody([Problem(0, "inputs", "is no list of equal lists of numbers")], hint) from error
        if X.ndim < 1 or X.shape[1:] != shape or not len(X):
            raise BadBody([Problem(0, "inputs", f"has the shape {' x '.join(map(str, X.shape))}")], hint)
        if len(X) > self.most_rows:
            raise TooManyRows(f"The body has more than {self.most_rows:,} examples: send it in several requests.")
        wrong = np.flatnonzero(~np.isfinite(X).reshape(len(X), -1).all(axis=1))
        if len(wrong):
            raise BadBody([Problem(int(row) + 1, "inputs", "is not finite") for row in wrong], hint)
        return X

    def _classes(self, scores: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
        names = self.model.description.classes
        return [_class_of(dict(zip(names, row.tolist(), strict=True))) for row in softmax(scores)]


def _class_of(probabilities: Mapping[str, float]) -> dict[str, Any]:
    return {"class": max(probabilities, key=lambda name: probabilities[name]), "probabilities": dict(probabilities)}


def open_service(place: Path, *, state: Path | None, most_units: int, most_rows: int) -> Service:
    """The model of the run or folder *place*, and its units as the folder *state* has them. Raises TrainingError."""
    model = open_model(place)
    net, fleet = open_onnx(model.onnx), None
    if model.description.kind == FORECAST:
        prepared = Preparation.from_json(model.description.preparation)
        fleet = Fleet(Forecaster(prepared, net), Store(state or default_state(model)), most_units)
        fleet.restore(model.checksum)
    return Service(model=model, net=net, fleet=fleet, most_rows=most_rows)


def default_state(model: Model) -> Path:
    """Where XDG has programs keep what must outlive them: https://specifications.freedesktop.org/basedir-spec/"""
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "gluon-rig" / "serve" / f"{model.name}-{model.checksum[:12]}"
