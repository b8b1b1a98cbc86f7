"""`opusmap help` explains each code offline, lists them, and shows a command's help."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from documentation import ROOT
from opusmap_program import COMMAND
from raised_codes import raised_codes

from opusmap import diagnostic_pages
from opusmap.cli import main
from opusmap.cli.entry import opusmap as program
from opusmap.converters import builtin_converters
from opusmap.guide_pages import find_guides, list_words
from opusmap.mapping.schema import load_schema


def test_every_code_has_a_page_in_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    for code in sorted(raised_codes()):
        assert main(["help", code]) == 0
        shown = capsys.readouterr().out
        assert shown.startswith(f"# {code}\n")
        assert "## Fix" in shown
        assert "<!--" not in shown
        assert "](" not in shown


@pytest.mark.parametrize(
    ("word", "title"), [("dates", "Map dates"), ("excel", "Excel"), ("windows", "Windows")]
)
def test_a_word_prints_the_page_about_it(word: str, title: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", word]) == 0
    shown = capsys.readouterr().out
    assert title in shown.splitlines()[0]
    assert "<!--" not in shown
    assert "](" not in shown


@pytest.mark.parametrize(
    ("typed", "heading"),
    [
        ("ampm", "## Say how your export writes dates"),
        ("am/pm", "## Say how your export writes dates"),
        ("exit 1", "## Exit codes"),
        ("exit code 1", "## Exit codes"),
        ("two people", "## Several people"),
        ("excel", "# Map a register in Excel"),
        ("nightly", "# Run every night"),
        ("task scheduler", "## Windows: Task Scheduler"),
        ("bad date", "# bad-date"),
        ("key-column", "# key-column"),
        ("key column", "# Draft a first mapping from two files"),
        ("Unknown_Column", "# unknown-column"),
        ("vars", "### `let`"),
    ],
)
def test_what_people_type_opens_the_section_at_once(
    typed: str, heading: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["help", *typed.split()]) == 0
    assert capsys.readouterr().out.startswith(f"{heading}\n")


def test_each_word_of_the_table_opens_its_page_or_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    for phrase, name in list_words().items():
        assert main(["help", *phrase.split()]) == 0
        shown = capsys.readouterr().out
        if phrase in program.commands:
            assert shown.startswith(f"Usage: opusmap {phrase}")
        else:
            guide = next(one for one in find_guides(phrase) if one.name == name)
            assert shown.splitlines()[0].replace("`", "") == guide.text.splitlines()[0].replace("`", "")


def list_keys(schema: Any) -> set[str]:
    """Return all keys that a part of a JSON Schema gives an object."""
    if isinstance(schema, dict):
        named = schema.get("properties", {})
        return set(named).union(*map(list_keys, [*schema.values()]))
    return set().union(*map(list_keys, schema)) if isinstance(schema, list) else set()


def test_each_key_of_a_mapping_and_each_converter_opens_a_page_that_shows_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    keys, converters = list_keys(load_schema()), builtin_converters().converters
    assert {"fields", "split", "format", "on_error", "ignore_case"} <= keys
    assert {"truncate", "regex_replace", "uuid5"} <= set(converters)
    for name in sorted(keys | set(converters)):
        assert main(["help", name]) == 0, name
        shown = capsys.readouterr().out.partition("See also:")[0]
        code = "".join(re.findall("```.*?```|`[^`\n]*`", shown, re.DOTALL))
        assert re.search(rf"\b{name}\b", code) or shown.startswith(f"# {name}\n"), name


def test_format_opens_the_format_of_dates_and_names_the_formats_of_files_below(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["help", "format"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("### Times and zones\n")
    assert "- `opusmap help formats`" in shown
    assert main(["help", "file", "formats"]) == 0
    assert capsys.readouterr().out.startswith("## Formats\n")


@pytest.mark.parametrize(
    ("word", "page"), [("ampm", "dates"), ("reordered options", "choices"), ("total row", "language")]
)
def test_below_a_section_its_whole_page_is_named_once_in_a_line(
    word: str, page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["help", *word.split()]) == 0
    shown = capsys.readouterr().out
    assert f"\n\nThe whole page: `opusmap help {page}`\n" in shown
    assert f"- `opusmap help {page}`\n" not in shown


def test_below_a_whole_page_it_is_not_named(capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("dates", "timezone"):
        assert main(["help", word]) == 0
        assert "`opusmap help dates`" not in capsys.readouterr().out


def test_a_link_is_followed_by_what_to_type_or_by_its_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["help", "send"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Before you begin, check the mapping (`opusmap help check-before-sending`)." in shown
    assert "How records are delivered (`docs/explanation/delivery.md`) explains" in shown
    assert main(["help", "first-mapping"]) == 0
    assert "Each code (`opusmap help codes`) has a page." in capsys.readouterr().out
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["help", "send"]) == 0
    shown = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).split())
    assert "Before you begin, check the mapping (opusmap help check-before-sending)." in shown


def test_on_a_terminal_no_name_of_a_setting_is_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("TERM", "xterm"), ("COLUMNS", "80")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["help", "settings"]) == 0
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    first, rest = re.search(
        r"^ (OPUSMAP_APPROVAL_CERTIFICATE_PASSWORD\S+) .*\n (\S+) ", shown, re.MULTILINE
    ).groups()
    assert first + rest == "OPUSMAP_APPROVAL_CERTIFICATE_PASSWORD_FILE"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("page", [["choices"], ["submit"], ["codes"], []])
def test_on_a_terminal_what_is_longer_is_shown_by_the_pager(page: list[str]) -> None:
    whole = _show_on_pseudo_terminal(page, pager="cat", lines=1000)
    first = _show_on_pseudo_terminal(page, pager="head -n 5", lines=24)
    assert len(whole) > 30
    assert [line.rstrip() for line in first] == [line.rstrip() for line in whole[:5]]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize(
    ("word", "environment"), [("total", {}), ("choices", {"CI": "true"})], ids=["short", "job of CI"]
)
def test_what_fits_on_the_terminal_or_is_read_by_no_person_is_not_shown_by_the_pager(
    word: str, environment: dict[str, str]
) -> None:
    assert len(_show_on_pseudo_terminal([word], pager="head -n 5", lines=60, **environment)) > 15


def _show_on_pseudo_terminal(words: list[str], *, pager: str, lines: int, **environment: str) -> list[str]:
    """Return the lines that `opusmap help` shows on a terminal of 80 columns, without their styles."""
    import pty

    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    size = {"COLUMNS": "80", "LINES": str(lines), "TERM": "xterm"}
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "help", *words],
        stdin=terminal,
        stdout=terminal,
        env={**kept, **size, "PAGER": pager, **environment},
    ):
        os.close(terminal)
        shown = b""
        with suppress(OSError):  # the end of a pseudo-terminal, on Linux
            while part := os.read(controller, 65536):
                shown += part
    os.close(controller)
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).splitlines()


def test_what_a_link_leads_to_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("dates", "choices", "people", "excel", "correcting-rejects", "bad-date", "prove", "csv"):
        assert main(["help", word]) == 0
        named = re.findall(r" \(`opusmap help ?([\w-]*)`\)", capsys.readouterr().out)
        for name in named:
            assert main(["help", *name.split()]) == 0
            capsys.readouterr()
    for word in ("dates", "first-mapping", "send"):
        assert main(["help", word]) == 0
        for file in re.findall(r" \(`([\w/.-]+\.md)`\)", capsys.readouterr().out):
            assert (ROOT / file).is_file()


def test_what_is_named_below_a_page_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("bad-date", "dates", "excel", "times-and-zones"):
        assert main(["help", word]) == 0
        named = re.findall("^- `opusmap help (.+)`$", capsys.readouterr().out, re.MULTILINE)
        assert named
        assert word not in named
        for name in named:
            assert main(["help", name]) == 0
            capsys.readouterr()


def test_the_list_has_each_code_once_with_its_sentence_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "codes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for code in sorted(raised_codes()):
        (line,) = (line for line in lines if line.split()[:1] == [code] and line.startswith("  "))
        assert diagnostic_pages.summarise(code) in line
    assert [line for line in lines if line and line[0] != " "] == [*diagnostic_pages.list_codes()]


def test_without_a_word_the_tasks_are_listed_on_one_screen_and_how_to_list_the_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "How to"
    assert any(line.startswith("  dates ") for line in lines)
    assert lines[-1].endswith("opusmap help codes")
    assert len(lines) <= 40


def test_a_code_that_is_not_known_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "unknwn-colum"]) == 2
    assert "Did you mean unknown-column" in capsys.readouterr().err
    assert main(["help", "../index"]) == 2
    assert "`opusmap help` lists all" in capsys.readouterr().err


def test_a_word_without_a_page_is_answered_with_words_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "blah"]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert "Try a word for what you want to do, such as dates, choices" in shown
    for word in re.findall(r"[a-z]+", re.search(r"such as ([\w, ]+)\.", shown)[1].replace(" or ", ", ")):
        assert main(["help", word]) == 0
    capsys.readouterr()
    assert main(["help", "quotess"]) == 2
    assert "Did you mean quotes" in capsys.readouterr().err


def test_a_word_that_only_texts_have_is_answered_with_the_sections_that_mention_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["help", "sharepoint"]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert "There is no page about 'sharepoint'. These mention it: " in shown
    named = re.findall("`opusmap help ([a-z-]+)`", shown)
    assert named
    for name in named:
        assert main(["help", name]) == 0
        assert "sharepoint" in capsys.readouterr().out.lower()


@pytest.mark.parametrize("name", program.commands)
def test_the_name_of_a_command_prints_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", name]) == 0
    shown = capsys.readouterr().out
    assert main([name, "--help"]) == 0
    assert shown == capsys.readouterr().out


def test_no_command_is_named_as_a_code() -> None:
    assert not set(raised_codes()) & set(program.commands)


def test_the_address_of_a_page_is_shown_once_the_documentation_has_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["help", "bad-date"])
    assert "http" not in capsys.readouterr().out
    monkeypatch.setattr(diagnostic_pages, "DOCUMENTATION", "https://docs.example.org/")
    main(["help", "bad-date"])
    assert "https://docs.example.org/docs/diagnostics/bad-date.html" in capsys.readouterr().out


MAPPING = "opusmap: 1\nconnection: c.json\nfields:\n  rowKey: A\n  a: Titel\n  b: Titel\n"


def write(folder: Path) -> str:
    (folder / "c.json").write_bytes(
        (ROOT / "mappings" / "contracts" / "contracts.connection.json").read_bytes()
    )
    (folder / "m.yaml").write_text(MAPPING, "utf-8")
    return str(folder / "m.yaml")


def test_on_a_terminal_each_code_names_its_page_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["check", write(tmp_path), "--no-source"]) == 2
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().err)
    assert shown.count("[unknown-target]") == 2
    assert shown.count("more: opusmap help unknown-target") == 1


def test_on_a_terminal_problems_are_wrapped_between_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    Path("m.yaml").write_text(MAPPING.replace("rowKey: A", "rowKey: \"{{ A | replace('a') }}\""), "utf-8")
    assert main(["check", "m.yaml", "--no-source"]) == 2
    piped = capsys.readouterr().err
    assert max(map(len, piped.splitlines())) > 70
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["check", "m.yaml", "--no-source"]) == 2
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().err).splitlines()
    assert max(map(len, lines)) <= 40
    sentences = [line for line in piped.splitlines() if "error[" in line or line.startswith("     help: ")]
    whole = " ".join(" ".join(lines).split())
    assert all(" ".join(line.split()) in whole for line in sentences)


def test_in_a_pipe_no_page_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", write(tmp_path), "--no-source"]) == 2
    assert "opusmap help" not in capsys.readouterr().err
