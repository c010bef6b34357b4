"""The front door: what is typed wrong is said at once, all together, and nothing is asked of AWS."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from infra.cli.commands import COMMANDS
from tests.workflows.prompt import type_line
from tests.workflows.user import eventually

RIG = Path(sys.executable).with_name("rig")
PROJECT = Path(__file__).resolve().parents[2]


def rig(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RIG_", "AWS_"))}
    blind = {
        "HOME": str(cwd),
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    code, out, said = type_line(words, cwd, {**kept, **blind, **environment}, 60)
    assert "Traceback" not in said
    return subprocess.CompletedProcess(words, code, out, said)


def test_help_lists_every_command_and_loads_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys; from infra.cli import main; main(['--help']); "
        "heavy = {'boto3', 'botocore', 'fabric', 'paramiko', 'moto', 'rich', 'asyncssh', 'infra.host', 'infra.aws'}; "
        "heavy &= set(sys.modules); "
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert [command for command in COMMANDS if f"\n  {command} " not in done.stdout] == []


@pytest.mark.parametrize("command", ["launch", "start", "extend", "stop", "terminate", "sweep"])
def test_what_spends_or_ends_money_takes_a_yes_from_scripts_that_say_it_to_all(command: str) -> None:
    assert "yes" in {option.name for option in COMMANDS[command].options}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, tmp_path: Path) -> None:
    done = rig(command, "--help", cwd=tmp_path)

    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: rig {command}")


def test_everything_that_is_wrong_is_said_together_with_the_nearest_right_name(tmp_path: Path) -> None:
    (tmp_path / "rig.toml").write_text('budgett = 5\nos = "windows"\n')

    done = rig("launch", "--hours", "soon", "--tpye", "g5.xlarge", cwd=tmp_path, RIG_IDEL="5")

    assert done.returncode == 2
    assert done.stderr == (
        "rig: Some settings are wrong; nothing was asked of AWS:\n"
        "  - option --tpye: there is no such setting; did you mean type?\n"
        "  - rig.toml: budgett: there is no such setting; did you mean budget?\n"
        "  - rig.toml: os = 'windows': one of: ubuntu-22.04, ubuntu-24.04, al2023\n"
        "  - RIG_IDEL: there is no such setting; did you mean idle?\n"
        "  - --hours = 'soon': not a number, such as 1.5: no unit, and a point, no comma\n"
        "  -> `rig settings` lists every setting with its meaning\n"
    )


@pytest.mark.parametrize("command", ["stop", "terminate", "status"])
def test_what_stops_a_machine_is_not_kept_from_it_by_a_setting_that_it_does_not_read(
    command: str, tmp_path: Path
) -> None:
    (tmp_path / "rig.toml").write_text('budget = 0.0\nhuors = 4\nprofile = "nobody"\n')

    done = rig(command, cwd=tmp_path, RIG_TYPE="=", RIG_HOURS="soon")

    aside, _, rest = done.stderr.partition("rig: ")
    assert aside == (
        "left aside: rig.toml: budget = '0.0': for nothing there is no machine; "
        "for no budget leave it out, or say none\n"
        "left aside: rig.toml: huors: there is no such setting; did you mean hours?\n"
        "left aside: RIG_HOURS = 'soon': not a number, such as 1.5: no unit, and a point, no comma\n"
    )
    assert "nobody" in rest, "it went on, to the profile that there is not"


@pytest.mark.parametrize("wrong", [{"RIG_NAME": "my rig"}, {"RIG_CLOUD": "azure"}])
def test_a_wrong_setting_by_which_a_machine_is_found_is_refused_by_whoever_looks_for_it(
    wrong: dict[str, str], tmp_path: Path
) -> None:
    done = rig("stop", cwd=tmp_path, **wrong)

    assert done.returncode == 2
    assert next(iter(wrong)) in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["lunch"], 2, "There is no command 'lunch'.\n  -> did you mean `rig launch`?"),
        (["train", "--job", "lenett"], 2, "lenett"),
        (["train", "lenet"], 2, "'lenet' is none of here, remote.\n  -> did you mean `rig train --job lenet`?"),
        (["train", "remote", "lenet"], 2, "one argument too many.\n  -> did you mean `rig train remote --job lenet`?"),
        (["train", "--jobb", "lenet"], 2, "option --jobb: there is no such setting; did you mean job?"),
        (["sweep", "--delete", "maybe"], 2, "rig: --delete: 'maybe': say 1 or 0"),
        (["status", "now"], 2, "'now' is one argument too many"),
        (["train", "remote", "--job", "lenet", "num_epochs=2"], 2, "goes into one option: `--args num_epochs=2`"),
        (["launch", "--budget", "-1"], 2, "--budget = '-1': must be at least 0"),
        (["launch", "--name", "a b"], 2, "letters, digits, - and _ only"),
        (["train", "--script", "no.py"], 2, "there is no such file"),
        (["train", "--script", "a.py", "--cmd", "ls"], 2, "a run does one thing"),
        (["status", "--key", "~nobody-here/k"], 2, "there is no such home folder"),
        (["status"], 2, "there are no AWS credentials on this computer"),
        (["launch"], 2, "there are no AWS credentials on this computer"),
        (["doctor"], 2, "there are no AWS credentials on this computer"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_clear_message_and_exit_2(words: list[str], code: int, message: str, tmp_path: Path) -> None:
    done = rig(*words, cwd=tmp_path)

    assert done.returncode == code
    assert message in done.stderr + done.stdout


def test_a_settings_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "rig.toml").write_text("type = g5.xlarge")

    done = rig("launch", cwd=tmp_path)

    assert done.returncode == 2
    assert "rig.toml: type: not readable as TOML: Invalid value (at line 1, column 8)" in done.stderr


def test_an_option_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "rig.toml").write_text("hours = 1\nidle = 1\nname = 'filed'\n")

    out = rig("settings", "--hours", "3", cwd=tmp_path, RIG_HOURS="2", RIG_IDLE="2").stdout

    assert "* hours = 3.0" in out
    assert "* idle = 2" in out
    assert "* name = filed" in out


@pytest.mark.parametrize(
    ("words", "environment", "cloud", "hours"),
    [
        (["CLOUD=rehearsal", "HOURS=3"], {}, "rehearsal", "3.0"),
        ([], {"CLOUD": "rehearsal", "HOURS": "3"}, "rehearsal", "8.0"),
        ([], {"CLOUD": "somebody's", "RIG_HOURS": "2"}, "aws", "2.0"),
        ([], {"CLOUD": "rehearsal", "RIG_CLOUD": "aws"}, "aws", "8.0"),
        (["--cloud", "aws"], {"CLOUD": "rehearsal"}, "aws", "8.0"),
        (["--base-image", "HOURS=3"], {}, "aws", "8.0"),
    ],
)
def test_rig_takes_the_words_of_make_and_whoever_means_a_rehearsal_gets_one(
    tmp_path: Path, words: list[str], environment: dict[str, str], cloud: str, hours: str
) -> None:
    said = rig("settings", *words, cwd=tmp_path, **environment).stdout

    assert f" cloud = {cloud}\n" in said
    assert f" hours = {hours}\n" in said


def test_a_command_to_notify_may_be_a_list_of_words(tmp_path: Path) -> None:
    (tmp_path / "rig.toml").write_text('notify = ["say", "it is done"]')

    assert "* notify = say 'it is done'\n" in rig("settings", cwd=tmp_path).stdout


def test_a_pipe_that_closes_early_is_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(f"{RIG} settings | head -1", shell=True, capture_output=True, text=True)  # noqa: S602 - a pipe is the point

    assert done.stderr == ""


def test_a_broken_pipe_to_a_program_of_ours_kills_nothing() -> None:
    """With SIGPIPE at its default, a dying ssh would take `launch` along, its undoing too."""
    program = (
        "import subprocess, sys; from infra.cli import main; main(['--version']); "
        "child = subprocess.Popen(['true'], stdin=subprocess.PIPE); child.wait(); "
        "child.communicate(b'x' * 1000000); print('alive')"
    )

    assert "alive" in subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout


def test_an_empty_variable_of_aws_is_none(tmp_path: Path) -> None:
    """Else botocore looks for a profile without a name: "The config profile () could not be found"."""
    empty = {"AWS_PROFILE": "", "AWS_DEFAULT_REGION": " ", "AWS_CA_BUNDLE": "", "AWS_ENDPOINT_URL": ""}

    done = rig("status", cwd=tmp_path, **empty)

    assert (done.returncode, done.stderr.splitlines()[0]) == (
        2,
        "rig: Cannot look for rigs: there are no AWS credentials on this computer",
    )


def test_ctrl_c_while_python_still_reads_our_modules_is_said_as_at_any_other_moment(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from infra.cli import main\n"
        "class Slow:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'infra.cli.progress': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Slow()); sys.argv = ['rig', 'settings']; main()"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (130, "\nInterrupted.\n")


@pytest.mark.parametrize("leaves_by", ["raise KeyboardInterrupt", "return 130"])
def test_ctrl_c_once_more_at_any_moment_while_rig_leaves_changes_nothing(leaves_by: str) -> None:
    """On a slow machine these moments are long: whoever presses twice was told -2 by the shell, with a traceback."""
    program = f"""if True:
        import os, signal, sys, infra.cli
        def run(words):
            sys.settrace(watch)
            {leaves_by}
        def watch(frame, event, _):
            if frame.f_code.co_name == moment and event == "call":
                sys.settrace(None)
                os.kill(os.getpid(), signal.SIGINT)
            return watch
        infra.cli._run, moment = run, sys.argv[1]
        infra.cli.main()
    """
    for moment in ("tell", "leave_at_once", "_fall_silent", "end_programs"):
        done = subprocess.run([sys.executable, "-c", program, moment], cwd=PROJECT, capture_output=True, text=True)
        assert (moment, done.returncode, done.stderr.replace("\nInterrupted.\n", "")) == (moment, 130, "")


COPIES = """
import subprocess, sys, threading, time
import infra.cli
from infra.host.local_programs import local_process

