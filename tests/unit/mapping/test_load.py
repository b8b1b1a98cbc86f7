"""A mapping file becomes a model: the forms of each section, fragments, lookup tables."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from opusmap.errors import InvalidMapping
from opusmap.mapping import MappingSpec, SourceOptions, TargetOptions, load_spec, parse_spec
from opusmap.safe_files import resolve_inside

HEAD = "opusmap: 1\nconnection: c.json\n"


def spec_of(body: str, folder: Path | None = None) -> MappingSpec:
    return parse_spec(HEAD + body, "m.yaml", folder)


def codes(spec: MappingSpec) -> list[str]:
    return [problem.code for problem in spec.problems]


def test_a_plain_text_is_a_source_column_and_a_list_several() -> None:
    one, several = spec_of("fields: {a: Title, b: [A, B]}").fields
    assert (one.sources, one.listed) == (("Title",), False)
    assert (several.sources, several.listed) == (("A", "B"), True)


def test_a_text_with_braces_is_a_template() -> None:
    (binding,) = spec_of("fields: {a: 'CT-{{ No }}'}").fields
    assert (binding.template, binding.sources) == ("CT-{{ No }}", ())


def test_an_object_says_each_thing_once() -> None:
    (binding,) = spec_of(
        "fields: {a: {from: [A, B], split: ';', join: '-', lookup: t, format: '%Y', default: d,"
        " required: true, on_error: omit, convert: [trim, {truncate: 5},"
        " {replace: [a, b]}, {number: {decimal: ','}}]}}"
    ).fields
    uses = [(use.name, use.args, use.kwargs) for use in binding.convert]
    assert uses == [
        ("trim", (), {}),
        ("truncate", (5,), {}),
        ("replace", ("a", "b"), {}),
        ("number", (), {"decimal": ","}),
    ]
    assert (binding.required, binding.on_error, binding.listed) == (True, "omit", True)


def test_what_is_not_said_has_its_default() -> None:
    spec = spec_of("fields: {a: b}")
    assert (spec.source, spec.target, spec.conflict) == (SourceOptions(), TargetOptions(), "overwrite")
    assert (spec.timezone, spec.where, spec.tests, spec.problems) == (None, None, (), ())


def test_the_source_is_described() -> None:
    spec = spec_of(
        "fields: {a: b}\nsource: {path: s.csv, delimiter: \"\\t\", header_row: 3, empty: [NULL, '']}"
    )
    assert spec.source == SourceOptions("s.csv", delimiter="\t", header_row=3, empty=("NULL", ""))


@pytest.mark.parametrize(
    "wrong",
    [
        "source: {header_row: 0}",
        "source: {delimiter: ab}",
        "source: {quote: 'ab'}",
        "target: {choice_base: 2}",
    ],
)
def test_a_setting_out_of_its_range_is_a_problem(wrong: str) -> None:
    spec = spec_of(f"fields: {{a: b}}\n{wrong}")
    assert codes(spec) == ["wrong-value"]
    assert spec.source == SourceOptions()  # or the source would report it a second time


def test_a_tests_row_holds_texts_as_a_csv_cell_and_lists_as_json() -> None:
    (test,) = spec_of(
        "fields: {a: b}\ntests: [{row: {A: 007, B: '', C: , D: null, E: [1, '2'], F: true},"
        " expect: {a: 1.50, b: null}}]"
    ).tests
    assert test.row == {"A": "007", "B": "", "C": "", "D": None, "E": [1, "2"], "F": "true"}
    assert (test.name, test.expect) == ("test 1", {"a": "1.50", "b": None})


@pytest.mark.parametrize(
    "form", ["expect: {a: b}", "expect_exact: {a: b}", "reject: {a: c}", "filtered: true"]
)
def test_a_test_has_one_outcome(form: str) -> None:
    assert codes(spec_of(f"fields: {{a: b}}\ntests: [{{row: {{A: b}}, {form}}}]")) == []


@pytest.mark.parametrize("form", ["name: n", "expect: {a: b}, filtered: true", "filtered: false"])
def test_a_test_without_an_outcome_or_with_two_is_a_problem(form: str) -> None:
    assert codes(spec_of(f"fields: {{a: b}}\ntests: [{{row: {{A: b}}, {form}}}]")) == ["test-form"]


def test_a_fragment_brings_tables_choices_and_steps(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    fragment = 'tables: {t: {a: b}}\nchoices: {Choice: [x]}\nlet: {s: "{{ A }}"}\n'
    (tmp_path / "sub" / "f.yaml").write_text(fragment, "utf-8")
    spec = spec_of('include: [sub/f.yaml]\nlet: {own: "{{ s }}"}\nfields: {a: b}', tmp_path)
    assert codes(spec) == []
    assert [step.name for step in spec.let] == ["s", "own"]
    assert spec.tables[0].entries == {"a": "b"}
    assert spec.choices[0].options == ("x",)


def test_what_stands_in_two_fragments_is_a_problem(tmp_path: Path) -> None:
    for name in ("f.yaml", "g.yaml"):
        (tmp_path / name).write_text("tables: {t: {a: b}}\n", "utf-8")
    spec = spec_of("include: [f.yaml, g.yaml]\nfields: {a: b}", tmp_path)
    assert codes(spec) == ["included-twice"]
    assert spec.problems[0].span.file == "g.yaml"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("fields: {a: b}", "fragment-form"),
        ("include: [x.yaml]", "fragment-form"),
        ("- a", "fragment-form"),
        ("", "fragment-form"),
        ("tables: [a]", "wrong-type"),
        ("tabels: {}", "unknown-key"),
        ("tables: {t: {a: b, a: c}}", "repeated-key"),
        ("a: [", "yaml-syntax"),
    ],
)
def test_a_fragment_that_is_none_is_a_problem_located_in_it(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "f.yaml").write_text(text, "utf-8")
    assert codes(spec_of("include: [f.yaml]\nfields: {a: b}", tmp_path)) == [code]


@pytest.mark.parametrize(
    "name", ["../f.yaml", "/etc/passwd", "sub/../../f.yaml", "a\\0b", "link.yaml", "dir/f.yaml"]
)
def test_nothing_outside_the_mappings_folder_is_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "mapping"
    folder.mkdir()
    (tmp_path / "f.yaml").write_text("tables: {t: {a: b}}\n", "utf-8")
    (folder / "link.yaml").symlink_to(tmp_path / "f.yaml")
    (folder / "dir").symlink_to(tmp_path)
    assert codes(spec_of(f'include: ["{name}"]\nfields: {{a: b}}', folder)) == ["outside-folder"]
    table = f'tables: {{t: {{path: "{name}", key: a, value: b}}}}\nfields: {{a: b}}'
    assert codes(spec_of(table, folder)) == ["outside-folder"]


def test_a_link_that_stays_inside_is_followed_and_a_loop_of_links_is_not(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text("tables: {t: {a: b}}\n", "utf-8")
    (tmp_path / "link.yaml").symlink_to("f.yaml")
    (tmp_path / "loop").symlink_to("loop")
    assert resolve_inside(tmp_path, "link.yaml") == (tmp_path / "f.yaml").resolve()
    assert codes(spec_of("include: [loop]\nfields: {a: b}", tmp_path)) in (
        ["outside-folder"],
        ["file-unreadable"],
    )


def table_of(folder: Path, name: str, text: str, more: str = ", key: k, value: v") -> MappingSpec:
    (folder / name).write_text(text, "utf-8", newline="")
    return spec_of(f"tables: {{t: {{path: {name}{more}}}}}\nfields: {{a: b}}", folder)


def test_a_table_is_read_from_csv(tmp_path: Path) -> None:
    spec = table_of(tmp_path, "t.csv", '\ufeffv,k,x\r\n1,007,z\r\n"a\nb",c,z\r\n\r\n')
    assert (spec.problems, spec.tables[0].entries) == ((), {"007": "1", "c": "a\nb"})


def test_a_table_is_read_from_json_with_exact_numbers(tmp_path: Path) -> None:
    spec = table_of(tmp_path, "t.json", '{"a": 0.1, "b": [1]}', "")
    assert spec.tables[0].entries == {"a": Decimal("0.1"), "b": [1]}
    spec = table_of(tmp_path, "u.json", '[{"k": 7, "v": 1.5}, {"k": true}]')
    assert spec.tables[0].entries == {"7": Decimal("1.5"), "true": None}


@pytest.mark.parametrize(
    ("name", "text", "piece"),
    [
        ("t.csv", "k,w\na,b\n", 'there is no column "v"'),
        ("t.csv", "", "the file is empty"),
        ("t.csv", "k,v\na\n", "row 2: the row has 1 cell, but there are 2 columns"),
        ("t.csv", "k,v,k\na,b,c\n", 'the header repeats "k"'),
        ("t.csv", "k,v\na,b\na,c\n", 'row 3: duplicate key "a" with different values'),
        ("t.csv", 'k,v\n"a,b\n', "row 2: unterminated quoted field"),
        ("t.csv", "k,v\na,b\x00\n", "row 2: the cell contains a NUL byte"),
        ("t.csv", "Staff\n\nk,v\na,b\n", "the column names seem to be in row 3"),
        ("t.json", "[1]", "an object, or a list of objects"),
        ("t.json", "{", "the file is not JSON"),
        ("t.json", "[" * 100_000, "the file is not JSON"),
        ("t.json", '{"a": NaN}', "NaN is not a JSON number"),
        ("t.json", '{"a": 1, "a": 2}', 'duplicate key "a"'),
        ("t.json", '[{"k": [1], "v": 2}]', 'entry 1: "k" is not a text or number'),
        ("t.json", '[{"v": 2}]', 'there is no column "k"'),
    ],
)
def test_a_table_that_can_not_be_read_is_a_problem_that_says_why(
    tmp_path: Path, name: str, text: str, piece: str
) -> None:
    spec = table_of(tmp_path, name, text)
    assert codes(spec) == ["table-unreadable"]
    assert piece in spec.problems[0].message
    assert str(spec.problems[0].span).startswith("m.yaml:3:")


TABLES: dict[str, tuple[bytes, str, dict[str, Any]]] = {
    "west.csv": (
        "k;v\r\ncaf\xe9;1,5\r\n".encode("cp1252"),
        "encoding: cp1252, delimiter: ;",
        {"café": "1,5"},
    ),
    "title.csv": (b"Staff,\n\nk,v\na,b\n", "header_row: 3", {"a": "b"}),
    "bare.csv": (b"a,b\n", "columns: [k, v]", {"a": "b"}),
    "other.csv": (b"x,y\na,b\n", "columns: [k, v], header_row: 1", {"a": "b"}),
    "twice.csv": (b"k,k,v\na,x,b\n", "headers: number", {"a": "b"}),
    "quote.csv": (b"k,v\na,'x,y'\n", 'quote: "\'"', {"a": "x,y"}),
    "none.csv": (b"k,v\na,N/A\nb,1\n", "empty: ['', N/A]", {"a": None, "b": "1"}),
    "t.tsv": (b"k\tv\na,b\tc\n", "format: csv", {"a,b": "c"}),
    "t.jsonl": (b'{"k": 1, "v": 0.1}\n', "format: jsonl", {"1": Decimal("0.1")}),
    "deep.json": (b'{"data": {"rows": [{"k": "a", "v": 1}]}}', "items: $.data.rows", {"a": 1}),
    "t.dat": (b"k,v\na,b\n", "format: csv", {"a": "b"}),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_takes_the_keys_of_a_source(tmp_path: Path, name: str) -> None:
    content, options, entries = TABLES[name]
    (tmp_path / name).write_bytes(content)
    table = f"path: {name}, key: k, value: v, {options}"
    spec = spec_of(f"tables: {{t: {{{table}}}}}\nfields: {{a: b}}", tmp_path)
    assert (spec.problems, spec.tables[0].entries) == ((), entries)
    assert spec.files == (str(Path("m.yaml").parent / name),)


def test_a_table_is_read_from_a_sheet(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Staff")
    for row in (["Register"], ["k", "v"], [7, "Ann"]):
        sheet.append(row)
    book.save(tmp_path / "t.xlsx")
    table = "path: t.xlsx, sheet: Staff, header_row: 2, key: k, value: v"
    spec = spec_of(f"tables: {{t: {{{table}}}}}\nfields: {{a: b}}", tmp_path)
    assert (spec.problems, spec.tables[0].entries) == ((), {"7": "Ann"})


def test_a_table_of_nested_values_is_named_by_paths(tmp_path: Path) -> None:
    text = '{"id": {"k": "a"}, "who": {"v": "x"}}\n{"id": {"k": "b"}}\n'
    spec = table_of(tmp_path, "t.jsonl", text, ", key: id.k, value: who.v")
    assert (spec.problems, spec.tables[0].entries) == ((), {"a": "x", "b": None})


def database_table(more: str, folder: Path) -> MappingSpec:
    return spec_of(f"tables: {{t: {{{more}}}}}\nfields: {{a: b}}", folder)


def test_a_table_of_a_database_is_named_by_a_variable_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "staff.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript("CREATE TABLE s (k TEXT, v TEXT); INSERT INTO s VALUES ('a', 'b')")
    query = 'sql: "SELECT k, v FROM s", key: k, value: v'
    monkeypatch.setenv("OPUSMAP_DATABASE_STAFF", f"sqlite:///{path}")
    monkeypatch.setenv("OTHER", f"sqlite:///{path}")
    spec = database_table(f"database: OPUSMAP_DATABASE_STAFF, {query}", tmp_path)
    assert (spec.problems, spec.tables[0].entries) == ((), {"a": "b"})
    for origin, piece in (
        (f"path: staff.sqlite, {query}", "can't be read from an SQLite file"),
        (f"database: OTHER, {query}", "`database` can't be"),
        (f"database: OPUSMAP_DATABASE_GONE, {query}", "is not set"),
        ("database: OPUSMAP_DATABASE_STAFF, key: k, value: v", "needs a query"),
        (f"path: x.csv, database: OPUSMAP_DATABASE_STAFF, {query}", "can't both be named"),
        ('database: OPUSMAP_DATABASE_STAFF, sql: "DELETE FROM s", key: k, value: v', "query"),
    ):
        spec = database_table(origin, tmp_path)
        assert codes(spec) == ["table-unreadable"]
        assert piece in spec.problems[0].message
        assert str(path) not in spec.problems[0].message


@pytest.mark.parametrize(
    ("length", "piece"),
    [pytest.param(1, "more than 1,000,000 rows", marks=pytest.mark.slow), (1_000_000, "more than 64 MB")],
)
def test_a_table_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int, piece: str
) -> None:
    path = tmp_path / "staff.sqlite"
    sqlite3.connect(path).close()
    monkeypatch.setenv("OPUSMAP_DATABASE_STAFF", f"sqlite:///{path}")
    sql = (
        "WITH RECURSIVE n(k) AS (VALUES (1) UNION ALL SELECT k + 1 FROM n) "
        f"SELECT k, printf('%.{length}c', 'x') AS v FROM n"
    )
    spec = database_table(f'database: OPUSMAP_DATABASE_STAFF, sql: "{sql}", key: k, value: v', tmp_path)
    assert codes(spec) == ["table-unreadable"]
    assert piece in spec.problems[0].message


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("header_row: x", "wrong-type"),
        ("header_row: 0", "wrong-value"),
        ("delimiter: ;;", "wrong-value"),
        ("columns: k", "wrong-type"),
        ("sheet: S", "table-unreadable"),
        ("headr_row: 2", "unknown-key"),
    ],
)
def test_a_key_that_does_not_fit_a_table_is_told(tmp_path: Path, options: str, code: str) -> None:
    spec = table_of(tmp_path, "t.csv", "k,v\na,b\n", f", key: k, value: v, {options}")
    assert codes(spec) == [code]


def test_the_help_of_a_table_names_the_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"k,v\ncaf\xe9,1\n")
    spec = database_table("path: t.csv, key: k, value: v", tmp_path)
    assert spec.problems[0].hint.endswith("write `encoding: cp1252` in the table")


def test_a_table_without_key_and_value_says_how_to_name_them(tmp_path: Path) -> None:
    spec = table_of(tmp_path, "t.csv", "k,v\n", "")
    assert spec.problems[0].help == "for example {path: staff.csv, key: login, value: email}"


def test_a_misspelt_key_of_a_table_in_a_file_is_no_inline_table(tmp_path: Path) -> None:
    spec = table_of(tmp_path, "t.csv", "k,v\na,b\n", ", keys: k, value: v")
    assert [(one.code, one.help) for one in spec.problems] == [("unknown-key", 'did you mean "key"?')]


@pytest.mark.parametrize(
    "inline", ["{path: [a]}", "{path: {a: b}}", "{path: a, other: b}", "{path: ~}", "{key: a}"]
)
def test_an_inline_table_may_have_a_key_called_path(tmp_path: Path, inline: str) -> None:
    assert codes(spec_of(f"tables: {{t: {inline}}}\nfields: {{a: b}}", tmp_path)) == []


def test_problems_of_the_file_come_with_the_model(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(HEAD + "fields: {a: b, a: c}\n", "utf-8")
    spec = load_spec(path)
    assert codes(spec) == ["repeated-key"]
    assert [binding.sources for binding in spec.fields] == [("b",)]


def test_an_unknown_key_does_not_hide_the_model(tmp_path: Path) -> None:
    assert codes(spec_of("fields: {a: b}\nx1: 1")) == ["unknown-key"]
    with pytest.raises(InvalidMapping):
        spec_of("fields: {a: ~}\nx1: 1")


def test_a_fragment_that_can_not_be_read_is_a_problem_where_it_is_named(tmp_path: Path) -> None:
    (found,) = spec_of("include: [none.yaml]\nfields: {a: b}", tmp_path).problems
    assert (found.code, found.span.line, found.help) == (
        "file-unreadable",
        3,
        "name an existing file, relative to the mapping's folder",
    )
