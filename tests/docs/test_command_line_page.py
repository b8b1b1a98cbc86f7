"""The command line's page is true and whole: every command, option, setting, exit code and JSON key."""

from __future__ import annotations

import csv
import json
import re
import shlex
import subprocess
from itertools import dropwhile
from pathlib import Path

import click
import pytest
from documentation import PAGES, ROOT, blocks, section, table
from opusmap_program import COMMAND, run_opusmap

from opusmap.cli.entry import BUG, STOPPED
from opusmap.cli.entry import opusmap as program
from opusmap.converters.plugins import load_converters
from opusmap.errors import OpusmapError
from opusmap.journal import State
from opusmap.run.differences import ROW, SENT, Kind
from opusmap.service_address import DATA_CENTERS
from opusmap.settings import _NAMES, _OLD_NAMES, _OUTLETS

PAGE = ROOT / "docs" / "command-line.md"
TEXT = PAGE.read_text("utf-8")
CONTRACTS = ROOT / "mappings" / "contracts"
SHARED = section(PAGE, "Options of most commands")
DATABASE = "OPUSMAP_DATABASE"  # what a mapping names; any name may begin so
SETTINGS = {f"OPUSMAP_{name.upper()}" for name in (*_NAMES, *_OUTLETS)} | {DATABASE}

COMMANDS = [
    pytest.param(line, id=f"{block.page.name}:{number}")
    for page in PAGES
    for block in blocks(page, "console")
    for number, line in enumerate(block.text.splitlines(), block.line + 1)
    if re.match(r"[$>] .*\bopusmap ", line)
]


def options(command: click.Command) -> set[str]:
    """Return the names of a command's options, the long ones where there are such."""
    own = getattr(command, "commands", {}).values()
    params = [param for each in (command, *own) for param in each.params]
    named = [each.opts for each in params if isinstance(each, click.Option) and not each.hidden]
    return {max(names, key=len) for names in named} | {"--help"}


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_shown_is_one_that_the_program_understands(line):
    words = shlex.split(line[2:].replace("\\", "/"), comments=True)
    words = words[: next((at for at, word in enumerate(words) if word in (">", "|", "&&")), len(words))]
    words = [*dropwhile(re.compile("[A-Z_]+=").match, words)]
    assert words.pop(0).rpartition("/")[2] == "opusmap"
    command = program.commands[words.pop(0)]
    command.make_context("opusmap", words)  # raises what is wrong in the arguments


@pytest.mark.parametrize("name", program.commands)
def test_each_command_and_each_of_its_options_is_described(name):
    assert [name] in [[re.sub(r"[\[\]`]|\(.*\)", "", row[0])] for row in table(section(PAGE, "Commands"))]
    own = section(PAGE, name)
    assert f"$ opusmap {name}" in own
    missing = {
        option
        for option in options(program.commands[name])
        if f"`{option}`" not in own and f"`{option}`" not in SHARED
    }
    assert not missing


def test_no_option_is_described_that_does_not_exist():
    known = {"--version"}.union(*map(options, program.commands.values()))
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT)) <= known


def test_the_defaults_shown_are_the_programs():
    def default(command: str, option: str) -> str:
        return str(next(each.default for each in program.commands[command].params if each.name == option))

    rows = {row[0]: row[1] for name in ("submit", "emulator") for row in table(section(PAGE, name))}
    assert f"default {default('submit', 'concurrency')}." in rows["--concurrency"]
    assert f"default {default('emulator', 'port')}." in rows["--port"]
    assert f"`{default('emulator', 'host')}`" in rows["--host"]
    assert f"`{default('emulator', 'client_id')}`" in rows["--client-id"]
    assert f"(default {default('preview', 'now')})" in section(PAGE, "preview")


def test_each_setting_is_described_and_no_other():
    assert {row[0] for row in table(section(PAGE, "Settings"))} == SETTINGS
    named = {name for page in PAGES for name in re.findall(r"OPUSMAP_[A-Z_]+", page.read_text("utf-8"))}
    in_code = {
        name
        for path in (ROOT / "opusmap").rglob("*.py")
        for name in re.findall(r"(?<!_)OPUSMAP_[A-Z]+(?:_[A-Z]+)*", path.read_text("utf-8"))
    }
    assert in_code <= SETTINGS
    named = {DATABASE if name.startswith(DATABASE) else name for name in named}
    old = {f"OPUSMAP_{name.upper()}" for name in _OLD_NAMES.values()}
    assert named - old - {"OPUSMAP_TEST_DATA"} <= SETTINGS  # the tests' own, in CONTRIBUTING


def test_each_data_center_is_named():
    row = next(row for row in table(section(PAGE, "Settings")) if row[0] == "OPUSMAP_DATA_CENTER")
    assert re.findall(r"`?([a-z0-9-]+)`", row[1] + "`") == list(DATA_CENTERS)


