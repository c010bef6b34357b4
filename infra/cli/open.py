"""Opens the cloud that the settings name. The one place that knows there are two."""

from __future__ import annotations

from pathlib import Path

from infra.cli.hints import theirs
from infra.console import Tell, tell
from infra.settings import Settings
from infra.story.rig import Rig


def open_rig(settings: Settings) -> Rig:
    """The rig of *settings*, for this folder. In rehearsal, the pretend cloud is started if it is not up."""
    project = Path.cwd()
    if settings.cloud == "rehearsal":
        return _rehearsing(settings, project)
    from infra.aws.session import Session, default_region

    session = Session(region=settings.region or default_region(settings.profile), profile=settings.profile)
    return Rig(settings=settings, session=session, project=project, tell=_tell(settings))


def _tell(settings: Settings) -> Tell:
    return lambda line: tell(theirs(line, settings))


def data_folder(settings: Settings) -> Path:
    """Where local runs look for data sets."""
    return (
        Path(settings.data).expanduser().resolve() if settings.data else Path.home() / ".cache" / "gluon-rig" / "data"
    )


def _rehearsing(settings: Settings, project: Path) -> Rig:
    from infra.aws.session import FALLBACK_REGION, Session
    from infra.rehearsal.client import ensure_running

    cloud = ensure_running(project, tell, engine=settings.engine)
    region = settings.region or FALLBACK_REGION
    session = Session(region=region, endpoint_url=cloud.endpoint_url, secret=cloud.secret)
    return Rig(settings=settings, session=session, project=project, tell=_tell(settings), now=cloud.clock.now)
