"""A rehearsal takes a whole source into an emulator, and shows what it holds by names that people use."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest
from recorded_runs import CONTRACTS

from opusmap import InvalidMapping, SourceError
from opusmap.testing import rehearse, serve_opus

FILLED = {
    "ContractNo": "7",
    "Title": "Lease",
    "Status": "Active",
    "DocType": "Deed",
    "CreatedUtc": "2024-01-31T00:00:00Z",
    "Modified": "01/31/2024 09:00 AM",
    "CreatedBy": "ann",
    "Class1": "A",
}
EMPTY = "ModifiedBy Class2 Class3 Tags Owners Amount Dept Supplier SignedOn Restricted FilePath Notes"
ROW = {**FILLED, **dict.fromkeys(EMPTY.split(), "")}
MAPPING = CONTRACTS / "mapping.yaml"


def test_rows_of_a_program_are_mapped_and_taken():
    memo, draft = {**ROW, "ContractNo": "8", "DocType": "Memo"}, {**ROW, "Status": "Draft"}
    found = rehearse(MAPPING, [ROW, memo, draft])
    assert (found.report.submitted, found.report.rejected, found.report.filtered) == (1, 1, 1)
    assert found.records["CT-7"]["Doc Type"] == "2"
    assert found.records["CT-7"]["Modified by"] == "ann"
    assert found.codes() == {2: {"unknown-choice"}}
    assert found.rejects[0].values["DocType"] == "Memo"


def test_the_mappings_own_source_is_the_default():
    found = rehearse(MAPPING)
    assert len(found.records) == found.report.submitted > 900
    assert found.codes().keys() == {reject.row for reject in found.rejects}


def test_a_name_that_the_rows_lack_is_an_error_of_the_mapping():
    with pytest.raises(InvalidMapping):
        rehearse(MAPPING, [{"ContractNo": "7"}])


def test_a_source_that_is_not_there_is_told():
    with pytest.raises(SourceError):
        rehearse(MAPPING, CONTRACTS / "nowhere.csv")


def test_what_is_served_is_found_by_its_settings_and_gone_afterwards():
    pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
    with serve_opus(MAPPING) as opus:
        answer = httpx.post(
            opus.environ["OPUSMAP_TOKEN_URL"],
            data={
                "client_id": opus.environ["OPUSMAP_CLIENT_ID"],
                "client_secret": opus.environ["OPUSMAP_CLIENT_SECRET"],
                "scope": "records.readwrite.all",
                "grant_type": "client_credentials",
            },
        )
        assert answer.status_code == 200
        assert opus.environ["OPUSMAP_BASE_URL"] == opus.url
        assert opus.records == {}
    with pytest.raises(httpx.ConnectError):
        httpx.get(opus.url)


def test_the_plain_tests_of_mappings_do_not_load_the_emulator():
    code = "import sys, opusmap.testing; sys.exit(bool({'opusmap.emulator', 'httpx'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
