"""Due records are listed, decided about and signed in the studio; the command line goes on from its files."""

import json
import re
import shutil
from types import SimpleNamespace

import pytest
from documentation import ROOT
from emulator_process import serve_emulator
from opusmap_program import environment_of, run_opusmap

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="the extra `browser` is not installed"
)

DAY = "2025-12-31"
DUE = f"/due?mapping=finished.mapping.yaml&until={DAY}"


@pytest.fixture(scope="module")
def submitted(tmp_path_factory):
    """The permits of the tutorial, submitted by the command line to an Opus in which they are due."""
    folder = tmp_path_factory.mktemp("permits") / "permits"
    shutil.copytree(ROOT / "docs" / "samples" / "permits", folder)
    with serve_emulator(
        folder / "finished.mapping.yaml", "--retention", "Planning/Building permits=30d"
    ) as service:
        env = environment_of(**service.settings)
        run_opusmap("submit", "finished.mapping.yaml", cwd=folder, env=env)
        yield SimpleNamespace(folder=folder, env=env, settings=service.settings)


@pytest.fixture
def permits(submitted, tmp_path):
    """A copy of the folder, in which one row has changed since it was sent."""
    folder = tmp_path / "permits"
    shutil.copytree(submitted.folder, folder)
    rows = (folder / "permits.csv").read_text("utf-8")
    (folder / "permits.csv").write_text(rows.replace("3 Church Sq", "4 Church Sq"), "utf-8")
    return SimpleNamespace(folder=folder, env=submitted.env, settings=submitted.settings)


@pytest.fixture
def asked(permits, start_studio, open_page):
    """The studio's page after Opus was asked what is due."""
    page = open_page(start_studio(permits.folder, env=permits.settings), DUE)
    page.click("#ask")
    page.wait_for_selector("#due-records")
    return page


def counts(page):
    found = page.locator("#due-totals [data-count]")
    return {one.get_attribute("data-count"): int(one.inner_text().replace(",", "")) for one in found.all()}


def decide(page, button, *keys, reason=""):
    """Decide about records by their keys, or about all that are listed."""
    for key in keys:
        page.check(f"#due-records input[value='{key}']")
    if not keys:
        page.select_option("#which", "all")
    page.fill("#reason", reason)
    with page.expect_response(lambda answer: "/do/due/decide" in answer.url):
        page.click(button)


def sign(page):
    page.fill("#sign-name", "Ana Pérez")
    page.fill("#sign-role", "Records manager")
    page.click("#sign")
    page.wait_for_selector("#review-state")


def listed(page):
    return page.locator("#due-records tbody th").all_inner_texts()


def test_the_list_is_the_command_line_s_joined_with_rows_and_journal(permits, asked):
    told = run_opusmap(
        "due", "finished.mapping.yaml", "--until", DAY, "--json", cwd=permits.folder, env=permits.env
    )
    due = json.loads(told.stdout)["due"]
    assert listed(asked) == [one["key"] for one in due]
    for one, line in zip(due, asked.locator("#due-records tbody tr").all(), strict=True):
        said = line.inner_text()
        for name in ("name", "term", "modified", "state", "why", "place"):
            assert one[name] in said
        assert f"run {one['run']}" in said
    assert counts(asked) == {"due": 4, "destroy": 0, "keep": 0, "left-out": 1, "open": 3}
    assert "changed since it was submitted" in asked.inner_text("main")
    asked.click("#due-records a:has-text('row 5')")
    asked.wait_for_selector(".row-panel:has-text('BP-0104')")
    asked.select_option("#filter-state", label="changed (1)")
    asked.wait_for_function("() => document.querySelectorAll('#due-records tbody tr').length === 1")
    assert listed(asked) == ["BP-0105"]
    asked.select_option("#filter-state", index=0)
    asked.wait_for_function("() => document.querySelectorAll('#due-records tbody tr').length === 4")
    asked.fill("#find", "mill lane")
    asked.click("#do-find")
    asked.wait_for_function("() => document.querySelectorAll('#due-records tbody tr').length === 1")
    assert listed(asked) == ["BP-0102"]
    assert asked.watched.complaints == []


def test_a_signed_review_gives_the_holds_and_the_page_with_which_the_command_line_goes_on(permits, asked):
    folder = permits.folder
    assert asked.locator("#sign").count() == 0
    decide(asked, "#keep", "BP-0104", reason="Access was requested")
    decide(asked, "#agree")
    asked.wait_for_selector("#sign")
    assert counts(asked) == {"due": 4, "destroy": 2, "keep": 1, "left-out": 1, "open": 0}
    assert "1 record must be kept, and so it stays" in asked.inner_text("#notices")
    assert "1 record can't be planned yet" in asked.inner_text("#notices")
    sign(asked)
    assert "Ana Pérez, Records manager" in asked.inner_text("#review-state.good")
    assert (folder / f"finished.mapping.due-{DAY}.holds.txt").read_text("utf-8").splitlines() == [
        "BP-0104\tAccess was requested",
        "BP-0105",
    ]
    paper = (folder / f"finished.mapping.due-{DAY}.html").read_text("utf-8")
    for words in (
        "must be kept: Access was requested",
        "Ana Pérez",
        "may be destroyed",
        "I have reviewed the 4 records",
    ):
        assert words in paper
    command = asked.inner_text("#next-command").split()
    assert command[:3] == ["opusmap", "destroy", "plan"]
    told = run_opusmap(*command[1:], "-o", "plan.json", "--json", cwd=folder, env=permits.env)
    assert json.loads(told.stdout) | {"sha256": ""} == {
        "plan": "plan.json", "sha256": "", "records": 2, "held": 2, "left_out": [], "unknown_holds": {},
    }  # fmt: skip
    plan = json.loads((folder / "plan.json").read_text("utf-8"))["plan"]
    assert [one["key"] for one in plan["records"]] == ["BP-0101", "BP-0102"]
    assert asked.watched.complaints == []


