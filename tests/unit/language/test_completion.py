"""What is offered at a position, and that what it writes is what was meant."""

from __future__ import annotations

import csv
import json
from string import ascii_letters

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from opusmap import edits
from opusmap.language import LanguageService, Position
from opusmap.language.completion import Kind
from opusmap.language.positions import apply


@pytest.fixture
def offered(asked, start):
    """Return what is offered at the mark in a text that goes on behind `START`, by label."""

    def offer(more, *, before=start):
        service, position = asked(before + more)
        return {one.label: one for one in service.complete(position)}

    return offer


@pytest.mark.parametrize(
    ("more", "labels", "kind"),
    [
        ("‸", {"conflict", "timezone", "where"}, Kind.KEY),
        ("  ‸", {"Line", "When", "Classification"}, Kind.TARGET),
        ("  Li‸", {"Line", "When"}, Kind.TARGET),
        ("  Line: ‸", {"Title", "Doc No"}, Kind.SOURCE),
        ("  Line: ‸", {"title"}, Kind.VARIABLE),
        ("  Line: [Title, ‸]", {"Title", "Doc No"}, Kind.SOURCE),
        ("  Line: {from: ‸}", {"Title", "Doc No"}, Kind.SOURCE),
        ("  Line: {from: [Title, ‸", {"Doc No"}, Kind.SOURCE),
        ("  Line: {from: {first_of: [‸]}}", {"Doc No"}, Kind.SOURCE),
        ("  Line: [{first_of: [Title, ‸]}]", {"Doc No"}, Kind.SOURCE),
        ("  Line:\n    from: Title\n    ‸", {"convert", "default", "on_error"}, Kind.KEY),
        ("  Line: {from: Title, ‸", {"convert", "default", "on_error"}, Kind.KEY),
        ("  Line: {from: Title, on_error: ‸", {"omit", "reject", "default"}, Kind.VALUE),
        ("  Line: {from: Title, required: ‸", {"true", "false"}, Kind.VALUE),
        ("  Line: {from: Title, lookup: ‸", {"colours"}, Kind.TABLE),
        ("  Line: {from: Title, convert: ‸", {"trim", "truncate"}, Kind.CONVERTER),
        ("  Line: {from: Title, convert: [trim, ‸", {"trim", "truncate"}, Kind.CONVERTER),
        ("  Line: {from: Title, convert: {‸", {"truncate"}, Kind.CONVERTER),
        ("  Line: {from: Title, convert: {truncate: {‸", {"length"}, Kind.KEY),
        ("  When: {from: Signed, format: ‸", {"%d/%m/%Y"}, Kind.FORMAT),
        ("  When: {from: Seen, format: ‸", {"%d/%m/%Y", "%m/%d/%Y"}, Kind.FORMAT),
        ("  When: {from: Signed, format: [‸]", {"%d/%m/%Y"}, Kind.FORMAT),
        ("  Choice: {from: Kind, default: ‸", {"Red", "Green", "Blue"}, Kind.OPTION),
        ('  Line: "{{ ‸', {"Title", "Doc No"}, Kind.SOURCE),
        ('  Line: "{{ ti‸ }}"', {"title"}, Kind.VARIABLE),
        ('  Line: "{{ ‸', {"colours"}, Kind.TABLE),
        ('  Line: "{{ Title | ‸', {"trim", "truncate"}, Kind.CONVERTER),
        ('  Line: "{{ Title | tr‸ }} and so on"', {"trim", "truncate"}, Kind.CONVERTER),
        ("  Line: '{{ row[\"‸'", {"Doc No"}, Kind.SOURCE),
        ('  When: "{{ Signed | datetime(\'‸"', {"%d/%m/%Y"}, Kind.FORMAT),
        ('  Line: "{{ 1 if Title is ‸', {"none"}, Kind.VALUE),
        ("  Line: |\n    {{ ‸\n", {"Title"}, Kind.SOURCE),
        ("timezone: ‸", {"Europe/London", "UTC"}, Kind.VALUE),
        ("conflict: ‸", {"overwrite", "skip"}, Kind.VALUE),
        ("columns: {‸", {"Line", "Row key"}, Kind.TARGET),
        ("columns: {Line: {type: ‸", {"SingleText", "Number"}, Kind.VALUE),
        ("include: [‸", {"more.yaml", "inner/more.yml"}, Kind.FILE),
        ("tests:\n  - ‸", {"row", "expect", "reject"}, Kind.KEY),
        ("tests:\n  - row: {‸", {"Title", "Doc No"}, Kind.SOURCE),
        ("tests:\n  - expect: {‸", {"Line", "When"}, Kind.TARGET),
    ],
)
def test_what_fits_is_offered(offered, folder, more, labels, kind):
    (folder / "more.yaml").touch()
    (folder / "inner").mkdir()
    (folder / "inner" / "more.yml").touch()
    found = offered(more)
    assert labels <= set(found)
    assert {found[label].kind for label in labels} == {kind}


@pytest.mark.parametrize(
    ("more", "label"),
    [("  ‸", "Row key"), ("  Line: {from: Title, ‸", "from"), ("‸", "fields"), ("# ‸", "conflict")],
)
def test_what_is_there_already_or_a_comment_gets_no_offer(offered, more, label):
    assert label not in offered(more)


