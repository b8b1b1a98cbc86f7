"""The pages are whole and true, load nothing, and show every value as text."""

from __future__ import annotations

import base64
import getpass
import hashlib
import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_steps import begin, finish
from recorded_runs import HOSTILE, record_run
from small_mapping import compiled

from opusmap.diagnostic_pages import summarise
from opusmap.journal import JournalRecord, Run, State, open_journal
from opusmap.output_files import File
from opusmap.records import Filtered
from opusmap.report import Evidence, Reason
from opusmap.report.crosswalk import Crosswalk, Line
from opusmap.report.earlier_runs import History, PastRun, ReturningReason, ReturningRow
from opusmap.report.later_rows import LaterRow, LaterRows
from opusmap.report.later_runs import Later
from opusmap.report.pages import OPEN_ENDS, Related, render_preview, render_run, write_run
from opusmap.report.rejected_rows import Problem, RejectedRow, RejectedRows, TopValues
from opusmap.report.status import Status

MADE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RUN = Run(3, "https://opus.example.com", "c-1", "m.yaml", 1000.0, 1060.0, "done", {"read": 1, "submitted": 1})


class Reader(HTMLParser):
    """Collects what a page is made of: tags with their attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(page)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def page(recorded):
    with open_journal(recorded.journal, write=False) as journal:
        return write_run(journal, journal.runs()[0])


def test_the_totals_are_those_of_the_run_and_add_up(recorded, page):
    text = Reader(page).text
    for name in ("submitted", "filtered", "rejected", "failed"):
        count = getattr(recorded.report, name)
        assert count
        assert re.search(rf"{name.capitalize()} {count} ", text), name
    assert f"Read {recorded.report.read} the sum of the lines above" in text


def test_totals_that_do_not_add_up_are_called_a_bug():
    page = render_run(replace(RUN, counts={"read": 5, "submitted": 1}), Evidence(), [], RejectedRows(), MADE)
    assert "add up to 1. This is a bug in opusmap" in Reader(page).text


def test_the_one_who_signs_knows_of_records_of_earlier_runs():
    crosswalk = Crosswalk(lines=(Line("Name", "leafName", "SingleText", True, ("Title",), (), 3),))
    run = replace(RUN, counts={"read": 3, "submitted": 1, "rejected": 2})
    knows = "I know which rows are not records in Opus yet"
    for older, said in ((0, f"{knows}, and"), (1, f"{knows} or have only the record of an earlier run, and")):
        evidence = Evidence(crosswalk=crosswalk, rejected_in_opus=older)
        assert said in Reader(render_run(run, evidence, [], RejectedRows(), MADE)).text


@pytest.mark.parametrize(
    ("deleted", "known", "said"),
    [
        (25, 25, "The 25 rows that were deleted from the rejects file (rows 2, 3, "),
        (25, 25, "20, 21, and 5 more) are not to become records in Opus, for this reason:"),
        (1, 1, "The row that was deleted from the rejects file (row 2) is not to become a record in Opus,"),
        (1, 0, "The row that was deleted from the rejects file is not to become a record in Opus,"),
    ],
)
def test_the_one_who_signs_gives_the_reason_why_rows_were_deleted_from_the_rejects(deleted, known, said):
    later = Later(30, (4,), 30 - deleted, still_open=deleted, deleted=deleted)
    rows = LaterRows({number: LaterRow(number, "", "deleted") for number in range(2, 2 + known)})
    crosswalk = Crosswalk(lines=(Line("Name", "leafName", "SingleText", True, ("Title",), (), 3),))
    run = replace(RUN, counts={"read": 31, "submitted": 1, "rejected": 30})
    evidence, related = Evidence(crosswalk=crosswalk), Related(later=later, rows=rows)
    text = Reader(render_run(run, evidence, [], RejectedRows(), MADE, related=related)).text
    assert said in text
    assert "I know which rows are not records in Opus yet" not in text
    open_too = replace(related, later=replace(later, sent=0, still_open=30))
    text = Reader(render_run(run, evidence, [], RejectedRows(), MADE, related=open_too)).text
    assert "I know which rows are not records in Opus yet" in text


def test_each_reason_is_shown_with_its_rows(recorded, page):
    text = Reader(page).text
    assert recorded.report.reasons
    for reason in recorded.report.reasons:
        head = f"{reason.count} {reason.column or 'The row'} {reason.code} {summarise(reason.code)}"
        assert re.search(rf"{re.escape(head)}.*? Rows? {reason.rows[0]}\b", text)
        assert f"Row {reason.rows[0]}" in text


def test_each_file_is_shown_with_its_hash(recorded, page):
    text = Reader(page).text
    for path in (
        recorded.rejects,
        *(recorded.rejects.parent / name for name in ("mapping.yaml", "staff.csv")),
    ):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in text
        assert path.name in text


def test_without_rows_no_cell_is_shown(recorded):
    with open_journal(recorded.journal, write=False) as journal:
        page = write_run(journal, journal.runs()[0], rows=False)
    text = Reader(page).text
    assert "Rows were left out" in text
    assert "unknown-choice" in text
    assert "document.title" not in text.replace(HOSTILE, "", 1)  # Opus's own words about a record stay


def test_a_run_that_left_nothing_says_so_everywhere():
    run = replace(RUN, finished=None, ending="", counts={})
    text = Reader(render_run(run, Evidence(), [], RejectedRows(), MADE)).text
    for words in (
        "Not finished",
        "has not counted",
        "has no crosswalk",
        "has no hashes",
    ):
        assert words in text


def test_an_older_runs_rejects_are_not_called_none():
    page = render_run(replace(RUN, counts={"read": 2, "rejected": 2}), Evidence(), [], RejectedRows(), MADE)
    assert "2 rows were rejected. The reasons are not known" in Reader(page).text


def test_open_ends_are_bounded_and_counted(tmp_path):
    from opusmap.journal import Item, Result, Timestamp

    keys = [f"k{number}" for number in range(OPEN_ENDS + 3)]
    with open_journal(tmp_path / "j.db") as journal:
        run = journal.start_run(origin="https://o", connection="c", mapping="m")
        begin(journal, run, [Item(row, key, b"") for row, key in enumerate(keys)], Timestamp(0.0, 0.0))
        finish(journal, run, [Result(key, State.FAILED, "no") for key in keys])
        text = Reader(write_run(journal, run)).text
    assert "3 more are not shown" in text
    assert "k999" in text
    assert "k1000" not in text


ALLOWED = re.compile(
    "html|head|meta|title|style|body|a|header|p|h1|h2|h3|bdi|wbr|dl|div|dt|dd|nav|ul|ol|li|main|section|svg|rect|"
    "line|text|table|caption|thead|tbody|tfoot|tr|th|td|span|strong|figure|figcaption|details|summary|"
    "article|code|br|footer|time"
)
ANYTHING = st.text(max_size=30) | st.sampled_from([HOSTILE, '" onclick="x', "{{ 7*7 }}", "\ud800", "\0"])


@given(ANYTHING)
def test_whatever_a_value_is_it_stays_text(value):
    line = Line(value, value, value, required=True, sources=(value,), rules=(value, value), line=1)
    evidence = Evidence(
        version=value,
        person=value,
        source=value,
        files=(File(value, value, 1, value),),
        crosswalk=Crosswalk((line,), (value,), (value,), (value,), (value,)),
        reasons=(Reason(value, value, 1, (7,), ""),),
        timeline={"step": 1.0, "spans": [[1, 0, 1, 0.5, 0.5]]},
        seconds=1.0,
    )
    run = replace(RUN, mapping=value, origin=value, connection=value, ending=value)
    row = RejectedRow(7, value, (Problem(value, value),), {value: value}, frozenset([value]))
    rows = RejectedRows({7: row}, value, {(value, value): TopValues(((value, 1),))})
    ends = [JournalRecord(3, 1, value, b"", State.FAILED, value)]
    past = PastRun(run, Status("bad", value), 1)
    returning = ReturningReason(value, value, (1, None))
    history = History((past, past), (returning,), rows=(ReturningRow(value, value, (1, 3)),))
    tame = Reader(render_run(run, evidence, ends, rows, MADE, related=Related(history=history))).tags
    mapper = compiled("Line: A")
    rows = [({value: value}, mapper.map_row({"Key": "k", "A": cell})) for cell in ("x", value)]
    tame += Reader(render_preview(mapper, value, rows, MADE)).tags
    for tag, attributes in tame:
        assert ALLOWED.fullmatch(tag)
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "style")]
        assert attributes.get("href", "#").startswith("#")


def test_what_can_not_be_seen_is_written_out(page):
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert r"=1+1 \u202e evil \x1b[31m" in Reader(page).text
    persian = "\u0645\u06cc\u200c\u0631\u0648\u0645"
    assert persian in render_run(replace(RUN, mapping=persian), Evidence(), [], RejectedRows(), MADE)


def test_the_policy_allows_the_pages_own_style_and_nothing_else(page):
    (policy,) = [
        attributes["content"]
        for _, attributes in Reader(page).tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    (style,) = re.findall(r"(?s)<style>(.*?)</style>", page)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_a_preview_shows_what_becomes_of_each_row():
    mapper = compiled("Line: A\nNumber: B")
    rows = [
        ({"Key": "k", "A": "x", "B": ""}, mapper.map_row({"Key": "k", "A": "x", "B": ""}, 2)),
        ({"Key": "l", "B": "much"}, mapper.map_row({"Key": "l", "A": None, "B": "much"}, 3)),
        ({"Key": "m"}, Filtered(4)),
    ]
    text = Reader(render_preview(mapper, "rows.csv", rows, MADE)).text
    assert "Row 2 becomes record k" in text
    assert "Column in Opus Value Row key k Line x Number Row 3" in text  # the style says: empty
    assert "Row 3 is rejected" in text
    assert "Number bad-number" in text
    assert "Row 4 is filtered" in text
    assert "The source has no rows" in Reader(render_preview(mapper, "rows.csv", [], MADE)).text


def test_a_preview_marks_the_wrong_cell_and_names_options():
    mapper = compiled("Choice: A\nNumber: B\nLine: [C, D]")
    wrong = {"Key": "l", "A": "Red", "B": "much", "C": "x", "D": "a\nb"}
    cells = [{"Key": "k", "A": "Green", "B": "1", "C": "x", "D": "y"}, wrong]
    rows = [(each, mapper.map_row(each, number)) for number, each in enumerate(cells, 2)]
    text = Reader(render_preview(mapper, "rows.csv", rows, MADE)).text
    assert "2 rows: 1 becomes a record, 1 is rejected." in text
    assert "Choice 2 · Green" in text
    assert "B wrong much" in text
    assert "C check x D check a b" in text
    assert "A Red" in text


def test_a_preview_marks_the_empty_cell_of_a_template_alone():
    mapper = compiled('Line: "{{ A }} of {{ row[\'B\'] }}"\nText: "{{ C | trim }} {{ D }}"')
    cells = [
        {"Key": "k", "A": "x", "B": None, "C": "x", "D": "y"},
        {"Key": "l", "A": None, "B": None, "C": "x", "D": "y"},
        {"Key": "m", "A": "x", "B": "y", "C": "x", "D": None},  # a step might have made x empty
    ]
    rows = [(each, mapper.map_row(each, number)) for number, each in enumerate(cells, 2)]
    first, second, third = Reader(render_preview(mapper, "rows.csv", rows, MADE)).text.split("is rejected")[
        1:
    ]
    assert "A x B wrong" in first
    assert "A wrong B wrong" in second
    assert "C check x D check" in third


def test_a_preview_of_a_value_that_was_left_out_tells_that_alone():
    mapper = compiled("Number: {from: A, on_error: omit}")
    row = {"Key": "k", "A": "much"}
    page = render_preview(mapper, "rows.csv", [(row, mapper.map_row(row, 2))], MADE)
    assert "Number (replaced)" in Reader(page).text
    assert "<bdi>Number</bdi></th>" not in page


def test_a_preview_marks_spaces_that_would_not_be_seen_and_leaves_them_to_be_copied():
    mapper = compiled("Line: A")
    row = {"Key": "k", "A": " x  y\u00a0\t", "B": "x y"}
    page = render_preview(mapper, "rows.csv", [(row, mapper.map_row(row, 2))], MADE)
    (cell,) = re.findall(r'A</bdi></th><td class="value"><bdi>(.*?)</bdi>', page)
    assert re.findall(r'title="(.+?)"', cell) == ["space", "space", "space", "no-break space", "tab"]
    assert re.sub("<.*?>", "", cell) == row["A"]
    assert "<bdi>x y</bdi>" in page


def test_a_preview_leads_to_each_rejected_row():
    mapper = compiled("Number: A")
    rows = [{"Key": key, "A": cell} for key, cell in (("k", "1"), ("l", "much"), ("m", "more"))]
    page = render_preview(
        mapper, "rows.csv", [(row, mapper.map_row(row, number)) for number, row in enumerate(rows, 12)], MADE
    )
    links = re.findall(r'<a href="#(row-\d+)">(row \d+)</a>', page)
    assert [text for _, text in links] == ["row 13", "row 14"]
    for target, text in links:
        assert f'<h2 id="{target}">{text.capitalize()} ' in page
    assert "Rejected:" not in render_preview(
        mapper, "rows.csv", [(rows[0], mapper.map_row(rows[0], 12))], MADE
    )


def test_a_preview_shows_what_is_right_of_a_rejected_row():
    mapper = compiled("Choice: A\nNumber: B\nLine: C")
    row = {"Key": "l", "A": "Green", "B": "much", "C": "x"}
    text = Reader(render_preview(mapper, "rows.csv", [(row, mapper.map_row(row, 2))], MADE)).text
    problems, right = text.split("What is right of it")
    assert "Number bad-number" in problems
    assert "Choice 2 · Green" in right
    assert "Line x" in right
    assert "Number" not in right.partition("What the codes mean")[0]


def list_targets(page):
    """Return the places in a page that links of codes lead to, and those that there are."""
    tags = Reader(page).tags
    links = {attributes.get("href", "") for tag, attributes in tags if tag == "a"}
    ids = {attributes["id"] for _, attributes in tags if "id" in attributes}
    return {link[1:] for link in links if link.startswith("#code-")}, {
        name for name in ids if name.startswith("code-")
    }


def test_each_code_of_a_preview_leads_to_what_it_means():
    mapper = compiled("Choice: A\nNumber: B")
    row = {"Key": "l", "A": "Mauve", "B": "much", "C": "", "D": ""}
    page = render_preview(mapper, "rows.csv", [(row, mapper.map_row(row, 2))], MADE)
    linked, there = list_targets(page)
    assert linked == there == {"code-bad-number", "code-unknown-choice"}
    assert f"bad-number {summarise('bad-number')}" in Reader(page).text


def test_each_code_of_earlier_runs_leads_to_what_it_means(tmp_path):
    record_run(tmp_path, 60)
    second = record_run(tmp_path, 90)
    with open_journal(second.journal, write=False) as journal:
        page = write_run(journal, journal.runs()[0], earlier=True)
    linked, there = list_targets(page)
    assert linked
    assert linked == there


def test_pages_lead_to_the_documentation_once_it_has_an_address(recorded, monkeypatch):
    address = "https://docs.example/docs/diagnostics/unknown-choice.html"
    with open_journal(recorded.journal, write=False) as journal:
        assert address not in write_run(journal, journal.runs()[0])
        monkeypatch.setattr("opusmap.diagnostic_pages.DOCUMENTATION", "https://docs.example/")
        assert f'<a href="{address}">' in write_run(journal, journal.runs()[0])


def test_the_status_and_what_needs_a_person_stand_before_all_else(recorded, page):
    text = Reader(page).text
    count = recorded.report.rejected + recorded.report.failed
    status, needs, totals = (
        text.index(words)
        for words in (
            f"Finished: {count} rows need attention.",
            "What needs your attention",
            "What became of each row",
        )
    )
    assert status < needs < totals
    assert 'class="ending attention"' in page


def test_a_rehearsal_is_marked_and_nothing_is_signed_for():
    evidence = Evidence(crosswalk=Crosswalk((Line("A", "a", "SingleText", False, (), (), 1),)))
    for origin, is_rehearsal in (("http://127.0.0.1:80", True), ("https://opus.example.com", False)):
        page = render_run(replace(RUN, origin=origin), evidence, [], RejectedRows(), MADE)
        assert ('<body class="rehearsal">' in page) == is_rehearsal
        assert ("I sign for the rules, not for records" in Reader(page).text) == is_rehearsal


def test_the_declaration_has_the_hashes(recorded, page):
    declaration = Reader(page).text.partition("Declaration and sign-off")[2]
    for name in ("mapping.yaml", "contracts.csv"):
        assert hashlib.sha256((recorded.rejects.parent / name).read_bytes()).hexdigest() in declaration


def test_the_declaration_accounts_for_each_row():
    counts = {"submitted": 3, "unchanged": 2, "filtered": 1, "rejected": 1, "uncertain": 1, "not_sent": 1}
    evidence = Evidence(crosswalk=Crosswalk((Line("A", "a", "SingleText", False, (), (), 1),)))
    run = replace(RUN, counts={"read": 9, **counts})
    text = Reader(render_run(run, evidence, [], RejectedRows(), MADE)).text
    assert "account for all 9 rows that were read: Opus holds 5, the mapping leaves out 1, " in text
    assert "2 need attention, and 1 was not sent." in text


def test_person_and_the_connections_name_are_shown(page):
    text = Reader(page).text
    assert f"Run by {getpass.getuser()}" in text
    assert "Connection contracts 5b0c4a52" in text


def test_a_timeline_is_shown_only_where_a_chart_has_bars_to_compare():
    def timed(spans):
        return Evidence(timeline={"step": 1.0, "spans": spans}, seconds=1.0)

    quick, slow = timed([[1, 0, 1, 0.5, 0.5]]), timed([[1, 0, 1, 0.5, 0.5], *[[0, 0, 0, 0.0, 0.0]] * 4])
    for evidence, shown in ((slow, True), (quick, False), (Evidence(seconds=1.0), False)):
        page = render_run(RUN, evidence, [], RejectedRows(), MADE)
        assert ('id="timeline"' in page) == ('href="#timeline"' in page) == shown
        assert ("1 request was made." in page) == shown


def test_a_column_that_only_where_reads_is_named_apart_from_what_is_not_used():
    line = Line("A", "A", "SingleText", True, ("A",), ("read as %Y (year)",), 1)
    words = "Source columns used only to leave rows out"
    page = render_run(RUN, Evidence(crosswalk=Crosswalk((line,), filtering=("B",))), [], RejectedRows(), MADE)
    assert f"<dt>{words}</dt><dd><bdi>B</bdi></dd>" in page
    assert "read as %Y (year)" in page
    assert words not in render_run(RUN, Evidence(crosswalk=Crosswalk((line,))), [], RejectedRows(), MADE)
    kept = Evidence(crosswalk=Crosswalk((line,), filtering=("B",)))
    assert Evidence.read(json.loads(json.dumps(kept.as_json()))) == kept


def test_a_path_is_shown_from_the_mappings_folder_and_whole_in_its_title():
    files = tuple(File(role, f"/data/port/{role}.csv", 1, "0" * 64) for role in ("source", "rejects"))
    crosswalk = Crosswalk((Line("A", "A", "SingleText", True, ("A",), (), 1),))
    run = replace(RUN, mapping="/data/port/mapping.yaml")
    page = render_run(run, Evidence(files=files, crosswalk=crosswalk), [], RejectedRows(), MADE)
    assert '<dd title="/data/port/mapping.yaml"><bdi>mapping.yaml</bdi></dd>' in page
    assert '<bdi title="/data/port/source.csv">source.csv</bdi>' in page
    assert '<bdi title="/data/port/rejects.csv">rejects.csv</bdi>' in page
    rejects = File("rejects", "/data/port/mapping.run-1.rejects.csv", 1, "0" * 64)
    page = render_run(
        replace(RUN, mapping="mapping.yaml"), Evidence(files=(rejects,)), [], RejectedRows(), MADE
    )
    assert f'<bdi title="{rejects.path}">mapping.run-1.rejects.csv</bdi>' in page


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone can't be set there")
@pytest.mark.parametrize(
    ("zone", "local"),
    [
        ("Australia/Sydney", "1970-01-01 10:16:40 (UTC+10:00)"),
        ("UTC", None),
        ("Asia/Kolkata", "1970-01-01 05:46:40 (UTC+05:30)"),
    ],
)
def test_local_time_stands_beside_utc(zone, local, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        text = Reader(render_run(RUN, Evidence(), [], RejectedRows(), MADE)).text
    time.tzset()
    utc = "1970-01-01 00:16:40 UTC"
    assert f"Started {local} {utc}" in text if local else f"Started {utc}" in text


@given(ANYTHING)
def test_the_foot_of_a_printed_sheet_is_text_whatever_the_mappings_name_is(value):
    page = render_run(replace(RUN, mapping=value), Evidence(), [], RejectedRows(), MADE)
    (style,) = re.findall(r"(?s)<style>(.*?)</style>", page)
    (foot,) = re.findall(r'@page \{ @bottom-left \{ content: "(.*)"; \} \}$', style.rstrip("\n"))
    assert re.fullmatch(r"([A-Za-z0-9]|\\[0-9a-f]+ )*", foot)
    shown = re.sub(r"\\([0-9a-f]+) ", lambda found: chr(int(found[1], 16)), foot)
    assert shown == f"Run 3 of {PurePath(value).name}"


def test_the_style_carries_a_nonce_only_where_one_is_given():
    plain = render_run(RUN, Evidence(), [], RejectedRows(), MADE)
    with_nonce = render_run(RUN, Evidence(), [], RejectedRows(), MADE, nonce="n0nce")
    assert with_nonce.replace(' nonce="n0nce"', "", 1) == plain
    assert '<style nonce="n0nce">' in with_nonce
    assert "nonce" not in plain
