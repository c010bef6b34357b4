"""The life of an instance as EC2 shows it: every state takes its time, and what AWS refuses is refused.

moto changes states at once, starts what is terminated, and knows nothing of what an instance does by itself.
State changes: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from infra.names import SSH_PORT_TAG
from infra.rehearsal.clock import Clock
from infra.rehearsal.cloud.dependencies import MotoEC2
from infra.rehearsal.cloud.images import login_of
from infra.rehearsal.cloud.response import Refusal
from infra.rehearsal.instance.record import Birth, MachineRoom

CODES: Final = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
LOCK: Final = threading.RLock()
"""Held while EC2's state is read or changed: moto's own steps are not atomic, and half of one must never be seen."""


def mark(instance: Any, state: str) -> None:
    instance._state.name, instance._state.code = state, CODES[state]


class Ledger:
    """AWS's side of one instance (record.Record)."""

    def __init__(self, ec2: Any, instance: Any) -> None:
        self.ec2 = ec2
        self.instance = instance
        self.birth = _birth(ec2, instance)

    def type(self) -> str:
        return str(self.instance.instance_type)

    def state(self) -> str:
        with LOCK:
            return str(self.instance.state)

    def tags(self) -> Mapping[str, str]:
        with LOCK:
            return dict(self.ec2.tags.get(self.birth.id, {}))

    def running(self, port: int) -> None:
        with LOCK:
            if self.instance.state != "pending":  # terminated meanwhile
                return
            mark(self.instance, "running")
            self.instance.nics[0].public_ip = "127.0.0.1"
            self.ec2.create_tags([self.birth.id], {SSH_PORT_TAG: str(port)})

    def take_back(self) -> None:
        """The end of a spot instance."""
        with LOCK:
            self.ec2.begin_terminate(self.instance, ("Server.SpotInstanceTermination", "Spot instance termination"))

    def off(self) -> None:
        with LOCK:
            after = {"stopping": "stopped", "shutting-down": "terminated"}
            mark(self.instance, after.get(self.instance.state, self.instance.state))

    def shut_down_from_inside(self) -> None:
        with LOCK:
            if self.instance.state not in ("pending", "running"):
                return
            reason = ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")
            if self.instance.instance_initiated_shutdown_behavior == "terminate":
                self.ec2.begin_terminate(self.instance, reason)
            else:
                self.ec2.begin_stop(self.instance, reason)


def _birth(ec2: Any, instance: Any) -> Birth:

    key = ec2.key_pairs.get(instance.key_name)
    return Birth(
        id=instance.id, region=ec2.region_name, zone=str(instance.placement.zone), image_id=instance.image_id,
        life_cycle="spot" if instance.lifecycle == "spot" else "on-demand", login=login_of(ec2, instance.image_id),
        public_key=key.material_public.decode() if key else "",
        user_data=base64.b64decode(str(instance.user_data)) if instance.user_data else b"",
    )  # fmt: skip


class LifeCycle(MotoEC2):
    """Goes in front of moto's EC2 backend; `room` and `clock` are set when the cloud is put together."""

    room: MachineRoom
    clock: Clock
    refuse_start: Callable[[Any, Any], None]
    """Quota and capacity, asked for an instance that is stopped. Raises Refusal."""

    def run_instances(self, *args: Any, **kwargs: Any) -> Any:
        reservation = super().run_instances(*args, **kwargs)
        several = reservation.instances if len(reservation.instances) > 1 else []
        addresses = self.room.join_network(one.id for one in several) if several else {}
        for instance in reservation.instances:
            if instance.id in addresses:
                instance.nics[0].private_ip_address = addresses[instance.id]
            self._begin_start(instance, Ledger(self, instance))
        return reservation

    def start_instances(self, instance_ids: list[str]) -> Any:
        instances = self.get_multi_instances_by_id(instance_ids)
        for instance in instances:
            if instance.state not in ("stopped", "pending", "running"):
                raise Refusal(
                    "IncorrectInstanceState",
                    f"The instance '{instance.id}' is not in a state from which it can be started.",
                )
        return [(instance, self._start(instance)) for instance in instances]

    def _start(self, instance: Any) -> Any:
        if instance.state != "stopped":
            return instance._state
        type(self).refuse_start(self, instance)
        before = instance.start()
        self._begin_start(instance, self.ledger_of(instance))
        return before

    def _begin_start(self, instance: Any, ledger: Ledger) -> None:
        instance.ledger = ledger
        instance.launch_time = self.clock.now().replace(tzinfo=None)  # moto's times are UTC without saying so
        instance.nics[0].public_ip = None
        mark(instance, "pending")
        self.room.power_on(ledger)

    def stop_instances(self, instance_ids: list[str]) -> Any:
        instances = self.get_multi_instances_by_id(instance_ids)
        for instance in instances:
            _refuse_stop(instance)
        reason = ("Client.UserInitiatedShutdown", "User initiated shutdown")
        return [(instance, self.begin_stop(instance, reason)) for instance in instances]

    def begin_stop(self, instance: Any, reason: tuple[str, str]) -> Any:
        if instance.state in ("stopping", "stopped"):
            return instance._state
        before = instance.stop()
        self._begin_end(instance, "stopping", reason)
        self.room.power_off(instance.ledger, forget=False)
        return before

    def terminate_instances(self, instance_ids: list[str]) -> Any:
        instances = self.get_multi_instances_by_id(instance_ids)
        for instance in instances:
            if instance.disable_api_termination is True:
                raise Refusal("OperationNotPermitted", f"The instance '{instance.id}' may not be terminated.")
        reason = ("Client.UserInitiatedShutdown", "User initiated shutdown")
        return [(instance, self.begin_terminate(instance, reason)) for instance in instances]

    def begin_terminate(self, instance: Any, reason: tuple[str, str]) -> Any:
        if instance.state in ("shutting-down", "terminated"):
            return instance._state
        before = instance.terminate()
        self._begin_end(instance, "shutting-down", reason)
        self.room.power_off(instance.ledger, forget=True)
        return before

    def _begin_end(self, instance: Any, state: str, reason: tuple[str, str]) -> None:
        code, text = reason
        mark(instance, state)
        instance.state_reason.code, instance.state_reason.message = code, f"{code}: {text}"
        instance._reason = f"{text} ({self.clock.now():%Y-%m-%d %H:%M:%S} GMT)"
        for nic in instance.nics.values():
            nic.public_ip = None
        self.delete_tag_keys([instance.id], [SSH_PORT_TAG])

    def reboot_instances(self, instance_ids: list[str]) -> Any:
        instances = self.get_multi_instances_by_id(instance_ids)
        for instance in instances:
            if instance.state != "running":
                raise Refusal("IncorrectState", f"The instance '{instance.id}' is not in the 'running' state.")
            self.room.reboot(self.ledger_of(instance))
        return instances

    def ledger_of(self, instance: Any) -> Ledger:
        ledger: Ledger = instance.ledger
        return ledger


def _refuse_stop(instance: Any) -> None:
    if instance.lifecycle == "spot":
        raise Refusal(
            "UnsupportedOperation",
            f"You can't stop the Spot Instance '{instance.id}' because it is associated with a one-time Spot Instance "
            "request. You can only stop Spot Instances associated with persistent Spot Instance requests.",
        )
    if instance.state in ("pending", "shutting-down", "terminated"):
        raise Refusal(
            "IncorrectInstanceState", f"The instance '{instance.id}' is not in a state from which it can be stopped."
        )
