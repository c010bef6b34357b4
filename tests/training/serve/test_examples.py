"""The example rows of a server's page can be sent to it, however its log writes times and numbers."""

import json

import pytest

from training.prognostics.columns import Columns
from training.prognostics.log_schema import read_description
from training.prognostics.preparation import Preparation
from training.prognostics.questions import Questions
from training.prognostics.read_log import read_log
from training.prognostics.scaling import fit_scaling
from training.serve.body import CSV, JSON, Body, read_body
from training.serve.examples import _as_text, _example_rows

ROWS = [(hour, hour / 4, "yes" if hour % 3 else "no") for hour in range(1, 9)]
KINDS = {
    "numbers": ("{h}", ""),
    "dates": ("2024-03-01T{h:02}:00:00Z", ""),
    "days in digits": ("2024030{h}", 'time_unit = "days"\n'),
    "a clock": ("{h:02}:30:00", ""),
    "time gone by": ("P1DT{h}H", ""),
    "milliseconds": ("170928{h}000000", ""),
    "ticks of .NET": ("63844884{h}000000000", ""),
    "date and clock": ("2024-03-01,{h:02}:00", 'time = ["t", "c"]\n'),
    "digits and clock": ("20240301,{h:02}:00", 'time = ["t", "c"]\n'),
    "parts": ("2024,3,1,{h}", 'time = ["t", "m", "d", "h"]\n'),
    "decimal commas": ("{h}", ""),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_examples_of_a_log_are_rows_of_it(tmp_path, kind):
    form, keys = KINDS[kind]
    times = {"date and clock": "t,c", "digits and clock": "t,c", "parts": "t,m,d,h"}.get(kind, "t")
    text = f"u,{times},x,open\n" + "".join(f"A,{form.format(h=h)},{x},{is_open}\n" for h, x, is_open in ROWS)
    text = text.replace(",", ";").replace(".", ",") if kind == "decimal commas" else text
    (tmp_path / "log.csv").write_text(text)
    given = {"time": 'time = "t"\n', "time_unit": 'time_unit = "hours"\n'}
    more = "".join(line for key, line in given.items() if f"{key} =" not in keys)
    (tmp_path / "log.toml").write_text(
        f'files = ["log.csv"]\nunit = "u"\nchannels = ["x", "open"]\nruns_to_failure = true\n{more}{keys}'
    )
    log = read_log(read_description(tmp_path / "log.toml"))
    prepared = Preparation(
        columns=Columns.from_json(log.columns.as_json()),
        scaling=fit_scaling(log.train, conditions=()),
        smooth=1.0,
        window=3,
        cap=9.0,
        questions=Questions((4.0,), ()),
    )

    rows = _example_rows(prepared, with_unit=True)

    for body in (Body(json.dumps({"rows": rows}).encode(), JSON), Body(_as_text(rows, prepared.columns).encode(), CSV)):
        assert len(read_body(body, prepared.columns).times) == 2
