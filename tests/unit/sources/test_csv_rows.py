"""CSV: what is read, what is rejected, and what stops the reading, each with its row."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.sources import open_source
from opusmap.sources.csv_rows import FIELD_LIMIT, propose_delimiter
from opusmap.sources.header import FIND, number_names
from opusmap.sources.text_io import BLOCK_SIZE, LINE_LIMIT


def read(content: str | bytes, **options: Any) -> list[tuple[int, Any]]:
    """Row number with the values, or with the code of the reject."""
    stream = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    with open_source(stream, format="csv", **options) as source:
        return [
            (item.number, dict(item.values)) if isinstance(item, Row) else (item.row, item.problems[0].code)
            for item in source.rows()
        ]


def refusal(content: str | bytes, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(content, **options)
    return caught.value


def test_the_first_row_of_data_is_row_2_and_cells_stay_texts() -> None:
    assert read("a,b\n007,\n x ,1.0\n") == [(2, {"a": "007", "b": ""}), (3, {"a": " x ", "b": "1.0"})]


def test_a_quoted_cell_with_line_breaks_is_one_row() -> None:
    assert read('a,b\n1,"x\ny\r\nz"\n2,w\n') == [
        (2, {"a": "1", "b": "x\ny\r\nz"}),
        (3, {"a": "2", "b": "w"}),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_read(end: str) -> None:
    assert [number for number, _ in read(end.join(["a,b", "1,2", "", "3,4", ""]))] == [2, 4]


def test_a_blank_line_is_no_row_but_is_counted() -> None:
    assert [number for number, _ in read("a,b\n1,2\n\n  \n3,4\n,\n")] == [2, 5, 6]


def test_a_row_of_another_width_is_rejected_and_keeps_what_is_known() -> None:
    with open_source(io.StringIO("a,b\n1\n1,2,3\n4,5\n"), format="csv") as source:
        short, long, good = source.rows()
    assert isinstance(short, Reject)
    assert isinstance(long, Reject)
    assert (short.row, short.problems[0].code, short.values) == (2, "ragged-row", {"a": "1"})
    assert (long.row, long.problems[0].code, long.values) == (3, "ragged-row", {"a": "1", "b": "2"})
    assert good == Row(4, {"a": "4", "b": "5"})


@pytest.mark.parametrize("length", [131_073, FIELD_LIMIT])
def test_a_cell_up_to_the_limit_is_read(length: int) -> None:
    assert read(f"a\n{'x' * length}\n") == [(2, {"a": "x" * length})]


LONG = "x" * (FIELD_LIMIT + 1)
MANY_LINES = "line\n" * (FIELD_LIMIT // 4)


@pytest.mark.parametrize(
    "cell",
    [LONG, f'"{LONG}"', f'"{LONG}\n{LONG}"', f'"x\n{LONG}\n{LONG}\n,""y""\n"', f'"{MANY_LINES}"'],
    ids=["plain", "quoted", "then-lines", "lines-first", "many-lines"],
)
def test_a_cell_beyond_the_limit_is_rejected_and_the_next_row_is_read(cell: str) -> None:
    assert read(f"a,b\n1,{cell}\n2,y\n") == [(2, "field-too-long"), (3, {"a": "2", "b": "y"})]


def test_a_larger_limit_of_the_host_program_stays() -> None:
    before = csv.field_size_limit(FIELD_LIMIT * 2)
    try:
        read("a\n1\n")
        assert csv.field_size_limit() == FIELD_LIMIT * 2
    finally:
        csv.field_size_limit(before)


@pytest.mark.parametrize(
    "content",
    [
        'a,b\n1,2\n3,"open\n4,5\n',
        'a,b\n1,2\n3,"open\n4,"x"\n',
        'a,b\n1,2\n3,"open',
        'a,b\n1,2\n3,"open\n' + "4,5\n" * (FIELD_LIMIT // 3),
        'a,b\n1,2\n3,"open\n' + "4,5\n" * (FIELD_LIMIT // 3) + '6,"x"\n',
    ],
    ids=["to-the-end", "to-the-next-quote", "at-the-end", "past-the-limit", "past-the-limit-to-a-quote"],
)
def test_an_unclosed_quote_stops_at_the_row_where_it_opened(content: str) -> None:
    error = refusal(content)
    assert (error.code, error.row) == ("unclosed-quote", 3)
    assert error.help


@pytest.mark.parametrize("cell", ['"x"y', '"5" pipe"', '"a"b,"c"d', '"a" '])
def test_a_quote_in_the_wrong_place_of_one_line_rejects_that_row_only(cell: str) -> None:
    assert read(f"a,b\n1,{cell}\n2,z\n") == [(2, "quote-syntax"), (3, {"a": "2", "b": "z"})]


def test_a_quote_in_the_wrong_place_before_one_that_stays_open_stops() -> None:
    error = refusal('a,b\n1,"x"y,"open\n2,z\n')
    assert (error.code, error.row) == ("unclosed-quote", 2)


def test_quotes_mean_nothing_when_the_mapping_says_so() -> None:
    assert read('a,b\n1,5" pipe\n2,"x\n', quote="") == [
        (2, {"a": "1", "b": '5" pipe'}),
        (3, {"a": "2", "b": '"x'}),
    ]


def test_another_quote_character_is_read() -> None:
    assert read("a,b\n1,'x,y'\n", quote="'") == [(2, {"a": "1", "b": "x,y"})]


def test_a_nul_byte_rejects_its_row_only() -> None:
    assert read("a,b\n1,x\0y\n2,z\n") == [(2, "nul-byte"), (3, {"a": "2", "b": "z"})]


@pytest.mark.parametrize(
    ("header", "code", "named"),
    [
        ("a,b,a\n", "duplicate-header", '"a"'),
        ("a,,a,\n", "duplicate-header", "`headers: number`"),
        ("a,a,b,b,b\n", "duplicate-header", "`columns: [Column 1, Column 2,"),
        ("", "no-header", "empty"),
        (",,\n1,2,3\n", "no-header", "blank"),
        ("a\0,b\n", "nul-byte", "NUL"),
        ('"a,b\n1,2\n', "unclosed-quote", "row"),
        (f"a,{LONG}\n", "field-too-long", "longer"),
    ],
)
def test_an_unusable_header_stops_with_the_columns_named(header: str, code: str, named: str) -> None:
    error = refusal(header)
    assert error.code == code
    assert named in error.describe()


def test_the_header_may_stand_further_down() -> None:
    assert read('Report "of" x\n"odd"y\na,b\n1,2\n', header_row=3) == [(4, {"a": "1", "b": "2"})]
    assert refusal("a,b\n", header_row=3).code == "no-header"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_with_its_byte_order_mark_needs_no_words(encoding: str) -> None:
    assert read("Näme,b\nŁódź,😀\n".encode(encoding)) == [(2, {"Näme": "Łódź", "b": "😀"})]


def test_a_byte_order_mark_is_trusted_over_the_mapping() -> None:
    assert read("ä,b\n1,2\n".encode("utf-16"), encoding="cp1252") == [(2, {"ä": "1", "b": "2"})]


def test_a_stated_encoding_is_for_what_is_not_utf_8() -> None:
    assert read("a\ncafé".encode("cp1252"), encoding="cp1252") == [(2, {"a": "café"})]
    assert read("a\ncafé".encode(), encoding="cp1252") == [(2, {"a": "café"})]


def test_a_stated_encoding_holds_however_late_the_first_odd_byte_comes() -> None:
    content = ("a\n" + "plain\n" * BLOCK_SIZE + "café\n").encode("cp1252")
    assert read(content, encoding="cp1252")[-1][1] == {"a": "café"}


def test_utf_16_without_a_mark_is_read_when_stated() -> None:
    content = "a,b\n1,é\n".encode("utf-16-le")
    assert read(content, encoding="utf-16-le") == [(2, {"a": "1", "b": "é"})]
    assert "utf-16-le" in refusal(content.replace(b"\xe9", b"e")).help


def test_utf_16_without_a_mark_must_say_its_byte_order() -> None:
    assert "utf-16-le" in refusal("a,b\n1,é\n".encode("utf-16-le"), encoding="utf-16").help


@pytest.mark.parametrize("rows_before", [0, 3, 200_000])
def test_a_bad_byte_is_named_with_offset_and_row_after_the_rows_before_it(rows_before: int) -> None:
    start = b"a,b\n" + b"1,\xc3\xa9\n" * rows_before + b"2,x"
    rows: list[Row | Reject] = []
    with open_source(io.BytesIO(start + b"\xe9\n3,4\n"), format="csv") as source:
        with pytest.raises(SourceError) as caught:
            rows.extend(source.rows())
        assert len(rows) == rows_before
    assert (caught.value.code, caught.value.row) == ("encoding", rows_before + 2)
    assert f"offset {len(start)} " in caught.value.problem
    assert "cp1252" in caught.value.help


def test_a_character_cut_off_at_the_end_is_a_bad_byte() -> None:
    error = refusal(b"a\nx\xc3")
    assert (error.code, error.row) == ("encoding", 2)


@pytest.mark.parametrize("encoding", ["no-such", "zlib", "rot13"])
def test_an_encoding_that_is_none_is_refused(encoding: str) -> None:
    assert refusal("a\n", encoding=encoding).code == "unknown-encoding"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_of_equal_widths_and_the_choice_is_told(delimiter: str) -> None:
    lines = [["Name", "Sum", "Note"], ["a", "1", "x, y; z"], ["b", "2", '"q | r"'], ["c", "3", "t"]]
    content = io.StringIO()
    csv.writer(content, delimiter=delimiter).writerows(lines)
    with open_source(io.StringIO(content.getvalue()), format="csv") as source:
        assert source.columns == ("Name", "Sum", "Note")
        assert len(source.notes) == 1
        assert [list(row.values.values()) for row in source.rows()] == lines[1:]


def test_decimal_commas_do_not_make_the_comma_a_delimiter() -> None:
    assert read("a;b\n1,5;2,5\n3,5;4,5\n")[0] == (2, {"a": "1,5", "b": "2,5"})


@pytest.mark.parametrize("header_row", [None, FIND, 1])
@pytest.mark.parametrize("owners", ["a@x; b@x", "a@x;b@x;c@x"])
@pytest.mark.parametrize("each", [1, 3])
def test_a_header_with_one_delimiter_alone_decides_whatever_the_cells_have(
    header_row: int | None, owners: str, each: int
) -> None:
    rows = [f"BA-{at};{owners if at % each == 0 else 'a@x'};1,50;High St {at}" for at in range(30)]
    sample = "\n".join(["Permit;Owners;Fee;Street", *rows, ""])
    assert propose_delimiter(sample, None, header_row) == ";"


def test_a_title_with_commas_does_not_decide_on_the_delimiter() -> None:
    rows = [f"BA-{at};a@x;1,50" for at in range(30)]
    sample = "\n".join(["Permits, Building Control, 2024", "Permit;Owners;Fee", *rows, ""])
    assert propose_delimiter(sample, None, FIND) == ";"


def test_a_single_column_is_read_whole() -> None:
    assert read('a\nx\n\n"y, z"\n') == [(2, {"a": "x"}), (4, {"a": "y, z"})]


@pytest.mark.parametrize(("other", "shown"), [(",", '","'), ("\t", r'"\t"')])
def test_a_delimiter_that_the_header_lacks_is_refused_where_another_is_in_it(other: str, shown: str) -> None:
    error = refusal(f"a{other}b\n1{other}2\n", delimiter=";")
    assert (error.code, error.row) == ("wrong-option", 1)
    assert f"write `delimiter: {shown}` under" in error.help
    assert read("a\n1,5\n", delimiter=";") == [(2, {"a": "1,5"})]


@pytest.mark.parametrize(
    ("content", "format"),
    [
        ('{"type": "SCHEMA", "stream": "a", "schema": {}}\n{"type": "RECORD"}\n', "singer"),
        ('{"a": 1}\n{"a": 2}\n', "jsonl"),
        ('{\n  "a": [{"b": 2}]\n}\n', "json"),
        ('[{"a": 1},\n{"a": 2}]\n', "json"),
    ],
)
def test_json_is_not_taken_for_a_header(content: str, format: str) -> None:
    error = refusal(content)
    assert error.code == "no-header"
    assert f"write `format: {format}` under `source:`" in error.help


def test_a_stated_delimiter_is_not_doubted_where_the_header_row_is_stated() -> None:
    content = io.StringIO("a;b\n1;2\n")
    with open_source(content, format="csv", delimiter=",", header_row=1) as source:
        assert source.columns == ("a;b",)
        assert source.notes == ()


@pytest.mark.parametrize(
    "options", [{"delimiter": ";;"}, {"delimiter": "\n"}, {"quote": "xx"}, {"header_row": 0}]
)
def test_an_option_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    assert refusal("a\n", **options).code == "wrong-option"


def test_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    error = refusal("a\n1\n" + "x" * (LINE_LIMIT + BLOCK_SIZE * 2))
    assert (error.code, error.row) == ("line-too-long", 3)


def test_a_tsv_file_is_cut_at_tabs_only(tmp_path: Path) -> None:
    path = tmp_path / "x.TSV"
    path.write_text("a,b\tc\n1,2\t3\n")
    with open_source(path) as source:
        assert [row.values for row in source.rows()] == [{"a,b": "1,2", "c": "3"}]


def test_a_file_without_a_header_has_the_columns_that_are_given() -> None:
    with open_source(
        io.StringIO("1,x\n2,y,\n3,z\n"), format="csv", columns=("k", "v"), delimiter=","
    ) as source:
        assert source.columns == ("k", "v")
        first, bad, last = source.rows()
    assert (first, last) == (Row(1, {"k": "1", "v": "x"}), Row(3, {"k": "3", "v": "z"}))
    assert isinstance(bad, Reject)
    assert (bad.row, bad.problems[0].code) == (2, "ragged-row")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"columns": ("a", "a")}, "duplicate-header"),
        ({"columns": ("a", " ")}, "empty-header"),
        ({"columns": ("a", "b", "c"), "header_row": 1}, "wrong-option"),
        ({"columns": ("a", "b"), "headers": "number"}, "wrong-option"),
        ({"headers": "skip"}, "wrong-option"),
    ],
)
def test_given_columns_must_be_told_apart_and_fit_the_header(options: dict[str, Any], code: str) -> None:
    assert refusal("x,y\n1,2\n", **options).code == code


def notes_of(content: str, **options: Any) -> tuple[str, ...]:
    with open_source(io.StringIO(content), format="csv", delimiter=",", **options) as source:
        return source.notes


def test_columns_without_a_name_are_left_out_with_a_note() -> None:
    assert read("a,b,,c,,\n1,2,,3,,\n4,5,,6,,\n") == [
        (2, {"a": "1", "b": "2", "c": "3"}),
        (3, {"a": "4", "b": "5", "c": "6"}),
    ]
    (note,) = notes_of("a,b,,c,,\n1,2,,3,,\n")
    assert note == "columns 3, 5-6 have no name in row 1 and are left out"
    assert notes_of("a,b\n1,2\n") == ()


def test_a_value_under_no_name_rejects_its_row_only() -> None:
    assert read("a,b,,\n1,2,,\n3,4,,x\n5,6, ,\n") == [
        (2, {"a": "1", "b": "2"}),
        (3, "unnamed-column"),
        (4, {"a": "5", "b": "6"}),
    ]


def test_a_row_may_lack_the_cells_that_have_no_name_but_no_other() -> None:
    assert read("a,b,c,,\n1,2,3\n3,4\n5,6,7,\n7,8,9\n") == [
        (2, {"a": "1", "b": "2", "c": "3"}),
        (3, "ragged-row"),
        (4, "ragged-row"),
        (5, {"a": "7", "b": "8", "c": "9"}),
    ]


def test_a_nul_in_a_column_without_a_name_rejects_its_row() -> None:
    assert read("a,b,\n1,2,\0\n3,4,\n") == [(2, "nul-byte"), (3, {"a": "3", "b": "4"})]


def test_repeated_and_missing_names_are_numbered_when_asked() -> None:
    content = "Id,Variant,Variant,,Variant (2)\n1,a,b,c,d\n"
    values = {"Id": "1", "Variant": "a", "Variant (3)": "b", "Column 4": "c", "Variant (2)": "d"}
    assert read(content, headers="number") == [(2, values)]
    assert notes_of(content, headers="number") == ()


@given(st.lists(st.sampled_from(["a", "b", "", " ", "a (2)", "Column 2", "Column 2 (2)"]), min_size=1))
def test_numbered_names_are_unlike_and_a_name_of_its_own_stays(cells: list[str]) -> None:
    names = number_names(cells)
    assert len(set(names)) == len(names) == len(cells)
    for at, cell in enumerate(cells):
        if cell.strip() and cells.index(cell) == at:
            assert names[at] == cell


@pytest.mark.parametrize("columns", [("k", "v", "w"), ("k", "v", "w", "u")])
def test_columns_with_a_header_row_rename(columns: tuple[str, ...]) -> None:
    expected = dict(zip(columns, "1234", strict=False))
    last = "" if len(columns) == 3 else "4"
    assert read(f"a,b,b,\n1,2,3,{last}\n", columns=columns, header_row=1) == [(2, expected)]


@pytest.mark.parametrize(
    ("content", "code", "written"),
    [
        ("Register\nNo,Title\n1,Lease\n", "no-header", "`header_row: 2`"),
        ("Register,,\n\nNo,Title,Owner\na,b,c\n", "no-header", "`header_row: 3`"),
        (",,\nNo,Title,Owner\na,b,c\n", "no-header", "`header_row: 2`"),
        ("Deeds,,,\n\nNo,Title,Owner,\n1,b,c,\n2,e,f,\n3,h,i,note\n", "no-header", "`header_row: 3`"),
        ("Deeds,,,\n\nNo,Title,Owner,Note\n1,b,,\n2,e,f,\n3,,,\n", "no-header", "`header_row: 3`"),
        ("CT-0007,Hall\nCT-0008,Barn\n", "no-header", "`columns: [Column 1, Column 2]`"),
        ("1,Hall,Ann\n2,Barn,Bob\n3,Shed,Cat\n", "no-header", "`columns: [Column 1, Column 2, Column 3]`"),
        ("Hall;150.00\nBarn;99.5\n", "no-header", "`columns: [Column 1, Column 2]`"),
        ("Hall;2024-07-01\nBarn;2024-07-02\n", "no-header", "`columns: [Column 1, Column 2]`"),
        ("Ann;ann@example.org\nBob;bob@example.org\n", "no-header", "`columns: [Column 1, Column 2]`"),
    ],
)
def test_a_title_and_data_are_not_taken_for_a_header(content: str, code: str, written: str) -> None:
    error = refusal(content)
    assert (error.code, error.row) == (code, 1)
    assert written in error.help
    assert "`header_row: 1`" in error.help
    if not content.startswith(","):
        assert read(content, header_row=1, delimiter=",", headers="number")


@pytest.mark.parametrize(
    "content",
    [
        "Country,2019,2020\nFrance,1.5,2020\n",
        "Name,2024-01-01,2024-02-01\na,5,7\n",
        "1,2\n3,4\n",
        "1,2,3\n4,2,0\n5,1,1\n",
        "Name\nSmith, Ann\nJones, Bob\n",
        "a,b\nx,y,z\nu,v,w\n",
        "id,name,,\nx,Ann,foo,bar\ny,Bob,foo,bar\n",
    ],
)
def test_numbers_and_odd_widths_alone_do_not_make_a_header_suspect(content: str) -> None:
    assert read(content)


def test_rows_before_what_stops_the_reading_are_not_lost_while_a_cut_is_looked_for() -> None:
    with open_source(io.StringIO('a,b,c\n1\n"open\n'), format="csv") as source:
        found = []
        with pytest.raises(SourceError) as caught:
            found.extend(source.rows())
    assert (caught.value.code, caught.value.row) == ("unclosed-quote", 3)
    with open_source(io.StringIO('a,b,c\n1\n"x"y,2,3\n4,5,6\n'), format="csv") as source:
        assert [row.row if isinstance(row, Reject) else row.number for row in source.rows()] == [2, 3, 4]


@given(st.lists(st.lists(st.sampled_from(["", "x", "y z"]), max_size=5), max_size=12))
def test_every_row_that_is_not_blank_is_given_once_in_order(rows: list[list[str]]) -> None:
    content = "\n".join(["a,b,c", *map(",".join, rows)]) + "\n"
    numbers = [number for number, _ in read(content, header_row=1, delimiter=",")]
    blank = [number for number, cells in enumerate(rows, 2) if len(cells) < 2 and not "".join(cells).strip()]
    assert numbers == [number for number in range(2, len(rows) + 2) if number not in blank]


def test_columns_that_the_first_row_has_already_are_refused() -> None:
    error = refusal("No, title,\n1,a,\n", columns=("No", "Title"), delimiter=",")
    assert (error.code, error.row) == ("no-header", 1)
    assert "`header_row: 1`" in error.help
    renamed = read("No,Title\n1,a\n", columns=("No", "Title"), header_row=1)
    assert renamed == [(2, {"No": "1", "Title": "a"})]


def test_a_header_row_beyond_the_end_is_told_with_the_last_row() -> None:
    error = refusal("a,b\n1,2\n", header_row=9)
    assert error.code == "no-header"
    assert "its last row is row 2" in error.help


def test_the_quote_is_no_delimiter() -> None:
    assert refusal("a,b\n", delimiter='"').code == "wrong-option"
    assert read('a"b\n1"2\n', delimiter='"', quote="") == [(2, {"a": "1", "b": "2"})]


def test_one_name_is_not_called_names() -> None:
    assert "`columns` has 1 name, but" in refusal("a,b\n1,2\n", columns=("x",), header_row=1).problem


@pytest.mark.parametrize(
    "page", ["<!DOCTYPE html>\n<body>502</body>", "\n<html lang='en'>\n", '<?xml version="1.0"?>\n<a/>']
)
def test_a_web_page_that_was_saved_as_the_export_is_said_to_be_one(page: str) -> None:
    with pytest.raises(SourceError, match="web page") as caught:
        open_source(io.BytesIO(page.encode()), format="csv")
    assert caught.value.code == "no-header"
