"""Before a run, the studio shows what it would change, with the counts of the run that follows."""

import json
import shutil
from types import SimpleNamespace

import pytest
from documentation import ROOT
from emulator_process import serve_emulator
from opusmap_program import environment_of, run_opusmap

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="the extra `browser` is not installed"
)

SEND = "/send?mapping=finished.mapping.yaml"
NEW = (
    "BP-0200;1 New Rd, Bayview;Pool;05/02/2025 11:02;25/02/2025 09:00;ann.lee@bayview.example;10,00;decided\n"
)


@pytest.fixture
def sent(tmp_path):
    """The permits of the tutorial, of which some changed, came and went after they were sent."""
    folder = tmp_path / "permits"
    shutil.copytree(ROOT / "docs" / "samples" / "permits", folder)
    with serve_emulator(folder / "finished.mapping.yaml") as service:
        env = environment_of(**service.settings)
        run_opusmap("submit", "finished.mapping.yaml", cwd=folder, env=env)
        rows = (folder / "permits.csv").read_text("utf-8").splitlines(keepends=True)
        kept = [row.replace("88 King St", "90 King St") for row in rows if not row.startswith("BP-0105")]
        (folder / "permits.csv").write_text("".join([kept[0], NEW, *kept[1:]]), "utf-8")
        yield SimpleNamespace(folder=folder, env=env, settings=service.settings)


def compare(page):
    page.click("#compare")
    page.wait_for_selector("#diff")


def counts(page):
    found = page.locator("#diff .totals-table [data-diff]").all()
    return {one.get_attribute("data-diff"): int(one.inner_text().replace(",", "")) for one in found}


def test_new_changed_and_gone_records_are_counted_and_named_and_the_run_does_just_that(
    sent, start_studio, open_page
):
    page = open_page(start_studio(sent.folder, env=sent.settings), SEND)
    compare(page)
    said = counts(page)
    nothing = dict.fromkeys(("again", "open", "left_out"), 0)
    found = {"new": 1, "changed": 1, "unchanged": 2, "filtered": 1, "rejected": 3}
    assert said == {"read": 8, **found, "gone": 1, **nothing}
    told = run_opusmap("diff", "finished.mapping.yaml", "--json", cwd=sent.folder, env=sent.env)
    assert said == {name: json.loads(told.stdout)[name] for name in said}
    assert page.inner_text("[data-diff=to_send]") == "2 records"
    assert page.locator("#diff-columns li").all_inner_texts() == ["Name 1 record"]
    assert "BP-0105" in page.inner_text("#diff-gone")
    changed = page.locator("#diff-changed tbody tr")
    assert "BP-0104" in changed.inner_text()
    changed.locator("a", has_text="row ").click()
    page.wait_for_selector("#app.screen-columns .row-panel:has-text('90 King St')")
    page.click("#step-send")
    page.wait_for_selector("#diff")
    submitted = run_opusmap("submit", "finished.mapping.yaml", "--json", cwd=sent.folder, env=sent.env)
    run = json.loads(submitted.stdout)
    assert (run["submitted"], run["unchanged"]) == (2, said["unchanged"])
    assert (run["filtered"], run["rejected"]) == (said["filtered"], said["rejected"])
    page.reload()
    assert "compare again" in page.inner_text("#diff")
    compare(page)
    page.wait_for_selector("#diff [data-diff=to_send]:text-is('0 records')")
    assert counts(page)["unchanged"] == 4
    assert counts(page)["gone"] == 1
    assert page.watched.complaints == []


def test_a_run_s_report_brings_what_is_gone(sent, start_studio, open_page):
    page = open_page(start_studio(sent.folder, env=sent.settings), SEND)
    page.click("#send-all")
    page.wait_for_selector("#outcome")
    said = "1 record accepted earlier was absent from the source"
    assert f"{said}: BP-0105" in page.inner_text("#outcome")
    page.click("#step-report")
    page.wait_for_selector("#needs")
    assert said in page.inner_text("#needs")
    page.goto(page.locator("#needs a[href$='#gone']").evaluate("link => link.href"))
    assert page.locator("section:has(#gone) li").all_inner_texts() == ["BP-0105: row 6, sent by run 1"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_found_by_an_accessibility_checker(scheme, sent, start_studio, open_page):
    """Proof 18 of the studio."""
    studio = start_studio(sent.folder, env=sent.settings)
    page = open_page(studio, SEND, color_scheme=scheme, bypass_csp=True)
    compare(page)
    violations = axe.Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in violations] == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_without_a_journal_all_records_are_new_and_without_a_source_it_is_said(sent, start_studio, open_page):
    for name in ("opusmap-journal.db", "finished.mapping.last-run.json"):
        (sent.folder / name).unlink()
    page = open_page(start_studio(sent.folder), SEND)
    compare(page)
    assert counts(page)["new"] == 4
    assert "There is no journal yet" in page.inner_text("#diff")
    assert page.locator("#diff [data-diff=gone]").inner_text() == "0"
    (sent.folder / "permits.csv").write_bytes(b"\xff\xfe\x00")
    page.reload()
    if page.is_enabled("#compare"):
        page.click("#compare")
        page.wait_for_selector("#diff-error")
    else:
        assert page.locator("#obstacles").count() == 1
