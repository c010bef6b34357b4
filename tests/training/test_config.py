from __future__ import annotations

from dataclasses import dataclass

import pytest

from training.config import JobConfig, describe, differences, option, parse
from training.errors import BadInput
from training.jobs import JOBS, load


@dataclass(frozen=True, kw_only=True)
class Config(JobConfig):
    dropout: float = option(0.0, "share silenced", least=0, below=1)
    activation: str = option("relu", "between layers", choices=("relu", "tanh"))
    amp: bool = option(False, "mixed precision")


def test_words_become_typed_values() -> None:
    config = parse(Config, ["lr=3e-4", "num_epochs=2", "amp=1", "activation=tanh", "data=a=b"])

    assert (config.lr, config.num_epochs, config.amp, config.activation) == (3e-4, 2, True, "tanh")
    assert config.data == "a=b"


def test_everything_wrong_is_said_at_once_with_the_nearest_right_key() -> None:
    with pytest.raises(BadInput) as caught:
        parse(Config, ["learning", "dropuot=0.5", "dropout=1", "lr=nan", "num_epochs=2.5", "activation=gelu", "wd=inf"])

    assert caught.value.exit_code == 2
    assert caught.value.cause.splitlines()[1:] == [
        "  - 'learning': write it as key=value",
        "  - dropuot: there is no such key; did you mean dropout?",
        "  - dropout=1: must be below 1",
        "  - lr=nan: must be at least 0",
        "  - num_epochs=2.5: must be a whole number",
        "  - activation=gelu: one of: relu, tanh",
        "  - wd=inf: must be finite",
    ]


@pytest.mark.parametrize(
    ("job", "word", "said"),
    [
        *(
            ("linear", f"device={word}", "say auto, cpu, gpu")
            for word in ("cpu:\u00b2", "cpu:x", "cpu:-1", "cpu:", "cpu:0", "tpu")
        ),
        *(("linear", f"gpus={word}", "say a number from 1 on, or all") for word in ("\u00b2", "-1", "0", "both")),
        *(("mlp", f"hidden={word}", "write it as 256 or 256,128") for word in ("", "256,0", "2.5", "1,,1", "9" * 10)),
        *(("mlp_scratch", f"hidden={word}", "mlp_scratch has one hidden layer") for word in ("256,128", "0")),
    ],
)
def test_a_text_that_is_not_written_as_it_must_be_is_told_with_all_the_rest(job: str, word: str, said: str) -> None:
    """Before any data is read: it may not be here."""
    with pytest.raises(BadInput) as caught:
        parse(load(job).config, [word, "num_epochs=0"])

    first, second = caught.value.cause.splitlines()[1:]
    assert first.startswith(f"  - {word}: {said}")
    assert second == "  - num_epochs=0: must be at least 1"


def test_only_keys_that_change_the_numbers_count_as_changed() -> None:
    begun = {**parse(Config, ["lr=0.1", "device=gpu", "keep=9"]).__dict__}

    assert differences(parse(Config, ["lr=0.2", "device=cpu"]), begun) == ["lr: 0.1 then, 0.2 now"]


def test_every_key_of_every_job_is_explained() -> None:
    for name in JOBS:
        text = describe(load(name).config)

        assert "num_epochs=" in text
        assert all(len(line.split(None, 1)) == 2 for line in text.splitlines())


def test_a_misspelt_job_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(BadInput, match=r"lanet: there is no such job; did you mean lenet\?"):
        load("lanet")
