"""A described log packed once, so that training can stream it: shards of whole units, an index, what scaling needs.

    python -m training pack fleet.toml packed/
    python -m training sensors --workdir runs/fleet table=packed/

The log may be larger than the memory by any factor. Two passes over files, each a function of its own (`buckets.py`,
`shards.py`), so that they can run side by side; what is done stays done when the program is killed.
"""
