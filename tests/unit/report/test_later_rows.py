"""A run's report names its rows that later runs sent, and those that are open still, as far as is known."""

import json
import re

import pytest

from opusmap import load_mapping
from opusmap.cli import main
from opusmap.diagnostic_pages import summarise
from opusmap.emulator import Client, Fault
from opusmap.emulator.server import served
from opusmap.journal import Destruction, DestructionState, open_journal
from opusmap.report.later_rows import LaterRow, LaterRows, read_later
from opusmap.report.later_runs import LaterRuns
from opusmap.report.pages import write_run
from opusmap.report.provenance import Evidence
from opusmap.report.row_places import find_places
from opusmap.run.rehearsal import make_emulator

MAPPING = """\
opusmap: 1
connection: c.json
source: {path: register.csv}
fields:
  rowKey: Id
  N: N
where: N != "0"
"""
ERRORS = ("_row", "_key", "_error_column", "_error_code", "_error")


class Register:
    """A register whose runs go to an emulator that keeps a journal; rows are `key: number`, from row 2 on."""

    def __init__(self, folder, emulator):
        self.folder, self.emulator = folder, emulator

    def submit(self, **rows):
        lines = [f"{key},{number}\n" for key, number in rows.items()]
        (self.folder / "register.csv").write_text("".join(["Id,N\n", *lines]), "utf-8")
        main(["submit", "mapping.yaml", "--quiet"])

    def retry(self, run, **rows):
        """Retry the rejects of a run, after only these rows were kept, with these numbers."""
        path = self.folder / f"mapping.run-{run}.rejects.csv"
        head, *lines = path.read_text("utf-8-sig").splitlines()
        kept = [line.split(",", 2) for line in lines]
        lines = [f"{key},{rows[key]},{rest}" for key, _, rest in kept if key in rows]
        path.write_text("\n".join([head, *lines, ""]), "utf-8")
        main(["retry", "mapping.yaml", path.name, "--quiet"])

    def rename(self, run, **rows):
        """Retry the rejects of a run, after these rows got these keys and numbers (`new,2`)."""
        path = self.folder / f"mapping.run-{run}.rejects.csv"
        head, *lines = path.read_text("utf-8-sig").splitlines()
        kept = [line.split(",", 2) for line in lines]
        lines = [f"{rows[key]},{rest}" for key, _, rest in kept if key in rows]
        path.write_text("\n".join([head, *lines, ""]), "utf-8")
        main(["retry", "mapping.yaml", path.name, "--quiet"])

    def refuse(self, *keys):
        items = [{"rowKey": key, "message": "no"} for key in keys]
        refusal = Fault(418, after=True, body=json.dumps({"statusCode": 418, "failedItems": items}).encode())
        self.emulator.faults = lambda request: refusal if set(keys) & set(request.keys) else None

    def find(self, number=1, **options):
        with open_journal(self.folder / "opusmap-journal.db", write=False) as journal:
            run = next(one for one in journal.runs() if one.id == number)
            return read_later(LaterRuns(journal, number), run, **options)[1]

    def find_places(self, number=1):
        with open_journal(self.folder / "opusmap-journal.db", write=False) as journal:
            run = next(one for one in journal.runs() if one.id == number)
            later, rows = read_later(LaterRuns(journal, number), run)
            return find_places(run, Evidence.read(journal.evidence(run)), later, rows)

    def page(self, number=1, **options):
        with open_journal(self.folder / "opusmap-journal.db", write=False) as journal:
            return write_run(journal, next(one for one in journal.runs() if one.id == number), **options)

    def prune(self, *numbers):
        with open_journal(self.folder / "opusmap-journal.db") as journal:
            journal.prune(9e10, set(numbers))


@pytest.fixture
def register(tmp_path, monkeypatch):
    connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11"}
    connection["data"] = [{"rowKey": "SingleText", "_N": "Number"}]
    (tmp_path / "c.json").write_text(json.dumps(connection), "utf-8")
    (tmp_path / "mapping.yaml").write_text(MAPPING, "utf-8")
    monkeypatch.chdir(tmp_path)
    emulator = make_emulator(load_mapping("mapping.yaml"), Client("c", "s"))
    with served(emulator) as url:
        settings = {"BASE_URL": url, "TOKEN_URL": f"{url}/connect/token"}
        for name, value in {**settings, "CLIENT_ID": "c", "CLIENT_SECRET": "s"}.items():
            monkeypatch.setenv(f"OPUSMAP_{name}", value)
        yield Register(tmp_path, emulator)


