"""Gluon Rig's laptop half: rent a GPU, run the job there, bring the results home.

`errors < settings < aws < host < job < story < cli`: each room imports only rooms to its left
(`tests/test_architecture.py` holds this).
"""
