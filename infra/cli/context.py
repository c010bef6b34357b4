"""Opens the cloud that the settings name. The one place that knows there are two."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.cli.hints import say
from infra.cli.progress import expect
from infra.console import Tell, tell
from infra.kit_files import ROOT
from infra.settings import Settings
from infra.workflows.context import Rig


def open_rig(settings: Settings) -> Rig:
    """The rig of *settings*, for this folder. In rehearsal, the pretend cloud is started if it is not up."""
    expect("asking AWS")
    project = Path.cwd()
    if settings.cloud == "rehearsal":
        return _rehearsing(settings, project)
    from infra.aws.client.credentials import require_clean_environment
    from infra.aws.client.session import Session

    if not settings.profile:  # a profile that was named comes before the environment
        require_clean_environment(os.environ)
    tell = _tell(settings)
    session = Session(region=_region(settings), profile=settings.profile, tell=tell)
    return Rig(settings=settings, session=session, project=project, tell=tell)


def _region(settings: Settings) -> str:
    """As AWS CLI 2 finds it. boto3 knows AWS_DEFAULT_REGION alone:
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html"""
    from infra.aws.client.session import default_region

    return settings.region or os.environ.get("AWS_REGION", "") or default_region(settings.profile)


def _tell(settings: Settings) -> Tell:
    return lambda line: say(line, settings)


@contextmanager
def open_demo(settings: Settings, engine: str) -> Iterator[tuple[Rig, bool]]:
    """A rig for the demo, and whether its pretend cloud is the demo's own: then it ends with it."""
    from infra.rehearsal import client

    ours = client.find(Path.cwd()) is None
    try:
        base_image = settings.base_image
        yield (
            open_rig(Settings(cloud="rehearsal", name="demo", code=str(ROOT), engine=engine, base_image=base_image)),
            ours,
        )
    finally:
        if ours:
            client.down(Path.cwd())


def _rehearsing(settings: Settings, project: Path) -> Rig:
    from infra.aws.client.session import FALLBACK_REGION, Session
    from infra.rehearsal.client import ensure_running

    cloud = ensure_running(project, tell, engine=settings.engine)
    tell_here = _tell(settings)
    region = settings.region or FALLBACK_REGION
    session = Session(region=region, endpoint_url=cloud.endpoint_url, secret=cloud.secret, tell=tell_here)
    return Rig(settings=settings, session=session, project=project, tell=tell_here, now=cloud.clock.now)