def fates(found):
    return {row.number: (row.key, row.describe()) for row in found.rows.values()}


def test_rows_that_a_retry_sent_and_that_it_rejected_again_are_named(register):
    register.submit(a="1", b="?", c="?")
    assert register.find() == LaterRows()
    register.retry(1, b="2", c="?")
    assert fates(register.find()) == {3: ("b", "sent by run 2"), 4: ("c", "still open")}
    assert register.find().describe() == "Still open: row 4 (c: N)."
    register.retry(2, c="3")
    assert fates(register.find()) == {3: ("b", "sent by run 2"), 4: ("c", "sent by run 3")}
    assert register.find().describe() == ""
    assert register.find(3) == LaterRows()


def test_a_row_that_was_deleted_from_the_rejects_is_named_by_its_number_and_its_wrong_column(register):
    register.submit(a="1", b="?", c="?", d="?")
    register.retry(1, b="2", c="?")
    found = register.find()
    assert fates(found)[5] == ("", "deleted from the rejects file")
    assert found.describe() == "Still open: row 4 (c: N). Deleted from the rejects file: row 5 (N)."


def test_a_deleted_row_is_named_with_the_key_that_another_run_of_the_source_gave_it(register):
    register.submit(a="1", b="?", c="?", d="?")
    register.submit(a="1", b="?", c="?", d="?")
    register.retry(2, b="2", c="?")
    (deleted,) = [row for row in register.find(2).rows.values() if row.fate == "deleted"]
    assert (deleted.number, deleted.key) == (5, "d")
    assert "Deleted from the rejects file: row 5 (d: N)." in register.find(2).describe()
    assert register.find(2, keys=False).rows[5].key == ""
    (register.folder / "mapping.run-1.rejects.csv").unlink()
    assert register.find(2).rows[5].key == ""


def test_a_deleted_row_gets_no_key_of_another_source_or_of_another_rule(register):
    register.submit(a="1", b="?", c="?", z="?")
    path = register.folder / "mapping.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("rowKey: Id", 'rowKey: "X-{{ Id }}"'), "utf-8")
    register.submit(a="1", b="?", c="?", d="?")
    path.write_text(text, "utf-8")
    register.submit(a="1", b="?", c="?", d="?")
    register.retry(3, b="2", c="?")
    assert register.find(3).rows[5].key == ""


def test_a_row_that_the_mapping_left_out_after_its_correction_is_named(register):
    register.submit(a="1", b="?", c="?")
    register.retry(1, b="2", c="0")
    assert fates(register.find())[4] == ("c", "excluded by “where”")


def test_rows_are_not_known_where_the_counts_leave_two_answers(register):
    register.submit(a="1", b="?", c="?", d="?")
    register.retry(1, b="2", c="0")
    found = register.find()
    assert {number: row.fate for number, row in found.rows.items()} == {
        3: "sent",
        4: "unknown",
        5: "unknown",
    }
    assert found.describe() == "Of 2 rows it is not known which were sent."


def test_a_key_that_was_wrong_itself_is_followed_by_the_row(register):
    register.submit(a="1", b="?")
    path = register.folder / "mapping.run-1.rejects.csv"
    path.write_text(path.read_text("utf-8-sig").replace("b,?", "new,2", 1), "utf-8")
    main(["retry", "mapping.yaml", path.name, "--quiet"])
    assert fates(register.find()) == {3: ("b", "sent by run 2 with the row key new")}
    assert fates(register.find(keys=False)) == {3: ("", "sent by run 2")}


def test_refused_records_that_a_later_run_sent_are_named(register):
    register.refuse("b", "c")
    register.submit(a="1", b="2", c="3", d="?")
    register.refuse("c")
    main(["retry", "mapping.yaml", "--run", "1", "--quiet"])
    assert fates(register.find()) == {
        3: ("b", "sent by run 2"),
        4: ("c", "still open"),
        5: ("d", "still open"),
    }


