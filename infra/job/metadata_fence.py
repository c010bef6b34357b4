"""Keeps a job away from the instance's role, where it stands in the host's own network.

A container behind Docker's bridge is two hops from the metadata service, and the instance lets one hop pass. The
containers of a group stand in the host's network, one hop away: so they live in a control group of their own, from
which the kernel lets nothing out to that address. The kit's own programs on the host, which copy results to a bucket
with that role, are not in it.
"""

from __future__ import annotations

from typing import Final

SLICE: Final = "gluonrig.slice"  # a dash would mean a slice within another: systemd.slice(5)
METADATA: Final = "169.254.169.254"
_RULE: Final = ("OUTPUT", "-d", METADATA, "-m", "cgroup", "--path", SLICE, "-j", "REJECT")


def put_up() -> tuple[list[str], ...]:
    """Lines for the host. The slice is there before the rule names it, and stays; a second time changes nothing."""
    rule = " ".join(_RULE)
    return (
        ["sudo", "-n", "systemctl", "start", SLICE],
        # One line of shell for two words of iptables: whether the rule stands is an exit code, not an error.
        ["sudo", "-n", "sh", "-c", f"iptables -w -C {rule} 2>/dev/null || iptables -w -I {rule}"],
    )
