"""Pages that are followed as a person would: files written, changes made, commands typed, output compared.

The comment above a block says what is done with it: `<!-- file: NAME -->` writes it (`file first` before
all else), `<!-- append: NAME -->` adds it, `<!-- change: NAME -->` replaces the lines with `-` by those
with `+`, `<!-- background -->` starts a server, `<!-- terminal -->` compares with what a terminal of 80
columns shows, not with what a pipe gets, `<!-- not run -->` leaves it. Blocks of `console` are typed;
other blocks are only shown. `<!-- sample: NAME -->` anywhere on a page copies the files of
docs/samples/NAME into the folder first. `…` in an output means anything on its line, and a line of `…` any
number of lines.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

from documentation import ROOT, Block, blocks
from opusmap_program import COMMAND, run_opusmap, show_on_terminal

PORT = "8015"
_ASSIGNMENT = re.compile(r"[A-Z_]+=")
SAMPLES = ROOT / "docs" / "samples"
PROGRAMS = {
    "opusmap": COMMAND,
    "pytest": [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
    "python": [sys.executable],
}


class Reader:
    """A person who does what the page says, in a folder of her own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = str(taken.getsockname()[1])
        self.folder = folder
        self.secret = ""
        self.emulator: subprocess.Popen[str] | None = None

    def read(self, page: Path) -> None:
        """Do all that a page says."""
        for name in re.findall(r"(?m)^<!-- sample: (\S+) -->$", page.read_text("utf-8")):
            shutil.copytree(SAMPLES / name, self.folder, dirs_exist_ok=True)
        found = sorted(blocks(page), key=lambda block: not block.comment.startswith("file first: "))
        for block in found:
            self.follow(block)

    def follow(self, block: Block) -> None:
        what, _, name = block.comment.partition(": ")
        path, text = self.folder / name, block.text.replace(PORT, self.port)
        path.parent.mkdir(parents=True, exist_ok=True)
        match what:
            case "not run":
                return
            case "file" | "file first":
                path.write_text(text.replace("=…", f"={self.secret}"), "utf-8")
            case "append":
                path.write_text(path.read_text("utf-8") + text, "utf-8")
            case "change":
                self.change(path, text)
            case "background":
                self.serve(text)
            case _ if block.language == "console":
                for command, output in commands(text):
                    self.type(command, output, str(block), terminal=what == "terminal")

    def close(self) -> None:
        """Stop the server, if one was started."""
        if self.emulator is not None:
            self.emulator.terminate()
            self.emulator.communicate()

    def change(self, path: Path, text: str) -> None:
        lines = text.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line.startswith("-"))
        new = "".join(line[1:] for line in lines if line.startswith("+"))
        before = path.read_text("utf-8")
        assert before.count(old) == 1, f"{old!r} stands there {before.count(old)} times"
        path.write_text(before.replace(old, new), "utf-8")

    def type(self, command: str, output: str, place: str, *, terminal: bool = False) -> None:
        words = shlex.split(command)
        given = dict(word.split("=", 1) for word in takewhile(_ASSIGNMENT.match, words))
        program, *args = words[len(given) :]
        if program == "opusmap":
            environ = {**self.environ(), **given}
            if not terminal:
                shown = run_opusmap(*args, cwd=self.folder, env=environ, together=True).stdout
            elif hasattr(os, "fork"):
                shown = show_on_terminal(*args, cwd=self.folder, env=environ)
            else:  # Windows has no pseudo-terminals of this kind
                run_opusmap(*args, cwd=self.folder, env=environ)
                return
        else:
            shown = subprocess.run(
                self.args(command),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                cwd=self.folder,
                env=self.environ(),
                text=True,
                encoding="utf-8",
            ).stdout
        assert pattern(output).fullmatch(plain(shown)), f"{place}: {command}\n{shown}"

    def serve(self, text: str) -> None:
        ((command, output),) = commands(text)
        self.emulator = subprocess.Popen(
            self.args(command),
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self.environ(),
            text=True,
            encoding="utf-8",
        )
        said = "".join(self.emulator.stderr.readline() for _ in output.splitlines())
        assert pattern(output).fullmatch(plain(said)), said
        self.secret = said.rpartition("=")[2].strip()

    def args(self, command: str) -> list[str]:
        program, *args = shlex.split(command)
        return [*PROGRAMS[program], *args]

    def environ(self) -> dict[str, str]:
        ours = ("OPUSMAP_", "GITHUB_")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        # The programs that stand beside this Python, such as `opusmap` itself.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        return {**clean, "PATH": path, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}


def commands(text: str) -> list[tuple[str, str]]:
    """Return the commands of a block, each with the output shown below it."""
    parts = re.split(r"(?m)^\$ (.+)\n", text)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def plain(text: str) -> str:
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def pattern(output: str) -> re.Pattern[str]:
    any_lines = r"(?:.*\n)*?"
    lines = plain(output).splitlines()
    parts = (any_lines if line == "…" else re.escape(line).replace("…", ".*") + "\n" for line in lines)
    return re.compile("".join(parts))
