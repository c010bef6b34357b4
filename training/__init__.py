"""Training with MXNet Gluon: `python -m training JOB --workdir DIR key=value ...`.

Imports go one way; the order of the rooms is the last contract of `[tool.importlinter]` in pyproject.toml. Nothing here
imports `infra`: the two halves meet in a folder (workdir/names.py), an argument list and an exit code.
"""
