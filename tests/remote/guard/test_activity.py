"""Signs of use: what each probe's answer means, and that no answer whatsoever can break the guard."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.remote.guard import activity, gpu
from infra.remote.guard.parsing import minutes, moment, spot_notice
from infra.remote.guard.state import load_memory

FIXTURES = Path(__file__).with_name("nvidia_smi")
BUSY = {
    "busy_t4": ("GPU 0 is 97 % busy", "1 GPU process(es)"),
    "h200_busy": ("GPU 0 is 100 % busy", "1 GPU process(es)"),
    "h200_held": ("1 GPU process(es)",),
    "loading_data": ("1 GPU process(es)",),
    "four_a10g_one_busy": ("GPU 2 is 64 % busy", "1 GPU process(es)"),
    "one_job_on_eight_cards": (
        *(f"GPU {card} is {percent} % busy" for card, percent in enumerate((100, 100, 99, 100, 98, 100, 100, 100))),
        "1 GPU process(es)",
    ),
    "mig_busy": ("1 GPU process(es)",),
    "virtual_gpu_process": ("GPU 0 is 41 % busy", "1 GPU process(es)"),
}


@pytest.mark.parametrize("fixture", sorted(FIXTURES.glob("*.txt")), ids=lambda path: path.stem)
def test_every_form_of_nvidia_smi_is_read_right(fixture: Path) -> None:
    """Also where the exit status is not looked at: an error message is no number."""
    utilisation, processes = (answer.partition("\n")[2] for answer in fixture.read_text().split("--\n"))

    assert gpu.signs(utilisation, processes) == BUSY.get(fixture.stem, ())


def test_no_nvidia_smi_is_no_sign() -> None:
    assert gpu.signs(None, None) == ()


@given(st.text(), st.text())
def test_no_text_breaks_the_reading(one: str, other: str) -> None:
    gpu.signs(one, other)
    activity.containers(one)
    moment(one)
    minutes(one)
    spot_notice(one)


def test_containers_are_names_and_nothing_else() -> None:
    assert activity.containers("rig-a\nrig-b-2\n\nCannot connect to the Docker daemon\n") == (
        "container rig-a",
        "container rig-b-2",
    )
    assert activity.containers(None) == ()


TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 18
   1: 0A00000A:{port} 0700CB71:D2F0 {state} 00000000:00000000 02:000A7D6C 00000000     0        0 19
"""


@pytest.mark.parametrize(
    ("port", "state", "counts"),
    [
        ("0016", "01", True),
        pytest.param("0016", "06", False, id="time-wait"),
        pytest.param("01BB", "01", False, id="https"),
        pytest.param("D016", "01", False, id="another-port-ending-in-16"),
    ],
)
def test_an_established_connection_to_ssh_is_a_sign_even_without_a_login(
    tmp_path: Path, port: str, state: str, counts: bool
) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(TCP.format(port=port, state=state))

    assert activity.ssh(str(tmp_path)) == (("1 SSH connection(s)",) if counts else ())


def test_a_table_that_cannot_be_read_is_no_sign(tmp_path: Path) -> None:
    assert activity.ssh(str(tmp_path)) == ()


def test_runs_that_are_not_home_are_a_sign_where_power_off_destroys_the_disk(tmp_path: Path) -> None:
    for folder in ("rig/runs/a", "rig/runs/b", "rig/fetched"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "rig/fetched/a").touch()

    assert activity.list_unfetched(str(tmp_path)) == ("results of b are not home yet",)
    (tmp_path / "rig/fetched/b").touch()
    assert activity.list_unfetched(str(tmp_path)) == ()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2027-01-15T08:00:00Z", 1_800_000_000.0),
        ("2027-01-15T09:00:00+01:00", 1_800_000_000.0),
        ("2027-01-15T08:00:00", None),
        ("tomorrow", None),
        ("", None),
        (None, None),
    ],
)
def test_a_deadline_is_a_time_with_its_zone(text: str | None, seconds: float | None) -> None:
    assert moment(text) == seconds


@given(st.binary(max_size=200))
def test_a_broken_memory_is_no_memory(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("memory") / "memory.json"
    file.write_bytes(content)

    assert load_memory(str(file)) is None