def test_a_row_that_had_a_record_before_is_in_opus_by_no_run_that_is_known(register):
    register.submit(a="1", b="2")
    register.submit(a="1", b="?")
    register.retry(2, b="2")
    assert fates(register.find(2)) == {3: ("b", "in the emulator")}


def test_a_row_that_a_retry_found_unchanged_under_a_new_key_is_named_by_it(register):
    """Two times the same correction: the second time, Opus has that record, and none with the row's key."""
    register.submit(a="1", b="?")
    register.rename(1, b="new,2")
    register.submit(a="1", b="?")
    register.rename(3, b="new,2")
    assert fates(register.find(3)) == {3: ("b", "in the emulator with the row key new")}
    assert fates(register.find(3, keys=False)) == {3: ("", "in the emulator")}


def test_a_row_that_a_retry_found_unchanged_under_a_key_that_is_not_known_has_no_key(register):
    register.submit(a="1", b="?")
    register.rename(1, b="new,2")
    register.submit(a="2", b="?")  # another source, whose row 3 may be another row
    register.rename(3, b="new,2")
    assert fates(register.find(3)) == {3: ("", "in the emulator")}
    register.submit(a="2", b="?")
    assert fates(register.find(5)) == {3: ("", "in the emulator as an earlier run sent it")}


def test_a_refused_row_of_which_opus_has_an_older_version_is_not_just_open(register):
    """Its rejects were corrected, then its source was sent again as it was, and Opus refused that."""
    register.refuse("b")
    register.submit(a="1", b="1")
    register.emulator.faults = None
    register.retry(1, b="7")
    register.refuse("b")
    register.submit(a="?", b="1")
    register.emulator.faults = None
    register.rename(1, b="new,7")
    assert fates(register.find(3)) == {
        2: ("a", "in the emulator as run 1 sent it"),
        3: ("b", "in the emulator as run 2 sent it"),
    }
    places = register.find_places(3)
    assert places.describe() == (
        "The emulator accepted all 2 rows (1 rejected now but sent earlier, 1 refused now but sent earlier)."
    )


def test_the_head_of_a_page_and_its_table_of_runs_count_alike_and_name_the_older_versions(register):
    register.submit(a="1", b="2", c="?")
    register.submit(a="9", b="?", c="?")
    page = register.page(2, earlier=True)
    assert "Finished: 2 rows need attention; 1 of them has a record that an earlier run sent." in page
    assert "accepted 2 of 3 rows (1 sent by run 2, 1 rejected now but sent earlier)" in page
    (cells,) = re.findall(
        r'<th scope="row" class="figure" data-label="Run">2</th>(.*?)</tr>', page, re.DOTALL
    )
    figures = re.findall(r'<td class="figure" data-label="[^"]+">(\d+)</td>', cells)
    assert figures == ["3", "2", "2", "1", "0"]  # read, accepted, need attention, both, left out
    register.retry(2, b="2", c="?")
    assert "Finished: 1 row needs attention." in register.page(2)


