"""What `import opusmap` offers, and what it costs."""

import subprocess
import sys

import httpx
import pytest

import opusmap
from opusmap.run.rehearsal import embedded_opus

MAPPING = """
opusmap: 1
connection: c.json
fields:
  rowKey: Id
  leafName: Title
  timeCreated: {const: "2024-01-31"}
  timeModified: {const: "2024-01-31"}
  createdBy: {const: register}
  modifiedBy: {const: register}
"""
HEAVY = ("asyncio", "httpx", "jinja2", "jsonschema", "msgspec", "rich", "sqlite3", "ssl", "yaml")
CONNECTION = """{"id": "d9da492f-cc67-4920-99f9-6fbaae1f1410", "data": [{"rowKey": "SingleText",
"leafName": "SingleText", "timeCreated": "DateTime", "timeModified": "DateTime",
"createdBy": "SingleText", "modifiedBy": "SingleText"}]}"""


@pytest.fixture
def mapper(tmp_path):
    (tmp_path / "mapping.yaml").write_text(MAPPING, "utf-8")
    (tmp_path / "c.json").write_text(CONNECTION, "utf-8")
    return opusmap.load_mapping(tmp_path / "mapping.yaml")


def test_every_public_name_can_be_imported():
    for name in opusmap.__all__:
        assert getattr(opusmap, name) is not None
    with pytest.raises(AttributeError, match="frobnicate"):
        opusmap.frobnicate  # noqa: B018


def test_neither_importing_opusmap_nor_naming_its_commands_loads_anything_heavy():
    code = (
        "import sys, opusmap\nfrom opusmap.cli import main\nmain(['--help'])\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "submit" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "[]"


def test_a_row_becomes_a_record_or_a_reject(mapper):
    record = mapper.map_row({"Id": "7", "Title": "Lease"})
    assert isinstance(record, opusmap.Record)
    assert record.values["rowKey"] == "7"
    reject = mapper.map_row({"Id": "7"})
    assert isinstance(reject, opusmap.Reject)
    assert [problem.code for problem in reject.problems] == ["unknown-column"]


def test_any_iterable_of_mappings_can_be_submitted(mapper):
    emulator, settings = embedded_opus(mapper)
    rejects = opusmap.RejectList()
    rows = ({"Id": str(number), "Title": "" if number == 3 else "Lease"} for number in range(40))
    report = opusmap.submit(mapper, rows, settings, transport=httpx.ASGITransport(emulator), rejects=rejects)
    assert (report.read, report.submitted, report.rejected, report.requests) == (40, 39, 1, 3)
    assert report.adds_up
    assert [reject.row for reject in rejects.found] == [4]
    assert set(emulator.records) == {str(number) for number in range(40) if number != 3}


def test_a_row_key_that_occurred_before_is_a_reject(mapper):
    emulator, settings = embedded_opus(mapper)
    rejects = opusmap.RejectList()
    rows = [{"Id": "7", "Title": "first"}, {"Id": "7", "Title": "second"}]
    report = opusmap.submit(mapper, rows, settings, transport=httpx.ASGITransport(emulator), rejects=rejects)
    assert (report.submitted, report.rejected) == (1, 1)
    assert rejects.found[0].problems[0].code == "duplicate-key"
    assert rejects.found[0].values == {"Id": "7", "Title": "second"}
    assert emulator.records["7"]["leafName"] == "first"


def test_a_run_that_ends_early_raises_its_reason(mapper):
    async def refuse(scope, receive, send):
        await send({"type": "http.response.start", "status": 403, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    _, settings = embedded_opus(mapper)
    with pytest.raises(opusmap.SignInError):
        opusmap.submit(mapper, [{"Id": "7", "Title": "x"}], settings, transport=httpx.ASGITransport(refuse))


@pytest.mark.parametrize(("setting", "kept"), [("reject", "1"), ("first", "1"), ("last", "3")])
def test_of_rows_with_the_same_key_the_setting_says_which_is_kept(tmp_path, setting, kept):
    (tmp_path / "mapping.yaml").write_text(MAPPING + f"duplicates: {setting}\n", "utf-8")
    (tmp_path / "c.json").write_text(CONNECTION, "utf-8")
    mapper = opusmap.load_mapping(tmp_path / "mapping.yaml")
    emulator, settings = embedded_opus(mapper)
    rows = [{"Id": "7", "Title": title} for title in "123"]
    rejects = opusmap.RejectList()
    report = opusmap.submit(mapper, rows, settings, transport=httpx.ASGITransport(emulator), rejects=rejects)
    assert emulator.records["7"]["leafName"] == kept
    assert (report.submitted, report.rejected) == (1, 2)
    assert {reject.problems[0].code for reject in rejects.found} == {"duplicate-key"}


def test_the_last_of_several_can_t_be_found_in_what_is_read_once(tmp_path):
    (tmp_path / "mapping.yaml").write_text(MAPPING + "duplicates: last\n", "utf-8")
    (tmp_path / "c.json").write_text(CONNECTION, "utf-8")
    mapper = opusmap.load_mapping(tmp_path / "mapping.yaml")
    emulator, settings = embedded_opus(mapper)
    with pytest.raises(opusmap.SourceError, match="only once"):
        opusmap.submit(mapper, iter([{"Id": "7"}]), settings, transport=httpx.ASGITransport(emulator))


def test_last_and_skip_contradict_each_other(tmp_path):
    (tmp_path / "mapping.yaml").write_text(MAPPING + "duplicates: last\nconflict: skip\n", "utf-8")
    (tmp_path / "c.json").write_text(CONNECTION, "utf-8")
    with pytest.raises(opusmap.InvalidMapping, match="conflict: skip"):
        opusmap.load_mapping(tmp_path / "mapping.yaml")


def test_old_names_of_an_issue_can_still_be_read(mapper):
    (problem,) = mapper.map_row({"Id": "7"}).problems
    assert isinstance(problem, opusmap.Problem)
    assert (problem.column, problem.help) == (problem.place, problem.hint)
    (warning,) = opusmap.connection.parse_connection(CONNECTION.replace("DateTime", "Moment", 1)).warnings
    assert isinstance(warning, opusmap.Diagnostic)
    assert warning.span is warning.place
