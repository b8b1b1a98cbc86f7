"""What is asked of a journal before a run, of one in a file and of one in a database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from postgres import Server

from opusmap import Mapper, load_mapping
from opusmap.errors import JournalError
from opusmap.journal import open_journal
from opusmap.run.history import find_earlier_pace, find_journal, is_first_overwrite, keys_to_retry
from opusmap.settings import JournalPlace, PostgresAddress, Secret, Settings

MAPPING = Path(__file__).resolve().parents[3] / "mappings" / "contracts" / "mapping.yaml"
SETTINGS = Settings("https://o.example.com", "https://o.example.com/token", "c", Secret("s"), Path())


@pytest.fixture(params=["file", "database"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    if request.param == "file":
        return tmp_path / "j.db"
    server: Server = request.getfixturevalue("postgres")
    return PostgresAddress(server.make_database())


def is_first(mapper: Mapper, settings: Settings) -> bool:
    return is_first_overwrite(mapper.spec.conflict, mapper.connection.id, settings)


def test_the_first_run_that_overwrites_is_known_from_the_journal(place: JournalPlace) -> None:
    mapper, settings = load_mapping(MAPPING), replace(SETTINGS, journal=place)
    assert mapper.spec.conflict == "overwrite"
    assert is_first(mapper, settings)  # there is no journal yet
    facts = {"connection": mapper.connection.id, "mapping": str(MAPPING)}
    with open_journal(place) as journal:
        journal.start_run(origin="https://other.example.com", **facts)
        assert is_first(mapper, settings)
        run = journal.start_run(origin=settings.base_url, **facts)
        assert is_first(mapper, settings)
        journal.keep_evidence(run, {"conflict": "overwrite"})
    assert not is_first(mapper, settings)
    assert keys_to_retry(mapper, settings) == frozenset()
    with pytest.raises(JournalError, match="no run 7 of this connection"):
        keys_to_retry(mapper, settings, 7)


def test_a_journal_that_can_t_be_read_is_not_the_concern_of_a_check() -> None:
    away = PostgresAddress("postgresql://opus@127.0.0.1:1/x")
    mapper = load_mapping(MAPPING)
    assert not is_first(mapper, replace(SETTINGS, journal=away))  # the run itself says why
    assert find_earlier_pace(mapper, {"OPUSMAP_JOURNAL": away.url}) is None
    assert find_journal(None, None, {"OPUSMAP_JOURNAL": away.url}) == away
