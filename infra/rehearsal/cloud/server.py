"""Puts the AWS side together: moto with its patches, behind the layer, on one loopback port."""

from __future__ import annotations

import functools
import json
import os
from typing import Any

import botocore.session

from infra.rehearsal.cloud import images
from infra.rehearsal.cloud.dependencies import Parts
from infra.rehearsal.paths import Place


def configure_moto(place: Place) -> None:
    """Set moto's switches. They are read when moto is imported, so this comes before anything that imports it.

    Names: https://docs.getmoto.org/en/latest/docs/configuration/environment_variables.html
    """
    amis = place.folder / "images.json"
    amis.write_text(json.dumps(images.catalogue()))
    os.environ.update({
        "MOTO_AMIS_PATH": str(amis),  # also keeps moto from loading its own 1300 images: 2 s
        "MOTO_ENABLE_AMI_VALIDATION": "1",
        "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "1",
    })  # fmt: skip


def build(parts: Parts) -> Any:
    """The WSGI application. Imports moto: half a second."""
    # It opens a session for each partition and more, each of which would unpack and read EC2's model anew.
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    from infra.rehearsal.cloud import patches
    from infra.rehearsal.cloud.wsgi import Layer

    patches.install(parts)

    def create(service: Any) -> Any:
        app = create_backend_app(service)
        # A Refusal raised deep in moto belongs to the layer, not to Flask.
        app.config["PROPAGATE_EXCEPTIONS"] = True
        return app

    return Layer(
        moto=DomainDispatcherApplication(create),
        patches=patches.patches(parts),
        backend_of=patches.backend_of,
        journal=parts.journal,
    )
