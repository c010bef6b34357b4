"""Every command with its arguments and its help: the table that `rig --help`, the parser and the README's test read."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from infra.cli.arguments import Command, Option

RUN = Option(name="run", help="the run's name; without it, the newest")
JSON = Option(name="json", help="print JSON, for scripts", flag=True)
WHERE_AM_I = ("cloud", "name", "region", "profile", "key")

LEARN, MONEY, WORK, LIFE, LESSONS = "begin here", "money", "work", "the instance", "the lessons"


def later(place: str) -> Callable[..., int]:
    """The function at "module:name", imported only when the command is run: `rig --help` loads none of them."""

    def run(*arguments: object) -> int:
        module, _, name = place.partition(":")
        done: int = getattr(import_module(f"infra.cli.{module}"), name)(*arguments)
        return done

    return run


MACHINE = (
    "type",
    "gpu_mem",
    "gpus",
    "any_region",
    "os",
    "ami",
    "disk_gib",
    "spot",
    "on_demand_fallback",
    "wait_minutes",
    "instance_profile",
)
LIMITS = ("hours", "budget", "idle")
NUMBER, N = Option(name="number", help="1 to 10"), Option(name="n", help="the same, for `make lesson N=3`")
YES = Option(name="yes", help="do not ask before money is spent", flag=True)
DRY_RUN = Option(name="dry-run", help="stop after the plan, and ask AWS whether it would permit it", flag=True)

_ALL = [
    Command(
        name="demo",
        group=LEARN,
        help="the whole story on this computer: no AWS account, no cost, under a minute",
        run=later("demo:demo"),
        settings=("engine", "base_image"),
    ),
    Command(
        name="plan",
        group=MONEY,
        help="what `launch` would do and the most it can cost; changes nothing",
        run=later("instance_commands:plan"),
        settings=(*WHERE_AM_I, *MACHINE, *LIMITS),
    ),
    Command(
        name="launch",
        group=LIFE,
        help="rent an instance, or start the stopped one, and make it ready",
        run=later("instance_commands:launch"),
        options=(DRY_RUN, YES),
        settings=(*WHERE_AM_I, *MACHINE, *LIMITS),
    ),
    Command(
        name="status",
        group=LIFE,
        help="every rig in the region: state, cost so far, and what will stop it",
        run=later("instance_commands:status"),
        options=(JSON,),
        settings=WHERE_AM_I,
    ),
    Command(
        name="start",
        group=LIFE,
        help="start the stopped instance, with a new deadline",
        run=later("instance_commands:start"),
        options=(DRY_RUN, YES),
        settings=(*WHERE_AM_I, *LIMITS),
    ),
    Command(
        name="stop",
        group=LIFE,
        help="bring results home, then stop; the disk stays, and what it costs is said",
        run=later("instance_commands:stop"),
        settings=WHERE_AM_I,
    ),
    Command(
        name="terminate",
        group=LIFE,
        help="bring results home, then delete the instance, its disk, and what was made for it",
        run=later("instance_commands:terminate"),
        options=(Option(name="lose-results", help="delete even what cannot be brought home", flag=True),),
        settings=WHERE_AM_I,
    ),
    Command(
        name="extend",
        group=MONEY,
        help="move the deadline of every safeguard, after saying what that can cost",
        run=later("instance_commands:extend"),
        arguments=(Option(name="time", help="how much longer: 2h, 90m, 1h30m [1h]"),),
        options=(Option(name="by", help="the same, for `make extend BY=2h`", default="1h"), YES),
        settings=WHERE_AM_I,
    ),
    Command(
        name="train",
        group=WORK,
        help="train here on the CPU, or with `remote` on the instance",
        run=later("run_commands:train"),
        arguments=(Option(name="where", help="here, or remote", default="here", choices=("here", "remote")),),
        options=(
            Option(name="job", help="a job of the kit [lenet]", default="lenet"),
            Option(name="script", help="a Python program of yours, below the code folder"),
            Option(name="cmd", help="any line of shell"),
            Option(name="args", help='more arguments: "num_epochs=3" for a job, "--epochs 3" for a script'),
            Option(name="resume", help="go on with this run, from its last checkpoint"),
            Option(name="recover", help="launch again if need be, and go on with the newest unfinished run", flag=True),
            Option(name="detach", help="start it and return at once", flag=True),
        ),
        settings=(*WHERE_AM_I, *MACHINE, *LIMITS, "code", "data", "after", "bucket", "registry", "base_image"),
    ),
    Command(
        name="logs",
        group=WORK,
        help="follow a run again, then bring it home",
        run=later("run_commands:logs"),
        options=(RUN,),
        settings=(*WHERE_AM_I, "after"),
    ),
    Command(
        name="pull",
        group=WORK,
        help="fetch results, also while the run goes on",
        run=later("run_commands:pull"),
        options=(RUN,),
        settings=WHERE_AM_I,
    ),
    Command(
        name="watch",
        group=WORK,
        help="live view: log, metrics, GPU use, money",
        run=later("run_commands:watch"),
        options=(RUN, Option(name="once", help="look once and return", flag=True)),
        settings=WHERE_AM_I,
    ),
    Command(
        name="ssh",
        group=WORK,
        help="a shell on the instance; `rmate FILE` there opens it in the editor here",
        run=later("session_commands:ssh"),
        settings=WHERE_AM_I,
    ),
    Command(
        name="ssh-config",
        group=WORK,
        help="a Host entry for VS Code Remote-SSH, Emacs, vim and plain ssh",
        run=later("session_commands:ssh_config"),
        options=(Option(name="install", help="put the one Include line at the top of ~/.ssh/config", flag=True),),
        settings=WHERE_AM_I,
    ),
    Command(
        name="port",
        group=WORK,
        help="lead a port of the instance to this computer, until Ctrl-C: rig port 8080",
        run=later("session_commands:port"),
        arguments=(Option(name="which", help="the port on the instance [8080]"),),
        options=(Option(name="number", help="the same, for `make port NUMBER=8080`", default="8080"),),
        settings=WHERE_AM_I,
    ),
    Command(
        name="notebook",
        group=WORK,
        help="Jupyter on the instance, in the training image; `rig notebook here`: on this computer, over lessons/",
        run=later("session_commands:notebook"),
        arguments=(Option(name="where", help="remote, or here", default="remote", choices=("remote", "here")),),
        settings=(*WHERE_AM_I, "base_image", "registry"),
    ),
    Command(
        name="board",
        group=WORK,
        help="TensorBoard over runs/, on this computer",
        run=later("session_commands:board"),
    ),
    Command(
        name="image",
        group=WORK,
        help="build (or, with registry, pull) the training image on the instance ahead of time",
        run=later("session_commands:image"),
        settings=(*WHERE_AM_I, "base_image", "registry"),
    ),
    Command(
        name="bake",
        group=LIFE,
        help="make an image (AMI) of the prepared instance: the next launch is ready at boot",
        run=later("session_commands:bake"),
        settings=(*WHERE_AM_I, "base_image", "registry"),
    ),
    Command(
        name="runs",
        group=WORK,
        help="the runs on the instance and at home",
        run=later("run_commands:runs"),
        options=(JSON,),
        settings=WHERE_AM_I,
    ),
    Command(
        name="compare",
        group=WORK,
        help="runs side by side: rig compare RUN RUN",
        run=later("run_commands:compare"),
        arguments=(Option(name="first", help="a run's name"), Option(name="second", help="another run's name")),
        options=(Option(name="runs", help='the same, for `make compare RUNS="A B"`'),),
    ),
    Command(
        name="cancel",
        group=WORK,
        help="ask a run to save and end, then bring it home",
        run=later("run_commands:cancel"),
        options=(RUN,),
        settings=WHERE_AM_I,
    ),
    Command(
        name="doctor",
        group=LEARN,
        help="what stands in the way of a launch, and how to fix it",
        run=later("account_commands:doctor"),
        options=(JSON,),
        settings=(*WHERE_AM_I, *MACHINE),
    ),
    Command(
        name="cost",
        group=MONEY,
        help="what each instance and each run has cost",
        run=later("account_commands:cost"),
        options=(JSON,),
        settings=WHERE_AM_I,
    ),
    Command(
        name="sweep",
        group=MONEY,
        help="all regions: everything the kit made and what it costs per month",
        run=later("account_commands:sweep"),
        options=(
            JSON,
            Option(name="delete", help="remove it all, after asking", flag=True),
            Option(name="yes", help="do not ask before deleting", flag=True),
        ),
        settings=("cloud", "profile"),
    ),
    Command(
        name="iam-policy",
        group=MONEY,
        help="the least permissions the kit needs, as an IAM policy",
        run=later("account_commands:iam_policy"),
        options=(Option(name="setup", help="the policy for `rig setup-guard` instead", flag=True),),
    ),
    Command(
        name="setup-guard",
        group=MONEY,
        help="once per account: make the role that lets AWS itself stop instances at their deadline",
        run=later("account_commands:setup_guard"),
        options=(Option(name="remove", help="remove that role again", flag=True),),
        settings=("cloud", "profile"),
    ),
    Command(
        name="rehearsal",
        group=LEARN,
        help="the pretend cloud of this folder: up, down, status, env, fault",
        run=later("rehearsal_commands:rehearsal"),
        arguments=(
            Option(name="what", help="what to do", default="status", choices=("up", "down", "status", "env", "fault")),
        ),
        options=(Option(name="do", help="the same as the argument, for `make rehearsal DO=down`"),),
        settings=("engine",),
        rest_after="fault",
        epilog="`rig rehearsal fault capacity --zone us-east-1a`, for example; docs/rehearsal.md lists the faults.",
    ),
    Command(
        name="lesson",
        group=LESSONS,
        help="ten lessons from the first array to car sensors: list them, or begin one",
        run=later("lesson_commands:lesson"),
        arguments=(NUMBER,),
        options=(N,),
    ),
    Command(
        name="lesson-check",
        group=LESSONS,
        help="what is right in your script, what is missing, and one next step",
        run=later("lesson_commands:lesson_check"),
        arguments=(NUMBER,),
        options=(N,),
    ),
    Command(
        name="lesson-solution",
        group=LESSONS,
        help="one way to write it, after a first check",
        run=later("lesson_commands:lesson_solution"),
        arguments=(NUMBER,),
        options=(N, Option(name="yes", help="before the first check, too", flag=True)),
    ),
    Command(
        name="cards",
        group=LESSONS,
        help="the lessons' flash cards as an Anki deck: lessons/gluon-rig.apkg",
        run=later("lesson_commands:cards"),
    ),
    Command(
        name="quiz",
        group=LESSONS,
        help="the flash cards that are due, in this terminal",
        run=later("lesson_commands:quiz"),
    ),
    Command(
        name="settings",
        group=LEARN,
        help="every setting, its meaning, and its value here",
        run=later("settings_command:show_settings"),
        options=(Option(name="example", help="print rig.toml.example", flag=True),),
    ),
]
_GROUPS = (LEARN, LIFE, WORK, MONEY, LESSONS)
COMMANDS = {command.name: command for command in sorted(_ALL, key=lambda command: _GROUPS.index(command.group))}
