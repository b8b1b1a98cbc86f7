"""Records go from the studio to Opus as from the command line; a run survives the tab and the process."""

import json
import os
import shutil
import signal

import pytest
from documentation import ROOT
from emulator_process import SECRET, serve_emulator
from opusmap_program import environment_of, run_opusmap

REQUESTS_IN_FLIGHT, BATCH = 8, 15


@pytest.fixture
def contracts(tmp_path):
    shutil.copytree(ROOT / "mappings" / "contracts", tmp_path / "contracts")
    return tmp_path / "contracts"


@pytest.fixture
def few(contracts):
    """The register with its first rows only."""
    lines = (contracts / "contracts.csv").read_bytes().splitlines(keepends=True)
    (contracts / "contracts.csv").write_bytes(b"".join(lines[:120]))
    return contracts


SEND = "/send?mapping=mapping.yaml"


def total(page, name):
    return int(page.inner_text(f"#outcome [data-total={name}]").replace(",", ""))


def wait_until_sent(page, least):
    """Wait until a run that goes on has sent so many records."""
    page.wait_for_function(
        "least => Number(document.querySelector('#running [data-total=submitted]')"
        "?.textContent.replaceAll(',', '')) >= least", arg=least,
    )  # fmt: skip


def test_a_rehearsal_gives_the_counts_of_the_command_line_and_leaves_no_report(few, start_studio, open_page):
    told = run_opusmap("submit", few / "mapping.yaml", "--to", "emulator", "--json", cwd=few)
    expected = json.loads(told.stdout)
    page = open_page(start_studio(few, "mapping.yaml"), SEND)
    page.click("#rehearse")
    page.wait_for_selector("#outcome")
    for name in ("read", "submitted", "rejected", "filtered", "failed", "uncertain", "not_sent"):
        assert total(page, name) == expected[name]
    assert "nothing left this machine" in page.inner_text("#outcome")
    assert "mapping.rehearsal.rejects.csv" in page.inner_text("#outcome")
    assert not (few / "opusmap-journal.db").exists()
    page.click("#step-report")
    page.wait_for_selector("#no-runs")
    assert "A rehearsal leaves no report" in page.inner_text("main")
    assert page.watched.complaints == []


def test_without_settings_the_page_says_what_is_missing_as_the_command_line_does(
    few, start_studio, open_page
):
    told = run_opusmap("submit", few / "mapping.yaml", cwd=few)
    page = open_page(start_studio(few, "mapping.yaml"), SEND)
    said = page.inner_text("#no-settings")
    for name in ("OPUSMAP_DATA_CENTER", "OPUSMAP_CLIENT_ID", "OPUSMAP_CLIENT_SECRET"):
        assert name in said
        assert name in told.stderr
    assert ".env file beside the mapping" in page.inner_text("main")
    assert page.locator("#send-all").count() == 0
    assert page.is_enabled("#rehearse")


def test_the_first_five_then_all_go_to_an_emulator_and_the_journal_is_the_command_line_s(
    few, start_studio, open_page
):
    with serve_emulator(few / "mapping.yaml") as service:
        page = open_page(start_studio(few, "mapping.yaml", env=service.settings), SEND)
        assert f"Opus is {service.url}, as client rehearsal" in page.inner_text("#where")
        page.click("#send-first")
        page.wait_for_selector("#outcome")
        assert total(page, "submitted") == 5
        assert len(service.held()) == 5
        page.click("#send-all")
        page.wait_for_selector("#outcome:has-text('Sending all rows')")
        assert total(page, "unchanged") == 5
        sent = total(page, "submitted")
        held = service.held()
        assert len(held) == sent + 5
        again = run_opusmap(
            "submit", few / "mapping.yaml", "--json", cwd=few, env=environment_of(**service.settings)
        )
        assert json.loads(again.stdout)["unchanged"] == len(held)
        assert SECRET not in page.content()


