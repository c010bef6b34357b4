"""What an instance printed while it booted and when it went off; EC2 keeps the last 64 KB, also of a stopped one."""

from __future__ import annotations

from infra.aws.client.session import Session
from infra.aws.instances.instance import Instance
from infra.errors import AwsFailed


def console_text(session: Session, instance: Instance) -> str:
    """What the console holds now. Machines before Nitro cannot answer "now" and show what they last stored."""
    for question in ({"Latest": True}, {}):
        try:
            with session.translated(f"read the console of {instance.id}"):
                answer = session.client("ec2").get_console_output(InstanceId=instance.id, **question)
            return str(answer.get("Output", ""))
        except AwsFailed as error:
            if error.code != "UnsupportedOperation" or not question:
                raise
    raise AssertionError("the last question returns or raises")
