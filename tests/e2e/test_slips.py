"""Slips as a person makes them: each is named, and the message shows what to write instead."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from opusmap.cli import main

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"
FILES = ("mapping.yaml", "contracts.connection.json", "staff.csv")
SMALL = """\
opusmap: 1
connection: contracts.connection.json
source: {path: small.csv}
timezone: UTC
choices:
  Doc Type: [Contract, Deed]
fields:
  rowKey: "CT-{{ ContractNo }}"
  Name: Title
  timeCreated: Created
  timeModified: Created
  createdBy: CreatedBy
  modifiedBy: CreatedBy
  Doc Type: DocType
"""
ROWS = (
    "ContractNo,Title,Created,CreatedBy,DocType,Due Date\n"
    "7,Lease of 4 High St,2024-01-31T10:00:00Z,ann@example.org,Deed,2024-02-01\n"
)
KEY, NAME, TYPE = '  rowKey: "CT-{{ ContractNo }}"\n', "  Name: Title\n", "  Doc Type: DocType\n"
LONG_NAME = (
    "  Name: {from: Title, convert: trim}   # some titles are padded; one with a line break is rejected\n"
)
NOT_ALIGNED, NO_BLANK, NESTED = "space too", "a space is missing after the colon", "quotation marks within it"
NO_BLANK_DASH, FEW = "a space is missing after the dash", "two spaces too few"
SOURCE, OPTIONS = "source: {path: small.csv}\n", "  Doc Type: [Contract, Deed]\n"
LISTED = "  Doc Type:\n    - Contract\n"
CURLY = "typographic quotation marks"
NO_COLON = "a colon is missing in this line"
COLON = 'a value that contains ": " needs quotes'
OPEN, MISSING = "the quotation mark that opens here is not closed", "a quotation mark (') is missing"
NOT_OPENED = "the quotation mark that ends this value is not opened"
OTHERS = ("unexpected colon", "a comma or closing bracket", "expected <", "Traceback")
"""What a slip is taken for, and must not be."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slips")
    for name in FILES:
        (folder / name).write_bytes((CONTRACTS / name).read_bytes())
    rows = (CONTRACTS / "contracts.csv").read_text("utf-8").splitlines(keepends=True)[:4]
    (folder / "contracts.csv").write_text("".join(rows), "utf-8")
    (folder / "small.csv").write_text(ROWS, "utf-8")
    (folder / "small.yaml").write_text(SMALL, "utf-8")
    return folder


