"""Help shows each command once, in a group, on a line that is never cut; examples first, exit codes last."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from opusmap.cli import main
from opusmap.cli.entry import opusmap as program
from opusmap.cli.help import EXIT_CODES, GROUPS
from opusmap.converters import builtin_converters
from opusmap.converters.registry import describe_kind


def shown(*args: str) -> str:
    return CliRunner(env={"COLUMNS": "80"}).invoke(program, [*args, "--help"], prog_name="opusmap").output


def test_each_command_is_in_one_group() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(program.commands)


def test_each_command_has_a_whole_line_of_at_most_80_columns() -> None:
    lines = shown().splitlines()
    for name, command in program.commands.items():
        assert any(line.split()[:1] == [name] and line.endswith(command.short_help) for line in lines)
    assert max(map(len, lines)) <= 80
    assert "..." not in shown().partition("Start:")[2]


def test_the_program_alone_shows_the_same_lines_and_is_wrong_usage(capsys) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err.split() == shown().split()


def test_examples_come_first_and_exit_codes_last() -> None:
    text = shown()
    titles = ["Examples:", *(f"{title}:" for title in GROUPS), "Options:", "Exit codes:"]
    assert sorted(titles, key=text.index) == titles
    assert text.rstrip().splitlines()[-1].split()[0] == EXIT_CODES[-1][0]


WHOLE = [
    words
    for name, command in program.commands.items()
    for words in ([(name, own) for own in getattr(command, "commands", ())] or [(name,)])
]
"""All commands that do something: those of a family with the family's name."""


@pytest.mark.parametrize("words", [*WHOLE, ("destroy",)], ids=" ".join)
def test_the_examples_of_a_command_come_before_its_options(words: tuple[str, ...]) -> None:
    text, name = shown(*words), " ".join(words)
    assert text.index("Example") < text.index("Options:")
    assert f"opusmap {name}" in text.partition("Example")[2].partition("Options:")[0]


@pytest.mark.parametrize("words", WHOLE, ids=" ".join)
def test_every_command_can_be_quiet_and_verbose(words: tuple[str, ...]) -> None:
    command = program.commands[words[0]]
    command = getattr(command, "commands", {}).get(words[-1], command)
    named = {option for each in command.params for option in each.opts}
    assert named >= {"-q", "--quiet", "-v", "--verbose"}


def test_how_many_is_limit_everywhere() -> None:
    counts = {
        (name, each.opts[0])
        for name, command in program.commands.items()
        for each in command.params
        if isinstance(each, click.Option) and not each.hidden and "umber of rows" in (each.help or "")
    }
    assert counts == {("preview", "--limit"), ("init", "--limit")}


def test_no_parameter_of_a_converter_is_told_in_words_of_python() -> None:
    kinds = {
        describe_kind(parameter.type_name)
        for converter in builtin_converters().converters.values()
        for parameter in converter.parameters
    }
    assert kinds
    for kind in kinds:
        assert not any(word in kind for word in ("str", "int", "bool", "None", "Literal", "|"))
