"""Errors hold their facts as fields: they compare, pickle, copy and say it all in their text."""

from __future__ import annotations

import copy
import pickle

import pytest

import opusmap.errors
from opusmap.errors import (
    DestructionRefused,
    InvalidMapping,
    JournalError,
    NoJournal,
    OpusmapError,
    OpusUnavailable,
    SettingsError,
    SignInError,
    SourceError,
    StoppedEarly,
    ValueProblem,
)
from opusmap.issues import Issue, Span

DIAGNOSTIC = Issue("c", "wrong", Span("m.yaml", 1, 2, 1, 3), "correct it")
ERRORS = [
    (InvalidMapping((DIAGNOSTIC, DIAGNOSTIC)), 2, "m.yaml:1:2: error[c]: wrong\nm.yaml:1:2: error[c]: wrong"),
    (SettingsError("OPUSMAP_BASE_URL", "missing", "set it"), 2, "OPUSMAP_BASE_URL: missing\n  help: set it"),
    (SourceError("s.csv", "short-row", "too short"), 2, "s.csv: error[short-row]: too short"),
    (SourceError("s.csv", "c", "p", 7, "h"), 2, "s.csv, row 7: error[c]: p\n  help: h"),
    (JournalError("j.db", "in use"), 2, "j.db: in use"),
    (DestructionRefused("plan.json", "not approved"), 2, "plan.json: not approved"),
    (NoJournal("j.db", "not there"), 2, "j.db: not there"),
    (OpusUnavailable("https://x", "no answer", "try later"), 3, "https://x: no answer\n  help: try later"),
    (SignInError("https://x", "refused"), 3, "https://x: refused"),
    (StoppedEarly("Ctrl-C"), 4, "Ctrl-C\n  help: run the same command again to go on"),
    (ValueProblem("bad-date", "no date", "correct it"), 2, "bad-date: no date\n  help: correct it"),
]


@pytest.mark.parametrize(("error", "exit_code", "text"), ERRORS)
def test_an_error_says_what_where_and_what_to_do(error: OpusmapError, exit_code: int, text: str) -> None:
    assert (str(error), error.exit_code) == (text, exit_code)


def test_an_error_splits_into_what_is_wrong_and_what_to_do() -> None:
    assert SettingsError("OPUSMAP_BASE_URL", "missing", "set it").split() == (
        "OPUSMAP_BASE_URL: missing",
        "set it",
    )
    assert JournalError("j.db", "in use").split() == ("j.db: in use", "")
    assert StoppedEarly("Ctrl-C").split() == ("Ctrl-C", "run the same command again to go on")


@pytest.mark.parametrize("error", [error for error, _, _ in ERRORS])
def test_an_error_survives_pickling_and_copying(error: OpusmapError) -> None:
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert other == error
        assert type(other) is type(error)
        assert hash(other) == hash(error)


def test_errors_of_different_kinds_or_facts_differ() -> None:
    assert SignInError("u", "p") != OpusUnavailable("u", "p")
    assert ValueProblem("a", "p") != ValueProblem("b", "p")


@pytest.mark.parametrize("name", opusmap.errors.__all__)
def test_every_error_is_an_opusmap_error_and_shown_above(name: str) -> None:
    kind = getattr(opusmap.errors, name)
    assert issubclass(kind, OpusmapError)
    assert kind is OpusmapError or any(type(error) is kind for error, _, _ in ERRORS)