def test_no_sentence_of_a_rehearsals_page_says_that_a_record_is_in_opus(register, capsys):
    register.submit(a="1", b="2", c="?", d="4", e="5")
    register.rename(1, c="new,2")
    register.refuse("d")
    register.submit(a="?", b="2", c="?", d="9")
    capsys.readouterr()
    main(["report", "2"])
    main(["report", "3"])
    shown = capsys.readouterr().out
    assert "Opus" not in shown.replace("as Opus would", "")
    for number in (1, 2, 3):
        page = register.page(number, earlier=True)
        said = re.sub(r"<style.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
        for true in (
            "none to Opus",
            "as Opus would",
            "in place of Opus",
            "from source columns to Opus",  # the rules, which are for Opus
            "Column in Opus",
            "Columns in Opus",
            "A record that Opus already holds is replaced",
        ):
            said = said.replace(true, "")
        assert not re.findall(r"[^.]*\bOpus\b[^.]*", said)


def test_each_run_that_a_page_names_leads_to_its_page_if_there_is_one(register):
    register.submit(a="1", b="?", c="?")
    main(["report", "1", "--html", "--quiet"])
    register.retry(1, b="2", c="?")
    main(["report", "2", "--html", "--quiet"])
    register.submit(a="?", b="2", c="?")
    page = register.page(3, earlier=True, path=register.folder / "opusmap-run-3.html")
    run = [f'<a href="opusmap-run-{number}.html">run {number}</a>' for number in range(4)]
    assert f"in the emulator as {run[1]} sent it" in page
    assert f"Retry of {run[1]}" in page
    assert '<th scope="row" class="figure" data-label="Run"><a href="opusmap-run-2.html">2</a></th>' in page
    assert 'href="opusmap-run-3' not in page
    (register.folder / "opusmap-run-2.html").unlink()
    assert "run-2.html" not in register.page(3, earlier=True, path=register.folder / "opusmap-run-3.html")


def test_the_page_says_of_each_absent_record_how_it_was_sent_and_what_to_do(register):
    register.submit(a="1", b="?", c="?", d="4")
    register.rename(1, b="new,2", c="other,3")
    register.submit(a="1", b="?", c="?", d="4")
    register.submit(a="1", b="?")
    page = register.page(3, earlier=True)
    assert page.count("the row key that row") == 2
    assert "Row key corrected in a rejects file: 2 records" in page
    page = " ".join(register.page(4).split())
    (gone,) = re.findall(r'<h2 id="gone">(.*?)</section>', page)
    titles = re.findall(r"<h3>(.*?)</h3>", gone)
    assert titles == ["Sent from a rejects file: 2 records", "Sent from the source: 1 record"]
    items = re.findall(r"<li><bdi>(.*?)</bdi>: (.*?)</li>", gone)
    assert items == [
        ("new", "row 3, sent by run 2"),
        ("other", "row 4, sent by run 2"),
        ("d", "row 5, sent by run 1"),
    ]


def test_a_report_says_how_many_records_were_destroyed_since(register, capsys):
    register.submit(a="1", b="2", c="?")
    register.retry(1, c="3")
    assert "destroyed" not in register.page(1)

    def destroy(*keys, state=DestructionState.DESTROYED, at=9e9, **more):
        with open_journal(register.folder / "opusmap-journal.db") as journal:
            run = journal.runs()[0]
            rows = [Destruction(key, f"p{at}", b"", state, at, "Ann", **more) for key in keys]
            journal.write_destructions(run.origin, run.connection, rows)

    destroy("b", at=1.0)  # before
    destroy("a", lifted="Ann")
    destroy("b", state=DestructionState.FAILED)
    assert "destroyed" not in register.page(1)
    destroy("a", at=9.1e9)
    left_out = "The counts of this report leave that out: these records still count as accepted."
    told = "1 record of this connection was marked as destroyed; "
    assert f"Since run 1 began, {told}runs 1 and 2 sent it. {left_out}" in register.page(1)
    assert f"Since run 2 began, {told}another run sent it. {left_out}" in register.page(2)
    destroy("b", at=9.15e9)
    told = "2 records of this connection were marked as destroyed; run 2 sent 0 of them. "
    assert f"Since run 2 began, {told}{left_out}" in register.page(2)
    destroy("c", at=9.2e9)
    destroy("d", at=9.2e9, state=DestructionState.UNCERTAIN)
    register.prune(1)  # with the record of `a`
    told = "3 records of this connection were marked as destroyed. "
    told += "Of 1 record it is not known whether the emulator marked it as destroyed. "
    assert f"Since run 2 began, {told}{left_out}" in register.page(2)
    main(["report", "2"])
    assert f"Since run 2 began, {told}{left_out}" in capsys.readouterr().out


def test_a_refused_row_that_opus_never_had_is_open(register):
    register.refuse("b")
    register.submit(a="1", b="1")
    assert register.find() == LaterRows()


def test_a_row_that_a_later_run_sent_stays_so_when_a_still_later_version_is_refused(register):
    register.submit(a="1", b="?")
    register.retry(1, b="2")
    register.refuse("b")
    register.submit(a="1", b="3")
    assert fates(register.find()) == {3: ("b", "sent by run 2")}


def test_what_pruned_records_would_tell_is_not_known(register):
    register.submit(a="1", b="?", c="?")
    register.retry(1, b="2", c="?")
    register.prune(2)
    assert fates(register.find())[4] == ("c", "still open")
    register.submit(a="1", b="?", c="?", d="?")
    register.retry(3, b="5", c="6")
    register.prune(4)
    assert (
        register.find(3).describe()
        == "Of 3 rows it is not known which were sent, because records were pruned."
    )


def test_without_rows_no_key_is_read(register):
    register.submit(a="1", secret="?", c="?")
    register.retry(1, secret="?")
    assert (
        register.find(keys=False).describe()
        == "Still open: row 3 (N). Deleted from the rejects file: row 4 (N)."
    )
    assert "secret" in register.page()
    assert "secret" not in register.page(rows=False)


def test_a_file_of_rejects_that_is_gone_or_is_another_thing_now_leaves_the_numbers(register):
    register.submit(a="1", b="?", c="?")
    register.retry(1, b="2", c="?")
    for number in (1, 2):
        path = register.folder / f"mapping.run-{number}.rejects.csv"
        path.write_bytes(b"\xff\xfe\x00" if number == 1 else b"_row\n" + b"9" * 5000 + b"\n")
    assert fates(register.find()) == {3: ("b", "sent by run 2"), 4: ("", "still open")}
    for number in (1, 2):
        (register.folder / f"mapping.run-{number}.rejects.csv").unlink()
    assert fates(register.find()) == {3: ("b", "sent by run 2"), 4: ("", "still open")}


def test_a_sentence_names_the_first_rows_and_counts_the_others():
    rows = {number: LaterRow(number, "", "open") for number in range(2, 15)}
    said = LaterRows(rows, more=4).describe()
    assert said.startswith("Still open: row 2, row 3, ")
    assert said.endswith("row 11, and 7 more.")


def test_rows_beyond_those_that_a_reason_names_are_counted(register):
    register.submit(**{f"k{number}": "?" for number in range(60)})
    register.retry(1, **{f"k{number}": "?" for number in range(60)})
    (register.folder / "mapping.run-2.rejects.csv").unlink()
    found = register.find()
    assert (len(found.left()), found.more) == (50, 10)
    assert "10 more are not shown: their numbers are not known." in register.page()


def test_the_page_and_the_terminal_name_the_rows_that_are_left(register, capsys):
    register.submit(a="1", b="?", c="?", d="?")
    register.retry(1, b="2", c="?")
    page = " ".join(register.page().split())
    assert "<bdi>Still open: row 4 (c: N).</bdi>" in page
    assert "<bdi>Deleted from the rejects file: row 5 (N).</bdi>" in page
    assert "<strong>Sent by run 2:</strong> row 3<" in page
    assert "<strong>Still open:</strong> row 4<" in page
    wrong = f'<bdi>N</bdi>: {summarise("bad-number")} <span class="soft">(cell <bdi>N</bdi>)</span>'
    now = "still open, in <bdi>mapping.run-2.rejects.csv</bdi>"
    key = '<th scope="row" data-label="Key"><bdi>c</bdi></th>'
    row = f'<td class="figure" data-label="Row">4</td>{key}'
    assert f'{row}<td data-label="What is wrong">{wrong}</td><td data-label="Now">{now}</td>' in page
    main(["report", "1"])
    shown = capsys.readouterr().out
    assert "Still open: row 4 (c: N).\nDeleted from the rejects file: row 5 (N)." in shown
    places = "2 of 4 rows (1 sent by run 1, 1 sent by run 2)"
    places += ". Not accepted: 1 still open, 1 deleted from the rejects file."
    assert f"The emulator accepted {places}" in shown
    assert f'<p class="places">The emulator accepted {places}</p>' in page


def test_a_retry_says_where_all_rows_are_of_the_run_that_read_the_source(register, capsys):
    register.submit(a="1", b="?", c="?")
    register.retry(1, b="2", c="?")
    register.retry(2, c="3")
    said = "Run 1 read the source. The emulator accepted all 3 rows ({}).".format(
        ", ".join(f"1 sent by run {run}" for run in (1, 2, 3))
    )
    for run in (2, 3):
        assert f'<p class="retried">{said}</p>' in register.page(run)
        main(["report", str(run)])
        assert f"\n{said}\n" in capsys.readouterr().out
    assert "read the source." not in register.page(1)


def test_a_reason_says_without_a_click_which_of_its_rows_are_open_for_another_one(register):
    register.submit(a="1", b="?", c="?")
    path = register.folder / "mapping.run-1.rejects.csv"
    path.write_text(path.read_text("utf-8-sig").replace("b,?", "b,2", 1).replace("c,?", ",3", 1), "utf-8")
    main(["retry", "mapping.yaml", path.name, "--quiet"])
    page = " ".join(register.page().split())
    summary = page.partition("<summary>")[2].partition("</summary>")[0]
    said = "<strong>1</strong> sent by run 2</span>, <span><strong>1</strong> still open for another reason"
    assert said in summary


def test_the_next_run_of_the_source_says_which_rejected_rows_opus_has_and_where_to_correct_each(
    register, capsys
):
    rows = {"a": "1", "b": "?", "c": "?"}
    register.submit(**rows)
    with (register.folder / "register.csv").open("a", encoding="utf-8") as file:
        file.write("a,4\n")
    main(["submit", "mapping.yaml", "--quiet"])
    path = register.folder / "mapping.run-2.rejects.csv"
    path.write_text(path.read_text("utf-8-sig").replace("b,?", "b,2", 1).replace("a,4", "new,4", 1), "utf-8")
    main(["retry", "mapping.yaml", path.name, "--quiet"])
    capsys.readouterr()
    main(["submit", "mapping.yaml"])
    said = capsys.readouterr().err
    assert "new; nothing was deleted. It is right: the record of a rejected row whose row key was" in said
    assert "in register.csv, correct the 2 rows that have records; in mapping.run-4" in said
    assert fates(register.find(4)) == {
        3: ("b", "in the emulator as run 3 sent it"),
        4: ("c", "still open"),
        5: ("a", "in the emulator since run 3 with the row key new"),
    }
    page = " ".join(register.page(4).split())
    found = "3 of 4 rows (1 unchanged, 1 rejected now but sent earlier, 1 sent earlier with another row key)"
    assert f"The emulator accepted {found}. Not accepted: 1 rejected." in page
    assert (
        "In register.csv, correct the 2 rows that have records; in mapping.run-4.rejects.csv, correct" in page
    )
    assert "in the emulator as run 3 sent it; correct it in <bdi>register.csv</bdi>" in page
    assert "<bdi>new</bdi>: the row key that row 5 got in a corrected rejects file<" in page
    assert "the row key that row 5 got" not in register.page(4, rows=False)
    assert "have the wrong record removed" not in page  # no record is wrong
    main(["report", "4"])
    shown = capsys.readouterr().out
    assert "Still open: row 4 (c: N).\nIn the emulator as an earlier run sent them: row 3 (b: N)." in shown
    assert "have the wrong record removed" not in shown
    assert "In the emulator with another row key, which the source lacks: row 5 (a: Row key)." in shown
    assert re.search(r"2 +N +bad-number +1 in the emulator as run 3 sent it, 1 still open", shown)


def test_a_row_of_another_source_is_not_taken_for_the_one_with_a_new_key(register):
    register.submit(a="1", b="?")
    path = register.folder / "mapping.run-1.rejects.csv"
    path.write_text(path.read_text("utf-8-sig").replace("b,?", "new,2", 1), "utf-8")
    main(["retry", "mapping.yaml", path.name, "--quiet"])
    register.submit(a="1", z="?")
    assert register.find(3).numbers("rekeyed") == []
    register.submit(a="1", b="?")
    assert register.find(4).numbers("rekeyed") == [3]


def test_each_card_says_what_became_of_its_row(register):
    register.refuse("b")
    register.submit(a="1", b="2", c="?")
    register.refuse()
    main(["retry", "mapping.yaml", "--run", "1", "--quiet"])  # the file of rejects stays as it is
    page = " ".join(register.page().split())
    assert 'Row 4, key <bdi>c</bdi> <span class="fate">still open</span>' in page


def test_a_retry_of_a_file_without_rows_says_that_all_were_deleted(register):
    register.submit(a="1", b="?", c="?")
    register.retry(1)
    assert register.find().describe() == "Deleted from the rejects file: row 3 (N), row 4 (N)."


def test_a_later_retry_knows_the_rows_that_an_earlier_one_sent_or_that_were_deleted(register, capsys):
    rows = {"a": "1", "b": "?", "c": "?", "d": "?", "e": "?"}
    register.submit(**rows)
    path = register.folder / "mapping.run-1.rejects.csv"
    path.write_text(path.read_text("utf-8-sig").replace("b,?", "new,2", 1), "utf-8")
    register.retry(1, new="2", c="3", e="?")  # d was deleted
    register.submit(**rows)
    register.retry(3, b="?", c="?", d="?", e="5")  # and corrects e alone
    assert fates(register.find(3)) == {
        3: ("b", "in the emulator since run 2 with the row key new"),
        4: ("c", "in the emulator as run 2 sent it"),
        5: ("d", "deleted from an earlier rejects file"),
        6: ("e", "sent by run 4"),
    }
    page = " ".join(register.page(3).split())
    others = "1 rejected now but sent earlier, 1 sent earlier with another row key"
    found = f"4 of 5 rows (1 unchanged, 1 sent by run 4, {others})"
    assert f"The emulator accepted {found}. Not accepted: 1 deleted from an earlier rejects file." in page
    assert fates(register.find(4)) == {
        3: ("b", "in the emulator as run 2 sent it with the row key new"),
        4: ("c", "in the emulator as run 2 sent it"),
        5: ("d", "still open"),  # the file had it
    }
    capsys.readouterr()
    main(["report", "4"])
    places = "3 of 4 rows (1 sent by run 4, 2 rejected now but sent earlier). Not accepted: 1 rejected."
    assert f"The emulator accepted {places}" in capsys.readouterr().out


def test_a_report_counts_what_a_retry_of_an_older_file_of_rejects_sent_since(register, capsys):
    rows = {"a": "1", "b": "?", "c": "?", "d": "?", "e": "?"}
    register.submit(**rows)
    register.retry(1, b="2", c="?", d="?", e="?")
    register.submit(**rows)
    register.rename(2, c="c,3", d="new,4", e="e,?")
    assert fates(register.find(3)) == {
        3: ("b", "in the emulator as run 2 sent it"),
        4: ("c", "sent by run 4"),
        5: ("d", "sent by run 4 with the row key new"),
        6: ("e", "still open"),
    }
    said = (
        "The emulator accepted 4 of 5 rows (1 unchanged, 2 sent by run 4, 1 rejected now but sent earlier). "
        "Not accepted: 1 still open."
    )
    assert register.find_places(3).describe() == said
    page = register.page(3, earlier=True)
    named = "<code>opusmap retry mapping.yaml mapping.run-3.rejects.csv</code>"  # run 4 wrote a newer one
    cells = "in mapping.run-3.rejects.csv, correct the cells of the other one. Then run"
    assert f"In register.csv, correct the row that has a record; {cells} {named}" in page
    assert "Finished: 2 rows need attention; 1 of them has a record that an earlier run sent." in page
    assert "2 of the 4 rows that needed attention were sent by run 4; 2 still need it." in page
    capsys.readouterr()
    assert main(["report", "3"]) == 0
    assert "Since then, 2 of the 4 rows that needed attention were sent by run 4" in capsys.readouterr().out
    assert main(["report", "3", "--json"]) == 0
    later = json.loads(capsys.readouterr().out)["later"]
    assert (later["retries"], later["sent"], later["still_open"]) == ([], 2, 2)
    assert register.find_places(1).accepted == register.find_places(3).accepted


def test_the_record_of_a_row_that_got_its_first_key_in_a_rejects_file_is_known(register):
    rows = {"a": "1", "": "2"}
    register.submit(**rows)
    register.rename(1, **{"": "new,2"})
    register.submit(**rows)
    assert fates(register.find(3)) == {3: ("", "in the emulator since run 2 with the row key new")}
    said = "The emulator accepted all 2 rows (1 unchanged, 1 sent earlier with another row key)."
    assert register.find_places(3).describe() == said
