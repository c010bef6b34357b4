"""What a finished run leaves in its work folder, made from the best epoch's weights."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from training import hardware
from training.compat import mx, tuned
from training.console import Console, number
from training.data.splits import Split
from training.errors import name_full_disk
from training.report import curves
from training.report.model_card import model_card
from training.report.page import Report, page
from training.report.progress import progress_sections
from training.trainer.evaluate import predict
from training.trainer.recipe import Result
from training.trainer.run import Run
from training.workdir import names
from training.workdir.atomic import replace_text
from training.workdir.export import OnnxCheck, export_onnx, export_symbol
from training.workdir.metrics import MetricsFile
from training.workdir.model_folder import ARRAYS, FORECAST, IMAGES, Description, Pixels, write_model
from training.workdir.pixels import scaling_of
from training.workdir.summary import Summary

EXPORT_BATCH = 64


def finalize(run: Run, summary: Summary, console: Console) -> Summary:
    """Write everything; return the summary with the test scores. It is written last: with it the run is done."""
    run.timer.switch("evaluating")
    run.load_best()
    run, result = _examined(run, _result(run, summary))
    if run.recipe.after is not None:
        result = replace(result, scores={**result.scores, **run.recipe.after(result, run.workdir)})
    replace_text(run.workdir / names.DATA_CARD, json.dumps(_data_card(run), indent=2) + "\n", "what the data was")
    run.timer.switch("exporting")
    onnx = _export(run)
    console.say(onnx.message)
    run.timer.switch("reporting")
    summary = replace(
        summary, score=result.scores[run.recipe.best], scores=dict(result.scores), onnx_difference=onnx.difference
    )
    if onnx.difference is not None:
        described = _describe(run, summary)
        write_model(run.workdir, described, card=model_card(described, _origin(run, summary)))
    _draw_curves(run, result, console)
    summary = replace(summary, seconds=round(run.timer.total(), 2))
    replace_text(run.workdir / names.REPORT, page(_report(run, result, summary)), "the report")
    summary.write(run.workdir)
    said = "  ".join(f"{name} {number(value)}" for name, value in summary.scores.items())
    kept = "the last epoch's weights" if run.recipe.last_is_best else f"best epoch {summary.best_epoch}"
    console.progress(1.0, f"test {said}  {kept}", always=True)
    console.say(f"report: {run.environment.at_home(run.workdir / names.REPORT)}")
    return summary


def _export(run: Run) -> OnnxCheck:
    block = run.learner.block()
    X = run.learner.prepare(mx.nd.array(run.data.test.X[:EXPORT_BATCH], dtype=run.data.test.X.dtype))
    context = next(iter(block.collect_params().values())).list_ctx()[0]
    with name_full_disk(run.workdir, "the exported net"):
        export_symbol(block, X.as_in_context(context), run.workdir)
        return export_onnx(block, X.as_in_context(context), run.workdir)


def _describe(run: Run, summary: Summary) -> Description:
    X, forecast = run.data.train.X, "columns" in run.data.keep
    pixels = _pixels(run) if X.dtype == np.uint8 and len(X.shape) == 4 else None
    prepared = run.learner.prepare(mx.nd.array(X[:1], dtype=X.dtype))
    return Description(
        kind=FORECAST if forecast else IMAGES if pixels else ARRAYS,
        job=run.recipe.name,
        input_shape=prepared.shape[1:],
        classes=run.data.classes,
        pixels=pixels,
        preparation=run.data.keep if forecast else {},
        scores={name: value for name, value in summary.scores.items() if math.isfinite(value)},
        data={"source": run.data.source, "checksum": run.data.checksum},
    )


def _pixels(run: Run) -> Pixels | None:
    shape = run.data.train.X.shape[1:]
    found = scaling_of(run.learner.prepare, shape)
    return found and Pixels(shape, *(tuple(numbers.tolist()) for numbers in found))


def _draw_curves(run: Run, result: Result, console: Console) -> None:
    path = run.workdir / names.CURVES
    with name_full_disk(path, "the curves"):
        said = curves.draw(
            path,
            result.rows,
            title=_title(run, result),
            metric=run.recipe.best,
            best_epoch=result.best_epoch,
            steps_per_epoch=run.steps_per_epoch,
        )
    if said:
        console.say(said)


def _title(run: Run, result: Result) -> str:
    scored = f"{run.recipe.name}: test {run.recipe.best} {number(result.scores[run.recipe.best])}"
    return scored + (f"  ({run.environment.run})" if run.environment.run else "")


def _report(run: Run, result: Result, summary: Summary) -> Report:
    return Report(
        card=run.recipe.card,
        summary=summary,
        rows=result.rows,
        steps_per_epoch=run.steps_per_epoch,
        seconds=run.timer.seconds(),
        settings=asdict(run.config),
        origin=_origin(run, summary),
        hardware=hardware.describe(),
        sections=[section(result) for section in run.recipe.sections],
        progress=progress_sections(
            result.rows,
            MetricsFile(run.workdir / names.USAGE).rows(),
            steps_per_epoch=run.steps_per_epoch,
            batch_size=run.batch_size,
        ),
        usd_per_hour=run.environment.usd_per_hour,
        pretended=run.environment.pretended,
    )


def _origin(run: Run, summary: Summary) -> dict[str, str]:
    splits = (run.data.train, run.data.valid, run.data.test)
    onnx = summary.onnx_difference
    return {
        "Data": run.data.source,
        "Checksum": run.data.checksum,
        "Examples": "{:,} to train, {:,} to validate, {:,} to test".format(*map(len, splits)),
        "Git commit": run.environment.git_commit,
        "Run": run.environment.run,
        "Instance": run.environment.instance_type,
        "Device": f"{run.device} ({run.device.why})",
        "Process": tuned().removeprefix("process tuned: "),
        "ONNX": "not written" if onnx is None else f"largest relative difference {onnx:.1e} in onnxruntime",
    }


def _result(run: Run, summary: Summary) -> Result:
    valid, test = (predict(run.learner, split, run.config.batch_size) for split in (run.data.valid, run.data.test))
    return Result(
        config=run.config,
        data=run.data,
        valid=valid,
        test=test,
        rows=MetricsFile(run.workdir / names.METRICS).rows(),
        scores=run.recipe.metrics(test.outputs, test.y),
        best_epoch=summary.best_epoch,
        net=lambda X: predict(run.learner, Split(X, np.zeros(len(X))), run.config.batch_size).outputs,
    )


def _examined(run: Run, result: Result) -> tuple[Run, Result]:
    """Both with what the job itself found out about its finished net."""
    if run.recipe.examine is None:
        return run, result
    found = run.recipe.examine(result)
    data = replace(run.data, keep={**run.data.keep, **found.keep})
    return replace(run, data=data), replace(
        result, data=data, scores={**result.scores, **found.scores}, findings=found.shown
    )


def _data_card(run: Run) -> dict[str, Any]:
    """data.json: where the data came from, and what predict needs to prepare rows as training did."""
    return {
        "source": run.data.source,
        "checksum": run.data.checksum,
        "classes": list(run.data.classes),
        "input_shape": list(run.data.train.X.shape[1:]),
        "keep": dict(run.data.keep),
    }
