"""The command `check`: what it says of the mapping beside the totals."""

import json

import pytest

from opusmap.cli import main

_HEAD = "opusmap: 1\nconnection: c.json\nsource: {path: s.csv}\n"
_FIELDS = "fields: {Row key: No, When: {from: On, format: '%d/%m/%Y'}}\n"
_SAYS = "Dates are sent as 2024-12-19 18:15:00. If Opus"


@pytest.fixture
def check(tmp_path, capsys):
    connection = {
        "id": "2c3f5d0e-6a51-4f0b-9c77-0d5d7c1e4a90",
        "confilictOption": "Overwrite",
        "data": [{"rowKey": "SingleText", "_When": "DateTime"}],
    }

    def run(mapping: str, *words: str) -> tuple[int, str]:
        (tmp_path / "c.json").write_text(json.dumps(connection), "utf-8")
        (tmp_path / "s.csv").write_text("No,On\n1,19/12/2024\n", "utf-8")
        (tmp_path / "m.yaml").write_text(mapping, "utf-8")
        return main(["check", str(tmp_path / "m.yaml"), *words]), capsys.readouterr().err

    return run


def test_how_dates_are_sent_is_said_where_the_mapping_does_not_say_it(check):
    code, shown = check(_HEAD + "timezone: UTC\n" + _FIELDS)
    assert code == 0, shown
    assert shown.count(_SAYS) == 1
    assert _SAYS not in check(_HEAD + "timezone: UTC\n" + _FIELDS, "--quiet")[1]
    stated = "timezone: UTC\ntarget: {datetime_format: '%d/%m/%Y %H:%M'}\n"
    assert _SAYS not in check(_HEAD + stated + _FIELDS)[1]
    assert _SAYS not in check(_HEAD + "fields: {Row key: No}\n")[1]
