"""The words the kit writes on things that outlive a command: tags in AWS, labels in Docker, folders on the host."""

from typing import Final

KIT: Final = "gluon-rig"

# EC2 tags. Keys hold only characters that instance metadata can serve (letters, digits, + - = . , _ : @), see
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
OWNER_TAG: Final = "gluon-rig:owner"  # constant value KIT: what the IAM policy and `rig sweep` go by
NAME_TAG: Final = "gluon-rig:name"  # which rig (setting `name`)
DEADLINE_TAG: Final = "gluon-rig:deadline"  # ISO 8601, UTC: the one truth about when this instance must be off
IDLE_TAG: Final = "gluon-rig:idle-minutes"  # 0: never stop for idleness
NODES_TAG: Final = "gluon-rig:nodes"  # how many machines its order was for; absent means one
STARTED_TAG: Final = "gluon-rig:last-start"  # a value of its own for each beginning of work on this disk
# The beginning of work after which all was seen to be fetched (workflows/results.py). Its key stays as it was: the
# instances of older versions carry it.
RESULTS_FETCHED_TAG: Final = "gluon-rig:results-home"
HOST_KEY_TAG: Final = "gluon-rig:host-key"  # "ssh-ed25519 AAAA...", taken from the console output
SSH_PORT_TAG: Final = "gluon-rig:ssh-port"  # only the rehearsal cloud sets it; absent means 22

# The access key id of every rehearsal cloud; the secret key is a new one each time (infra/rehearsal/secret.py).
REHEARSAL_KEY_ID: Final = "rehearsal"

# Docker labels.
RUN_LABEL: Final = "gluon-rig.run"
IMAGE_LABEL: Final = "gluon-rig.image"

# Folders on the host, below the login user's home.
CODE_DIR: Final = "rig/code"  # what `sync` keeps equal to the project
KIT_DIR: Final = "rig/kit"  # the kit's own small programs (infra/remote/recorder.py)
JOBS_DIR: Final = "rig/kit/jobs"  # what each run is to do: NAME.json
RUNS_DIR: Final = "rig/runs"  # one work folder per run
DATA_DIR: Final = "rig/data"
FETCHED_DIR: Final = "rig/fetched"  # a folder per run, and in it one named after the part that is home
STARTING_DIR: Final = "rig/starting"  # an empty folder per run that somebody is about to start
VISITED_DIR: Final = "rig/visited"  # there since a user was led to a shell here
QUEUE_DIR: Final = "rig/queue"  # a ticket for each run that waits or goes on (infra/remote/turn.py)
NOTEBOOKS_DIR: Final = "rig/notebooks"  # what Jupyter writes

# Files of a work folder that the kit's own training leaves, named as in training/workdir/names.py. Any program may
# leave others of these names; what the recorder leaves is named in infra/remote/recorder.py.
SETTINGS: Final = "config.json"
METRICS: Final = "metrics.jsonl"
SUMMARY: Final = "summary.json"
BEST_WEIGHTS: Final = "best.params"
SYMBOL: Final = "model-symbol.json"
SYMBOL_WEIGHTS: Final = "model-0000.params"
ONNX: Final = "model.onnx"
MODEL: Final = "model"
CURVES: Final = "curves.png"
REPORT: Final = "report.html"
