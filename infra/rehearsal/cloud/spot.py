"""Spot instances: a request id, prices that make sense, and the end that AWS announces two minutes ahead.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
"""

from __future__ import annotations

import hashlib
import random
from typing import Any, Final

from infra.rehearsal.clock import Clock
from infra.rehearsal.cloud.capacity import zones_of
from infra.rehearsal.cloud.dependencies import MotoEC2
from infra.rehearsal.cloud.prices import usd_per_hour
from infra.rehearsal.cloud.request import Call
from infra.rehearsal.cloud.response import Answer, ec2

TYPICAL_SHARE: Final = 0.35  # of the on-demand price; g6.xlarge was at 0.29 of it in Seoul in August 2026


class SpotLaunch(MotoEC2):
    """A spot launch has a request id; moto leaves it away."""

    def run_instances(self, *args: Any, **kwargs: Any) -> Any:
        reservation: Any = super().run_instances(*args, **kwargs)
        for instance in reservation.instances:
            if instance.lifecycle == "spot":
                instance.spot_instance_request_id = "sir-" + hashlib.sha256(instance.id.encode()).hexdigest()[:8]
        return reservation


def price_history(call: Call, backend: Any, clock: Clock) -> Answer:
    """One price per type and zone, the same at every question: a share of the on-demand price."""
    asked = call.numbered("InstanceType") or call.filtered("instance-type")
    zones = call.filtered("availability-zone") or [call.params.get("AvailabilityZone", "")]
    rows = [
        _row(kind, zone, clock)
        for kind in asked
        for zone in zones_of(backend, kind)
        if (usd_per_hour(kind, call.region) and zones in ([""], [zone])) or zone in zones
    ]
    return ec2(call, f"<spotPriceHistorySet>{''.join(rows)}</spotPriceHistorySet>")


def _row(kind: str, zone: str, clock: Clock) -> str:
    full = usd_per_hour(kind, zone[:-1]) or 1.0
    share = TYPICAL_SHARE * random.Random(kind + zone).uniform(0.8, 1.2)
    return (
        f"<item><instanceType>{kind}</instanceType><productDescription>Linux/UNIX</productDescription>"
        f"<spotPrice>{full * share:.6f}</spotPrice><timestamp>{clock.now():%Y-%m-%dT%H:%M:%S.000Z}</timestamp>"
        f"<availabilityZone>{zone}</availabilityZone></item>"
    )
