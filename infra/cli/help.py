"""What `rig --help` prints, from the table of commands."""

from __future__ import annotations

from collections.abc import Sequence

from infra.cli.arguments import Group


def render_overview(groups: Sequence[Group]) -> str:
    """Every command by group, the settings' sources, and where to begin."""
    lines = [
        "rig: rent a GPU on EC2, train there in Docker, bring the results home, know the bill before.",
        "",
        "settings -> instance -> host -> job -> artifacts",
    ]
    for group in groups:
        lines += ["", group.title]
        lines += [f"  {command.name:<17}{command.help}" for command in group.commands.values()]
    lines += [
        "",
        "`rig COMMAND --help` explains one. Settings come from options (--type g5.xlarge), from the environment",
        '(RIG_TYPE=g5.xlarge), from rig.toml (type = "g5.xlarge"), in this order; `rig settings` lists them all.',
        "New here? `rig demo` shows the whole story on this computer, without an AWS account and without cost.",
    ]
    return "\n".join(lines)
