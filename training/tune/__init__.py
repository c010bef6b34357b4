"""Many runs of one job with different settings: which are tried, where they run, and which was best.

Optuna keeps the study (settings, scores, what was pruned) in one SQLite file; Dask has the places where trials run and
gives a lost one's trial to another. Each trial is `python -m training JOB` as a process of its own, in a work folder of
its own: with its log, its checkpoints and its report.
"""
