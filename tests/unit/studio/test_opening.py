"""Two files are told apart as connection and source, whichever comes first, or it is said why not."""

import shutil

import pytest
from click import Context
from documentation import ROOT

pytest.importorskip("starlette", reason="the extra `studio` is not installed")

from opusmap.cli.init import init
from opusmap.drafting import ROWS_LOOKED_AT
from opusmap.errors import InvalidMapping, SettingsError
from opusmap.studio.opening import draft_mapping, tell_apart

CONTRACTS = ROOT / "mappings" / "contracts"


@pytest.fixture
def files(tmp_path):
    names = ("contracts.connection.json", "contracts.csv")
    return [shutil.copy(CONTRACTS / name, tmp_path / name) for name in names]


def test_either_order_gives_the_same(files):
    connection, source = files
    assert tell_apart(connection, source) == tell_apart(source, connection) == (connection, source)


def test_two_sources_and_two_connections_are_refused(files, tmp_path):
    connection, source = files
    with pytest.raises(SettingsError, match=r"neither .* is a connection"):
        tell_apart(source, shutil.copy(source, tmp_path / "other.csv"))
    with pytest.raises(SettingsError, match=r"both .* are connections"):
        tell_apart(connection, shutil.copy(connection, tmp_path / "other.json"))


def test_of_a_broken_connection_it_is_said_what_is_wrong_in_it(files):
    connection, source = files
    connection.write_text('{"data": [', "utf-8")
    for pair in (files, files[::-1]):
        with pytest.raises(InvalidMapping) as refused:
            tell_apart(*pair)
        assert refused.value.diagnostics[0].place.file == str(connection)
    del source


def test_a_mapping_that_is_there_is_not_written_over(files, tmp_path):
    path = tmp_path / "mapping.yaml"
    path.write_text("mine", "utf-8")
    with pytest.raises(SettingsError, match="already exists"):
        draft_mapping(*files, path)
    assert path.read_text("utf-8") == "mine"


def test_a_draft_looks_at_as_many_rows_as_that_of_the_command_line():
    limit = next(one for one in init.params if "--limit" in one.opts)
    assert limit.get_default(Context(init)) == ROWS_LOOKED_AT
