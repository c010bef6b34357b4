"""What the user sees: plain text, made from values. Nothing here asks or changes anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from infra import budget
from infra.errors import NothingToDo, RigError
from infra.guard.status import endings
from infra.job.artifacts import as_number
from infra.job.run_folders import started_at
from infra.settings import Settings

if TYPE_CHECKING:
    from infra.aws.account.cost import InstanceCost, RunCost
    from infra.aws.account.doctor import Check
    from infra.aws.account.sweep import Found
    from infra.aws.instances.instance import Instance
    from infra.aws.offers.quota import Quota
    from infra.cli.arguments import Command
    from infra.guard.safeguard import Safeguard
    from infra.host.facts import Facts, RunFacts
    from infra.workflows.plan import Choice, Plan
    from infra.workflows.status import Standing
    from infra.workflows.watch import Glance


def overview(commands: Mapping[str, Command]) -> str:
    """`rig --help`: every command by group, the settings' sources, and where to begin."""
    groups: dict[str, list[Command]] = {}
    for command in commands.values():
        groups.setdefault(command.group, []).append(command)
    lines = [
        "rig: rent a GPU on EC2, train there in Docker, bring the results home, know the bill before.",
        "",
        "settings -> instance -> host -> job -> artifacts",
    ]
    for group, members in groups.items():
        lines += ["", group]
        lines += [f"  {command.name:<17}{command.help}" for command in members]
    lines += [
        "",
        "`rig COMMAND --help` explains one. Settings come from options (--type g5.xlarge), from the environment",
        '(RIG_TYPE=g5.xlarge), from rig.toml (type = "g5.xlarge"), in this order; `rig settings` lists them all.',
        "New here? `rig demo` shows the whole story on this computer, without an AWS account and without cost.",
    ]
    return "\n".join(lines)


def error(failure: RigError) -> str:
    mark = "" if isinstance(failure, NothingToDo) else "rig: "
    return f"{mark}{failure}"


def table(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(label) for label, _ in rows)
    return "\n".join(f"  {label:<{width}}  {value}" for label, value in rows)


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain table: each column as wide as its widest cell."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    return "\n".join(
        "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]
    )


def settings(chosen: Settings) -> str:
    lines = []
    for f in fields(Settings):
        value = getattr(chosen, f.name)
        mark = " " if value == f.default else "*"
        lines.append(f"{mark} {f.name} = {_shown(value)}\n      {f.metadata['doc']}")
    return "\n".join([*lines, "", "* differs from the default"])


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return ",".join(value) if isinstance(value, tuple) else str(value)


HERE = "here"


def listed_runs(there: Sequence[RunFacts], home: Sequence[RunFacts]) -> list[tuple[RunFacts, str]]:
    """Each run once, and where it is: the instance knows better than a copy. Oldest first."""
    known = {one.name: (one, HERE) for one in home}
    for one in there:
        known[one.name] = (one, "instance and here" if one.name in known else "instance")
    return sorted(known.values(), key=lambda found: (started_at(found[0]), found[0].name))


def runs(there: Sequence[RunFacts], home: Sequence[RunFacts]) -> str:
    rows = [
        [
            one.name,
            "not ended" if (one.state, where) == ("lost", HERE) else one.state,
            "" if one.exit_code is None else str(one.exit_code),
            one.started or "",
            where,
            "yes" if one.fetched else "no",
        ]
        for one, where in listed_runs(there, home)
    ]
    return columns(["RUN", "STATE", "EXIT", "STARTED", "WHERE", "HOME"], rows) if rows else "No run yet."


def plan(made: Plan) -> str:
    """The first screen: what would be launched, the most it can cost, and every change to the account."""
    best = made.best
    image, there = made.existing.image, made.existing.instance
    rows = [("image", f"{image.name} ({image.id})")] if image else []
    rows += [("rig", f"{there.id}, {there.state}")] if there else []
    rows.append(("region", made.region))
    for number, choice in enumerate(made.choices):
        rows.append(("type" if not number else "  or", _choice(choice)))
    rows += [
        ("zones", ", ".join(best.candidate.zones) + " (AWS chooses; then each in turn)"),
        *([("quota", _quota(best.quota))] if best.quota else []),
        ("price", f"{budget.rate(best.price.usd_per_hour)} with its disk and address; {best.candidate.price}"),
    ]
    if there and made.running:
        rows += _as_launched(there)
    else:
        rows += [
            ("off by", f"{budget.clock(best.promise.deadline)} (set by {best.promise.limit})"),
            ("at most", f"{budget.usd(made.usd_worst)}{_why_dearer(made)}: {budget.INCLUDED}"),
            ("", f"not included: {budget.NOT_INCLUDED}"),
        ]
    steps = "\n".join(f"  {number}. {step}" for number, step in enumerate(made.changes, 1))
    return f"{table(rows)}\n\nChanges to your account:\n{steps or '  none: it runs already'}"


