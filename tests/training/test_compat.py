from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from training import compat, cores
from training.compat import PARALLEL_SIZE, SPIN_COUNT, tune
from training.config import JobConfig
from training.console import Console, duration, number
from training.cores import machine_cores, physical_cores
from training.environment import RunEnvironment
from training.mxnet_hook.numpy_names import mend_numpy
from training.trainer.schedule import epoch_order, learning_rate
from training.trainer.timer import Timer

THREADS = Path("/proc/self/task")  # Linux
ROOT = Path(__file__).parents[2]


def test_the_process_is_tuned_and_what_the_person_set_is_kept() -> None:
    environ = {"OMP_NUM_THREADS": "77"}
    said = tune(environ)

    assert environ["OMP_NUM_THREADS"] == "77"
    assert environ["MXNET_CPU_PARALLEL_SIZE"] == PARALLEL_SIZE
    assert "OMP_NUM_THREADS=77 (yours)" in said
    assert f"MXNET_CPU_PARALLEL_SIZE={PARALLEL_SIZE}" in said
    assert tune({}).startswith(f"process tuned: OMP_NUM_THREADS={physical_cores()} ")


def test_waiting_threads_spin_for_a_moment_unless_the_person_chose_how_they_wait() -> None:
    for chosen, left in (
        ({}, {"GOMP_SPINCOUNT": SPIN_COUNT}),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, {"OMP_WAIT_POLICY": "PASSIVE"}),
        ({"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"}),
    ):
        environ = dict(chosen)
        tune(environ)
        assert {name: environ[name] for name in environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}} == left