@pytest.mark.parametrize("problem", ["error", "todo", "unsaved", "changed", "lock"])
def test_nothing_is_sent_while_something_is_wrong_and_words_say_what(problem, few, start_studio, open_page):
    path = few / "mapping.yaml"
    text = path.read_text("utf-8")
    if problem == "lock":
        run_opusmap("lock", path, cwd=few)
    fields = text.partition("\nfields:")[2]
    name = next(line for line in fields.splitlines() if line.strip().startswith("Name:"))
    wrong = {
        "error": text.replace("connection: contracts", "conection: contracts"),
        "todo": text.replace(name, name.partition(":")[0] + ": TODO"),
        "lock": text.replace("[Contract, Deed,", "[Deed, Contract,"),
    }
    if problem in wrong:
        path.write_text(wrong[problem], "utf-8")
    studio = start_studio(few, "mapping.yaml")
    page = open_page(studio, SEND)
    if problem == "unsaved":
        page.request.post(
            f"{studio.origin}/text?mapping=mapping.yaml", data="opusmap: [", headers={"Origin": studio.origin}
        )
        page.reload()
    if problem == "changed":
        path.write_text(text + "# by another program\n", "utf-8")
        page.reload()
    page.wait_for_selector("#obstacles")
    words = {
        "error": "error",
        "todo": "still TODO",
        "unsaved": "not saved",
        "changed": "changed by another program",
        "lock": "lock is stale",
    }
    assert words[problem] in page.inner_text("#obstacles")
    assert page.is_disabled("#rehearse")
    refused = page.evaluate(
        "async () => (await fetch('/do/send/rehearse?mapping=mapping.yaml', {method: 'POST', headers:"
        " {'HX-Request': 'true', 'HX-Current-URL': location.href}})).text()"
    )
    assert "nothing was sent" in refused
    assert "data-progress" not in refused


def test_a_run_goes_on_without_its_tab_and_is_rejoined(contracts, start_studio, open_page):
    """Proof 13 of the studio."""
    with serve_emulator(contracts / "mapping.yaml", "--latency", "300") as service:
        studio = start_studio(contracts, "mapping.yaml", env=service.settings)
        page = open_page(studio, SEND)
        page.click("#send-all")
        wait_until_sent(page, 15)
        page.close()
        before = service.summary()["records"]
        page = open_page(studio, SEND)
        page.wait_for_selector("#running")
        assert page.inner_text("#running-title") == "Sending all rows"
        wait_until_sent(page, before)
        page.wait_for_selector("#outcome", timeout=60_000)
        assert total(page, "submitted") == len(service.held())
        assert page.watched.complaints == []


def test_a_killed_studio_s_run_is_resumed_and_nothing_is_doubled(contracts, start_studio, open_page):
    """Proof 14 of the studio."""
    told = run_opusmap("submit", contracts / "mapping.yaml", "--to", "emulator", "--json", cwd=contracts)
    expected = json.loads(told.stdout)["submitted"]
    with serve_emulator(contracts / "mapping.yaml", "--latency", "300") as service:
        studio = start_studio(contracts, "mapping.yaml", env=service.settings)
        page = open_page(studio, SEND)
        page.click("#send-all")
        wait_until_sent(page, 60)
        os.kill(studio.process.pid, signal.SIGKILL)
        studio.process.wait(30)
        reached = service.summary()["records"]
        assert reached < expected
        studio = start_studio(contracts, "mapping.yaml", env=service.settings)
        page = open_page(studio, SEND)
        assert "Run 1 was interrupted" in page.inner_text("#unfinished")
        page.click("#step-report")
        page.wait_for_selector("#app.screen-report")
        assert "Not finished" in page.inner_text("#run-title")
        page.click("#step-send")
        page.click("#resume")
        page.wait_for_selector("#outcome", timeout=60_000)
        summary, held = service.summary(), service.held()
        assert total(page, "submitted") + total(page, "unchanged") == expected
        assert total(page, "unchanged") > 0  # what the journal knows is not sent again
        keys = [record["rowKey"] for record in held]
        assert len(keys) == len(set(keys)) == expected
        assert summary["counts"]["created"] == expected
        assert summary["counts"]["replaced"] <= REQUESTS_IN_FLIGHT * BATCH
        assert page.locator("#unfinished").count() == 0


def test_sigterm_ends_a_run_in_order_and_it_is_resumed(contracts, start_studio, open_page):
    """Proof 14 of the studio: an orderly end."""
    with serve_emulator(contracts / "mapping.yaml", "--latency", "300") as service:
        studio = start_studio(contracts, "mapping.yaml", env=service.settings)
        page = open_page(studio, SEND)
        page.click("#send-all")
        wait_until_sent(page, 15)
        assert studio.stop() == 0
        told = run_opusmap(
            "report", contracts / "mapping.yaml", "--json", cwd=contracts,
            env=environment_of(**service.settings),
        )  # fmt: skip
        (run,) = json.loads(told.stdout)["runs"]
        assert run["finished"] is not None
        assert run["counts"]["submitted"] == len(service.held())
        assert run["counts"]["uncertain"] == 0
        page = open_page(start_studio(contracts, "mapping.yaml", env=service.settings), SEND)
        assert "Run 1 stopped before its end" in page.inner_text("#unfinished")