def _as_launched(instance: Instance) -> list[tuple[str, str]]:
    """What was asked for at its start holds; what is asked for now changes nothing of it, and that must be said."""
    off_by = f"{budget.clock(instance.deadline)}, as it was launched" if instance.deadline else NO_DEADLINE
    return [
        ("off by", off_by),
        ("", "TYPE, HOURS and BUDGET count at a start, not now: `rig extend --by 2h` moves the deadline"),
    ]


def _why_dearer(made: Plan) -> str:
    """The most is that of the dearest choice at its full price, which the price line may not show."""
    dearest = made.dearest
    if dearest.candidate.machine != made.best.candidate.machine:
        return f" (if it becomes {dearest.candidate.machine.name})"
    return " (at the full price, which spot cannot pass)" if dearest.spot else ""


def _quota(quota: Quota) -> str:
    return f"{quota}{'; TOO SMALL: `rig doctor` says how to ask for more' if quota.enough is False else ''}"


def _choice(choice: Choice) -> str:
    return f"{choice.candidate.machine}{', spot' if choice.spot else ''}"


usd = budget.usd
NO_DEADLINE = "no deadline that can be read! `rig extend --by 1h` writes one"


def ready(instance: Instance, facts: Facts, *, pretended: bool) -> str:
    gpu = ", ".join(facts.gpus) or ("none: it is a rehearsal" if pretended else "none")
    rows = [
        ("ready", f"{instance.id} ({instance.type}, {instance.zone}) at {instance.address}"),
        ("GPU", gpu),
        ("off by", budget.clock(instance.deadline) if instance.deadline else NO_DEADLINE),
        ("next", "`make train remote JOB=lenet`"),
    ]
    last = endings(facts.ended)
    if last:
        rows.insert(1, ("last time", str(last[0])))
    return table(rows)


def standings(found: Sequence[Standing], *, region: str) -> str:
    if not found:
        return f"No rig in {region}: nothing costs money here. (`rig sweep` looks in all regions.)"
    return "\n\n".join(_standing(one) for one in found)


def _standing(one: Standing) -> str:
    instance = one.instance
    rows = [
        (
            instance.name,
            f"{instance.id}  {instance.type}{' (spot)' if instance.spot else ''}  {instance.zone}  {instance.state}",
        )
    ]
    if one.running_s:
        rows += [
            ("address", f"{instance.user}@{instance.address}" + ("" if instance.port == 22 else f":{instance.port}")),
            ("running", budget.duration(one.running_s)),
            ("cost", _spent(one)),
        ]
        if instance.deadline:
            rows.append(("at most", f"{most(one.usd_worst)}, off by {budget.clock(instance.deadline)}"))
        rows += [("" if number else "safeguards", str(safeguard)) for number, safeguard in enumerate(one.safeguards)]
    else:
        rows.append(("cost", f"{budget.per_month(one.usd_disk_per_month)} for its disk while it exists"))
        why = one.last_words or instance.state_reason
        if why:
            rows.append(("why", why))
    rows += [("unreadable" if not number else "", said) for number, said in enumerate(instance.unreadable)]
    return table(rows)


def most(usd_worst: float | None) -> str:
    return UNKNOWN if usd_worst is None else budget.usd(usd_worst)


UNKNOWN = "unknown, for nobody knows the price of this type"


def _spent(one: Standing) -> str:
    if one.usd_spent is None or one.usd_per_hour is None:
        return UNKNOWN
    return f"{budget.usd(one.usd_spent)} since this start, at {budget.rate(one.usd_per_hour)}"


def standing_json(one: Standing) -> dict[str, Any]:
    instance = one.instance
    return {
        "name": instance.name,
        "id": instance.id,
        "type": instance.type,
        "state": instance.state,
        "zone": instance.zone,
        "address": instance.address,
        "port": instance.port,
        "spot": instance.spot,
        "launched_at": instance.launched_at.isoformat(),
        "deadline": instance.deadline.isoformat() if instance.deadline else None,
        "running_s": round(one.running_s),
        "usd_per_hour": one.usd_per_hour,
        "usd_spent": None if one.usd_spent is None else round(one.usd_spent, 4),
        "usd_worst": one.usd_worst,
        "usd_disk_per_month": one.usd_disk_per_month,
        "last_words": one.last_words,
        "unreadable": instance.unreadable,
        "safeguards": [_safeguard_json(safeguard) for safeguard in one.safeguards],
    }


