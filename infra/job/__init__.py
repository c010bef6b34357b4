"""The job: one container on the host, started detached, followed, judged, and brought home."""