def test_options_and_unknown_values_are_offered_to_aliases(offered, start):
    lists = "choices: {Choice: {options: [Red, Green], aliases: {‸}}, Choices: [Red, Green, Blue]}"
    before, after = start.split("choices: {Choice: [Red, Green, Blue], Choices: [Red, Green, Blue]}")
    fields = "  Choice: Kind\n  Choices: {from: Tags, split: ;}\n"
    found = offered(fields, before=before + lists + after)
    assert {label: one.detail for label, one in found.items()} == {
        "Rad": "not an option, 2 times in the sample"
    }
    found = offered(fields, before=before + lists.replace("‸", "Rad: ‸") + after)
    assert {"Red", "Green"} <= set(found)
    lists = "choices: {Choice: [Red], Choices: {options: [Red, Green], aliases: {‸}}}"
    assert list(offered(fields, before=before + lists + after)) == ["blu"]


def test_columns_are_described(offered):
    found = offered("  ‸")
    assert found["Line"].detail == "SingleText"
    assert "Internal name: `_Line`" in found["Line"].documentation
    found = offered("  Line: ‸")
    assert found["Title"].detail == "66 % filled, such as One"
    assert (
        "2 of the first 3 rows have a value (66 %)\n\nSamples: `One`, `Two`" in found["Title"].documentation
    )


def test_a_day_that_may_be_a_month_is_told(offered):
    found = offered("  When: {from: Seen, format: ‸")
    assert found["%d/%m/%Y"].detail == "fits 2 of 2 values, and so does %m/%d/%Y"


def test_a_text_that_never_could_be_read_still_has_its_connection_and_source(folder, start):
    service = LanguageService(folder / "mapping.yaml")
    broken = start + '  Line: {from: "Ti'
    service.update(broken)
    line = broken.count("\n")
    labels = {one.label for one in service.complete(Position(line, len("  Line: {from: ")))}
    assert {"Title", "Doc No"} <= labels
    service.update(broken + "\n  ")
    assert "When" in {one.label for one in service.complete(Position(line + 1, 2))}


NAMES = st.text(st.sampled_from(ascii_letters + " '\"{}[]#:,.|%\\&*!-Ä🎉"), min_size=1, max_size=8).filter(
    lambda name: (
        name.strip() == name and name not in ("Key", "row", "title", "TODO") and not name.startswith("row.")
    )
)


@given(name=NAMES, style=st.sampled_from(["‸", '"‸"', "'‸'", "{from: ‸}", "[Key, ‸]"]))
@example(name="{%", style="‸")
@example(name="a{{ b }}", style="'‸'")
@example(name="{%", style="[Key, ‸]")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_an_offered_column_is_written_as_yaml_reads_it(folder, name, style):
    _check_written(folder, name, f"  Line: {style}\n")


@pytest.mark.parametrize("style", ["‸", '"‸"', "'‸'"])
def test_an_offered_column_that_looks_like_a_template_is_written_as_the_edits_write_it(folder, style):
    name = "{% Kind %}"
    (folder / "rows.csv").write_text(f"Key,{name}\nk1,x\n")
    before = "opusmap: 1\nconnection: c.json\nsource: {path: rows.csv}\nfields:\n  rowKey: Key\n"
    service, text = LanguageService(folder / "mapping.yaml"), f"{before}  Line: {style}\n"
    service.update(text.replace("‸", ""))
    position = Position(before.count("\n"), len("  Line: ") + style.index("‸"))
    (found,) = [one for one in service.complete(position) if one.label == name]
    bound = edits.apply(f"{before}  Line: x\n", edits.Bind("Line", edits.FromColumn(name)))
    assert apply(service.text, (found.edit,)) == bound.text


@given(
    name=NAMES.filter(lambda name: name.isprintable()),
    style=st.sampled_from(['"{{ ‸ }}"', "'{{ ‸ | trim }}'", "|-\n    {{ ‸ }}", "{value: '{{ x‸ }}'}"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_an_offered_column_is_written_as_an_expression_reads_it(folder, name, style):
    _check_written(folder, name, f"  Line: {style}\n")


def _check_written(folder, name, more):
    """Check that the column offered at the mark, once written, is the column that is read."""
    with (folder / "odd.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["Key", name], ["k", "the value"]])
    start = (
        "opusmap: 1\nconnection: c.json\nsource: {path: odd.csv, delimiter: ','}\nfields:\n  rowKey: Key\n"
    )
    service = LanguageService(folder / "mapping.yaml")
    marked = start + more
    at = marked.index("‸")
    text = marked.replace("‸", "")
    service.update(text)
    found = next(one for one in service.complete(_position(marked, at)) if one.label == name)
    service.update(apply(text, (found.edit,)))
    assert [one for one in service.problems if one.severity == "error"] == []
    work = service._analysis.work
    assert "the value" in json.dumps(work.mapper.map_row({"Key": "k", name: "the value"}).values)


def _position(text, at):
    return Position(text.count("\n", 0, at), at - text.rfind("\n", 0, at) - 1)


@given(offset=st.integers(0, 400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_any_position_is_answered_in_time(folder, start, offset):
    service = LanguageService(folder / "mapping.yaml")
    text = start[:offset]
    service.update(text)
    for one in service.complete(_position(text, len(text))):
        assert one.edit.start <= _position(text, len(text)) <= one.edit.end
        assert one.edit.start.line == one.edit.end.line