def _safeguard_json(safeguard: Safeguard) -> dict[str, Any]:
    fires_at = safeguard.fires_at.isoformat() if safeguard.fires_at else None
    return {**dataclasses.asdict(safeguard), "name": safeguard.name, "fires_at": fires_at}


def stopped(one: Standing) -> str:
    return (
        f"{one.instance.id} is {one.instance.state}. Its disk still costs {budget.per_month(one.usd_disk_per_month)}; "
        "`make start` brings it back, `make terminate` deletes it."
    )


def stopped_in_demo(one: Standing) -> str:
    return (
        f"{one.instance.id} is {one.instance.state}. On AWS its disk would still cost "
        f"{budget.per_month(one.usd_disk_per_month)} until `make terminate`; here the pretend cloud ends with the demo."
    )


def checks(made: Sequence[Check]) -> str:
    marks = {True: "ok", False: "NO", None: "? "}
    width = max(len(check.name) for check in made)
    lines = []
    for check in made:
        lines.append(f"  {marks[check.ok]}  {check.name:<{width}}  {check.found}")
        lines += [f"      {'':<{width}}  -> {step}" for step in check.fix.splitlines()]
    failing = sum(check.ok is False for check in made)
    lines.append(f"\n{failing} to fix before a launch." if failing else "\nNothing stands in the way of a launch.")
    return "\n".join(lines)


def costs(instances: Sequence[InstanceCost], of_runs: Sequence[RunCost], *, pretended: bool) -> str:
    parts = []
    would = "would be " if pretended else ""
    if instances:
        rows = [
            [
                one.name,
                one.id,
                one.type,
                one.state,
                f"${one.usd_running:.2f}",
                f"${one.usd_stopped:.2f}",
                f"{would}${one.usd:.2f}",
            ]
            for one in instances
        ]
        parts.append(columns(["RIG", "INSTANCE", "TYPE", "STATE", "RUNNING", "STOPPED", "SUM"], rows))
        parts += [f"{one.name}: {one.how}" for one in instances]
    else:
        parts.append("No instance of the kit in this region.")
    if of_runs:
        rows = [
            [
                one.run,
                one.instance_type or "this computer",
                f"{one.seconds:.0f} s",
                one.said,
            ]
            for one in of_runs
        ]
        parts += ["", columns(["RUN", "ON", "TIME", "COST"], rows)]
    return "\n".join([*parts, "", "Computed from list prices and records; AWS's bill is the truth, a day later."])


def swept(found: Found) -> str:
    lines = [f"{region}: nobody could look: {why}" for region, why in found.unseen.items()]
    if not found.resources:
        return "\n".join([*lines, "Nothing of the kit in any region that could be looked at: nothing costs money."])
    rows = [[one.kind, one.id, one.region, one.name, one.note, f"${one.usd_per_month:.2f}"] for one in found.resources]
    table_ = columns(["KIND", "ID", "REGION", "RIG", "NOTE", "PER MONTH"], rows)
    return "\n".join(
        [*lines, table_, "", f"together {budget.per_month(found.usd_per_month)}; `rig sweep --delete` removes it"]
    )


def glance(seen: Glance, standing: Standing) -> str:
    rows = [("run", seen.run.name), ("log", seen.last_line or "nothing yet")]
    shown = {name: found for name, value in seen.metrics.items() if (found := as_number(value)) is not None}
    if shown:
        rows.append(("metrics", "  ".join(f"{name} {value:.4g}" for name, value in shown.items())))
    rows += [(f"GPU {number}", f"{used} % busy, {mib:,} MiB used") for number, (used, mib) in enumerate(seen.gpus)]
    if not seen.gpus:
        rows.append(("GPU", "none"))
    rows.append(("spent", _spent(standing)))
    if standing.usd_worst is not None:
        rows.append(("at most", budget.usd(standing.usd_worst)))
    if seen.guard:
        use = ", ".join(seen.guard.busy) or f"nothing for {budget.duration(seen.guard.idle_s)}"
        rows.append(("guard", f"off in {budget.duration(seen.guard.off_in_s)}; sees: {use}"))
    return table(rows)