def test_decisions_outlive_the_studio_and_what_changes_after_the_signature_is_said(
    permits, start_studio, open_page
):
    first = start_studio(permits.folder, env=permits.settings)
    page = open_page(first, DUE)
    page.click("#ask")
    page.wait_for_selector("#due-records")
    decide(page, "#keep", "BP-0104", reason="Access was requested")
    first.stop()
    page = open_page(start_studio(permits.folder, env=permits.settings), DUE)
    assert page.locator("#due-records").count() == 0  # the list itself is not kept: it would be old
    page.click("#ask")
    page.wait_for_selector("#due-records")
    assert counts(page) == {"due": 4, "destroy": 0, "keep": 1, "left-out": 1, "open": 2}
    decide(page, "#agree")
    sign(page)
    decide(page, "#take-back", "BP-0104")
    assert "decisions were changed after it was signed" in page.inner_text("#review-state.bad")
    assert page.locator("#next-command").count() == 0
    decide(page, "#keep", "BP-0104", reason="Access was requested")
    page.wait_for_selector("#review-state.good")
    holds = permits.folder / f"finished.mapping.due-{DAY}.holds.txt"
    holds.write_text("BP-0105\n", "utf-8")
    page.reload()
    said = page.inner_text("#review-state.bad")
    assert f"the file of holds {holds.name} has changed" in said
    assert page.locator("#next-command").count() == 0


def test_a_record_that_is_submitted_again_must_be_decided_about_again(permits, asked):
    decide(asked, "#agree")
    rows = (permits.folder / "permits.csv").read_text("utf-8")
    (permits.folder / "permits.csv").write_text(rows.replace("88 King St", "90 King St"), "utf-8")
    asked.reload()
    assert "before your last change" in asked.inner_text("#asked")
    assert asked.locator("#sign").count() == 0
    run_opusmap("submit", "finished.mapping.yaml", cwd=permits.folder, env=permits.env)
    asked.click("#ask")
    asked.wait_for_selector("#due-totals [data-count=open]:has-text('2')")
    assert counts(asked) == {"due": 4, "destroy": 2, "keep": 0, "left-out": 0, "open": 2}
    asked.select_option("#filter-decision", label="not decided (2)")
    asked.wait_for_function("() => document.querySelectorAll('#due-records tbody tr').length === 2")
    assert listed(asked) == ["BP-0104", "BP-0105"]


def test_a_reason_and_a_record_must_be_given_and_nothing_due_is_said(permits, asked):
    asked.click("#keep")
    asked.wait_for_selector("#notices:has-text('none is checked')")
    decide(asked, "#keep", "BP-0101")
    assert "no reason is given" in asked.inner_text("#notices")
    assert counts(asked)["keep"] == 0
    asked.fill("#until", "2001-01-01")
    asked.click("#ask")
    asked.wait_for_selector("#nothing-due")
    assert asked.url.endswith("until=2001-01-01")


def test_what_prevents_the_question_is_said_as_the_command_line_says_it(permits, start_studio, open_page):
    page = open_page(start_studio(permits.folder), DUE)
    assert "OPUSMAP_CLIENT_ID" in page.inner_text("#no-settings")
    assert page.locator("#ask").count() == 0
    (permits.folder / "opusmap-journal.db").unlink()
    (permits.folder / "finished.mapping.last-run.json").unlink()
    page = open_page(start_studio(permits.folder, env=permits.settings), DUE)
    page.click("#ask")
    page.wait_for_selector("#due-error")
    told = run_opusmap("due", "finished.mapping.yaml", cwd=permits.folder, env=permits.env)
    said = re.sub(r"\s+", " ", page.inner_text("#due-error"))
    assert re.sub(r"\s+", " ", told.stderr.splitlines()[-2].removeprefix("error: ").strip()) in said


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_found_by_an_accessibility_checker(scheme, permits, start_studio, open_page):
    """Proof 18 of the studio."""
    studio = start_studio(permits.folder, env=permits.settings)
    page = open_page(studio, DUE, color_scheme=scheme, bypass_csp=True)
    page.click("#ask")
    page.wait_for_selector("#due-records")
    decide(page, "#keep", "BP-0104", reason="Access was requested")
    decide(page, "#agree")
    sign(page)
    violations = axe.Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in violations] == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