def copy():
    while True:  # as after a line that broke
        process = local_process(["sleep", "120"], stderr=subprocess.DEVNULL)
        sys.stderr.write(f"{process.pid}\\n")
        process.wait()
        sys.stderr.write("the connection broke\\n")

def serve(words):
    for _ in range(3):
        threading.Thread(target=copy, daemon=True).start()
    time.sleep(120)

infra.cli._run = serve
sys.exit(infra.cli.main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_after_a_signal_that_reaches_rig_alone_no_program_of_it_lives_on_and_none_begins(
    number: signal.Signals,
) -> None:
    """As from an editor's stop button, or `kill`: ssh and rsync do not hear it."""
    process = subprocess.Popen([sys.executable, "-c", COPIES], cwd=PROJECT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    begun = [int(process.stderr.readline()) for _ in range(3)]
    process.send_signal(number)

    said = process.stderr.read()

    assert (process.wait(), said) == (130, "\nInterrupted.\n")
    eventually(lambda: not any(map(is_there, begun)), "the end of what rig began")


SHELL = """
import sys
import infra.cli, infra.cli.context, infra.workflows.shell
infra.cli.context.open_rig = lambda settings: None
infra.workflows.shell.shell_line = lambda rig, number: ["sh", "-c", "echo $$ >&2; exec sleep 120"]
sys.argv = ["rig", "ssh"]
sys.exit(infra.cli.main())
"""


def test_ctrl_c_in_a_shell_over_there_is_not_for_rig_and_sigterm_is(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(PROJECT)}
    words = [sys.executable, "-c", SHELL]
    process = subprocess.Popen(words, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    shell = int(process.stderr.readline())
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)

    assert (process.stderr.read(), process.wait()) == ("\nInterrupted.\n", 130)
    eventually(lambda: not is_there(shell), "the end of the shell")


def is_there(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_what_rig_keeps_for_itself_in_a_project_is_no_part_of_it_for_git(tmp_path: Path) -> None:
    """Among it the key of a rehearsal, and the disks of its machines."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".rig").mkdir()
    (tmp_path / ".rig" / "rehearsal-key").write_text("secret")

    rig("settings", cwd=tmp_path)

    said = subprocess.run(["git", "status", "--short"], cwd=tmp_path, capture_output=True, text=True).stdout
    assert said == ""
