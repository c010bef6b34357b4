"""Programs on an instance that stand in for what a laptop lacks or must not touch: docker, systemctl, shutdown, ...

Standard library only, and quick to start: each runs as a process of its own, many times in a story.
"""