@pytest.fixture
def told(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Return a function that runs a command in the folder: its exit code, and what it printed."""
    monkeypatch.chdir(folder)

    def run(*words: str) -> tuple[int, str]:
        code = main(list(words))
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


SLIPS = [
    # what is in the mapping, what is written in its place, what the message says, what it does not say
    (NAME, "   Name: Title\n", [NOT_ALIGNED + " many", "`  Name: Title`"], []),
    (NAME, " Name: Title\n", [NOT_ALIGNED + " few", "`  Name: Title`"], []),
    (TYPE, "   Doc Type: DocType\n", [NOT_ALIGNED + " many", "`  Doc Type: DocType`"], ["in quotes"]),
    (KEY, f" {KEY}", [NOT_ALIGNED + " many", f"`{KEY[:-1]}`"], ["Title`"]),
    (KEY, KEY[1:], [NOT_ALIGNED + " few", f"`{KEY[:-1]}`"], ["Title`"]),
    ("timezone: UTC\n", " timezone: UTC\n", ["without indentation: `timezone: UTC`"], []),
    (SOURCE, "source:\npath: small.csv\n  empty: [x]\n", [FEW, "`  path: small.csv`"], ["`empty"]),
    (SOURCE, 'source:\n# the file\npath: small.csv\n  delimiter: ","\n', [FEW, "`  path: small.csv`"], []),
    (OPTIONS, f"{LISTED}    -Deed\n    - Lease\n", [NO_BLANK_DASH, "`- Deed`"], [NOT_ALIGNED]),
    (OPTIONS, f"{LISTED}    -in review\n    -Deed\n", [NO_BLANK_DASH, "`- in review`"], [NO_COLON]),
    (OPTIONS, f"{LISTED}    -Deed\n    -Lease\n    - Will\n", [NO_BLANK_DASH, "`- Deed`"], [NOT_ALIGNED]),
    (
        OPTIONS,
        OPTIONS.replace("[Contract, Deed]", "\n    -Deed\n    - Will"),
        [NO_BLANK_DASH, "`- Deed`"],
        [],
    ),
    (NAME, "  Name:\n    from: Title\n     default: x\n", [NOT_ALIGNED + " many", "`    default: x`"], []),
    (NAME, "  Name:\n    from: Title\n   default: x\n", [NOT_ALIGNED + " few", "`    default: x`"], []),
    (
        NAME,
        "  Name: \"{{ Title | split | first(';') }}\"\n",
        ["first takes no arguments", "`(';')` belongs to `split`: `| split(';') | first`"],
        [],
    ),
    (NAME, "  Name: \"{{ Title | first('x') }}\"\n", ["first takes no arguments"], ["belongs to"]),
    (NAME, '  Name: {from: "Title "}\n', ['did you mean "Title"', "a space too many at its end"], []),
    (NAME, '  Name: " Title"\n', ['did you mean "Title"', "a space too many at its start"], []),
    (NAME, "  Name: \"{{ row['Title '] }}\"\n", ['did you mean "Title"', "a space too many at its end"], []),
    (TYPE, "  Doc  Type: DocType\n", ['did you mean "Doc Type"', "a space too many between its words"], []),
    (TYPE, '  "Doc Type ": DocType\n', ['did you mean "Doc Type"', "a space too many at its end"], []),
    ("fields:\n", '"fields ":\n', ['did you mean "fields"', "a space too many at its end"], []),
    (
        NAME,
        "  Name: {from: Title default: x}\n",
        ["a comma is missing before this", "`Name: {from: Title, default: x}`"],
        ["closing bracket"],
    ),
    (
        NAME,
        "  Name: from: Title, default: x}  # or: so\n",
        ["a `{` is missing before this", "`Name: {from: Title, default: x}`"],
        ["in quotes"],
    ),
    (
        NAME,
        '  Name: from: Title, convert: {replace: [a, "b: c"]}}\n',
        ["a `{` is missing before this", '`Name: {from: Title, convert: {replace: [a, "b: c"]}}`'],
        ["in quotes"],
    ),
    (
        NAME,
        '  Name: {from: Title, convert: [trim, {replace: [a, ""}, upper]}\n',
        ["a `]` is missing before this", '`Name: {from: Title, convert: [trim, {replace: [a, ""]}, upper]}`'],
        ["close the list"],
    ),
    (
        NAME,
        "  Name: {from: Title, convert: [trim, upper}\n",
        ["a `]` is missing before this", "`Name: {from: Title, convert: [trim, upper]}`"],
        ["close the list"],
    ),
    (
        OPTIONS,
        "  Doc Type: [Contract, Deed}\n",
        ["`}` does not close the `[` before it", "`Doc Type: [Contract, Deed]`"],
        ["close the list"],
    ),
    (
        NAME,
        '  Name: {from: Title, default: "none, convert: "{{ Title | trim }}"}\n',
        [OPEN, 'close it: `Name: {from: Title, default: "none", convert: "{{ Title | trim }}"}`'],
        [NESTED],
    ),
    (OPTIONS, '  Doc Type: ["Contract, "Deed"]\n', [OPEN, '`Doc Type: ["Contract", "Deed"]`'], [NESTED]),
    (
        NAME,
        '  timeCreated: {from: Created, format: %d.%m.%Y %H:%M"}   # a comment\n',
        [NOT_OPENED, 'open it: `timeCreated: {from: Created, format: "%d.%m.%Y %H:%M"}`'],
        ['""'],
    ),
    (NAME, "  Name: {from: Title, default: {{ Title }}'}\n", [NOT_OPENED, '"{{ Title }}"}`'], []),
    (NAME, '  Name: {{ Title }}"\n', [NOT_OPENED, '`Name: "{{ Title }}"`'], []),
    (NAME, '  Name: {{ Title | replace("a", "b") }}"\n', [NOT_OPENED, "replace('a', 'b') }}\"`"], []),
    (NAME, "  Name: {const: a: b}\n", [COLON, '`Name: {const: "a: b"}`'], ["bracket"]),
    (
        NAME,
        "  Name: {from: Title, default: Ref: none: x, on_error: default} # or: so\n",
        [COLON, '`Name: {from: Title, default: "Ref: none: x", on_error: default}`'],
        ["bracket"],
    ),
    (
        NAME,
        "  Name: {\n    from: Title,\n    default: Lease: \\a\n  }\n",
        [COLON, '`default: "Lease: \\\\a"`'],
        ["bracket"],
    ),
    (
        "[Contract, Deed]",
        "{options: [Contract, Deed], aliases: {Will: Deed: x}}",
        [COLON, 'aliases: {Will: "Deed: x"}}`'],
        ["bracket"],
    ),
    (
        NAME,
        "  Name: Title, DocType\n",
        ["for several columns write a list: [Title, DocType]"],
        ["a text for every record"],
    ),
    (NAME, "  Name:Title\n", [NO_BLANK, "`Name: Title`"], ["key: value"]),
    (KEY, KEY.replace(": ", ":"), [NO_BLANK, f"`{KEY.strip()}`"], []),
    (TYPE, "  Doc Type:DocType\n", [NO_BLANK, "`Doc Type: DocType`"], []),
    ("timezone: UTC\n", "timezone:UTC\n", [NO_BLANK, "`timezone: UTC`"], []),
    ("opusmap: 1\n", "opusmap:1\n", [NO_BLANK, "`opusmap: 1`"], []),
    ("{path: small", "{path:small", [NO_BLANK, "`path: small.csv`"], ["allowed:"]),
    (NAME, "  Name: {from:Title, default: x}\n", [NO_BLANK, "`from: Title`"], ["allowed:"]),
    ("  Doc Type: [", "  Doc Type:[", [NO_BLANK, "`Doc Type: [Contract, Deed]`"], []),
    (NAME, '  Name: "it\'s "so""\n', [NESTED, '`Name: "it\'s \\"so\\""`'], []),
    (NAME, '  Name: "{{ row["Title"] }}"\n', [NESTED, "`Name: \"{{ row['Title'] }}\"`"], []),
    (NAME, "  Name: '{{ row['Title'] }}'\n", [NESTED, "`Name: \"{{ row['Title'] }}\"`"], []),
    (NAME, '  Name: "{{ Title ~ " x" }}"\n', [NESTED, "`Name: \"{{ Title ~ ' x' }}\"`"], []),
    (
        NAME,
        "  Name: {from: Title, format: %d/%m/%Y %H:%M}\n",
        ['put the value in quotes: `Name: {from: Title, format: "%d/%m/%Y %H:%M"}`'],
        [],
    ),
    (NAME, '  Name: {from: Title, default: "a "b" c"}\n', [NESTED, "default: 'a \"b\" c'}`"], []),
    (NAME, "  Name: {from: Title, default: 'it's'}\n", [NESTED, 'default: "it\'s"}`'], []),
    (NAME, "  Name: 'it's {{ Title }}'\n", [NESTED, '`Name: "it\'s {{ Title }}"`'], []),
    (NAME, '  Name: "Title\n', [OPEN, '`Name: "Title"`'], []),
    (NAME, "  Name: 'Title\n", [OPEN, "`Name: 'Title'`"], []),
    (KEY, KEY.replace('}"', "}"), [OPEN, f"`{KEY.strip()}`"], []),
    ("[Contract, Deed]", '[Contract, "Deed]', [OPEN, '`Doc Type: [Contract, "Deed"]`'], []),
    (NAME, "  Name: \"Title'\n", ["begins with \" ends with '", '`Name: "Title"`'], []),
    (NAME, '  Name: Title"\n', ['did you mean "Title"', "without quotation marks"], []),
    (NAME, "  Name: “Title”\n", ['did you mean "Title"', CURLY, '`Name: "Title"`'], []),
    (NAME, '  Name: Dog"\n', ["is written {const: Dog}"], ['{const: Dog"}']),
    (NAME, "  “Name”: Title\n", [CURLY, "`Name: Title`"], []),
    (KEY, "  rowKey: {value: “{{ ContractNo }}”}\n", [CURLY, '`rowKey: {value: "{{ ContractNo }}"}`'], []),
    (
        NAME,
        "  Name: “Lease: {{ Title }}”\n",
        [CURLY, '`Name: "Lease: {{ Title }}"`'],
        ['“Lease: {{ Title }}”"`'],
    ),
    (NAME, "  Name: {from: Title, default: “a, b”}\n", [CURLY, '`Name: {from: Title, default: "a, b"}`'], []),
    (
        NAME,
        "  Name: {from: Title, format: “%d, %H”}\n",
        [CURLY, '`Name: {from: Title, format: "%d, %H"}`'],
        [],
    ),
    (
        "  timeCreated: Created\n",
        "  timeCreated: { from: “Created” , format: “dd/mm/yyyy” }\n",
        [CURLY, '`timeCreated: { from: "Created" , format: "dd/mm/yyyy" }`', 'did you mean "%d/%m/%Y"?'],
        [],
    ),
    (
        "  timeCreated: Created\n",
        "  timeCreated: { field: “Created” , format: “dd/mm/yyyy” }\n",
        [CURLY, '`timeCreated: { field: "Created" , format: "dd/mm/yyyy" }`'],
        [],
    ),
    ("timezone: UTC\n", "timezone: IST\n", ["Asia/Kolkata", "Abbreviations such as IST are ambiguous"], []),
    ("[Contract, Deed]", '["Contract”, Deed]', [CURLY, '`Doc Type: ["Contract", Deed]`'], [OPEN]),
    (
        "{path: small.csv}",
        "{path: “small.csv”, quote: “'”}",
        [CURLY, '`source: {path: "small.csv", quote: "\'"}`'],
        [],
    ),
    (
        NAME,
        '  Name: "{{ Title ~ “ x” }}"\n',
        ["typographic quotation marks (“ ”)", "`{{ Title ~ ' x' }}`"],
        [],
    ),
    (KEY, "  rowKey: {{ ContractNo }}\n", ["must be in quotes", '`rowKey: "{{ ContractNo }}"`'], []),
    (
        NAME,
        "  Name: {from: Title, default: {{ row['ContractNo'] }}, required: true}\n",
        ["must be in quotes", "default: \"{{ row['ContractNo'] }}\", required"],
        [],
    ),
    (NAME, "  Name: [Title, {{ ContractNo }}]\n", ["must be in quotes", '[Title, "{{ ContractNo }}"]'], []),
    (NAME, '  Name: "{{ Title ~ \'x }}"\n', [MISSING, "`{{ Title ~ 'x' }}`"], []),
    (NAME, '  Name: "{{ Title ~ x\' }}"\n', [MISSING, "`{{ Title ~ 'x' }}`"], []),
    (NAME, '  Name: "{{ row[\'Title] }}"\n', [MISSING, "`{{ row['Title'] }}`"], []),
    ("[Contract, Deed]", "[Contract, Deed", ["a `]` is missing", "`Doc Type: [Contract, Deed]`"], []),
    (NAME, "\tName: Title\n", ["a tab is used for indentation", "`  Name: Title`"], []),
    (NAME, "  Name:\n\t\tfrom: Title\n", ["a tab is used for indentation", "`    from: Title`"], []),
    (NAME, " \tName: Title\n", ["a tab is used for indentation", "`  Name: Title`"], []),
    (NAME, "  Name:\tTitle\n", ["a tab follows the colon", "`Name: Title`"], ["indent"]),
    (NAME, "  Name\t: Title\n", ["a tab is before the colon", "`Name: Title`"], ["indent"]),
    (NAME, "  Name: Title\t\n", ["a tab is at the end", "`Name: Title`"], ["indent"]),
    (NAME, "  Name Title\n", [NO_COLON, "`Name: Title`"], [NOT_ALIGNED]),
    (TYPE, "  Doc Type Doc Type\n", [NO_COLON, "such as: `Doc Type: Doc Type`"], [NOT_ALIGNED]),
    ("timezone: UTC\n", "timezone UTC\n", [NO_COLON, "`timezone: UTC`"], ["indentation"]),
    ("fields:\n", "fields\n", [NO_COLON, "`fields:`"], [NOT_ALIGNED]),
    (NAME, "  Name: a: b\n", ["unexpected colon", '`Name: "a: b"`'], []),
    (NAME, "  Name: %x\n", ["can't begin with %", '`Name: "%x"`'], []),
]
REGISTER_SLIPS = [
    (
        LONG_NAME,
        f" {LONG_NAME}",
        [NOT_ALIGNED + " many", "`  Name: {from: Title, convert: trim}`"],
        ["padded`"],
    ),
    (LONG_NAME, LONG_NAME.replace("Name: ", "Name:"), ["Name: {from: Title, convert: trim}`"], []),
    (LONG_NAME, LONG_NAME.replace("Title", '"Title'), [OPEN, '`Name: {from: "Title", convert: trim}`'], []),
    ('"{{ created }}"', '"{{ created }}', [OPEN, '`timeCreated: "{{ created }}"`'], []),
    ("if created.month >= 7 else", "if created.month >= '7 else", [MISSING], []),
    ("    FIN: Finance\n", "    FIN:Finance\n", [NO_BLANK, "`FIN: Finance`"], []),
    ("    HR: People and Culture\n", "     HR: People and Culture\n", ["`    HR: People and Culture`"], []),
    (
        "\"{{ Status != 'Draft' }}\"",
        '"{{ Status != "Draft" }}"',
        [NESTED, "\"{{ Status != 'Draft' }}\"`"],
        [],
    ),
    ("  Amount: Amount ", "  Amount:\tAmount ", ["a tab follows the colon", "`Amount: Amount`"], ["indent"]),
]


@pytest.mark.parametrize(
    ("mapping", "old", "new", "said", "unsaid"),
    [("small.yaml", *slip) for slip in SLIPS] + [("mapping.yaml", *slip) for slip in REGISTER_SLIPS],
)
def test_a_slip_in_a_mapping_is_named_with_the_line_as_it_should_be(
    mapping: str, old: str, new: str, said: list[str], unsaid: list[str], folder: Path, told
) -> None:
    text = (folder / mapping).read_text("utf-8")
    assert text.count(old) == 1
    (folder / "slip.yaml").write_text(text.replace(old, new), "utf-8")
    code, shown = told("check", "slip.yaml")
    assert code == 2
    for words in said:
        assert words in shown
    for words in [*unsaid, *(other for other in OTHERS if other not in said)]:
        assert words not in shown


@pytest.mark.parametrize("command", ["preview", "submit", "map", "test", "lock"])
def test_each_command_names_a_slip_as_check_does(command: str, folder: Path, told) -> None:
    (folder / "slip.yaml").write_text(SMALL.replace(NAME, "  Name:Title\n"), "utf-8")
    code, shown = told(command, "slip.yaml", *(["--to", "emulator"] if command == "submit" else []))
    assert code == 2
    assert "`Name: Title`" in shown


@pytest.mark.parametrize(
    "option",
    ["--dry-run", "--dryrun", "--test", "--simulate", "--preview", "--whatif", "--what-if", "--check", "-n"],
)
@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("submit small.yaml {}", ["opusmap check small.yaml", "opusmap submit small.yaml --to emulator"]),
        (
            "submit {} small.yaml small.csv",
            ["opusmap check small.yaml small.csv", "opusmap submit small.yaml small.csv --to emulator"],
        ),
        (
            "retry small.yaml r.csv {}",
            ["`opusmap check small.yaml`", "opusmap retry small.yaml r.csv --to emulator"],
        ),
    ],
)
def test_an_option_of_other_programs_for_a_rehearsal_is_answered_with_commands_that_send_nothing(
    option: str, line: str, meant: list[str], told
) -> None:
    code, shown = told(*line.format(option).split())
    assert code == 2
    for words in [*meant, f"No such option '{option}'", "Neither sends anything"]:
        assert words in shown
    assert "--quiet" not in shown


def test_a_number_behind_n_is_no_file(told) -> None:
    _, shown = told("submit", "small.yaml", "-n", "3")
    assert "use --limit" in shown
    assert "small.yaml 3" not in shown


def test_what_sends_nothing_anyway_says_so(told) -> None:
    assert "`opusmap check` sends nothing" in told("check", "small.yaml", "--dry-run")[1]


CONNECTION = "contracts.connection.json"


@pytest.mark.parametrize(
    ("line", "said", "meant"),
    [
        (f"init small.csv {CONNECTION}", "the connection file comes first", f"init {CONNECTION} small.csv"),
        (f"init small.csv {CONNECTION} -o d.yaml", "comes first", f"init {CONNECTION} small.csv -o d.yaml"),
        ("init small.csv", "small.csv is a source, not a connection file", "connection file first"),
        ("init small.yaml small.csv", "is a mapping, not a connection file", "as downloaded from Opus"),
        (f"init {CONNECTION} small.yaml", "is a mapping, not a source", "--from"),
        (f"init {CONNECTION} {CONNECTION}", "is a connection file, not a source", "the rows"),
        ("check small.csv small.yaml", "the mapping comes first", "opusmap check small.yaml small.csv"),
        ("preview small.csv small.yaml --limit 1", "comes first", "preview small.yaml small.csv --limit 1"),
        ("submit small.csv small.yaml --to emulator", "comes first", "submit small.yaml small.csv --to emu"),
        ("map small.csv small.yaml", "the mapping comes first", "opusmap map small.yaml small.csv"),
        ("retry small.csv small.yaml --to emulator", "comes first", "opusmap retry small.yaml small.csv"),
        ("check small.csv", "small.csv is a source, not a mapping", "name the mapping first"),
        ("test small.csv", "small.csv is a source, not a mapping", "name the mapping first"),
        ("lock small.csv", "small.csv is a source, not a mapping", "name the mapping first"),
        (f"check {CONNECTION}", "is a connection file, not a mapping", "`opusmap init`"),
        ("check small.yaml small.yaml", "is a mapping, not a source", "leave it out"),
        (
            f"submit small.yaml {CONNECTION} --to emulator",
            "is a connection file, not a source",
            "leave it out",
        ),
        (
            "retry small.yaml small.yaml --to emulator",
            "is a mapping, not a file of rejects",
            "that a run wrote",
        ),
        ("explain small.yaml small.csv Name", "the column comes before", "explain small.yaml Name small.csv"),
        ("explain Name small.yaml", "it comes before the column", "opusmap explain small.yaml Name"),
        (
            "map small.yaml --rejects small.yaml",
            "this would overwrite small.yaml, which is an input",
            "name another file",
        ),
        (
            "submit small.yaml --to emulator --rejects small.yaml",
            "would overwrite small.yaml, which is an input",
            "another file",
        ),
    ],
)
def test_arguments_in_the_wrong_place_are_named_with_what_is_meant(
    line: str, said: str, meant: str, folder: Path, told
) -> None:
    code, shown = told(*line.split())
    assert code == 2
    assert said in shown
    assert meant in shown
    assert "Traceback" not in shown
    assert (folder / "small.yaml").read_text("utf-8") == SMALL


def test_a_source_in_json_with_an_id_and_data_is_no_connection_file(folder: Path, told) -> None:
    rows = '{"id": 1, "data": [{"ContractNo": "7", "Title": "x", "Created": "2024-01-31T10:00:00Z", '
    rows += '"CreatedBy": "ann@example.org", "DocType": "Deed"}]}'
    (folder / "api.json").write_text(rows, "utf-8")
    text = SMALL.replace("{path: small.csv}", "{path: api.json, items: data}")
    (folder / "api.yaml").write_text(text, "utf-8")
    assert told("check", "api.yaml", "api.json")[0] == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("report", "mapping.yaml", "3"), "Did you mean `opusmap report mapping.yaml --run 3`?"),
        (
            ("explain", "small.yaml", "DocType"),
            "which \"Doc Type\" in Opus is made of: `opusmap explain small.yaml 'Doc Type'`",
        ),
        (("explain", "small.yaml", "due date"), "it is a column of the source, and no binding reads it"),
        (("explain", "small.yaml", "Nome"), 'did you mean "Name"?'),
        (
            ("explain", "small.yaml", "--row", "1"),
            "no readable row 1: its only row is 2, counted as a spreadsheet counts them, with the header",
        ),
        (("explain", "small.yaml", "--row", "9"), "no readable row 9: its only row is 2"),
        (
            ("explain", "small.yaml", "Name", "CT-7"),
            'there is no source "CT-7"; did you mean `opusmap explain small.yaml Name --key CT-7`?',
        ),
        (("preview", "small.yaml", "--rows", "3"), "No such option '--rows'. Did you mean '--limit'?"),
        (("check", "picture.png"), "the file is a picture, not text"),
        (("check", "paper.pdf"), "the file is a PDF document, not text"),
    ],
)
def test_a_wrong_word_or_file_is_named(folder: Path, told, words: tuple[str, ...], says: str) -> None:
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff")
    (folder / "paper.pdf").write_bytes(b"%PDF-1.7\n\xff\xfe")
    code, shown = told(*words)
    assert code == 2
    assert says in " ".join(shown.split())


def test_without_a_column_each_bound_one_is_explained(told) -> None:
    code, shown = told("explain", "small.yaml", "--row", "2")
    assert code == 0
    for column in ("Row key", "Name", "Created time", "Doc Type"):
        assert f"{column} of row 2" in shown
    explained = json.loads(told("explain", "small.yaml", "--json")[1])
    one = json.loads(told("explain", "small.yaml", "Name", "--json")[1])
    assert {"column": one["column"], "stages": one["stages"]} in explained["columns"]
    assert explained["becomes"] == one["becomes"]


def test_what_becomes_of_a_row_is_said_once_below_all_columns(folder: Path, told) -> None:
    mapping = (folder / "small.yaml").read_text("utf-8")
    cells = (folder / "small.csv").read_text("utf-8").splitlines()
    (folder / "wrong.csv").write_text("\n".join((cells[0], cells[1].replace("Deed", "Memo"))), "utf-8")
    (folder / "wrong.yaml").write_text(mapping.replace("small.csv", "wrong.csv"), "utf-8")
    code, shown = told("explain", "wrong.yaml", "--row", "2")
    assert code == 1
    assert shown.count("is not an option") == 1
    assert shown.count("the row is rejected for Doc Type: unknown-choice") == 1
    assert shown.index("What becomes of row 2") > shown.index("Doc Type of row 2")
    one = told("explain", "small.yaml", "Name", "wrong.csv", "--row", "2")[1]
    assert "the row is rejected for Doc Type: unknown-choice: " in one  # where a column is named, in full

    (folder / "none.yaml").write_text(mapping + "where: \"{{ DocType == 'Lease' }}\"\n", "utf-8")
    code, shown = told("explain", "none.yaml", "--row", "2")
    assert code == 0
    assert shown.count("excluded by `where`") == shown.count("`where` reads column DocType") == 1


def test_a_command_without_a_mapping_names_those_of_the_folder(
    told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.yaml").write_text("name: not a mapping\n", "utf-8")
    assert "in this folder" not in told("check")[1]
    (tmp_path / "a.yaml").write_text(SMALL, "utf-8")
    code, shown = told("check", "--no-source")
    assert code == 2
    assert "There is one in this folder: `opusmap check a.yaml --no-source`" in shown
    assert "`opusmap submit a.yaml --to emulator`" in told("submit", "--to", "emulator")[1]
    assert "`opusmap test a.yaml`" in told("test")[1]
    assert "`opusmap destroy plan a.yaml`" in told("destroy", "plan")[1]
    (tmp_path / "mapping.yaml").write_text(SMALL, "utf-8")
    two = "There are 2 in this folder, such as mapping.yaml: `opusmap check mapping.yaml`"
    assert two in told("check")[1]


def test_the_letter_case_of_where_records_go_does_not_matter(told) -> None:
    code, shown = told("submit", "small.yaml", "--to", "Emulator")
    assert code == 0
    assert "This was a rehearsal" in shown


def test_a_port_in_use_says_what_to_do(folder: Path, told) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for command in (("emulator", "small.yaml"), ("studio", "small.yaml", "--no-browser")):
            code, shown = told(*command, "--port", port)
            assert (code, "uses it already" in shown, "help: " in shown) == (2, True, True), shown
