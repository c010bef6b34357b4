"""What the container of a node is given that one alone is not."""

import dataclasses
from pathlib import Path

from infra.job import metadata_fence
from infra.job.artifacts import OTHER_NODES, home_of
from infra.job.container import Container, docker_run
from infra.job.spec import Job, pack_job
from infra.job.workers import Place, in_workers, nodes_of
from tests.job.test_docker_run import FACTS

CONTAINER = Container(run="r", image="gluon-rig:cpu-0", command=("true",), facts=FACTS, gpu=False)


def test_a_node_stands_in_the_hosts_network_under_its_own_name_and_away_from_the_role():
    alone = docker_run(CONTAINER)
    node = docker_run(dataclasses.replace(CONTAINER, hosts_entry="ip-10-0-0-7:10.0.0.7", fenced=True))

    assert [word for word in node if word not in alone] == [
        "--network", "host", "--add-host", "ip-10-0-0-7:10.0.0.7", "--cgroup-parent", metadata_fence.SLICE,
    ]  # fmt: skip


def test_the_fence_is_one_rule_however_often_it_is_put_up():
    start, rule = metadata_fence.put_up()

    assert start == ["sudo", "-n", "systemctl", "start", "gluonrig.slice"]
    wanted = "OUTPUT -d 169.254.169.254 -m cgroup --path gluonrig.slice -j REJECT"
    assert rule[-1] == f"iptables -w -C {wanted} 2>/dev/null || iptables -w -I {wanted}"


def test_a_record_tells_on_how_many_machines_it_was():
    command = in_workers(["python3", "x.py", "--nodes", "9"], "/kit/workers.py", "", Place(4, 1, "10.0.0.7:29500"))

    assert nodes_of(command) == 4
    assert nodes_of(["python3", "x.py", "--nodes", "9"]) == nodes_of([]) == 1


def test_the_first_nodes_results_are_the_runs_and_the_others_lie_below():
    assert home_of(Path("runs"), "r", 0) == Path("runs/r")
    assert home_of(Path("runs"), "r", 3) == Path("runs/r") / OTHER_NODES / "4"


def test_a_log_is_packed_by_processes_that_meet_without_a_launcher() -> None:
    job = Job.from_json(pack_job(Path("logs/fleet.toml"), "2").to_json())
    place = Place(3, 1, "10.0.0.5:29500")

    line = job.command_in("/home/u/rig/runs/R", "/home/u/rig/data", place.words)

    assert line == [
        "python3", "-m", "training", "pack", "--workers", "2",
        "--nodes", "3", "--node", "1", "--first", "10.0.0.5:29500", "--",
        "/home/u/rig/data/fleet.toml", "/home/u/rig/runs/R/packed",
    ]  # fmt: skip
    assert nodes_of(line) == 3
    assert job.meets_by_itself
    assert job.command_in("R", "D") == [
        "python3",
        "-m",
        "training",
        "pack",
        "--workers",
        "2",
        "--",
        "D/fleet.toml",
        "R/packed",
    ]