@pytest.mark.parametrize(
    ("chosen", "count", "places"),
    [
        ({}, 4, "cores"),
        ({"OMP_NUM_THREADS": "4"}, 4, "cores"),
        ({"OMP_NUM_THREADS": "2"}, 4, None),
        ({"HOROVOD_LOCAL_SIZE": "2"}, 4, None),
        ({}, 1, None),
        ({"OMP_PROC_BIND": "false"}, 4, None),
        ({"GOMP_CPU_AFFINITY": "0 2 4 6"}, 4, None),
        ({"OMP_PLACES": "sockets"}, 4, "sockets"),
    ],
)
def test_a_team_is_bound_where_it_has_all_cores_and_the_person_did_not_choose(
    chosen: dict[str, str], count: int, places: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Teams of some of the cores would all be bound to the same first ones."""
    monkeypatch.setattr(compat, "machine_cores", lambda: count)
    monkeypatch.setattr(compat, "physical_cores", lambda: count)
    monkeypatch.setattr(compat, "can_bind", lambda: True)
    environ = dict(chosen)
    tune(environ)

    assert environ.get("OMP_PLACES") == places


def test_where_nobody_tells_which_cpus_are_a_core_nothing_is_bound(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cores, "_topology", lambda cpu: tmp_path / str(cpu))
    environ = {"OMP_NUM_THREADS": str(machine_cores())}
    tune(environ)

    assert "OMP_PLACES" not in environ


# macOS binds no threads, and on one core there is no team: nothing is bound there.
@pytest.mark.skipif(not THREADS.is_dir() or machine_cores() < 2, reason="no threads to be bound, or no second core")
def test_each_thread_of_the_team_has_a_core_and_python_and_its_children_have_all() -> None:
    script = f"""if True:
        import os
        from training.compat import mx
        net = mx.gluon.nn.Conv2D(16, 5, in_channels=8)
        net.initialize()
        net(mx.nd.ones((64, 8, 12, 12))).wait_to_read()
        print(sorted(sorted(os.sched_getaffinity(int(thread))) for thread in os.listdir("{THREADS}")))
        print(os.sched_getaffinity(0) == os.sched_getaffinity(os.getppid()), "OMP_PLACES" in os.environ)
    """
    environ = {**os.environ, "OMP_NUM_THREADS": str(machine_cores()), "PYTHONPATH": str(ROOT)}

    said = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)
    bound, freedom = said.stdout.splitlines()

    allowed = os.sched_getaffinity(0)
    teams = [cores for cores in json.loads(bound) if set(cores) != allowed]
    assert len({tuple(cores) for cores in teams}) == machine_cores() == len(teams)
    assert freedom == "True False"


@pytest.mark.skipif(not THREADS.is_dir(), reason=f"no {THREADS}: Python sees only its own threads, not the engine's")
def test_reading_weights_starts_no_second_team_of_threads() -> None:
    script = f"""if True:
        import os
        from training.compat import mx
        net = mx.gluon.nn.Conv2D(16, 5, in_channels=8)
        net.initialize()
        net.hybridize(static_alloc=True, static_shape=True)
        X = mx.nd.ones((64, 8, 12, 12))
        for _ in range(3):  # the engine's own team is there, and the weights are in oneDNN's layout
            net(X).wait_to_read()
        before = os.listdir("{THREADS}")
        net.weight.data().asnumpy(), net(X).asnumpy()
        print(len(os.listdir("{THREADS}")) - len(before))
    """
    environ = {**os.environ, "OMP_NUM_THREADS": "2"}  # one core alone would need no team

    said = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)

    assert said.stdout == "0\n"


def test_numpy_gets_back_what_it_lost_and_keeps_what_it_has() -> None:
    old = SimpleNamespace(
        all=np.all, any=np.any, prod=np.prod, cumprod=np.cumprod, round=np.round, isin=np.isin, trapezoid=sum,
        sort=np.sort, vstack=np.vstack, float64=float, complex128=complex, bytes_=bytes, str_=str, bool="kept",
    )  # fmt: skip
    mend_numpy(old)

    assert old.bool == "kept"
    assert (old.product, old.trapz, old.PINF, old.NZERO) == (np.prod, sum, np.inf, 0.0)
    assert old.msort(np.array([[2], [1]])).tolist() == [[1], [2]]
    with pytest.raises(AttributeError, match=r"numpy\.npv was removed"):
        old.npv(0.1, [1])


def test_progress_lines_begin_with_the_percentage_that_the_bar_follows() -> None:
    out = io.StringIO()
    console = Console(out)
    console.progress(0.0349, "epoch 1/4  loss 1.2", always=True)
    console.progress(1, "done", always=True)
    console.progress(0.5, "too soon after the last one")

    assert out.getvalue() == "[  3%] epoch 1/4  loss 1.2\n[100%] done\n"


@pytest.mark.parametrize(("seconds", "said"), [(7.2, "0:07"), (750, "12:30"), (10921, "3:02:01")])
def test_durations_read_like_a_clock(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"), [(0.98765, "0.9877"), (5.02e-5, "5.02e-05"), (0.0, "0.0000"), (-1234.567, "-1,234.57")]
)
def test_numbers_keep_the_digits_that_matter(value: float, said: str) -> None:
    assert number(value) == said


def test_each_second_is_counted_once() -> None:
    timer = Timer("reading")
    timer.switch("training")
    timer.add({"training": 100.0})

    assert set(timer.seconds()) == {"reading", "training"}
    assert timer.total() == pytest.approx(100, abs=5)


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone() -> None:
    orders = [epoch_order(50, seed, epoch).tolist() for seed in (0, 1) for epoch in (0, 1)]

    assert epoch_order(50, 0, 1).tolist() == orders[1]
    assert len({tuple(order) for order in orders}) == 4
    assert all(sorted(order) == list(range(50)) for order in orders)


@pytest.mark.parametrize(("schedule", "middle"), [("constant", 1.0), ("linear", 0.505), ("cosine", 0.505)])
def test_a_schedule_falls_to_a_hundredth_unless_constant(schedule: str, middle: float) -> None:
    config = JobConfig(lr=1.0, schedule=schedule)

    assert learning_rate(config, 0, 100) == pytest.approx(1)
    assert learning_rate(config, 50, 100) == pytest.approx(middle)
    assert learning_rate(config, 100, 100) == pytest.approx(1 if schedule == "constant" else 0.01)


def test_the_surroundings_are_read_from_the_environment() -> None:
    environ = {"RIG_USD_PER_HOUR": "0.53", "RIG_INSTANCE_TYPE": "g4dn.xlarge", "RIG_RUN": "r1", "RIG_GIT_COMMIT": "abc"}

    assert RunEnvironment.read({**environ, "RIG_REQUIRE_GPU": "1"}) == RunEnvironment(
        0.53, "g4dn.xlarge", "r1", "abc", True
    )
