from infra.aws.offers.instance_types import Gpu, InstanceType, machine_types, nearest_names, zones_of


def test_what_a_type_holds_is_read_from_aws(aws):
    g4dn, t3 = machine_types(aws, ["g4dn.xlarge", "t3.micro"])

    assert g4dn == InstanceType(
        name="g4dn.xlarge",
        vcpus=4,
        memory_gib=16,
        architectures=("x86_64",),
        gpu=Gpu("T4", "NVIDIA", count=1, memory_gib=16),
    )
    assert t3 == InstanceType(name="t3.micro", vcpus=2, memory_gib=1, architectures=("x86_64",))


def test_types_come_in_the_order_they_were_asked_for(aws):
    assert [m.name for m in machine_types(aws, ["g6.xlarge", "g4dn.xlarge"])] == ["g6.xlarge", "g4dn.xlarge"]


def test_a_name_that_does_not_exist_does_not_spoil_the_others(aws):
    assert [m.name for m in machine_types(aws, ["g4dn.xlrge", "g4dn.xlarge"])] == ["g4dn.xlarge"]


def test_several_types_cost_one_call(aws, calls):
    machine_types(aws, ["g4dn.xlarge", "g6.xlarge", "g5.xlarge"])

    assert calls == ["ec2:DescribeInstanceTypes"]


def test_a_slice_of_a_gpu_is_not_a_gpu(aws):
    (slice_,) = machine_types(aws, ["g6f.large"])

    assert slice_.gpu == Gpu("L4", "NVIDIA", count=0, memory_gib=2.8)


def test_zones_are_those_that_offer_the_type(aws):
    zones = zones_of(aws, ["g4dn.xlarge", "p4de.24xlarge"])

    assert zones["g4dn.xlarge"] == ("us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d", "us-east-1f")
    assert set(zones["p4de.24xlarge"]) < set(zones["g4dn.xlarge"])


def test_a_mistyped_name_finds_the_right_one(aws):
    assert nearest_names(aws, "g4dn.xlrge")[0] == "g4dn.xlarge"
    assert nearest_names(aws, "zz.nothing") == []
