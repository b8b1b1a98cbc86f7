"""Public data as it comes, whole, by the mappings of this project, into the embedded Opus."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from opusmap.errors import SourceError
from opusmap.records import Reject
from opusmap.rejects import RejectList
from opusmap.run.open import open_work
from opusmap.run.rehearsal import EmbeddedTransport, embedded_opus
from opusmap.run.submit import SubmitOptions, submit_source

DATA = os.environ.get("OPUSMAP_TEST_DATA", "")
MAPPINGS = Path(__file__).parents[2] / "mappings"

CASES = [
    # mapping, file, rows read, reasons for rejects
    ("doaj/mapping.yaml", "doaj.csv", 1_001, {"duplicate-key": 1}),
    ("kev/mapping.yaml", "kev.csv", 1_404, {}),
    ("kev/from-json.yaml", "kev.json", 1_404, {}),
    ("chinook/mapping.yaml", "chinook.sqlite", 412, {}),
    ("chinook/employees.yaml", "chinook.sqlite", 8, {}),
    ("phs_register/mapping.yaml", "phs_register.csv", 1_142, {}),
]

pytestmark = pytest.mark.skipif(not DATA, reason="OPUSMAP_TEST_DATA names no folder with the public data")


def submitted(mapping: str, file: str) -> tuple[Any, dict[str, Any], list[Reject]]:
    """Submit a file to an Opus in this process; return the report, what Opus holds, and the rejects."""
    path = Path(DATA) / file
    if not path.is_file():
        pytest.skip(f"{file} is not in the folder")
    rejects = RejectList()
    work = open_work(MAPPINGS / mapping, path)
    emulator, settings = embedded_opus(work.mapper)
    with work.source:
        report = submit_source(work, settings, SubmitOptions(EmbeddedTransport(emulator)), rejects)
    return report, dict(emulator.records), rejects.found


@pytest.mark.parametrize(("mapping", "file", "count", "reasons"), CASES, ids=[case[0] for case in CASES])
def test_every_row_of_a_public_file_is_submitted_or_rejected_for_a_known_reason(
    mapping: str, file: str, count: int, reasons: dict[str, int]
) -> None:
    report, held, rejects = submitted(mapping, file)
    found: dict[str, int] = {}
    for reject in rejects:
        for problem in reject.problems:
            found[problem.code] = found.get(problem.code, 0) + 1
    assert (report.read, found) == (count, reasons)
    assert report.adds_up
    assert report.submitted == len(held) == count - len(rejects)
    assert (report.failed, report.uncertain, report.not_sent) == (0, 0, 0)


def test_a_catalogue_gives_the_same_records_from_csv_and_from_json() -> None:
    _, from_csv, _ = submitted("kev/mapping.yaml", "kev.csv")
    _, from_json, _ = submitted("kev/from-json.yaml", "kev.json")
    assert from_csv == from_json


def test_an_invoice_has_what_a_join_brings_together() -> None:
    _, held, _ = submitted("chinook/mapping.yaml", "chinook.sqlite")
    invoice = held["INV-00002"]
    assert invoice["_Post_%20_Code"] == "0171"
    assert invoice["_Account_%20_Manager"] == "[margaret@chinookcorp.com]"
    assert invoice["_Amount"] == 3.96
    assert len(invoice["_Items"].splitlines()) == 4


def test_a_mapping_for_one_file_refuses_another() -> None:
    with pytest.raises(SourceError) as caught:
        submitted("kev/from-json.yaml", "kev.csv")
    assert caught.value.code == "wrong-option"
