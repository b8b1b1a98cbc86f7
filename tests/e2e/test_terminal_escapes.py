"""No text of a mapping, a connection, a lock, a source or an argument acts on the terminal that shows it.

Each place of tests/data/terminal_places.json, where `@` stands, gets escape sequences, C1 controls, what
reorders a line, line breaks and markup.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import opusmap
from opusmap.cli import main


def collect() -> None:
    """Let go of what an error kept: a source that a command left open is closed when it is collected."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


PLACES = json.loads((Path(__file__).parents[1] / "data" / "terminal_places.json").read_text("utf-8"))
OPUSMAP = (sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())")
HOSTILE = "\x1b[31mX\x1b]0;t\x07\x9b2J\u202eY\x7f\r\u2028\x85[bold]\u2066Z[/][link=x]\n::error::forged"
ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
COMMANDS = (
    ("check", "m.yaml"),
    ("check", "m.yaml", "--log-format", "json", "-vv"),
    ("test", "m.yaml"),
    ("preview", "m.yaml"),
    ("preview", "m.yaml", "--json"),
    ("explain", "m.yaml", "Title"),
    ("submit", "m.yaml", "--to", "emulator"),
    ("init", "c.json", "x.csv", "-o", "-"),
    ("lock", "m.yaml"),  # the last: it changes what the others say
)
MAPPING = {
    "opusmap": 1,
    "connection": "c.json",
    "source": {"path": "x.csv"},
    "choices": {"Kind": ["a", "b"]},
    "fields": {"rowKey": "key", "Title": "title", "Sum": "sum"},
}
CONNECTION = {
    "id": "d9da492f-cc67-4920-99f9-6fbaae1f1410",
    "data": [{"rowKey": "SingleText", "_Title": "MultipleText", "_Sum": "Number", "_Kind": "SingleChoice"}],
}
SOURCE = "key,title,sum\n1,a,1\n2,,none\n"


def filled(value: Any) -> Any:
    """Return a value with what is hostile in place of each `@`."""
    if isinstance(value, dict):
        return {filled(key): filled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item) for item in value]
    return value.replace("@", HOSTILE) if isinstance(value, str) else value


def write(folder: Path, place: dict[str, Any]) -> None:
    (folder / "m.yaml").write_text(json.dumps(MAPPING | filled(place.get("mapping", {}))))
    (folder / "c.json").write_text(json.dumps(CONNECTION | filled(place.get("connection", {}))))
    source = place.get("source", SOURCE).replace("@", '"' + HOSTILE + '"')
    (folder / "x.csv").write_bytes(source.encode())
    if "lock" in place:
        (folder / "m.lock.json").write_text(json.dumps(filled(place["lock"])))


def test_there_are_enough_places() -> None:
    assert len(PLACES) >= 60
    assert len({place["name"] for place in PLACES}) == len(PLACES)


@pytest.fixture(autouse=True, scope="module")
def only_new_objects_are_collected() -> Iterator[None]:
    """Collecting looks at all objects of the process otherwise, eight times a place."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a command ends its process
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place["name"])
def test_what_stands_there_reaches_no_terminal_as_it_is(
    place: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, place)
    for command in filled(place.get("commands")) or COMMANDS:
        code = main(command)
        collect()
        told = "".join(capsys.readouterr())
        assert code in (0, 1, 2), told
        found = ACTS.search(told)
        assert found is None, (command, told[max(0, found.start() - 80) : found.end() + 80])
        assert not re.search("^::error::forged", told, re.MULTILINE), (command, told)


def test_data_on_standard_output_stay_exact(tmp_path: Path) -> None:
    text = "a\u202eb\u2066[red]c[/]\u200b"  # what Opus takes; controls are rejected
    write(tmp_path, {"source": f"key,title,sum\n1,{text},1\n"})
    mapped, previewed = (
        subprocess.run(
            [*OPUSMAP, *command], cwd=tmp_path, stdout=subprocess.PIPE, timeout=120, check=True
        ).stdout.decode()
        for command in (("map", "m.yaml", "-o", "-"), ("preview", "m.yaml", "--json"))
    )
    assert text in mapped
    assert json.loads(mapped)["_Title"] == text
    assert json.loads(previewed)["rows"][0]["values"]["title"] == text
    assert ACTS.search(previewed) is None


@pytest.mark.skipif(os.name == "nt", reason="a pseudo-terminal is POSIX's")
@pytest.mark.parametrize(
    "command",
    [
        ("check", "m.yaml"),
        ("test", "m.yaml"),
        ("submit", "m.yaml", "--to", "emulator"),
        ("preview", "m.yaml"),
    ],
)
def test_on_a_terminal_there_are_no_codes_but_our_own(command: tuple[str, ...], tmp_path: Path) -> None:
    import pty

    tests = [{"name": "@", "row": {"key": "1", "title": "@", "sum": "1"}, "expect": {"Title": "x"}}]
    choices = {"Kind": ["@", "a"]}
    source = "key,title,sum,@\n1,@,1,\n@,b,none@,\n"
    write(tmp_path, {"mapping": {"tests": tests, "choices": choices}, "source": source})
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*OPUSMAP, *command],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={name: text for name, text in os.environ.items() if name != "NO_COLOR"}
        | {"TERM": "xterm-256color"},
    ):
        os.close(theirs)
        told = b""
        try:
            while part := os.read(ours, 1 << 16):
                told += part
        except OSError:  # Linux's way to say that the other end is closed
            pass
        finally:
            os.close(ours)
    text = told.decode().replace("\r\n", "\n")
    assert "\x1b[" in text, "no colours: this tests nothing"
    own = re.compile(r"\x1b\[(?:[0-9;]*m|[0-9]*[AK]|\?25[lh])|\r(?=\x1b\[2?K)|\r(?=\x1b\[1A)")
    found = ACTS.search(own.sub("", text))
    assert found is None, ascii(own.sub("", text)[max(0, found.start() - 80) : found.end() + 80])
    assert "\x1b[31mX" not in text


def test_one_place_writes_to_the_terminal() -> None:
    """Whatever else prints in the command line would not escape."""
    folder = Path(opusmap.__file__).parent / "cli"
    odd = []
    for path in sorted(folder.glob("*.py")):
        if path.name == "terminal.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in (
                "print",
                "click.echo",
                "click.secho",
                "Console",
                "sys.stdout.write",
                "sys.stderr.write",
            ):
                odd.append(f"{path.name}:{node.lineno}: {called}")
    assert odd == []
