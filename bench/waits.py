"""Where people wait, each against the few lines that would do the same: `make bench`, and `make bench-check`.

    python bench/waits.py                     every row; some minutes
    python bench/waits.py --rows pull help    only rows whose names hold one of these words
    python bench/waits.py --check             exit code 1, and by name what misses its bound

Needs sshd and rsync; for the round trip a Docker engine too. A row that cannot be measured here says so.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from bench import roundtrip
from bench.turns import HEAD, Row, take_turns
from infra.host import command_lines
from infra.host.connection import Host
from infra.host.sync import pull_ended, seal
from infra.remote import recorder
from tests.host.ssh_server import ssh_server

MIB = 1 << 20
PYTHON = sys.executable
RIG = str(Path(PYTHON).with_name("rig"))


def measure_help(n: int) -> list[Row]:
    def ours(_: int) -> None:
        roundtrip.call([RIG, "--help"])

    def plain(_: int) -> None:
        roundtrip.call([PYTHON, "-c", "pass"])

    return [take_turns("rig --help", "Python that does nothing", ours, plain, n=n, most=1, extra_s=0.060)]


def measure_status(n: int) -> list[Row]:
    """`rig status` of one rig, by bare boto3 with the questions that it asks, and by awscli with the first of them."""
    from infra.rehearsal import client

    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        environment = {**os.environ, "RIG_CLOUD": "rehearsal", "RIG_ENGINE": "process", "HOME": text}
        subprocess.run([RIG, "launch"], cwd=folder, env=environment, check=True, capture_output=True)
        try:
            cloud = client.find(folder)
            assert cloud is not None
            environment |= {
                "AWS_ENDPOINT_URL": cloud.endpoint_url,
                "AWS_ACCESS_KEY_ID": "rehearsal",
                "AWS_SECRET_ACCESS_KEY": cloud.secret,
                "AWS_DEFAULT_REGION": "us-east-1",
            }
            asked = [PYTHON, "-c", BARE_STATUS]
            by_aws = [str(Path(PYTHON).with_name("aws")), "ec2", "describe-instances", "--output", "json"]

            def run(line: list[str]) -> Callable[[int], None]:
                return lambda _: void(
                    subprocess.run(line, cwd=folder, env=environment, check=True, capture_output=True)
                )

            return [
                take_turns("rig status", "boto3, the same questions", run([RIG, "status"]), run(asked), n=n, most=1.05),
                take_turns(
                    "rig status", "aws ec2 describe-instances", run([RIG, "status"]), run(by_aws), n=n, most=0.8
                ),
            ]
        finally:
            client.down(folder)


BARE_STATUS = """if True:
    import boto3
    ec2 = boto3.client("ec2")
    found = ec2.describe_instances(Filters=[{"Name": "tag-key", "Values": ["gluon-rig:owner"]}])
    (one,) = [one for reservation in found["Reservations"] for one in reservation["Instances"]]
    ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [one["InstanceId"]]}])
    boto3.client("cloudwatch").describe_alarms(AlarmNamePrefix="gluon-rig")
    boto3.client("scheduler").list_schedules()
    print(one["InstanceId"], one["State"]["Name"])
"""


def void(_: object) -> None:
    """A side of `take_turns` returns nothing."""


def measure_round_trip(n: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as text, ssh_server(Path(text)) as server:
        return roundtrip.trip(Path(text), server, n)


def measure_sync(n: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as text, ssh_server(Path(text)) as server:
        return roundtrip.sync(Path(text), server, n)


def measure_pull_large(n: int) -> list[Row]:
    return pull("pull of 1 GiB in 4 files", [256 * MIB] * 4, n, most=1.1)


def measure_pull_many(n: int) -> list[Row]:
    """Of small files nearly all is what is asked and kept of each: docs/performance.md has it in microseconds."""
    return pull("pull of 20,000 files of 1 kB", [1000] * 20_000, n, most=4)


def pull(title: str, sizes: list[int], n: int, *, most: float) -> list[Row]:
    """An ended run, verified by its manifest, against rsync with --checksum off: rsync alone believes the line."""
    with tempfile.TemporaryDirectory() as text, ssh_server(Path(text)) as server:
        folder = Path(text)
        there = server.home / "run"
        for number, size in enumerate(sizes):
            path = there / str(number % 50) / f"{number}.params"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(size))
        recorder.seal(there)
        target = roundtrip.target_of(folder, server, server.port)
        rsync = ["rsync", "--archive", "--rsh", shlex.join(["ssh", *command_lines.ssh_options(target)])]
        with Host(target) as host:
            host.get_ready()

            def ours(turn: int) -> None:
                home = folder / f"ours-{turn}"
                seal(home, pull_ended(host, str(there), home, rsync_there=True))
                shutil.rmtree(home)

            def plain(turn: int) -> None:
                home = folder / f"plain-{turn}"
                roundtrip.call([*rsync, f"{target.address}:{there}/", f"{home}/"])
                shutil.rmtree(home)

            row = take_turns(title, "rsync, line open", ours, plain, n=n, most=most)
            roundtrip.hang_up(target)
        return [row]


def measure_checkpoint(n: int) -> list[Row]:
    """Weights of 100 MB, saved whole or not at all, against their bytes copied and flushed to the disk."""
    from training.compat import mx
    from training.trainer import checkpoint

    arrays = {f"weight/{i}": mx.nd.random.uniform(shape=(1_000_000,)) for i in range(25)}
    mx.nd.waitall()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        content = bytes(25 * 4_000_000)

        def ours(turn: int) -> None:
            checkpoint.save(folder / "ours", turn + 1, arrays, {}, keep=1)

        def plain(turn: int) -> None:
            with open(folder / "plain", "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())

        return [take_turns("checkpoint of 100 MB", "a copy, flushed", ours, plain, n=n, most=1.3)]


ROWS: dict[str, Callable[[int], list[Row]]] = {
    "help": measure_help,
    "status": measure_status,
    "sync": measure_sync,
    "trip": measure_round_trip,
    "pull-large": measure_pull_large,
    "pull-many": measure_pull_many,
    "checkpoint": measure_checkpoint,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", default=[], metavar="WORD")
    parser.add_argument("-n", type=int, default=7, help="how often each side is measured [7]")
    parser.add_argument("--check", action="store_true", help="exit code 1 where a bound is missed")
    asked = parser.parse_args()
    print(HEAD)
    wanted = [row for name, row in ROWS.items() if not asked.rows or any(word in name for word in asked.rows)]
    missed = [row.title for each in wanted for row in each(asked.n) if not row.is_kept]
    if missed and asked.check:
        print(f"missed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed and asked.check else 0


if __name__ == "__main__":
    sys.exit(main())
