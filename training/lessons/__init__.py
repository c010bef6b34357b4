"""The learner's path: ten lessons, each a card, a blank script, a check with its hints, a solution and flash cards.

`python -m training.lessons` is the way in; `rig lesson` and its kin call it. A lesson named `mine` is the folder `mine`
here with blank.py, solution.py, check.py and cards.toml, its card in docs/lessons/, and one line in catalog.LESSONS.
"""
