"""Your own sensor log: remaining life, and the probability of failure within the horizon.

    python -m training sensors --workdir runs/gearboxes table=gearboxes.toml horizon=48 cap=200
    python -m training predict --run runs/gearboxes --follow /var/log/gearbox-7.csv

A few lines of TOML say which column means what; docs/sensors.md goes through a whole example. CSV or Parquet. Units are
split whole into training and validation; scaling is learnt from training units only.

Minutes and score depend on the log: 10,000 rows take about a second per epoch on two CPU cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from training.config import option
from training.console import Console
from training.data.splits import Data
from training.errors import BadData
from training.pack.reading import Pack, is_packed, open_pack
from training.pack.streaming import stream_pack
from training.prognostics.dialect import count_roughly
from training.prognostics.examination import examine
from training.prognostics.forecast import ForecastConfig, forecast_data
from training.prognostics.forecast_net import forecast_learner, forecast_scores
from training.prognostics.log_schema import Description, read_description
from training.prognostics.memory import Rows, fits_roughly, has_room, usable_bytes
from training.prognostics.read_log import Log, read_log
from training.prognostics.suspects import refuse_other_unit, suspect_days, suspect_frozen, suspect_values
from training.prognostics.windows import UnitLog
from training.report.forecasts import balance_section, life_section, reliability_section
from training.report.log_reading import reading_section
from training.report.worth import baseline_section, importance_section, interval_section
from training.trainer.recipe import Recipe
from training.workdir.checksum import sha256

NO_TEST = "; no test files: the validation units stand in for the test"


@dataclass(frozen=True, kw_only=True)
class Config(ForecastConfig):
    table: str = option("", "the TOML file that describes the log, or a folder made of it by `pack`")
    stream: str = option(
        "auto",
        "whether the training units of a packed folder are streamed; auto: where they do not fit into memory",
        choices=("auto", "yes", "no"),
    )


def data(config: Config) -> Data:
    if not config.table:
        raise BadData("table is not set", "table=FILE.toml describes your log; docs/sensors.md shows how")
    folder = Path(config.table)
    return _from_pack(config, open_pack(folder)) if folder.is_dir() and is_packed(folder) else _from_description(config)


def _from_pack(config: Config, pack: Pack) -> Data:
    """In memory where it fits, as if it had been described; streamed where it does not."""
    pack.check()
    if _is_streamed(config, pack):
        files = f"{len(pack.files)} files packed and streamed"
        data = stream_pack(config, pack, source=f"{config.table} ({files}, {len(pack.lives)} units)")
        return replace(data, keep={**data.keep, "taken": list(pack.said)})
    return _from_log(config, pack.whole(), f"{len(pack.files)} files packed", pack.checksum)


def _is_streamed(config: Config, pack: Pack) -> bool:
    if config.stream != "auto":
        return config.stream == "yes"
    rows = sum(life.rows for life in pack.lives)
    needed = Rows(rows, 0, len(pack.columns.features), shared=False)
    return not has_room(config, needed, most_bytes=usable_bytes())


def _from_description(config: Config) -> Data:
    description = read_description(Path(config.table))
    _estimate_first(config, description)
    return _from_log(config, read_log(description), f"{len(description.files)} files", checksum(description))


def _from_log(config: Config, log: Log, files: str, checksum: str) -> Data:
    logs = [*log.train, *log.test]
    refuse_other_unit(logs, log.columns)
    features = log.columns.features
    suspects = [*suspect_days(logs, log.columns), *suspect_values(logs, features), *suspect_frozen(logs, features)]
    for line in [*log.said, *suspects]:
        Console().say(line)
    _apart(log.train, log.test)
    _some_failed(log.train, config.table)
    data = forecast_data(
        config,
        log.train,
        log.test,
        columns=log.columns,
        source=f"{config.table} ({files}, {len(log.train)} units{'' if log.test else NO_TEST})",
        checksum=checksum,
        parts=log.parts,
    )
    return replace(data, keep={**data.keep, "taken": log.said})


def _estimate_first(config: Config, description: Description) -> None:
    """A long log takes minutes to read: what will not fit by far is refused before. Of a log in steps, of
    measurements or of tags only the reading tells how few they are.
    """
    if description.columns.step or description.columns.told.samples:
        return
    rows, judging = (sum(count_roughly(file) for file in files) for files in (description.files, description.test))
    fits_roughly(config, rows, judging, channels=len(description.columns.channels), most_bytes=usable_bytes())


def _apart(train: Sequence[UnitLog], test: Sequence[UnitLog]) -> None:
    both = sorted({log.machine or log.unit for log in train} & {log.machine or log.unit for log in test})
    if both:
        raise BadData(
            f"unit '{both[0]}' is in the training files and in the test files",
            "A unit the net has trained on tells nothing about how well it forecasts: keep each unit on one side.",
        )


def _some_failed(train: Sequence[UnitLog], table: str) -> None:
    failed = sum(log.fails_at == log.fails_at for log in train)  # NaN: still running
    if failed < 2:
        raise BadData(
            f"{table}: {failed} of {len(train)} units failed",
            "At least two failures are needed, one to learn from and one to judge by; better some dozens.\n"
            f"Until then: python -m training drift {table} shows which units have changed most since they began.",
        )


def checksum(description: Description) -> str:
    return "sha256 " + sha256(*description.files, *description.test)


JOB = Recipe(
    config=Config,
    data=data,
    learner=forecast_learner,
    metrics=forecast_scores,
    best="brier",
    higher_is_better=False,
    last_is_best=True,  # a few units: their scores jump from epoch to epoch, and choosing by them chose too early
    examine=examine,
    sections=(
        baseline_section,
        reliability_section,
        interval_section,
        life_section,
        importance_section,
        balance_section,
        reading_section,
    ),
)