def test_a_run_is_stopped_by_its_button(contracts, start_studio, open_page):
    with serve_emulator(contracts / "mapping.yaml", "--latency", "300") as service:
        page = open_page(start_studio(contracts, "mapping.yaml", env=service.settings), SEND)
        page.click("#send-all")
        wait_until_sent(page, 15)
        page.click("#stop")
        page.wait_for_selector("#outcome:has-text('Ended early')")
        assert total(page, "submitted") == len(service.held())
        assert page.is_visible("#resume")


def test_fixed_rows_are_sent_by_their_file_of_rejects(few, start_studio, open_page):
    with serve_emulator(few / "mapping.yaml") as service:
        page = open_page(start_studio(few, "mapping.yaml", env=service.settings), SEND)
        page.click("#send-all")
        page.wait_for_selector("#outcome")
        assert total(page, "rejected") > 0
        assert "was not edited" in page.inner_text("#again")
        held = len(service.held())
        (rejects,) = few.glob("mapping.run-1.rejects.csv")
        fixed = rejects.read_bytes().count(b",Memo,")
        assert fixed > 0
        rejects.write_bytes(rejects.read_bytes().replace(b",Memo,", b",Lease,"))
        page.reload()
        assert "was edited, and can be sent" in page.inner_text("#again")
        page.click("#rehearse-fixed")
        page.wait_for_selector("#outcome:has-text('Rehearsing the rows of mapping.run-1.rejects.csv')")
        assert total(page, "submitted") == fixed
        page.select_option("#rejects-file", rejects.name)
        page.click("#send-fixed")
        page.wait_for_selector("#outcome:has-text('Sending the rows of mapping.run-1.rejects.csv')")
        assert total(page, "submitted") == fixed
        assert len(service.held()) == held + fixed


PRODUCTION = {
    "OPUSMAP_BASE_URL": "https://opus.invalid", "OPUSMAP_TOKEN_URL": "https://sign-in.invalid/connect/token",
    "OPUSMAP_CLIENT_ID": "app", "OPUSMAP_CLIENT_SECRET": SECRET, "OPUSMAP_RETRY_TIMEOUT": "1",
}  # fmt: skip


def journal_runs(folder):
    if not (folder / "opusmap-journal.db").exists():
        return []
    return json.loads(run_opusmap("report", folder / "mapping.yaml", "--json", cwd=folder).stdout)["runs"]


def test_production_needs_the_option_and_the_name_and_the_secret_is_nowhere(few, start_studio, open_page):
    """Proof 16 of the studio."""
    shut = start_studio(few, "mapping.yaml", env=PRODUCTION)
    page = open_page(shut, SEND)
    assert "--allow-send" in page.inner_text("#locked-out")
    assert page.locator("#send-all").count() == 0
    forced = (
        "async body => (await fetch('/do/send/send?mapping=mapping.yaml', {method: 'POST', body, headers:"
        " {'HX-Request': 'true', 'HX-Current-URL': location.href,"
        " 'Content-Type': 'application/x-www-form-urlencoded'}})).text()"
    )
    assert "--allow-send" in page.evaluate(forced, "rows=all&name=contracts")
    assert journal_runs(few) == []
    pages = [page.content()]
    urls = [*page.watched.requests]
    shut.process.send_signal(signal.SIGTERM)
    logs = "".join(shut.process.communicate(timeout=30))

    opened = start_studio(few, "mapping.yaml", "--allow-send", env=PRODUCTION)
    page = open_page(opened, SEND)
    assert "Opus is https://opus.invalid, signing in at https://sign-in.invalid" in page.inner_text("#where")
    assert "first run that may overwrite" in page.inner_text("main")
    page.click("#send-all")
    assert page.evaluate("document.activeElement.id") == "typed-name"  # the browser asks for it
    page.fill("#typed-name", "contract")
    page.click("#send-all")
    page.wait_for_selector(".notice.bad:has-text('the name that was typed')")
    assert "the name that was typed" in page.evaluate(forced, "rows=all")
    assert journal_runs(few) == []
    page.fill("#typed-name", "contracts")
    page.click("#send-first")
    page.wait_for_selector("#outcome:has-text('Ended early')", timeout=60_000)  # there is no such host
    assert "sign-in.invalid" in page.inner_text("#outcome")
    assert len(journal_runs(few)) == 1
    pages.append(page.content())
    for step in ("file", "columns", "values", "check", "report"):
        page.click(f"#step-{step}")
        page.wait_for_selector(f"#app.screen-{step}")
        pages.append(page.content())
    urls += page.watched.requests
    opened.process.send_signal(signal.SIGTERM)
    logs += "".join(opened.process.communicate(timeout=30))
    assert not any(SECRET in one for one in (*pages, *urls, logs))
    assert not any(SECRET.encode() in path.read_bytes() for path in few.rglob("*") if path.is_file())
    assert all(url.startswith((shut.origin, opened.origin)) for url in urls)
