"""`opusmap submit --staged`: what goes with it, what a person sees, and what a program reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opusmap.cli import main
from opusmap.cli.progress import _parts
from opusmap.report import Report, Shared

CONTRACTS = Path(__file__).resolve().parents[3] / "mappings" / "contracts"


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("staged")
    for name in ("mapping.yaml", "contracts.connection.json", "staff.csv"):
        (folder / name).write_bytes((CONTRACTS / name).read_bytes())
    lines = (CONTRACTS / "contracts.csv").read_bytes().splitlines(keepends=True)
    (folder / "contracts.csv").write_bytes(b"".join(lines[:100]))
    assert main(["stage", str(folder / "mapping.yaml"), "-o", str(folder / "run"), "--parts", "3"]) in (0, 1)
    return str(folder / "run")


@pytest.mark.parametrize(
    "more",
    [
        ["mapping.yaml"],
        ["--limit", "5"],
        ["--max-errors", "5"],
        ["--workers", "2"],
        ["--rejects", "r.csv"],
        ["--converters", "c.py"],
    ],
)
def test_what_a_staged_run_leaves_no_room_for_is_refused(more: list[str], capsys) -> None:
    assert main(["submit", *more, "--staged", "run"]) == 2
    name = more[0] if more[0].startswith("--") else "MAPPING"
    assert f"--staged and {name} can't be combined" in capsys.readouterr().err


def test_without_a_mapping_the_staged_run_is_named(capsys) -> None:
    assert main(["submit"]) == 2
    assert "--staged" in capsys.readouterr().err


def test_what_is_no_staged_run_is_refused_by_its_code(tmp_path: Path, capsys) -> None:
    assert main(["submit", "--staged", str(tmp_path), "--to", "emulator"]) == 2
    assert "staged-unfinished" in capsys.readouterr().err


def test_a_rehearsal_sends_what_a_submit_of_the_mapping_would(staged: str, capsys) -> None:
    code = main(["submit", "--staged", staged, "--to", "emulator", "--json"])
    sent = json.loads(capsys.readouterr().out)
    assert main(["submit", str(Path(staged).parent / "mapping.yaml"), "--to", "emulator", "--json"]) == code
    whole = json.loads(capsys.readouterr().out)
    names = ("read", "mapped", "filtered", "rejected", "submitted", "failed", "uncertain", "not_sent")
    assert {name: sent[name] for name in names} == {name: whole[name] for name in names}
    assert sent["parts"] == {"done": 3, "leased": 0, "free": 0}
    assert sent["process"]["submitted"] == sent["submitted"]


def test_a_person_sees_totals_parts_and_the_next_step(staged: str, capsys) -> None:
    main(["submit", "--staged", staged, "--to", "emulator"])
    said = capsys.readouterr()
    assert "submitted" in said.out
    assert "parts: 3 of 3 done" in said.err
    assert f"Next, send it: opusmap submit --staged {staged}" in said.err


def test_the_progress_tells_of_parts_and_processes() -> None:
    shared = Shared(done=2, leased=3, free=4, processes=2, own={})
    parts = _parts(Report(read=900, mapped=800, not_sent=600, shared=shared), 10.0, 0.25)
    texts = [text for _, text in parts]
    assert texts[:3] == ["200 of 800 records (25%)", "parts: 2 done, 3 leased, 4 free", "2 processes"]
