"""The model folder: complete in itself, and nothing that is damaged or of another version gets through."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from training.errors import BadInput
from training.jobs import resnet
from training.nets.images import scale_and_flatten, scale_pixels
from training.report.model_card import model_card
from training.workdir import model_folder
from training.workdir.checksum import sha256
from training.workdir.model_folder import CHECKSUMS, DESCRIPTION, FILES, IMAGES, VERSION, Description, Pixels
from training.workdir.pixels import scaling_of

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def model(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of a model folder that a test may damage."""
    return shutil.copytree(finished_run / "model", tmp_path / "run" / "model")


def test_a_finished_run_leaves_a_folder_that_says_what_goes_in_and_what_comes_out(finished_run: Path) -> None:
    summary = json.loads((finished_run / "summary.json").read_text())
    found = model_folder.open_model(finished_run)

    assert found.description == Description(
        kind=IMAGES,
        job="small",
        input_shape=(64,),
        classes=("nw", "ne", "sw", "se"),
        pixels=Pixels((1, 8, 8), (0.0,), (255.0,)),
        scores=summary["scores"],
        data={"source": "made up", "checksum": "none"},
    )
    assert model_folder.open_model(finished_run / "model") == found
    assert found.name == "run"
    subprocess.run(["sha256sum", "--check", "--quiet", CHECKSUMS], cwd=found.folder, check=True)


def test_the_card_says_in_plain_words_what_the_run_came_to(finished_run: Path) -> None:
    card = (finished_run / "model" / "CARD.md").read_text()
    accuracy = json.loads((finished_run / "summary.json").read_text())["scores"]["accuracy"]

    assert f"| accuracy | {accuracy:.4f} | share of the test examples that were told right" in card
    assert "| Data | made up |" in card
    assert "Every input gets one of its classes, also one that is none of them." in card


def test_names_from_a_log_are_letters_on_the_card_and_no_markup() -> None:
    evil = ("<img src=x onerror=alert(1)>", "[here](javascript:alert(1))", "a | b", "`c`", "![](http://x)")
    description = Description(kind="arrays", job="<b>", input_shape=(2,), classes=evil)

    card = model_card(description, {"Data": evil[0] + evil[2]})

    assert "<" not in card
    assert re.search(r"(?<!\\)[\[`]", card.split("How it is asked")[0]) is None
    assert "&lt;img src=x onerror=alert(1)&gt;a \\| b" in card


def test_it_is_opened_and_asked_where_there_is_no_mxnet_and_no_code_that_trains(model: Path) -> None:
    program = f"""
import sys
sys.modules["mxnet"] = None
from pathlib import Path
from training.workdir.model_folder import open_model
from training.serve.backends import open_onnx
import numpy as np
net = open_onnx(open_model(Path({str(model)!r})).onnx)
print(net(np.zeros((3, 64), np.float32)).shape)
forbidden = [name for name in sys.modules if name.startswith(("training.trainer", "training.jobs", "training.compat"))]
print(forbidden)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("(3, 4)\n[]\n", "")


@pytest.mark.parametrize("name", [*FILES, CHECKSUMS])
@pytest.mark.parametrize("damage", ["gone", "cut", "changed", "a folder"])
def test_a_damaged_file_is_named(model: Path, name: str, damage: str) -> None:
    path = model / name
    whole = path.read_bytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    elif damage != "gone":
        path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else bytes([whole[0] ^ 1]) + whole[1:])

    with pytest.raises(BadInput, match=f"model/{'|model/'.join((name, *FILES))} is damaged or cut short") as refused:
        model_folder.open_model(model.parent)
    if name != CHECKSUMS:  # where the sums are wrong, the first file that they do not fit is named
        assert name in refused.value.cause


@pytest.mark.parametrize("version", [VERSION + 1, 0, "2.0-beta"])
def test_a_folder_of_another_version_is_named_whatever_else_it_holds(model: Path, version: object) -> None:
    (model / DESCRIPTION).write_text(json.dumps({"format": model_folder.FORMAT, "version": version}))
    (model / CHECKSUMS).unlink()

    with pytest.raises(BadInput, match=f"of version {version}; this Gluon Rig reads version {VERSION}"):
        model_folder.open_model(model.parent)


def test_what_was_changed_by_hand_with_its_checksum_is_still_read_with_care(model: Path) -> None:
    described = json.loads((model / DESCRIPTION).read_text())
    (model / DESCRIPTION).write_text(json.dumps({**described, "kind": "oracle"}))
    sums = "".join(f"{sha256(model / name)}  {name}\n" for name in FILES)
    (model / CHECKSUMS).write_text(sums)

    with pytest.raises(BadInput, match=r"model\.json is damaged .* kind is 'oracle'"):
        model_folder.open_model(model.parent)


def test_a_folder_without_a_model_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has no model folder"):
        model_folder.open_model(tmp_path)


@pytest.mark.parametrize("step", ["shutil.copyfile", "os.fsync", "pathlib.Path.write_text", "pathlib.Path.rename"])
def test_a_write_that_is_cut_off_leaves_no_half_folder(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Killed(BaseException):
        """No code of ours catches it."""

    def kill(*arguments: object, **options: object) -> None:
        raise Killed

    described = model_folder.open_model(finished_run).description
    shutil.copy(finished_run / "model.onnx", tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(step, kill)
        with pytest.raises(Killed):
            model_folder.write_model(tmp_path, described, card="")
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]

    model_folder.write_model(tmp_path, described, card="A card.")
    assert model_folder.open_model(tmp_path).description == described


def test_the_scaling_of_pictures_is_found_by_asking() -> None:
    grey = scaling_of(scale_pixels, (1, 28, 28))
    flat = scaling_of(scale_and_flatten, (1, 28, 28))
    colour = scaling_of(resnet.normalise, (3, 32, 32))

    assert grey is not None
    assert flat is not None
    assert colour is not None
    assert (grey[0].tolist(), grey[1].tolist()) == (flat[0].tolist(), flat[1].tolist()) == ([0.0], [255.0])
    assert colour[0] == pytest.approx(np.array(resnet.MEAN), rel=1e-6)
    assert colour[1] == pytest.approx(np.array(resnet.SPREAD), rel=1e-6)


@pytest.mark.parametrize(
    "prepare",
    [
        lambda X: X[:, :, 1:-1, 1:-1].astype("float32"),  # crops
        lambda X: X.astype("float32") ** 2,  # no line
        lambda X: X.astype("float32").flip(axis=3),  # another order
        lambda X: X.astype("float32") * 0,  # sees nothing
    ],
)
def test_what_does_more_than_scale_is_no_scaling(prepare: object) -> None:
    assert scaling_of(prepare, (1, 8, 8)) is None
