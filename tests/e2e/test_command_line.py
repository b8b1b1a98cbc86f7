"""The command line as a user runs it: real processes, real files, a real port."""

import csv
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from opusmap_program import environment_of, run_opusmap

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "mappings" / "contracts"
TOTALS = ("filtered", "rejected", "unchanged", "submitted", "failed", "uncertain", "not_sent")


def run(
    *args: str, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return run_opusmap(*args, cwd=cwd, env=environment_of(**env or {}))


@pytest.fixture
def register(tmp_path):
    for name in ("mapping.yaml", "contracts.connection.json", "contracts.csv", "staff.csv"):
        (tmp_path / name).write_bytes((CONTRACTS / name).read_bytes())
    return tmp_path


@pytest.fixture
def served(register):
    """The emulator in a process of its own, on a free port, with the test's client secret."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())"),
            *("emulator", str(register / "mapping.yaml"), "--port", str(port), "--json"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OPUSMAP_CLIENT_SECRET": "planted-secret-7"},
    )
    try:
        ready = json.loads(process.stdout.readline())
        yield ready
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def settings(ready: dict[str, str], secret: str = "planted-secret-7") -> dict[str, str]:
    return {
        "OPUSMAP_BASE_URL": ready["base_url"],
        "OPUSMAP_TOKEN_URL": ready["token_url"],
        "OPUSMAP_CLIENT_ID": ready["client_id"],
        "OPUSMAP_CLIENT_SECRET": secret,
    }


def totals(result: dict[str, int]) -> dict[str, int]:
    return {name: result[name] for name in ("read", "mapped", *TOTALS)}


def adds_up(result: dict[str, int]) -> bool:
    return result["read"] == sum(result[name] for name in TOTALS)


def test_the_demo_submits_the_bundled_register_and_shows_what_opus_holds():
    ended = run("demo", "--json")
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["read"] == 1200
    assert adds_up(result)
    assert result["submitted"] == result["mapped"] == result["held"] > 900
    assert len(result["samples"]) == 3
    assert {(reason["column"], reason["code"]) for reason in result["reasons"]} >= {
        ("Doc Type", "unknown-choice"),
        ("Modified time", "bad-date"),
        ("Row key", "empty-in-template"),
        ("Owners", "no-email"),
    }


def test_the_demo_tells_a_person_the_same_story():
    shown = run("demo").stdout
    for words in ("read       1,200", "rejected", "unknown-choice", "The emulator now holds", "CT-000001"):
        assert words in shown


def test_submitting_to_a_served_emulator_gives_what_the_embedded_one_gives(register, served):
    embedded = json.loads(run("submit", "mapping.yaml", "--to", "emulator", "--json", cwd=register).stdout)
    ended = run("submit", "mapping.yaml", "--json", cwd=register, env=settings(served))
    assert ended.returncode == 1, ended.stderr  # some rows are rejected
    result = json.loads(ended.stdout)
    assert totals(result) == totals(embedded)
    assert result["reasons"] == embedded["reasons"]
    assert result["requests"] == embedded["requests"] == -(-result["mapped"] // 15)
    assert httpx.get(served["base_url"]).json()["records"] == result["submitted"]


@pytest.mark.parametrize("option", ["--resend", "--full"])
def test_running_the_same_again_sends_nothing_and_resend_or_its_old_name_sends_all(register, served, option):
    first = json.loads(run("submit", "mapping.yaml", "--json", cwd=register, env=settings(served)).stdout)
    again = json.loads(run("submit", "mapping.yaml", "--json", cwd=register, env=settings(served)).stdout)
    ended = run("submit", "mapping.yaml", "--json", option, cwd=register, env=settings(served))
    resent = json.loads(ended.stdout)
    assert (again["unchanged"], again["submitted"], again["requests"]) == (first["submitted"], 0, 0)
    assert adds_up(again)
    assert (resent["unchanged"], resent["submitted"]) == (0, first["submitted"])
    assert ("use --resend" in ended.stderr) == (option == "--full")


def test_a_secret_shows_nowhere(register, served):
    ended = run("submit", "mapping.yaml", "-vv", cwd=register, env=settings(served))
    written = b"".join(path.read_bytes() for path in register.iterdir() if path.is_file())
    assert "request" in ended.stderr
    assert "planted-secret-7" not in ended.stdout + ended.stderr
    assert b"planted-secret-7" not in written


def test_a_wrong_secret_is_told_and_exits_3(register, served):
    ended = run("submit", "mapping.yaml", cwd=register, env=settings(served, "wrong-secret"))
    assert ended.returncode == 3
    assert "its secret is wrong" in ended.stderr
    assert "wrong-secret" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_opus_that_is_not_there_exits_3_and_loses_nothing(register):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        ready = {"base_url": url, "token_url": f"{url}/connect/token", "client_id": "c"}
        env = {**settings(ready), "OPUSMAP_RETRY_TIMEOUT": "2"}  # 10 seconds, else
        ended = run("submit", "mapping.yaml", "--limit", "5", "--json", cwd=register, env=env)
    assert ended.returncode == 3
    assert url in ended.stderr
    assert "the emulator is not running" in ended.stderr
    result = json.loads(ended.stdout)
    assert adds_up(result)
    assert (result["submitted"], result["not_sent"]) == (0, 5)


def test_missing_settings_are_told_by_name_and_exit_2(register):
    ended = run("submit", "mapping.yaml", cwd=register)
    assert ended.returncode == 2
    for name in ("OPUSMAP_DATA_CENTER", "OPUSMAP_CLIENT_ID", "OPUSMAP_CLIENT_SECRET"):
        assert name in ended.stderr


def test_four_mistakes_in_a_mapping_are_four_located_diagnostics_and_exit_2(register):
    text = (register / "mapping.yaml").read_text("utf-8")
    fields = text.index("fields:")
    text = text[:fields] + text[fields:].replace(
        "{from: Title, convert: trim}", "{from: Titel, convert: trimm}", 1
    )
    text = text.replace("  createdBy: CreatedBy\n", "", 1).replace(
        "  Notes: Notes\n", "  Notes: Notes\n  Notes: Title\n", 1
    )
    (register / "mapping.yaml").write_text(text, "utf-8")
    ended = run("check", "mapping.yaml", "--json", cwd=register)
    assert ended.returncode == 2
    found = json.loads(ended.stdout)["diagnostics"]
    lines = text.split("\n")
    places = {
        one["code"]: lines[one["span"]["line"] - 1][one["span"]["column"] - 1 : one["span"]["end_column"] - 1]
        for one in found
    }
    assert places == {
        "unknown-column": "Titel",
        "unknown-converter": "trimm",
        "missing-required": "fields",
        "repeated-key": "Notes",
    }
    assert "did you mean" in ended.stderr
    assert "^^^^^" in ended.stderr


def test_a_row_with_an_unknown_option_and_a_bad_date_is_one_reject_with_two_reasons(register):
    ended = run("map", "mapping.yaml", "-o", "out.jsonl", "--json", cwd=register)
    assert ended.returncode == 1
    with (register / "out.rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        both = [row for row in csv.DictReader(file) if row["_row"] == "234"]
    assert len(both) == 1
    assert {"unknown-choice", "bad-date"} <= set(both[0]["_error_code"].split("; "))
    assert both[0]["ContractNo"] == "000233"


def test_map_writes_a_record_a_line_and_payloads_of_fifteen(register):
    records = run("map", "mapping.yaml", "-q", cwd=register).stdout.splitlines()
    bodies = [
        json.loads(line)
        for line in run("map", "mapping.yaml", "-q", "--payloads", cwd=register).stdout.splitlines()
    ]
    assert [record for body in bodies for record in body["data"]] == [json.loads(line) for line in records]
    assert max(len(body["data"]) for body in bodies) == 15
    assert all(body["conflictOption"] == body["confilictOption"] == "Overwrite" for body in bodies)


def test_the_reject_file_is_private_and_never_written_through_a_link(register):
    if os.name == "nt":
        pytest.skip("POSIX permissions and links")
    run("map", "mapping.yaml", "-q", "-o", "out.jsonl", cwd=register)
    assert (register / "out.rejects.csv").stat().st_mode & 0o777 == 0o600
    (register / "out.rejects.csv").unlink()
    (register / "out.rejects.csv").symlink_to(register / "elsewhere")
    ended = run("map", "mapping.yaml", "-q", "-o", "out.jsonl", cwd=register)
    assert ended.returncode == 2
    assert not (register / "elsewhere").exists()


def test_preview_shows_rows_beside_records(register):
    ended = run("preview", "mapping.yaml", "--limit", "1", cwd=register)
    assert ended.returncode == 0
    assert "row 2" in ended.stdout
    assert "record CT-000001" in ended.stdout
    shown = json.loads(run("preview", "mapping.yaml", "--limit", "2", "--json", cwd=register).stdout)["rows"]
    assert shown[0]["becomes"]["record"]["rowKey"] == "CT-000001"


def test_preview_and_check_mark_spaces_that_would_not_be_seen(register):
    lines = (register / "contracts.csv").read_text("utf-8").splitlines()[:2]
    kept = lines[1].replace("000001,", "000001 ,").replace("IT,", "I\u00a0T,")
    (register / "contracts.csv").write_text("\n".join([lines[0], kept, kept, ""]), "utf-8")
    ended = run("preview", "mapping.yaml", "--limit", "1", cwd=register)
    assert re.search(r"ContractNo +000001·\n", ended.stdout)
    assert re.search(r"Dept +I\\xa0T\n", ended.stdout)
    marks = r"have marks: \xa0 is a no-break space, · is a space"
    assert marks in ended.stderr
    checked = run("check", "mapping.yaml", cwd=register)
    assert re.search(r"1 +CT-000001· +3\b", checked.stdout)
    assert "have marks: · is a space" in checked.stderr
    untouched = run("preview", "mapping.yaml", "--limit", "1", "--quiet", cwd=register)
    assert "have marks" not in untouched.stderr


def test_max_errors_stops_early_and_is_resumable(register):
    ended = run("submit", "mapping.yaml", "--to", "emulator", "--max-errors", "10", "--json", cwd=register)
    assert ended.returncode == 4
    result = json.loads(ended.stdout)
    assert result["rejected"] == 11
    assert adds_up(result)
    assert "--max-errors" in result["stopped"]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_drains_and_exits_4(register, served):
    import signal

    big = register / "big.csv"
    subprocess.run([sys.executable, str(CONTRACTS / "generate.py"), "30000", "-o", str(big)], check=True)
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())"),
            *("submit", "mapping.yaml", "big.csv", "--json"),
        ],
        cwd=register,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **settings(served)},
    )
    try:
        deadline = time.monotonic() + 120  # on a busy machine
        while httpx.get(served["base_url"]).json()["records"] == 0:
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 4, err
    result = json.loads(out)
    assert adds_up(result)
    assert 0 < result["submitted"] < 25_000
    assert httpx.get(served["base_url"]).json()["records"] == result["submitted"]


def test_every_command_has_help_with_an_example():
    overview = run("--help").stdout
    for command in ("demo", "check", "preview", "map", "submit", "emulator"):
        assert command in overview
        assert f"opusmap {command}" in run(command, "--help").stdout.partition("Example")[2]


def test_a_user_mistake_never_shows_a_traceback(register):
    for args in (
        ("check", "nowhere.yaml"),
        ("check", "contracts.csv"),
        ("map", "mapping.yaml", "nowhere.csv"),
        ("map", "mapping.yaml", "--json"),
        ("submit", "mapping.yaml", "--max-errors", "many"),
        ("frobnicate",),
    ):
        ended = run(*args, cwd=register)
        assert ended.returncode == 2, args
        assert "Traceback" not in ended.stderr
        assert ended.stderr.strip()


def test_check_notes_far_dates_the_same_with_workers_and_without(tmp_path):
    columns = {"rowKey": "SingleText", "_Born": "DateTime"}
    body = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [columns]}
    (tmp_path / "c.json").write_text(json.dumps(body), "utf-8")
    mapping = tmp_path / "m.yaml"
    mapping.write_text(
        "opusmap: 1\nconnection: c.json\nsource: {path: s.csv}\nfields:\n  rowKey: Id\n"
        '  Born: {from: Born, format: "%d-%b-%y", century: 9800}\n',
        "utf-8",
    )
    (tmp_path / "s.csv").write_text("Id,Born\n" + "".join(f"{n},26-Apr-68\n" for n in range(9)), "utf-8")
    found = run("check", str(mapping))
    assert found.returncode == 0
    assert ["9", "Born", "after", "today", "9868-04-26"] in [
        line.split()[:5] for line in found.stdout.splitlines()
    ]
    expected = {
        "column": "Born",
        "kind": "after-today",
        "count": 9,
        "rows": [2, 3, 4, 5, 6],
        "example": "9868-04-26 00:00:00",
        "farthest": "9868-04-26 00:00:00",
    }
    for workers in ("1", "2"):
        found = run("check", str(mapping), "--json", "--workers", workers)
        assert json.loads(found.stdout)["dates"] == [expected]
