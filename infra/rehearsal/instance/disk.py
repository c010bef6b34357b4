"""The folder that plays an instance's disk: it outlives a stop, and goes with a terminate."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Final

import asyncssh

from infra.names import REHEARSAL_KEY_ID
from infra.rehearsal.paths import CLOUD_MARK

SHIMS: Final = (
    "docker", "systemctl", "shutdown", "poweroff", "halt", "reboot", "sudo", "who",
)  # fmt: skip
RUN_SHIM: Final = Path(__file__).parents[1] / "shims" / "run.py"


@dataclass(frozen=True)
class Disk:
    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def root(self) -> Path:
        """What the programs meant for an instance find at ${RIG_ROOT}."""
        return self.folder / "root"

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def console(self) -> Path:
        return self.folder / "console.log"

    @property
    def host_key_file(self) -> Path:
        return self.root / "etc" / "ssh" / "ssh_host_ed25519_key"

    @property
    def authorized_keys(self) -> Path:
        return self.home / ".ssh" / "authorized_keys"

    @property
    def sessions(self) -> Path:
        """One line per SSH session: id, terminal or -, login, from where."""
        return self.root / "run" / "sessions"

    @property
    def tcp_table(self) -> Path:
        return self.root / "proc" / "net" / "tcp"

    def copy_to(self, image: Path) -> None:
        """What an image keeps of a disk: all but what is this instance's own, or cloud-init makes anew on the next."""
        for part in ("home", "root"):
            shutil.copytree(self.folder / part, image / part, symlinks=True, ignore=_left_out, dirs_exist_ok=True)

    def prepare(self, public_key: str, image: Path) -> None:
        """First boot: the image's content if *image* has any, folders, shims, host key and the one key that may log in.

        Later boots find it all there.
        """
        if not self.folder.exists() and image.exists():
            shutil.copytree(image, self.folder, symlinks=True)
        root = self.root
        for folder in (self.home / ".ssh", self.bin, self.host_key_file.parent, self.tcp_table.parent, root / "run",
                       root / "tmp", root / "var" / "log", root / "etc" / "systemd" / "system"):  # fmt: skip
            folder.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        if not self.host_key_file.exists():
            self.authorized_keys.write_text(public_key.strip() + "\n")
            asyncssh.generate_private_key("ssh-ed25519", comment="root@rehearsal").write_private_key(self.host_key_file)
            self.host_key_file.chmod(0o600)
        for name, script in _shims().items():
            program = self.bin / name
            program.write_text(script)
            program.chmod(0o755)

    def host_key(self) -> asyncssh.SSHKey:
        return asyncssh.read_private_key(self.host_key_file)

    def erase(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _left_out(folder: str, names: list[str]) -> set[str]:
    # Sockets and locks of what runs, host keys, cloud-init's notes that it has run, containers.
    return {name for name in names if name in ("run", "containers", ".ssh") or f"{folder}/{name}".endswith(
        ("/root/etc/ssh", "/var/lib/cloud", "/var/lib/gluon-rig")
    )}  # fmt: skip


def _shims() -> dict[str, str]:
    # -E -S -s: neither the user's PYTHON* variables nor site-packages reach a shim, and it starts in 20 ms.
    python = quote(sys.executable)
    scripts = {name: f'#!/bin/sh\nexec {python} -ESs {quote(str(RUN_SHIM))} {name} "$@"\n' for name in SHIMS}
    # A wrapper, not a link: the interpreter finds its virtual environment by its own path.
    scripts["python3"] = scripts["python"] = f'#!/bin/sh\nexec {python} "$@"\n'
    aws = Path(sys.executable).with_name("aws")
    if aws.exists():
        scripts["aws"] = (
            "#!/bin/sh\n# On EC2 the endpoint and the credentials come from the machine itself.\n"
            "export AWS_ENDPOINT_URL=$RIG_REHEARSAL_ENDPOINT\n"
            f'export AWS_ACCESS_KEY_ID={REHEARSAL_KEY_ID} AWS_SECRET_ACCESS_KEY="$(cat "${CLOUD_MARK}/secret")"\n'
            f'export AWS_DEFAULT_REGION="${{AWS_DEFAULT_REGION:-$RIG_REHEARSAL_REGION}}"\nexec {quote(str(aws))} "$@"\n'
        )
    return scripts
