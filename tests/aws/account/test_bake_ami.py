from __future__ import annotations

from datetime import datetime, timezone

import pytest

from infra.aws.account.bake_ami import bake
from infra.aws.client.account import Account
from infra.aws.instances.ami import describe_image
from infra.errors import AwsFailed
from infra.names import KIT, NAME_TAG, OWNER_TAG
from tests.aws import samples

NOW = datetime(2026, 11, 20, 15, 53, 1, tzinfo=timezone.utc)


def states(aws, *following: str) -> None:
    """Each look at the image finds it one state further; it stays in the last."""
    left = list(following)

    def change(parsed, **_) -> None:
        for image in parsed["Images"]:
            image["State"] = left.pop(0) if len(left) > 1 else left[0]

    aws.client("ec2").meta.events.register("after-call.ec2.DescribeImages", change)


@pytest.fixture(autouse=True)
def snapshot_tags(aws) -> list[str]:
    """moto knows no tags on the snapshot of an image in the making; taken out, and kept here."""
    taken: list[str] = []

    def take(params, **_) -> None:
        wanted = [key for key in params["body"] if key.startswith("TagSpecification.2.")]
        taken.extend(str(params["body"].pop(key)) for key in wanted)

    aws.events.register("before-call.ec2.CreateImage", take)
    return taken


def test_the_baked_image_is_waited_for_carries_our_tags_and_can_be_launched_from(aws, clock, said, tell, snapshot_tags):
    rig = samples.launch(aws, clock)
    states(aws, "pending", "pending", "available")

    baked = bake(Account(aws, tell, clock), rig, NOW)

    (image,) = aws.client("ec2").describe_images(ImageIds=[baked.id])["Images"]
    tags = {tag["Key"]: tag["Value"] for tag in image["Tags"]}
    assert (image["Name"], tags[OWNER_TAG], tags[NAME_TAG]) == ("gluon-rig-rig-20261120-155301", KIT, "rig")
    assert {"snapshot", OWNER_TAG, KIT} <= set(snapshot_tags)
    assert said[1:] == [f"{baked.id} is pending (0 s)", f"{baked.id} is pending (1 s)"]
    assert baked.usd_per_month == pytest.approx(baked.gib * 0.05)
    assert describe_image(aws, ami=baked.id, os="ubuntu-22.04").root_gib == baked.gib


def test_an_image_that_fails_is_named_with_the_way_to_be_rid_of_it(aws, clock, tell):
    rig = samples.launch(aws, clock)
    states(aws, "pending", "failed")

    with pytest.raises(AwsFailed, match=r"ami-\w+ is failed and cannot be launched from") as failed:
        bake(Account(aws, tell, clock), rig, NOW)
    assert "rig sweep --delete" in failed.value.hint
