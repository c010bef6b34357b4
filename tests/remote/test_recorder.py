"""The recorder, run as it runs in the container: a real process around a real program."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from infra.host import manifest
from infra.job.container import STOP_TIMEOUT_S
from infra.remote.advice import advice
from infra.remote.live_output import LIVE_EVERY_S, Shown
from infra.remote.recorder import GRACE_S

RECORD = Path(__file__).resolve().parents[2] / "infra" / "remote" / "recorder.py"


def record(workdir: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, str(RECORD), str(workdir), "--", *command]
    return subprocess.run(line, capture_output=True, text=True, env={**os.environ, **environment})


def wait_for(condition, what: str):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.02)


def test_a_run_leaves_its_log_its_ending_and_last_a_manifest_of_all(tmp_path: Path) -> None:
    work = tmp_path / "run"
    program = "import os, sys; open(os.path.join(sys.argv[1], 'w.params'), 'w').write('weights'); print('hello')"

    done = record(work, sys.executable, "-c", program, str(work))

    assert (done.returncode, done.stdout) == (0, "hello\n")
    assert (work / "train.log").read_text() == "hello\n"
    ending = json.loads((work / "exit.json").read_text())
    assert (ending["exit_code"], ending["command"][0]) == (0, sys.executable)
    assert (work / "MANIFEST.sha256").read_text().splitlines() == [
        f"{hashlib.sha256((work / name).read_bytes()).hexdigest()}  {name}"
        for name in ("exit.json", "train.log", "w.params")
    ]


@pytest.mark.parametrize(
    ("command", "code"), [(("sh", "-c", "exit 3"), 3), (("sh", "-c", "kill -9 $$"), 137), (("no-such-program",), 127)]
)
def test_the_exit_code_is_the_jobs_own_and_the_folder_is_sealed_all_the_same(
    tmp_path: Path, command: tuple[str, ...], code: int
) -> None:
    done = record(tmp_path / "run", *command)

    assert done.returncode == code
    assert json.loads((tmp_path / "run" / "exit.json").read_text())["exit_code"] == code
    assert (tmp_path / "run" / "MANIFEST.sha256").exists()


def test_sigterm_reaches_the_job_once_and_what_it_saves_is_sealed(tmp_path: Path) -> None:
    work = tmp_path / "run"
    program = (
        "import signal, sys, time, pathlib\n"
        f"work = pathlib.Path({str(work)!r})\n"
        "def save(*_):\n    with (work / 'checkpoint').open('a') as f: f.write('saved ')\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, save)\n"
        "(work / 'up').write_text('')\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, RECORD, work, "--", sys.executable, "-c", program])
    wait_for((work / "up").exists, "the job")

    process.send_signal(signal.SIGTERM)

    assert process.wait(120) == 0
    assert (work / "checkpoint").read_text() == "saved "
    assert "checkpoint" in (work / "MANIFEST.sha256").read_text()


def test_a_rented_gpu_that_is_not_seen_ends_the_run_before_it_starts(tmp_path: Path) -> None:
    done = record(tmp_path / "run", "touch", str(tmp_path / "started"), RIG_REQUIRE_GPU="1", PATH="/nowhere")

    assert done.returncode == 1
    assert "No GPU in the container" in (tmp_path / "run" / "train.log").read_text()
    assert not (tmp_path / "started").exists()


def test_a_folder_of_the_programs_own_makes_room_for_the_record_and_keeps_what_is_in_it(tmp_path: Path) -> None:
    make = "import os; os.chdir(os.environ['INTO']); [os.makedirs(n) for n in ('exit.json/deep', 'MANIFEST.sha256')]"

    record(tmp_path, sys.executable, "-c", f"{make}; open('exit.json/deep/a', 'w')", INTO=str(tmp_path))

    assert json.loads((tmp_path / "exit.json").read_text())["exit_code"] == 0
    (kept,) = tmp_path.glob("exit.json.folder-*/deep/a")
    assert kept.relative_to(tmp_path).as_posix() in (tmp_path / "MANIFEST.sha256").read_text()


def test_a_killed_recorder_leaves_a_folder_that_can_still_be_sealed(tmp_path: Path) -> None:
    work = tmp_path / "run"
    program = "import time; print('part', flush=True); time.sleep(5)"
    process = subprocess.Popen([sys.executable, RECORD, work, "--", sys.executable, "-c", program])
    wait_for(lambda: (work / "train.log").exists() and (work / "train.log").read_text(), "the log")
    process.kill()
    process.wait()
    assert not (work / "MANIFEST.sha256").exists()

    subprocess.run([sys.executable, RECORD, "--seal", work], check=True)

    assert (work / "MANIFEST.sha256").read_text().endswith("  train.log\n")


def test_a_signal_is_on_record_so_that_a_saved_checkpoint_is_not_taken_for_a_finished_run(tmp_path: Path) -> None:
    work = tmp_path / "run"
    program = f"trap 'exit 0' TERM; touch {work}/up; while :; do sleep 0.05; done"
    process = subprocess.Popen([sys.executable, RECORD, work, "--", "sh", "-c", program])
    wait_for((work / "up").exists, "the job")

    process.send_signal(signal.SIGTERM)

    assert process.wait(120) == 0
    end = json.loads((work / "exit.json").read_text())
    assert (end["exit_code"], end["signal"], end["oom_kills"]) == (0, "SIGTERM", 0)


def test_what_a_job_leaves_running_in_the_background_ends_with_it(tmp_path: Path) -> None:
    began = time.monotonic()

    done = record(tmp_path / "run", "sh", "-c", "sleep 300 & echo through")

    assert (done.returncode, done.stdout) == (0, "through\n")
    assert time.monotonic() - began < 200


def test_a_disk_that_takes_no_more_does_not_change_the_exit_code(tmp_path: Path) -> None:
    work = tmp_path / "run"
    work.mkdir()
    (work / "train.log").symlink_to("/dev/full")

    done = record(work, "sh", "-c", "echo hello; exit 3")

    assert (done.returncode, done.stdout) == (3, "hello\n")


def test_a_resumed_run_does_not_wear_the_ending_of_its_first_part(tmp_path: Path) -> None:
    work = tmp_path / "run"
    record(work, "sh", "-c", "echo first; exit 3")

    job = work.with_name("job.json")
    job.write_text('{"name": "lenet"}')
    done = record(work, "sh", "-c", f"ls {work}; echo second", RIG_JOB_FILE=str(job))

    assert "exit.json" not in done.stdout
    assert json.loads((work / "exit.json").read_text())["exit_code"] == 0
    assert json.loads((work / "job.json").read_text()) == {"name": "lenet"}
    assert (work / "train.log").read_text().startswith("first\n")


@pytest.mark.parametrize(
    ("said", "next_step"),
    [
        (
            "ModuleNotFoundError: No module named 'yaml.nodes'",
            "the image has no yaml: write pyyaml into a requirements.txt",
        ),
        ("RuntimeError: Failed downloading url https://apache-mxnet.s3/x.zip", "say DATA=that-folder"),
        ("\x1b[31mNameError: name \x1b[0m'get_ipython' is not defined", "SCRIPT=name.ipynb"),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: 'data/car.csv'",
            "data/car.csv is not there: what .git",
        ),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/home/me/car.csv'",
            "an instance has no /home/me/car",
        ),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/home/u/rig/runs/r1/.code/data/car.csv'",
            "data/car.csv is not there: what .git",
        ),
        ("mxnet.base.MXNetError: load path /x/.code/ops/lib.so does NOT exist", "ops/lib.so is not there: what .git"),
        ("OSError: [Errno 30] Read-only file system: '/x'", "a run may write into its working folder, $RIG_RUN_DIR"),
        (
            "  raise child_exception_type(errno_num, err_msg, err_filename)\n"
            "FileNotFoundError: [Errno 2] No such file or directory: 'git'",
            "the image has no program git: do its work here before the run",
        ),
        ("sh: 1: wget: not found", "the image has no program wget"),
        ("sh: line 1: wget: command not found", "the image has no program wget"),
        ("graphviz.backend.ExecutableNotFound: failed to execute ['dot', '-Tpdf'], make", "no program dot"),
        ("/bin/sh: 1: nvidia-smi: not found", "TYPE=g4dn.xlarge has one"),
        ("MXNetError: GPU is not enabled", "TYPE=g4dn.xlarge has one"),
        ('Check  notnull: Environment::Get()->find("DMLC_NUM_WORKER")', "nobody starts any: 'device' takes all GPUs"),
        ("ImportError: Cannot load backend 'TkAgg' which requires the 'tk' interactive framework", "plt.savefig"),
        ("ModuleNotFoundError: No module named '_tkinter'", "nobody sees a window of a run"),
        ("cv2.error: ... in function 'cvShowImage'", "cv2.imwrite"),
        ('  File "a.py", line 1\n    %matplotlib inline\n    ^\nSyntaxError: invalid syntax', "SCRIPT=name.ipynb"),
        ("    !pip install d2l\n    ^\nSyntaxError: invalid syntax", "SCRIPT=name.ipynb"),
        ('  File "/x/getpass.py", line 148, in _raw_input\n    raise EOFError\nEOFError', "nobody can type into a run"),
        ("locale.Error: unsupported locale setting", "C.UTF-8 alone"),
        (
            "  File \"<frozen os>\", line 679, in __getitem__\nKeyError: 'SM_MODEL_DIR'",
            "CMD='SM_MODEL_DIR=value python3 script.py'",
        ),
        (
            '  File "/usr/lib/python3.10/os.py", line 680, in __getitem__\n    raise KeyError(key) from None\n'
            "KeyError: 'GPUS'",
            "CMD='GPUS=value python3 script.py'",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied",
            "requirements.txt",
        ),
        ("AttributeError: module 'time' has no attribute 'clock'", "time.perf_counter()"),
        ("AttributeError: module 'collections' has no attribute 'Sequence'", "Sequence is in collections.abc"),
        ("ImportError: cannot import name 'Iterable' from 'collections' (/x)", "Iterable is in collections.abc"),
        ("ImportError: cannot import name 'joblib' from 'sklearn.externals'", "import joblib"),
        ("ModuleNotFoundError: No module named 'sklearn.cross_validation'", "sklearn.model_selection"),
        ("ModuleNotFoundError: No module named 'cPickle'", "cPickle is a module of Python 2"),
        ("NameError: name 'xrange' is not defined", "xrange is a name of Python 2"),
        ("AttributeError: module 'numpy' has no attribute 'float'", "`import mxnet` before that line"),
        ("train.py: error: the following arguments are required: --data", "ARGS='...' gives a script its arguments"),
        ("KeyError: 'file'", ""),
        ("ValueError: 3", ""),
    ],
)
def test_an_error_that_a_person_can_mend_comes_with_the_next_step(said: str, next_step: str) -> None:
    found = advice(f"Traceback ...\n{said}\n", in_container=True)

    assert next_step in found
    assert bool(found) == bool(next_step)
    assert "\n" not in found


def test_the_last_thing_known_counts_and_of_one_line_the_first() -> None:
    said = "sh: 1: wget: not found\nNameError: name 'xrange' is not defined\nValueError: x\n"

    assert "xrange" in advice(said, in_container=False)
    assert "urllib2 is a module" in advice("ModuleNotFoundError: No module named 'urllib2'", in_container=True)


def test_the_next_step_is_the_last_line_of_the_log(tmp_path: Path) -> None:
    record(tmp_path / "run", sys.executable, "-c", "import no_such_module_here")

    assert (tmp_path / "run" / "train.log").read_text().splitlines()[-1] == (
        "gluon-rig: there is no no_such_module_here here: .venv/bin/python -m pip install no_such_module_here"
    )


def test_a_job_that_does_not_listen_is_ended_and_its_record_says_that_it_was_asked(tmp_path: Path) -> None:
    """`docker stop` would kill the recorder as well, and nobody could tell it from a `docker kill`."""
    assert GRACE_S < STOP_TIMEOUT_S
    work = tmp_path / "run"
    program = f"trap '' TERM; echo kept > {work}/kept; touch {work}/up; while :; do sleep 0.05; done"
    environment = {**os.environ, "RIG_GRACE_S": "0.2"}
    process = subprocess.Popen([sys.executable, RECORD, work, "--", "sh", "-c", program], env=environment)
    wait_for((work / "up").exists, "the job")

    process.send_signal(signal.SIGTERM)

    assert process.wait(120) == 137
    end = json.loads((work / "exit.json").read_text())
    assert (end["exit_code"], end["signal"]) == (137, "SIGTERM")
    assert "  kept\n" in (work / "MANIFEST.sha256").read_text()


@pytest.mark.parametrize("line", ["{}; true", "cd . && STEPS=3 {} && echo next", "{} | cat", "sh -c '{}'; exit 0"])
def test_a_program_that_a_shell_has_started_saves_before_the_end_as_one_by_itself_does(
    tmp_path: Path, line: str
) -> None:
    """The shell dies of the signal at once: what it has started must not be killed for that."""
    work = tmp_path / "run"
    saver = tmp_path / "saver.py"
    saver.write_text(
        "import pathlib, signal, sys, time\n"
        "work = pathlib.Path(sys.argv[1])\n"
        "def save(*_):\n"
        "    time.sleep(0.5)\n"
        "    (work / 'saved').write_text('all of it')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, save)\n"
        "(work / 'up').touch()\n"
        "while True: time.sleep(0.05)\n"
    )
    command = line.format(f"{sys.executable} {saver} {work}")
    process = subprocess.Popen([sys.executable, RECORD, work, "--", "sh", "-c", command])
    wait_for((work / "up").exists, "the program")

    process.send_signal(signal.SIGTERM)
    process.wait(120)

    assert (work / "saved").read_text() == "all of it"
    assert "  saved\n" in (work / "MANIFEST.sha256").read_text()
    assert "next" not in (work / "train.log").read_text()


def test_a_line_that_is_written_over_is_seen_before_it_ends_and_is_in_the_log_byte_by_byte(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib, time\n"
        "for i in range(3): print(f'\\r{i}0%|#', end='', flush=True)\n"
        "while not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.02)\n"
        "print('\\r100%|##', flush=True); print('no end', end='')"
    )
    line = [sys.executable, RECORD, tmp_path / "run", "--", sys.executable, "-c", program, str(tmp_path / "go on")]
    process = subprocess.Popen(line, stdout=subprocess.PIPE)
    assert process.stdout is not None

    assert process.stdout.readline().startswith(b"\r")
    (tmp_path / "go on").touch()
    assert process.stdout.read() == b"100%|##\nno end"
    assert process.wait() == 0
    assert (tmp_path / "run" / "train.log").read_bytes() == b"\r00%|#\r10%|#\r20%|#\r100%|##\nno end"


PRINTED = some.lists(some.sampled_from([b"a", b"b", b"\r", b"\n", b"\r\n", b"\xff", b" "]), max_size=30)


@settings(deadline=None)
@given(PRINTED, some.sampled_from([0.0, LIVE_EVERY_S]))
def test_however_output_is_cut_its_whole_lines_are_shown_once_and_in_order(pieces: list[bytes], every_s: float) -> None:
    shown = Shown()
    out = b"".join(shown.of(piece, number * every_s) for number, piece in enumerate(pieces)) + shown.rest()

    printed = b"".join(pieces).replace(b"\r\n", b"\n").split(b"\n")
    states = [[part for part in line.split(b"\r") if part.strip()] for line in printed]
    assert [line for line in out.split(b"\n") if not line.startswith(b"\r")] == [(line or [b""])[-1] for line in states]


def test_any_name_is_sealed_and_sha256sum_itself_checks_them_all(tmp_path: Path) -> None:
    names = [b"new\nline", b"cr\r", b"form\x0cfeed", "next\u0085".encode(), "sep\u2028".encode(), b"back\\slash",
             b"\xff", b"n" * 255, b"x.part", b".aside-1", b"fold1/train.log", b"sub/MANIFEST.sha256"]  # fmt: skip
    for name in names:
        path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), b"run", name)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name)
    os.mkfifo(tmp_path / "run" / "fifo")
    (tmp_path / "run" / "link").symlink_to("x.part")

    done = record(tmp_path / "run", "true")

    assert done.returncode == 0
    with (tmp_path / "run" / "MANIFEST.sha256").open("rb") as file:
        lines = [*file]
    sealed = [*manifest.read(lines)]
    assert [os.fsencode(name) for name, _ in sealed] == sorted([*names, b"exit.json", b"train.log"])
    assert [manifest.line_of(*one) for one in sealed] == lines
    if shutil.which("sha256sum"):
        line = ["sha256sum", "--check", "--quiet", "--strict", "MANIFEST.sha256"]
        subprocess.run(line, cwd=tmp_path / "run", check=True)


def test_a_manifest_of_an_older_recorder_is_read(tmp_path: Path) -> None:
    digest = "0" * 64
    old = [b"  a b.params\n", b"  back\\slash\n", b"  half\n"]
    lines = [*(digest.encode() + line for line in old), b"a name\n"]

    assert dict(manifest.read(lines)) == {"a b.params": digest, "back\\slash": digest, "half": digest}


def test_a_full_disk_refuses_a_late_seal_without_a_traceback(tmp_path: Path) -> None:
    nowhere = tmp_path / "a folder that cannot be written"

    done = subprocess.run([sys.executable, RECORD, "--seal", nowhere], capture_output=True, text=True)

    assert done.returncode == 1
    assert done.stderr.startswith("The manifest could not be written:")
