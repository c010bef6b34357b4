"""Training with MXNet Gluon: `python -m training JOB --workdir DIR key=value ...`.

Imports go one way: errors < mxnet_hook < compat < config < metrics < checkpoint < data < nets < learner < recipe < what
a run leaves < loop < jobs < __main__. Nothing here imports `infra`: the two halves meet in a folder, an argument list
and an exit code.
"""
