"""Rejected rows are shown from the file of rejects as the run left it, and from no other."""

import csv

import pytest
from recorded_runs import CHANGED, record_run

from opusmap.journal import open_journal
from opusmap.output_files import hash_file
from opusmap.report import Evidence, Reason
from opusmap.report.crosswalk import Crosswalk, Line
from opusmap.report.rejected_rows import Problem, TopValues, read_rows


@pytest.fixture
def recorded(tmp_path):
    return record_run(tmp_path, 180)


def evidence(recorded):
    with open_journal(recorded.journal, write=False) as journal:
        return Evidence.read(journal.evidence(journal.runs()[0]))


def test_each_row_that_a_reason_names_is_found_as_it_was_read(recorded):
    found = read_rows(evidence(recorded))
    assert found.missing == ""
    named = {row for reason in recorded.report.reasons for row in reason.rows}
    assert found.rows.keys() == named
    first = found.rows[2]
    assert {name: first.values[name] for name in CHANGED} == CHANGED
    assert [problem.column for problem in first.problems] == ["Doc Type", "Supplier"]
    assert first.key == "CT-000001"


def test_a_file_that_was_changed_is_no_evidence(recorded):
    with recorded.rejects.open("ab") as file:
        file.write(b"\r\n")
    found = read_rows(evidence(recorded))
    assert found.rows == {}
    assert "was changed after the run" in found.missing
    assert "make the page before you correct the file" in found.missing


def test_a_file_that_is_gone_is_told(recorded):
    recorded.rejects.unlink()
    assert "no longer exists" in read_rows(evidence(recorded)).missing


def test_a_run_without_a_file_of_rejects_is_told():
    assert "wrote no file of rejects" in read_rows(Evidence(reasons=(Reason("A", "x", 1, (2,), ""),))).missing
    assert read_rows(Evidence()).missing == ""


def test_only_so_many_rows_are_shown(recorded):
    found = read_rows(evidence(recorded), limit=2)
    assert len(found.rows) == 2
    assert "Only 2 rows are shown" in found.missing


def test_the_cell_that_a_problem_is_about_is_known(recorded):
    found = read_rows(evidence(recorded))
    first = found.rows[2]
    assert first.wrong == first.sure == {"DocType", "Supplier"}
    classified = [row for row in found.rows.values() if _has(row, "Classification")]
    for row in classified:  # made of three cells: none of them alone is to blame
        assert row.wrong >= {"Class1", "Class2", "Class3"}
        assert not row.sure & {"Class1", "Class2", "Class3"}
    assert classified


def _has(row, column):
    return any(problem.column == column for problem in row.problems)


def test_messages_are_told_apart_by_the_columns_that_reasons_name(recorded):
    with recorded.rejects.open(encoding="utf-8-sig", newline="") as file:
        lines = {int(line["_row"]): line for line in csv.DictReader(file)}
    for number, row in read_rows(evidence(recorded)).rows.items():
        assert all(problem.column and problem.message for problem in row.problems)
        words = [f"{problem.column}: {problem.message}" for problem in row.problems]
        assert "; ".join(words) == lines[number]["_error"].removeprefix("'")


def test_frequent_wrong_values_are_counted_in_all_rows_not_in_the_named_ones_alone(tmp_path):
    path = tmp_path / "rejects.csv"
    rows = [
        f'{row},k{row},Number,bad-number,"Number: ""{value}"" is not a number"'
        for row, value in enumerate("aaabbcdefg", 2)
    ]
    path.write_text("\n".join(["_row,_key,_error_column,_error_code,_error", *rows, ""]), "utf-8")
    file = hash_file("rejects", path)
    found = read_rows(Evidence(files=(file,), reasons=(Reason("Number", "bad-number", 10, (2,), ""),)))
    assert found.rows.keys() == {2}
    assert found.top == {
        ("Number", "bad-number"): TopValues((("a", 3), ("b", 2), ("c", 1), ("d", 1), ("e", 1)), others=2)
    }


def test_a_value_is_not_counted_under_a_reason_that_the_file_does_not_tell_apart(tmp_path):
    path = tmp_path / "rejects.csv"
    line = '2,k,Number,bad-number; too-precise,"Number: ""1"" is wrong"'
    path.write_text(f"_row,_key,_error_column,_error_code,_error\n{line}\n", "utf-8")
    reasons = tuple(Reason("Number", code, 1, (2,), "") for code in ("bad-number", "too-precise"))
    found = read_rows(Evidence(files=(hash_file("rejects", path),), reasons=reasons))
    assert found.top == {}
    assert found.rows[2].problems == (Problem("Number", '"1" is wrong'),)


def test_a_message_that_quotes_no_value_shows_the_cell_that_its_column_is_made_of(tmp_path):
    path = tmp_path / "rejects.csv"
    error = "Signed On: the local time 2024-10-06 02:30:00 does not exist: clocks went forward"
    cells = ["06/10/2024 02:30", "06/10/2024 02:30", "06/10/2024 02:40", ""]
    rows = [f"{row},k{row},Signed On,skipped-time,{error},{cell}" for row, cell in enumerate(cells, 2)]
    path.write_text("\n".join(["_row,_key,_error_column,_error_code,_error,Signed", *rows, ""]), "utf-8")
    reason = Reason("Signed On", "skipped-time", 4, (2,), "")
    file = hash_file("rejects", path)
    top = TopValues((("06/10/2024 02:30", 2), ("06/10/2024 02:40", 1)))
    for sources, shown in [(("Signed",), {("Signed On", "skipped-time"): top}), (("Signed", "Other"), {})]:
        line = Line("Signed On", "_SignedOn", "DateTime", False, sources, (), 1)
        left = Evidence(files=(file,), reasons=(reason,), crosswalk=Crosswalk((line,)))
        assert read_rows(left).top == shown


def test_of_a_template_only_the_empty_cell_is_wrong(tmp_path):
    path = tmp_path / "rejects.csv"
    rows = [
        "2,k,Name,empty-in-template,Name: a value within a text is empty,KI-1,",
        "3,k,Name,empty-in-template,Name: a value within a text is empty,KI-1,n/a",
        "4,k,Name,text-too-long,Name: the text is too long,KI-1,",
    ]
    path.write_text(
        "\n".join(["_row,_key,_error_column,_error_code,_error,No,Kennel Name", *rows, ""]), "utf-8"
    )
    reasons = (
        Reason("Name", "empty-in-template", 2, (2, 3), ""),
        Reason("Name", "text-too-long", 1, (4,), ""),
    )
    file, both = hash_file("rejects", path), {"No", "Kennel Name"}
    for rule, wrong, sure in [
        ("{{ No }} {{ row['Kennel Name'] }}", {"Kennel Name"}, {"Kennel Name"}),
        ('{{No}}: {{ row["Kennel Name"] }}.', {"Kennel Name"}, {"Kennel Name"}),
        ("{{ No | upper }} {{ row['Kennel Name'] }}", both, set()),
        ("{{ code }} {{ row['Kennel Name'] }}", both, set()),  # a variable
    ]:
        line = Line("Name", "_Name", "SingleText", True, ("No", "Kennel Name"), (rule, "trim"), 1)
        found = read_rows(Evidence(files=(file,), reasons=reasons, crosswalk=Crosswalk((line,)))).rows
        assert (found[2].wrong, found[2].sure) == (wrong, sure)
        assert (found[3].wrong, found[3].sure) == (both, set())  # another empty value, or no longer known
        assert (found[4].wrong, found[4].sure) == (both, set())
