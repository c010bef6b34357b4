"""The commands of `docker` that look at containers, images and the engine, and those that pretend to make images."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from infra.rehearsal.shims import docker_format
from infra.rehearsal.shims.options import Line
from infra.rehearsal.shims.store import Refused, Store
from infra.rehearsal.shims.template import render


def ps(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    rows = [row for row in map(docker_format.listed, store.all()) if line.has("--all") or row["State"] == "running"]
    for text in line.all("--filter"):
        rows = [row for row in rows if docker_format.matches(row, text)]
    template = "{{.ID}}" if line.has("--quiet") else line.last("--format", docker_format.PS_TABLE)
    if template == docker_format.PS_TABLE:
        print(docker_format.PS_HEAD)
    for row in rows:
        print(render(template, row))
    return 0


def inspect(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    return _show([docker_format.inspected(store.known(name)) for name in line.words], line)


def image_inspect(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    images = store.images()
    for name in line.words:
        if name not in images:
            raise Refused(f"[]\nError response from daemon: No such image: {name}")
    return _show([images[name] for name in line.words], line)


def _show(values: list[dict[str, Any]], line: Line) -> int:
    if line.has("--format"):
        for value in values:
            print(render(line.last("--format"), value))
    else:
        print(json.dumps(values, indent=4))
    return 0


def image_list(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    for tag, image in store.images().items():
        if line.words and not docker_format.same_image(tag, line.words[0]):
            continue
        repository, _, version = tag.rpartition(":")
        row = {
            "ID": image["Id"][7:19],
            "Repository": repository,
            "Tag": version,
            "CreatedAt": image["Created"],
            "Size": "0B",
        }
        print(render("{{.ID}}" if line.has("--quiet") else line.last("--format", docker_format.IMAGES_TABLE), row))
    return 0


def image_remove(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    store.drop_images(line.words)
    return 0


def build(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    if line.words == ["-"]:
        while sys.stdin.buffer.read(1 << 16):
            pass  # the context must be taken, or its sender dies of a broken pipe
    print("rehearsal: there is no Docker engine here, so nothing is built; the name alone is recorded")
    for tag in line.all("--tag"):
        print(f"naming to {tag} {store.add_image(tag, line.pairs('--label'))['Id']}")
    return 0


def pull(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    print("rehearsal: there is no Docker engine here, so nothing is pulled; the name alone is recorded")
    store.add_image(line.words[0], {})
    return 0


def info(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    return _show_one(docker_format.engine_info(store), line)


def version(store: Store, line: Line, environ: Mapping[str, str]) -> int:
    return _show_one(docker_format.VERSION, line)


def _show_one(value: Mapping[str, Any], line: Line) -> int:
    print(render(line.last("--format"), value) if line.has("--format") else json.dumps(value, indent=1))
    return 0
