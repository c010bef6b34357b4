"""What a group is worth, as numbers a user sees before money is spent."""

import pytest

from infra.aws.offers.group_efficiency import LOADS, Load, efficiency, exchange_s, rival
from infra.aws.offers.instance_types import Gpu, InstanceType

T4 = Gpu("T4", "NVIDIA", count=1, memory_gib=16)
SMALL = InstanceType("g4dn.xlarge", 4, 16, ("x86_64",), gpu=T4, network_gbits=5)
FOUR = InstanceType("g4dn.12xlarge", 48, 192, ("x86_64",), gpu=Gpu("T4", "NVIDIA", 4, 16), network_gbits=50)
OTHER = InstanceType("g5.12xlarge", 48, 192, ("x86_64",), gpu=Gpu("A10G", "NVIDIA", 4, 24), network_gbits=40)
USD = {"g4dn.xlarge": 0.526, "g4dn.12xlarge": 3.912, "g5.12xlarge": 5.672}


@pytest.mark.parametrize(
    ("gbits", "seconds"), [(2.5, 0.66), (5, 0.33), (50, 0.033), (100, 0.016)], ids=["g5.xl", "g4dn.xl", "12xl", "48xl"]
)
def test_the_network_needs_two_bytes_over_width_however_many_machines_there_are(gbits, seconds):
    """25.6 M weights, many machines: facts that were reckoned by hand."""
    machine = InstanceType("g5.xlarge", 4, 16, ("x86_64",), gpu=T4, network_gbits=gbits)

    assert exchange_s(machine, 1_000_000, 25_600_000) - 2 * 999_999 * 0.1e-3 == pytest.approx(seconds, rel=0.03)


def test_a_small_net_loses_little_a_large_one_most_and_more_machines_lose_more():
    small, large = LOADS

    assert efficiency(SMALL, 4, small) > 0.95 > 0.5 > efficiency(SMALL, 4, large)
    assert efficiency(SMALL, 2, large) > efficiency(SMALL, 8, large)
    assert efficiency(SMALL, 4, Load("long steps", 25_600_000, step_s=10)) > 0.95


def test_processors_are_held_by_gloo_and_not_by_their_network():
    wide = InstanceType("c5n.18xlarge", 72, 192, ("x86_64",), network_gbits=100)
    narrow = InstanceType("c5.large", 2, 4, ("x86_64",), network_gbits=3.2)

    assert exchange_s(wide, 4, 1_000_000) == exchange_s(narrow, 4, 1_000_000) > 0.008


def test_one_machine_with_as_many_gpus_is_named_where_it_gives_more_for_the_money():
    found = rival(SMALL, 4, [SMALL, FOUR, OTHER], USD)

    assert found is not None
    assert (found.machine, found.cheaper_per_gpu, found.cheaper_per_gbit) == (FOUR, False, True)
    assert rival(SMALL, 8, [SMALL, FOUR, OTHER], USD) is None, "nothing has eight T4"
    assert rival(SMALL, 4, [SMALL, FOUR], {**USD, "g4dn.12xlarge": 10.0}) is None, "dearer in every way"
    assert rival(InstanceType("c5.large", 2, 4, ("x86_64",)), 4, [FOUR], USD) is None
