"""The names of a work folder's files: the contract between a run and whoever carries, shows or serves its folder.

infra repeats those that it reads, in infra/names.py; tests/training/workdir/test_names.py holds both equal.
"""

from typing import Final

SETTINGS: Final = "config.json"
METRICS: Final = "metrics.jsonl"
USAGE: Final = "usage.jsonl"  # how busy the machine was
SUMMARY: Final = "summary.json"  # written last: with it the run is over
DATA_CARD: Final = "data.json"
CHECKPOINTS: Final = "checkpoints"
TENSORBOARD: Final = "tb"
BEST_WEIGHTS: Final = "best.params"
SYMBOL: Final = "model-symbol.json"
SYMBOL_WEIGHTS: Final = "model-0000.params"
ONNX: Final = "model.onnx"
MODEL: Final = "model"  # the folder that serves without MXNet; its files: workdir/model_folder.py
CURVES: Final = "curves.png"
REPORT: Final = "report.html"

# How the folder begins in which a file is written before it takes its place. No file of a user's has such a name:
# durable copies and pulls pass it over.
ASIDE: Final = ".gluon-rig-aside-"
MARK: Final = "gluon-rig"  # "by" in summary.json: any program may write a file of that name
