from __future__ import annotations

import pytest

from infra.aws.instances.ami import SOURCES, Image, describe_image, newest_id
from infra.errors import UserError
from tests.aws.pretend_account import DLAMI, LARGE_DLAMI, OLD_DLAMI

NEWEST = Image(DLAMI, "Deep Learning Base AMI with Single CUDA (Ubuntu 22.04) 20261112", "/dev/sda1", 35, "x86_64")


def test_the_newest_image_is_asked_for_in_one_call(aws, calls):
    assert newest_id(aws, "ubuntu-22.04") == DLAMI
    assert calls == ["ssm:GetParameters"]


def test_the_first_parameter_that_exists_counts(aws):
    """al2023 has only the larger image here."""
    image = describe_image(aws, ami=newest_id(aws, "al2023"), os="al2023")

    assert (image.id, image.root_device, image.user) == (LARGE_DLAMI, "/dev/xvda", "ec2-user")


def test_the_parameters_are_those_that_aws_publishes():
    assert SOURCES["ubuntu-22.04"].parameters == (
        "/aws/service/deeplearning/ami/x86_64/base-with-single-cuda-ubuntu-22.04/latest/ami-id",
        "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id",
        "/aws/service/deeplearning/ami/x86_64/base-with-single-cuda-ubuntu-24.04/latest/ami-id",
    )


@pytest.mark.parametrize("os", SOURCES)
def test_ssm_takes_ten_names_at_most(os):
    assert len(SOURCES[os].parameters) <= 10


def test_without_permission_for_parameters_the_name_leads_to_the_same_image(aws, answer, calls):
    answer(aws, "ssm", "GetParameters", code="AccessDeniedException")

    newest = newest_id(aws, "ubuntu-22.04")

    assert newest == ""
    assert describe_image(aws, ami=newest, os="ubuntu-22.04") == NEWEST
    assert calls == ["ssm:GetParameters", "ec2:DescribeImages"]


def test_a_fixed_image_is_taken_as_it_is(aws):
    assert describe_image(aws, ami=OLD_DLAMI, os="al2023").name.endswith("(Ubuntu 22.04) 20261015")


def test_a_region_without_deep_learning_images_is_told_so(aws):
    with pytest.raises(UserError, match=r"There is no Deep Learning AMI for ubuntu-24\.04 in us-east-1"):
        describe_image(aws, ami=newest_id(aws, "ubuntu-24.04"), os="ubuntu-24.04")


def test_an_image_of_another_region_is_told_so(aws):
    with pytest.raises(UserError, match="Cannot look up image ami-0123: us-east-1 has no such image"):
        describe_image(aws, ami="ami-0123", os="ubuntu-22.04")


def test_the_disk_size_is_that_of_the_root_device_alone(aws):
    disks = [
        {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 500}},
        {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 60}},
        {"DeviceName": "/dev/sdc", "VirtualName": "ephemeral0"},
    ]
    aws.client("ec2").meta.events.register(
        "after-call.ec2.DescribeImages", lambda parsed, **_: parsed["Images"][0].update(BlockDeviceMappings=disks)
    )

    assert describe_image(aws, ami=DLAMI, os="ubuntu-22.04").root_gib == 60