def test_the_list_of_diff_is_explained_column_by_column_and_no_page_hands_it_on_whole():
    page = ROOT / "docs" / "howto" / "see-what-would-change.md"
    rows = {row[0]: row[1] for row in table(section(page, "The columns of the list"))}
    assert set(rows) == set(ROW)
    assert {state.value for state in State} <= set(re.findall(r"`(\w+)`", rows["state"]))
    removing = section(ROOT / "docs" / "howto" / "undo.md", "If a record should not be there")
    assert {Kind.GONE.value, Kind.LEFT_OUT.value} <= set(re.findall(r"`(\w+)`", removing))
    for kept in SENT:
        assert f"`{kept.value}`" in removing.partition("must stay")[2].partition("Nor")[0]


def errors(kind: type[OpusmapError]) -> set[type[OpusmapError]]:
    return {kind}.union(*map(errors, kind.__subclasses__()))


def test_each_exit_code_is_described_and_no_other():
    documented = {int(row[0]) for row in table(section(PAGE, "Exit codes"))}
    assert documented == {0, 1, STOPPED, BUG} | {kind.exit_code for kind in errors(OpusmapError)}


@pytest.fixture(scope="module")
def register(tmp_path_factory):
    folder = tmp_path_factory.mktemp("register")
    for name in ("mapping.yaml", "contracts.connection.json", "contracts.csv", "staff.csv"):
        (folder / name).write_bytes((CONTRACTS / name).read_bytes())
    (block,) = blocks(PAGE, "python")
    (folder / "own.py").write_text(block.text, "utf-8")
    return folder


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return run_opusmap(*args, cwd=folder)


def documented_keys(command: str) -> set[str]:
    """Return the keys of a command's JSON, as the page tells them: the common ones and its own."""
    common, _, own = section(PAGE, "Output for machines").partition("These keys come in addition")
    counted = (
        {row[0] for row in table(common)} if command in ("check", "map", "stage", "submit", "demo") else set()
    )
    return counted | {row[1] for row in table(own) if row[0] == command}


@pytest.mark.parametrize(
    "args",
    [
        ("init", "contracts.connection.json", "contracts.csv", "-o", "draft.yaml"),
        ("check", "mapping.yaml"),
        ("map", "mapping.yaml", "-o", "records.jsonl"),
        ("stage", "mapping.yaml", "-o", "run-7"),
        ("submit", "mapping.yaml", "--to", "emulator"),
        ("demo",),
        ("preview", "mapping.yaml"),
        ("explain", "mapping.yaml", "Name"),
        ("test", "mapping.yaml"),
        ("doctor", "mapping.yaml", "--no-network"),
        ("lock", "mapping.yaml"),
        ("converters",),
    ],
    ids=lambda args: args[0],
)
def test_the_json_of_each_command_has_the_keys_described(args, register):
    ended = run(register, *args, "--json")
    assert set(json.loads(ended.stdout)) == documented_keys(args[0]), ended.stderr


def test_the_json_of_a_staged_runs_report_has_the_keys_described(register):
    run(register, "stage", "mapping.yaml", "-o", "run-8")
    ended = run(register, "report", "--staged", "run-8", "--json")
    keys = {
        key
        for row in table(section(PAGE, "Output for machines"))
        if row[0] == "report --staged"
        for key in row[1].split(", ")
    }
    assert set(json.loads(ended.stdout)) == {key.strip("`") for key in keys}, ended.stderr


def test_the_json_of_the_emulator_has_the_keys_described(register):
    pytest.importorskip("uvicorn")
    with subprocess.Popen(
        [*COMMAND, "emulator", "mapping.yaml", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        cwd=register,
        text=True,
    ) as served:
        ready = json.loads(served.stdout.readline())
        served.terminate()
    assert set(ready) == documented_keys("emulator")


def test_rejects_go_where_the_page_says_and_hold_the_keys_described(register):
    added, _, places = (
        table(part) for part in re.split(r"\| (?:Source|Command) \|", section(PAGE, "Rejects"))
    )
    with (register / "contracts.csv").open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    for command, where in places[:-2]:  # the last rows are about runs, which need an Opus, and `--rejects`
        path = register / re.search(r"[a-z.]+\.csv", where)[0]
        path.unlink(missing_ok=True)
        run(register, *command.split())
        with path.open(encoding="utf-8-sig", newline="") as file:
            assert next(csv.reader(file)) == [*header, *(row[0] for row in added)]


def test_the_converter_shown_works(register):
    found = load_converters([register / "own.py"]).find("barcode")
    assert found is not None
    assert found.function("B 12", prefix="X") == "XB12"
