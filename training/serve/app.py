"""The HTTP side: paths, statuses, the page of the API. What is computed stands in service.py."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse

from training.console import plain
from training.serve.body import CSV, JSON, BadBody, Body, Problem
from training.serve.examples import body_of
from training.serve.explain import explain
from training.serve.fleet import Answer, Fleet, NoRoom, Unit
from training.serve.lines import BEHIND, header_of
from training.serve.pictures import PNG
from training.serve.recurrent import Array
from training.serve.service import Service, TooManyRows
from training.serve.telemetry import Telemetry
from training.workdir.model_folder import ARRAYS, FORECAST, IMAGES

log = logging.getLogger(__name__)
PAGE: Final = Path(__file__).with_name("page")
WAIT_S: Final = 5.0
"""For a place to compute in; who waits longer is told to come again."""
SHOWN_UNITS: Final = 200

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Refused(Exception):
    status: int
    problems: list[Problem]
    hint: str = ""


def make_app(service: Service) -> FastAPI:
    """All paths of *service*. The units are kept when the application ends."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        if service.fleet is not None:
            service.fleet.close()

    app = FastAPIOffline(
        title="Gluon Rig",  # the page of the API takes it for HTML
        version=service.model.checksum[:12],
        description=f"What the run `{plain(service.model.name)}` has learned, asked over HTTP.",
        redoc_url=None,
        favicon_url="/static/icon.svg",
        lifespan=lifespan,
        # The validator's badge would be fetched from elsewhere.
        swagger_ui_parameters={"validatorUrl": None},
    )
    _Paths(app, service, Telemetry(service)).add()
    app.mount("/static", StaticFiles(directory=PAGE), name="static")
    return app


