"""What is sent is chosen, and told, before anything is asked of AWS."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.errors import BadSettings
from infra.job.spec import command_job, script_job
from infra.settings import Settings
from infra.workflows.prepare_run import choose

KEY = "aws_secret_access_key = " + "wJalrXUtnFEMI" + "/K7MDENG/bPxRfiCY" + "zyxwvut123"


class Asking(SimpleNamespace):
    """A rig that has settings and ears, and no way to AWS."""

    def __init__(self, **settings: Any) -> None:
        self.said: list[str] = []
        super().__init__(settings=Settings(**settings), tell=self.said.append)


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "car"
    folder.mkdir()
    (folder / "train.py").write_text("print()")
    return folder


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("train.py", KEY, r"train\.py would not be sent: it seems to hold a secret \(line 1: "),
        (".gitignore", "train.py\n", r"train\.py would not be sent: git or \.rigignore ignores it"),
        (
            "requirements.txt",
            "--index-url https://ada:pa" + "ss@pypi.internal/simple\n",
            r"requirements\.txt would not",
        ),
    ],
)
def test_a_run_whose_own_files_would_stay_here_is_refused_and_a_line_lets_them_go(
    code: Path, name: str, text: str, why: str
) -> None:
    (code / name).write_text(text)
    job = script_job("train.py", code)

    with pytest.raises(BadSettings, match=why) as refused:
        choose(Asking(code=str(code)), job)
    (code / ".rigignore").write_text("\n".join(word for word in refused.value.hint.split() if word.startswith("!")))

    assert set(job.needs) <= set(choose(Asking(code=str(code)), job)[0].sent)


def test_what_stays_is_told_of_the_code_and_of_the_data(code: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for path in (code / ".env", data / "token.txt"):
        path.write_text("x")
    rig = Asking(code=str(code), data=str(data))

    choose(rig, command_job("curl -H 'Authorization: Bearer " + "abcdef1234567890" * 2 + "'"))

    said = "\n".join(rig.said)
    for words in (".env (its name)", "!.env", "token.txt (its name)", "The command itself seems to hold a secret"):
        assert words in said
    assert "abcdef1234567890" not in said


def test_a_code_folder_that_is_not_there_is_refused(code: Path) -> None:
    with pytest.raises(BadSettings, match="code = 'no/such': there is no such folder"):
        choose(Asking(code="no/such"), command_job("true"))
