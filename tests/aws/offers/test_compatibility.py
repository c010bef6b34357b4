import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.aws.offers.compatibility import OLDEST_DRIVEN, Gpu, InstanceType, Wheel, refusal, refusals, shipped_wheel
from infra.aws.offers.instance_types import GPU_FAMILIES, machine_types
from infra.aws.offers.offers import usd_by_name
from infra.aws.offers.prices import shipped_prices

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def gpu_types(aws):
    return machine_types(aws, GPU_FAMILIES)


def test_the_record_is_that_of_the_pinned_wheel():
    """A new pin without a new record would let the gate speak of the old wheel."""
    pins = re.findall(r"^(mxnet\S*)==(\S+)", (PROJECT / "requirements" / "image-gpu.txt").read_text(), re.MULTILINE)
    wheel = shipped_wheel()

    assert pins == [(wheel.name, wheel.version)]


def test_exactly_these_families_of_gpu_types_pass(gpu_types):
    wheel = shipped_wheel()
    passing = {machine.name.split(".")[0] for machine in gpu_types if not refusal(machine, wheel)}

    assert passing == {"g4dn", "g5", "g6", "gr6", "g6e", "p4d", "p4de"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "p3dn.24xlarge",
            "p3dn.24xlarge comes with GPUs of compute capability 7.0 (V100), which today's driver no longer drives",
        ),
        (
            "p5.48xlarge",
            "p5.48xlarge comes with GPUs of compute capability 9.0 (H100); "
            "mxnet-cu117 1.9.1 has code for 5.0, 6.0, 7.0, 8.0, 8.6 only",
        ),
        ("g5g.xlarge", "g5g.xlarge has arm64 processors; MXNet's wheels are for x86_64"),
        ("g6f.large", "g6f.large comes with a slice of a GPU (L4); the kit works with whole GPUs"),
        ("vt1.3xlarge", "vt1.3xlarge is built around an accelerator that MXNet cannot use"),
        ("t4g.micro", "t4g.micro has arm64 processors; MXNet's wheels are for x86_64"),
        ("t3.micro", ""),
        ("g4dn.xlarge", ""),
    ],
)
def test_a_refusal_says_which_part_does_not_fit(aws, name, reason):
    (machine,) = machine_types(aws, [name])

    assert refusal(machine, shipped_wheel()) == reason


@pytest.mark.parametrize(
    ("gpu", "reason"),
    [
        (
            Gpu("Radeon Pro V520", "AMD", 1, 8),
            "x.large comes with a GPU of AMD; mxnet-cu117 1.9.1 is built for NVIDIA's CUDA",
        ),
        (
            Gpu("Z9", "NVIDIA", 1, 999),
            "x.large comes with a GPU the kit does not know, Z9: whether mxnet-cu117 1.9.1 has code for it is unknown",
        ),
    ],
)
def test_other_makers_and_unknown_gpus_are_refused(gpu, reason):
    assert refusal(InstanceType("x.large", 4, 16, ("x86_64",), gpu=gpu), shipped_wheel()) == reason


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("p5.4xlarge", ["g6e.xlarge", "g6.xlarge", "g5.xlarge"]),
        ("p3dn.24xlarge", ["p4d.24xlarge", "g6e.48xlarge", "g6.48xlarge"]),
        ("g5g.xlarge", ["g4dn.xlarge", "g6.xlarge", "g5.xlarge"]),
        ("g6f.large", ["g4dn.xlarge", "g6.xlarge", "g5.xlarge"]),
    ],
)
def test_the_nearest_types_that_work_are_named(aws, name, instead):
    alternatives = machine_types(aws, shipped_prices())

    (refused,) = refusals(machine_types(aws, [name]), alternatives, usd_by_name())

    assert re.findall(r"[a-z0-9]+\.[0-9]*(?:x?large|metal)", refused.instead) == instead


capability = st.tuples(st.integers(3, 13), st.integers(0, 9))


@given(device=capability, sm=st.lists(capability, max_size=6))
def test_machine_code_runs_within_its_major_number_and_never_on_an_older_device(device, sm):
    """https://docs.nvidia.com/cuda/turing-compatibility-guide/index.html"""
    wheel = Wheel("w", "1", "x86_64", tuple(sm), ptx=())

    assert wheel.has_code_for(device) == any(major == device[0] and minor <= device[1] for major, minor in sm)


@given(device=capability)
def test_a_new_wheel_moves_the_gate_by_its_record_alone(device):
    """A wheel with code for Hopper passes H100; PTX passes whatever comes later."""
    hopper, ptx = Wheel("w", "2", "x86_64", ((9, 0),), ()), Wheel("w", "3", "x86_64", (), ((7, 5),))
    p5 = InstanceType("p5.48xlarge", 192, 2048, ("x86_64",), gpu=Gpu("H100", "NVIDIA", 8, 80))

    assert refusal(p5, hopper) == refusal(p5, ptx) == ""
    assert ptx.has_code_for(device) == (device >= OLDEST_DRIVEN)