class _Paths:
    def __init__(self, app: FastAPI, service: Service, telemetry: Telemetry) -> None:
        self.app, self.service, self.telemetry = app, service, telemetry
        self._places = asyncio.Semaphore(os.cpu_count() or 1)

    def add(self) -> None:
        self._path("GET", "/", self.page, "The page", in_schema=False)
        self._path("GET", "/health", self.health, "Whether the server is there")
        self._path("GET", "/metrics", self.metrics, "Counts for Prometheus")
        self._path("GET", "/model", self.model, "What goes in, what comes out, and the model card")
        predict = {FORECAST: self.forecast, IMAGES: self.classify, ARRAYS: self.compute}[self.service.kind]
        about = {
            FORECAST: "Forecasts for a log by itself; nothing is kept of it",
            IMAGES: "The class of a picture",
            ARRAYS: "The net's outputs for numbers as it takes them",
        }[self.service.kind]
        self._path("POST", "/predict", predict, about, body=body_of(self.service, with_unit=True))
        if self.service.fleet is not None:
            self._add_units(self.service.fleet)

    def _add_units(self, fleet: Fleet) -> None:
        whole, one = (body_of(self.service, with_unit=with_unit) for with_unit in (True, False))
        unit = {"parameters": [{"name": "unit", "in": "path", "required": True, "schema": {"type": "string"}}]}
        add, show, drop = (partial(call, fleet) for call in (self.add_unit, self.unit, self.forget))
        self._path("GET", "/units", partial(self.units, fleet), "All units, those at risk first")
        if fleet.columns.unit:
            self._path("POST", "/units", self.add_units, "The next rows of several units", body=whole)
        self._path("GET", "/units/{unit:path}", show, "A unit: its last forecasts, and the channels behind them", unit)
        self._path("POST", "/units/{unit:path}", add, "The next rows of a unit", {**unit, **one})
        self._path("DELETE", "/units/{unit:path}", drop, "Forget a unit: its next row begins anew", unit)

    def _path(
        self,
        method: str,
        path: str,
        call: Endpoint,
        about: str,
        body: dict[str, Any] | None = None,
        *,
        in_schema: bool = True,
    ) -> None:
        shown = path.replace(":path", "")

        async def answer(request: Request) -> Response:
            begun = time.perf_counter()
            response = await _answer_or_explain(call, request)
            self.telemetry.count_answer(f"{method} {shown}", response.status_code, time.perf_counter() - begun)
            return response

        self.app.add_api_route(
            path,
            answer,
            methods=[method],
            summary=about,
            operation_id=f"{method.lower()}{shown.replace('/', '_')}".replace("{", "").replace("}", ""),
            openapi_extra=body,
            include_in_schema=in_schema,
            response_model=None,
            responses=_PROBLEMS if method == "POST" else None,
        )

    async def page(self, _request: Request) -> Response:
        return FileResponse(PAGE / "index.html")

    async def health(self, _request: Request) -> Response:
        return _json({"status": "ok"})

    async def metrics(self, _request: Request) -> Response:
        return Response(self.telemetry.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def model(self, _request: Request) -> Response:
        return _json(self.service.describe())

    async def forecast(self, request: Request) -> Response:
        body = await _body(request, request.query_params.get("unit", ""))
        return self._forecasts(request, await self._compute(self.service.forecast, body))

    async def classify(self, request: Request) -> Response:
        _expect(request, PNG)
        return _json(await self._compute(self.service.classify, await request.body()))

    async def compute(self, request: Request) -> Response:
        _expect(request, JSON)
        return _json({"outputs": await self._compute(self.service.compute, await request.body())})

    async def add_units(self, request: Request) -> Response:
        return self._forecasts(request, await self._compute(self.service.add, await _body(request)))

    async def add_unit(self, _fleet: Fleet, request: Request) -> Response:
        body = await _body(request, request.path_params["unit"])
        return self._forecasts(request, await self._compute(self.service.add, body))

    async def units(self, fleet: Fleet, request: Request) -> Response:
        most = _number(request, "limit", SHOWN_UNITS)
        return _json({"count": len(fleet.units), "units": await run_in_threadpool(_by_risk, fleet, most)})

    async def unit(self, fleet: Fleet, request: Request) -> Response:
        name = request.path_params["unit"]
        unit = fleet.units.get(name)
        if unit is None:
            raise _no_unit(name)
        return _json(await self._compute(self._unit, fleet, name, unit))

    def _unit(self, fleet: Fleet, name: str, unit: Unit) -> dict[str, Any]:
        behind = explain(self.service.prepared, self.service.net, unit)
        return {
            **_summary(fleet, name, unit),
            **self._of_each_question(fleet, name),
            "history": {
                "times": unit.times.tolist(),
                "probability": unit.probability.tolist(),
                "life": unit.life.tolist(),
            },
            "channels": [
                {
                    "name": one.name,
                    "moves": one.moves,
                    "level": one.level,
                    "values": one.values.tolist(),
                }
                for one in behind
            ],
        }

    def _of_each_question(self, fleet: Fleet, unit: str) -> dict[str, Any]:
        """Nothing where there is only one: the summary has it."""
        one = len(self.service.prepared.questions.each()) == 1
        return {} if one else {"probabilities": fleet.probabilities(unit)}

    async def forget(self, fleet: Fleet, request: Request) -> Response:
        name = request.path_params["unit"]
        if not await self._compute(fleet.forget, name):
            raise _no_unit(name)
        return Response(status_code=204)

    async def _compute(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """*call* in a thread, as many at a time as there are cores."""
        try:
            await asyncio.wait_for(self._places.acquire(), WAIT_S)
        except asyncio.TimeoutError:
            raise Refused(503, [Problem(0, "", "the server is busy")], "Come again in a few seconds.") from None
        try:
            return await run_in_threadpool(call, *arguments)
        finally:
            self._places.release()

    def _forecasts(self, request: Request, answer: Answer) -> Response:
        self.telemetry.forecast(answer)
        header = header_of(self.service.prepared)
        chances = [answer.probability, *answer.others]
        columns = [answer.units, answer.times, *chances, *(getattr(answer, name) for name in BEHIND)]
        if request.headers.get("accept", "").split(",")[0].strip() == CSV:
            return Response(_as_csv(header, list(zip(*columns, strict=True))), media_type=CSV)
        return _json({"forecasts": [dict(zip(header, row, strict=True)) for row in zip(*columns, strict=True)]})


_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    413: {"description": "Too many rows, or too many bytes, for one request"},
    415: {"description": "Neither of the forms that are taken"},
    422: {"description": "Rows that cannot be used, each named by line and column; nothing was changed"},
    503: {"description": "Busy: come again in a few seconds"},
    507: {"description": "The disk is full, or more units than may be kept; nothing was changed"},
}


async def _answer_or_explain(call: Endpoint, request: Request) -> Response:
    """The answer, or what was wrong, in FastAPI's own form for it."""
    try:
        return await call(request)
    except BadBody as bad:
        return _problem(422, bad.problems, bad.hint)
    except Refused as refused:
        return _problem(refused.status, refused.problems, refused.hint)
    except TooManyRows as error:
        return _problem(413, [Problem(0, "", str(error))])
    except NoRoom as error:
        return _problem(507, [Problem(0, "", str(error))], "DELETE /units/UNIT makes room; --units N keeps more.")
    except OSError as error:
        log.warning("%s: %s", request.url.path, error)
        what = f"the rows could not be written down: {error.strerror}"
        return _problem(507, [Problem(0, "", what)], "Nothing was changed. Make room on the server's disk.")


def _problem(status: int, problems: list[Problem], hint: str = "") -> Response:
    detail = [
        {
            "loc": ["body", *([one.line] if one.line else []), *([one.column] if one.column else [])],
            "line": one.line or None,
            "column": one.column or None,
            "msg": one.what,
            "type": "refused",
        }
        for one in problems
    ]
    headers = {"retry-after": "2"} if status == 503 else None
    return Response(json.dumps({"detail": detail, "hint": hint}), status, headers, media_type=JSON)


def _no_unit(name: str) -> Refused:
    return Refused(404, [Problem(0, "", f"there is no unit '{plain(name)[:80]}'")], "GET /units lists them.")


def _json(content: Any) -> Response:
    """NaN, which is no JSON, becomes null."""
    return Response(orjson.dumps(content), media_type=JSON)


def _as_csv(header: Sequence[str], rows: list[tuple[Any, ...]]) -> str:
    """As `predict` prints it, with all digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if cell != cell else cell for cell in row] for row in rows)
    return text.getvalue()


async def _body(request: Request, unit: str = "") -> Body:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (JSON, CSV):
        raise _other_kind(kind, f"{JSON} or {CSV}")
    return Body(await request.body(), kind, unit)


def _expect(request: Request, wanted: str) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != wanted:
        raise _other_kind(kind, wanted)


def _other_kind(kind: str, wanted: str) -> Refused:
    return Refused(415, [Problem(0, "", f"content-type is '{plain(kind)[:80]}'")], f"Send it as {wanted}.")


def _number(request: Request, name: str, default: int) -> int:
    given = request.query_params.get(name, str(default))
    if not (given.isascii() and given.isdecimal()) or len(given) > 9 or not 0 < int(given) <= 100_000:
        raise Refused(422, [Problem(0, name, "is no number from 1 to 100000")])
    return int(given)


def _by_risk(fleet: Fleet, most: int) -> list[dict[str, Any]]:
    units = sorted(fleet.units.copy().items(), key=lambda one: -_risk(_newest(one[1].probability)))[:most]
    return [_summary(fleet, name, unit) for name, unit in units]


def _risk(probability: float) -> float:
    """A unit without a forecast stands last."""
    return probability if probability == probability else -1.0


def _newest(told: Array) -> float:
    """NaN where nothing was told yet: the first step is not over."""
    return float(told[-1]) if len(told) else float("nan")


def _summary(fleet: Fleet, name: str, unit: Unit) -> dict[str, Any]:
    rows, missing, outside = unit.marks.tolist() or (0, 0, 0)
    told = {"probability": _newest(unit.probability), "life": _newest(unit.life)}
    marks = {"rows": rows, "missing": missing, "outside": outside}
    trend = unit.probability[-30:].tolist()
    return {"unit": name, "time": fleet.written.get(name, ""), "count": unit.count, **told, **marks, "trend": trend}
