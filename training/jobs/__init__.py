"""The jobs. A job is one file in this folder and one line in JOBS.

The file is a recipe card: its docstring holds the command, the minutes it takes and the score to expect; below stand a
config class and the functions that the loop calls. All of it, for a job named `mine`:

    class Config(JobConfig)             a frozen dataclass; keys are declared with `option(default, "meaning")`
    def data(config) -> Data            train, valid, test `Split(X, y)` of NumPy arrays, source, checksum, and
                                        `keep`: JSON for `predict` (written to data.json)
    def learner(config, data, devices)  usually
                                        `GluonLearner(net, loss, config, devices, example=first_batch(data, config))`;
                                        the loss is a Gluon loss block, or any HybridBlock (output, y) -> (n,);
                                        options: prepare (raw batch -> float batch), augment (training only), update,
                                        initializer
    JOB = Recipe(
        config=Config, data=data, learner=learner,
        metrics=accuracy,               (outputs, y) as NumPy arrays -> {"name": number}, run on validation and test
        best="accuracy",                which of them chooses the best epoch, on the validation split
        higher_is_better=True,
        sections=(confusion, mistakes), parts of report.html: Result -> Section(title, html)
        after=calibrate,                optional: (Result, workdir) -> more test scores; may write files for `predict`
    )

The loop does the rest: device, order of examples, learning rate, logging, best weights, checkpoints, resuming,
stopping, report, ONNX. Inputs X are (n, ...) arrays; a sequence job has X (n, time, channels); y may be (n,) or (n, k).
docs/add-a-job.md is the five-minute version.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

from training.config import nearest
from training.errors import BadInput
from training.trainer.recipe import Recipe

JOBS = {
    "linear_scratch": "training.jobs.linear_scratch",
    "linear": "training.jobs.linear",
    "softmax_scratch": "training.jobs.softmax_scratch",
    "softmax": "training.jobs.softmax",
    "mlp_scratch": "training.jobs.mlp_scratch",
    "mlp": "training.jobs.mlp",
    "lenet": "training.jobs.lenet",
    "resnet": "training.jobs.resnet",
    "ford": "training.jobs.ford",
    "turbofan": "training.jobs.turbofan",
    "sensors": "training.jobs.sensors",
    "condition": "training.jobs.condition",
}


def load(name: str) -> Recipe:
    """The recipe of job *name*. Raises BadInput with the nearest name."""
    if name not in JOBS:
        raise BadInput(f"{name}: there is no such job" + nearest(name, JOBS), "jobs: " + " ".join(JOBS))
    module = import_module(JOBS[name])
    recipe: Recipe = module.JOB
    return replace(recipe, name=name, card=(module.__doc__ or "").strip())
