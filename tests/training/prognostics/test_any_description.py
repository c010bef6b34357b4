"""A value of any kind under any key of a description is taken, or said; never a traceback."""

import json

import pytest

from training.errors import BadData
from training.prognostics.log_keys import _IN_FAILURES, _IN_TAGS, _KEYS
from training.prognostics.log_schema import read_description
from training.prognostics.read_log import read_log

VALUES = [
    *("3", "-1.5", "true", "false", "1e400", "2024-05-31", "{}", '{ a = "b" }'),
    *("[]", "[3]", "[true]", "[{ a = 1 }]", '["t"]', '[["t"]]', '[""]', '["t", "t"]', '["u", "t", "x"]'),
    *('""', '"t"', '"ü"', '"{u}"', '"file"', '"*"'),
]
PLAIN = {"files": '["log.csv"]', "unit": '"u"', "time": '"t"', "channels": '["x"]', "runs_to_failure": "true"}


@pytest.mark.parametrize("table", ["", "failures", "tags"])
def test_no_value_of_any_key_ends_in_a_traceback(tmp_path, table):
    (tmp_path / "log.csv").write_text("u,t,x\n" + "".join(f"a,{t},{t}.5\n" for t in range(5)))
    below = {
        "failures": {"files": '["log.csv"]', "time": '"t"'},
        "tags": {"name": '"u"', "value": '"x"'},
    }
    keys = {"": _KEYS, "failures": _IN_FAILURES, "tags": _IN_TAGS}[table]
    for key in keys:
        for value in VALUES:
            top, inner = dict(PLAIN), dict(below.get(table, {}))
            top.pop("runs_to_failure" if table == "failures" else "", None)
            (inner if table else top)[key] = value
            lines = [f"{name} = {said}" for name, said in top.items()]
            lines += [f"[{table}]", *(f"{name} = {said}" for name, said in inner.items())] if table else []
            (tmp_path / "log.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
            try:
                log = read_log(read_description(tmp_path / "log.toml"))
            except BadData:
                continue
            json.dumps(log.columns.as_json())
