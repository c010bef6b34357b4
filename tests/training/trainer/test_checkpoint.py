from __future__ import annotations

import errno
import json
import os
import zipfile
from pathlib import Path

import pytest

from tests.training import small_job
from training.compat import mx
from training.errors import BadCheckpoint, BadInput, DiskFull
from training.trainer import checkpoint

ARRAYS = {"weight/0.weight": mx.nd.arange(6).reshape((2, 3)), "state/0.0": mx.nd.ones(3) / 3}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_what_was_saved_comes_back_to_the_bit(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 12, ARRAYS, {"position": {"epoch_loss": 0.1 + 0.2}}, keep=3)
    arrays, state = checkpoint.load(path)

    assert {name: a.asnumpy().tobytes() for name, a in arrays.items()} == {
        name: a.asnumpy().tobytes() for name, a in ARRAYS.items()
    }
    assert state == {"format": checkpoint.FORMAT, "step": 12, "position": {"epoch_loss": 0.1 + 0.2}}


def test_the_newest_three_are_kept_and_nothing_else_lies_about(tmp_path: Path) -> None:
    for step in (5, 40, 100_000_000, 60, 70):
        checkpoint.save(tmp_path, step, ARRAYS, {}, keep=3)

    assert sorted(os.listdir(tmp_path)) == ["step-00000060.ckpt", "step-00000070.ckpt", "step-100000000.ckpt"]
    assert checkpoint.newest(tmp_path) == tmp_path / "step-100000000.ckpt"


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_cut_off_checkpoint_is_named_and_left_alone(tmp_path: Path, share: float) -> None:
    checkpoint.save(tmp_path, 1, ARRAYS, {}, keep=3)
    path = checkpoint.save(tmp_path, 2, ARRAYS, {}, keep=3)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    before = files(tmp_path)

    with pytest.raises(BadCheckpoint, match=r"step-00000002\.ckpt is damaged .*\n.*go on from step-00000001"):
        checkpoint.load(path)
    assert files(tmp_path) == before


def test_one_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 2, ARRAYS, {}, keep=3)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))

    with pytest.raises(BadCheckpoint, match="is damaged"):
        checkpoint.load(path)


def test_a_checkpoint_of_another_program_is_named(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 2, ARRAYS, {"format": "theirs"}, keep=3)

    with pytest.raises(BadCheckpoint, match="of another program or version"):
        checkpoint.load(path)


def test_a_full_disk_is_named_and_the_older_checkpoint_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path, 1, ARRAYS, {}, keep=1)
    before = files(tmp_path)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match=r"disk is full: a checkpoint could not be written to .*step-00000002"):
        checkpoint.save(tmp_path, 2, ARRAYS, {}, keep=1)
    assert files(tmp_path) == before


def test_a_checkpoint_of_another_net_is_named_and_nothing_is_overwritten(tmp_path: Path) -> None:
    small_job.run(tmp_path, "num_epochs=1")
    (tmp_path / "summary.json").unlink()
    newest = checkpoint.newest(tmp_path / "checkpoints")
    assert newest is not None
    arrays, state = checkpoint.load(newest)
    checkpoint.save(newest.parent, state["step"], {"weight/other": arrays["weight/0.weight"]}, state, keep=3)
    before = files(tmp_path / "checkpoints")

    with pytest.raises(BadCheckpoint, match=r"does not fit the job small .*left as it is"):
        small_job.run(tmp_path, "num_epochs=1")
    assert files(tmp_path / "checkpoints") == before


def test_changed_settings_are_named_and_nothing_is_overwritten(finished_run: Path) -> None:
    before = files(finished_run)

    with pytest.raises(BadCheckpoint, match=r"begun with other settings:\n  - lr: 0\.003 then, 0\.5 now\n") as caught:
        small_job.run(finished_run, "lr=0.5")
    assert caught.value.exit_code == 2
    assert files(finished_run) == before


def test_a_finished_run_is_not_trained_over(finished_run: Path) -> None:
    before = files(finished_run)

    with pytest.raises(BadInput, match="holds a finished run of small"):
        small_job.run(finished_run)
    assert files(finished_run) == before


def test_loading_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 1, ARRAYS, {}, keep=1)

    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["state.json", "arrays.params"]
        assert json.loads(archive.read("state.json"))["step"] == 1
        assert archive.read("arrays.params")[:8] == (0x112).to_bytes(8, "little")  # MXNet's own list of arrays
