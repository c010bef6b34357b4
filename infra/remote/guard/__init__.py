"""The guard: switches this machine off at its deadline, when nobody uses it, or when AWS takes it back.

It runs on the instance, as root, under systemd, with that system's python3 (3.8 or newer) and nothing else. Read
`decide` for the rules, `agent` for the loop, `shutdown` for what happens when a rule fires.
"""
