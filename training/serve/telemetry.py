"""What GET /metrics says, in the form of Prometheus: https://prometheus.io/docs/practices/naming/"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from training.serve.fleet import Answer
from training.serve.service import Service

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Telemetry:
    """Counts of one server. No label holds a name that somebody sends: their number has a bound."""

    def __init__(self, service: Service) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter("rig_requests", "Requests by path and status", ["path", "status"], registry=registry)
        self._seconds = Histogram(
            "rig_request_seconds", "From the whole body to the answer", ["path"], buckets=BUCKETS, registry=registry
        )
        self._rows = Counter("rig_rows", "Rows answered", registry=registry)
        self._outside = Counter("rig_rows_outside", "Rows with a channel beyond what training saw", registry=registry)
        self._unknown = Counter("rig_rows_unknown", "Rows with nothing to forecast from", registry=registry)
        info = Gauge("rig_model_info", "The model that is served", ["name", "checksum"], registry=registry)
        info.labels(service.model.name, service.model.checksum[:12]).set(1)
        if (fleet := service.fleet) is not None:
            units = Gauge("rig_units", "Units whose past is kept", registry=registry)
            units.set_function(lambda: len(fleet.units))
            journal = Gauge("rig_journal_bytes", "Written since the last snapshot", registry=registry)
            journal.set_function(lambda: fleet.store.bytes)

    def count_answer(self, path: str, status: int, seconds: float) -> None:
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def forecast(self, answer: Answer) -> None:
        if not answer.repeated:
            self._rows.inc(len(answer.times))
            self._outside.inc(sum(1 for count in answer.outside if count))
            self._unknown.inc(sum(1 for one in answer.probability if one != one))

    def text(self) -> bytes:
        return generate_latest(self._registry)
