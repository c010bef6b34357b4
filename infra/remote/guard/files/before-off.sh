#!/bin/sh
# The guard runs this before it switches the machine off. User-data alone writes it, anew at each boot: which bucket
# counts is asked when it runs. The one that `train` was last given stands in copies.json, else it is that of the launch.
kit="$RIG_HOME/@KIT_DIR@"
if [ -e "$kit/copies.json" ]; then
    HOME="$RIG_HOME" exec python3 "$kit/s3_backup.py" --once
fi
bucket=@BUCKET@ nothing_to_copy=@NOTHING_TO_COPY@
[ -n "$bucket" ] || exit "$nothing_to_copy"
exec aws s3 sync --only-show-errors "$RIG_HOME/@RUNS_DIR@" "$bucket/runs"
