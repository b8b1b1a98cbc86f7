"""What is asked about a column: how sure a match is and why, and what else its binding needs."""

import shutil

import pytest
from documentation import ROOT

pytest.importorskip("starlette", reason="the extra `studio` is not installed")

from opusmap.studio.column_detail import Columns, say_why
from opusmap.studio.opened_folder import Folder
from opusmap.studio.visit import Studio, Visit


@pytest.fixture
def columns_of(tmp_path):
    shutil.copytree(ROOT / "mappings" / "contracts", tmp_path / "contracts")

    def make(old="", new=""):
        path = tmp_path / "contracts" / "mapping.yaml"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")
        studio = Studio(Folder(path.parent))
        return Columns(Visit(studio, "columns", {"mapping": "mapping.yaml"}))

    return make


def status(columns, name):
    return columns.status(columns.find(name)).name


def test_required_columns_come_first_and_otherwise_the_connection_s_order_stays(columns_of):
    columns = columns_of()
    order = [one.internal_name for one in columns.connection.columns]
    required = [one for one in order if columns.find(one).required]
    assert [one.internal_name for one in columns.all] == [
        *required,
        *(one for one in order if one not in required),
    ]


def test_rejected_rows_are_no_problem_of_the_column(columns_of):
    columns = columns_of()
    assert status(columns, "timeModified") == "bound"
    assert columns.rejects["Modified time"] > 0
    assert sum(count for _, count in columns.reasons(columns.find("timeModified"))) > 0


def test_an_error_of_the_mapping_is_one_and_only_of_its_column(columns_of):
    columns = columns_of("Title, convert: trim", "Titel, convert: trim")
    assert status(columns, "leafName") == "problem"
    assert [one.internal_name for one in columns.all if status(columns, one.internal_name) == "problem"] == [
        "leafName"
    ]


def test_what_is_still_to_do_is_undecided(columns_of):
    columns = columns_of("Supplier: {from: Supplier, convert: squeeze}", "Supplier: TODO")
    assert status(columns, "_Supplier") == "undecided"
    assert status(columns, "leafName") == "bound"


def test_a_column_without_a_source_is_a_question_or_optional_and_needed_if_it_is_required(columns_of):
    columns = columns_of("  Supplier: {from: Supplier, convert: squeeze}\n", "")
    assert status(columns, "_Supplier") == "question"
    (surest, *_) = columns.questions(columns.find("_Supplier"))
    assert surest.source == "Supplier"
    assert "the names mean the same" in say_why(surest, columns.find("_Supplier"))
    columns = columns_of("  createdBy: CreatedBy\n", "")
    assert status(columns, "createdBy") == "needed"


def test_a_binding_is_named_as_the_mapping_does_and_a_new_one_as_opus_does(columns_of):
    columns = columns_of("  Supplier: {from: Supplier, convert: squeeze}\n", "")
    assert columns.key(columns.find("createdBy")) == "createdBy"
    assert columns.key(columns.find("_Doc_%20_Type")) == "Doc Type"
    assert columns.key(columns.find("_Supplier")) == "Supplier"


def test_a_source_column_comes_with_what_its_values_need(columns_of):
    columns = columns_of()
    assert columns.drafted_keys(columns.find("_Tags"), "Tags")["split"] == ";"
    assert "format" in columns.drafted_keys(columns.find("timeModified"), "Modified")
    assert columns.drafted_keys(columns.find("_Supplier"), "Supplier").keys() <= {"convert"}
