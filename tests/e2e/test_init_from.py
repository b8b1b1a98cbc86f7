"""`opusmap init --from`: a new export or connection, and a mapping that knows most of it already."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from opusmap.cli import main

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"
NAMES = {"ContractNo": "Contract No.", "CreatedUtc": "created_utc", "Status": "State", "Amount": "Net amount"}
INIT = ["init", "contracts.connection.json"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for path in CONTRACTS.iterdir():
        shutil.copy(path, tmp_path)
    (tmp_path / "mapping.yaml").rename(tmp_path / "old.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rename(names: dict[str, str]) -> None:
    """Write the register with other names into new.csv."""
    header, _, rows = Path("contracts.csv").read_text("utf-8").partition("\n")
    Path("new.csv").write_text(
        ",".join(names.get(name, name) for name in header.split(",")) + "\n" + rows, "utf-8"
    )


def test_nothing_new_leaves_the_mapping_as_it_is(folder, capsys):
    assert main([*INIT, "contracts.csv", "--from", "old.yaml"]) == 0
    assert "20 source columns are kept" in capsys.readouterr().err
    assert Path("mapping.yaml").read_bytes() == Path("old.yaml").read_bytes()


def test_renamed_columns_are_found_told_and_give_the_same_records(folder, capsys):
    rename(NAMES)
    assert main([*INIT, "new.csv", "--from", "old.yaml"]) == 0
    told = capsys.readouterr().err
    text = Path("mapping.yaml").read_text("utf-8")
    for old, new in NAMES.items():
        assert f'renamed: "{old}" is now "{new}"' in told
        assert f'# renamed: "{old}" of the earlier mapping is "{new}" now' in text
    assert main(["test", "mapping.yaml"]) == 0
    assert (
        main(["map", "old.yaml", "contracts.csv", "-o", "old.jsonl"]) == 1
    )  # the register is dirty on purpose
    assert main(["map", "mapping.yaml", "-o", "new.jsonl"]) == 1
    assert Path("new.jsonl").read_bytes() == Path("old.jsonl").read_bytes()
    kept = [line for line in text.splitlines() if not line.lstrip().startswith("# renamed")]
    assert len(kept) == len(Path("old.yaml").read_text("utf-8").splitlines())


def test_a_column_that_only_a_test_has_gets_its_new_name_too_unless_nothing_is_like_it(folder, capsys):
    old = Path("old.yaml").read_text("utf-8")
    tested = old.replace('ContractNo: "000002",', 'ContractNo: "000002", Register page: "12", Zzq: x,')
    assert tested != old
    Path("old.yaml").write_text(tested, "utf-8")
    with Path("contracts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    with Path("new.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([*row, "Register_page" if not at else "12"] for at, row in enumerate(rows))
    assert main([*INIT, "new.csv", "--from", "old.yaml"]) == 0
    assert 'renamed: "Register page" is now "Register_page", 98 %\n' in capsys.readouterr().err
    text = Path("mapping.yaml").read_text("utf-8")
    assert text.count('ContractNo: "000002", Register_page: "12", Zzq: x,') == 1
    assert not re.search("#.*(Zzq|Register)", text)
    assert main(["test", "mapping.yaml"]) == 0


def test_what_is_not_found_stays_with_its_candidates_and_is_refused_by_check(folder, capsys):
    rename({"Owners": "Responsible", "Notes": "Xyzzy"})
    assert main([*INIT, "new.csv", "--from", "old.yaml", "--json"]) == 0
    carried = json.loads(capsys.readouterr().out)["carried"]
    assert carried["renamed"] == []
    assert {one["column"]: one["candidates"][:1] for one in carried["missing"]} == {
        "Owners": ["Responsible"],
        "Notes": ["Xyzzy"],  # it has the cells that the tests have
    }
    text = Path("mapping.yaml").read_text("utf-8")
    assert '# TODO Owners: the source has no column "Owners" any more; nearest: Responsible' in text
    assert '"Notes" any more; nearest: Xyzzy (it has the values of the tests)' in text
    assert main(["check", "mapping.yaml"]) == 2
    assert capsys.readouterr().err.count("error[unknown-column]") == 2


def test_a_newer_connection_gets_bindings_and_what_it_lost_is_named(folder, capsys):
    text = Path("contracts.connection.json").read_text("utf-8")
    newer = re.sub(r'"_Notes": "\w+"', '"_Cost_%20_Centre": "SingleText", "_Status": "SingleChoice"', text)
    assert newer != text
    Path("newer.connection.json").write_text(newer, "utf-8")
    assert main(["init", "newer.connection.json", "contracts.csv", "--from", "old.yaml"]) == 0
    told = capsys.readouterr().err
    assert 'gone from the connection: "Notes"' in told
    assert 'new in the connection: "Cost Centre", "Status"' in told
    text = Path("mapping.yaml").read_text("utf-8")
    assert "connection: newer.connection.json" in text
    assert re.search(r"^  Status: Status +# 99 %", text, re.MULTILINE)
    assert re.search(r"^  # Cost Centre: TODO", text, re.MULTILINE)
    assert re.search(r'^  Status:\n    - "TODO"', text, re.MULTILINE)
    assert "# TODO Notes: the connection no longer has this column" in text
    assert main(["check", "mapping.yaml"]) == 2
    problems = capsys.readouterr().err
    assert problems.count("error[to-do]") == problems.count("error[unknown-target]") == 1


def test_the_old_file_is_replaced_only_by_force(folder, capsys):
    rename(NAMES)
    before = Path("old.yaml").read_bytes()
    assert main([*INIT, "new.csv", "--from", "old.yaml", "-o", "old.yaml"]) == 2
    assert Path("old.yaml").read_bytes() == before
    assert main([*INIT, "new.csv", "--from", "old.yaml", "-o", "old.yaml", "--force"]) == 0
    assert Path("old.yaml").read_bytes() != before


def test_the_tables_that_a_mapping_reads_must_be_beside_the_new_one(folder, capsys):
    Path("next").mkdir()
    for name in ("contracts.connection.json", "contracts.csv"):
        shutil.copy(name, "next")
    command = ["init", "next/contracts.connection.json", "next/contracts.csv", "--from", "old.yaml"]
    assert main(command) == 2
    assert "staff.csv" in capsys.readouterr().err
    shutil.copy("staff.csv", "next")
    assert main(command) == 0
    assert Path("next/mapping.yaml").read_bytes() == Path("old.yaml").read_bytes()


def test_times_and_keys_of_the_source_can_be_given(folder, capsys):
    options = ["--timezone", "Europe/London", "--datetime-format", "%d/%m/%Y", "--set", "encoding=utf-8"]
    assert main([*INIT, "contracts.csv", "--from", "old.yaml", *options]) == 0
    text = Path("mapping.yaml").read_text("utf-8")
    assert "timezone: Europe/London" in text
    assert '\ntarget:\n  datetime_format: "%d/%m/%Y"\n' in text
    source = text.partition("\nsource:\n")[2].partition("\n\n")[0]
    assert source.startswith("  path: contracts.csv\n")
    assert source.endswith("\n  encoding: utf-8")
    assert main(["check", "mapping.yaml"]) == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [("opusmap: 2", "opusmap"), ("fields: [", "yaml-syntax")],
)
def test_an_earlier_mapping_that_can_not_be_read_is_told(folder, capsys, line, told):
    Path("old.yaml").write_text(line, "utf-8")
    assert main([*INIT, "contracts.csv", "--from", "old.yaml"]) == 2
    assert told in capsys.readouterr().err
    assert not Path("mapping.yaml").exists()
