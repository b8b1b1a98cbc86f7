"""Past runs are shown from the journal, and a sign-off says when what was signed is no longer so."""

import json
import shutil

import pytest
from documentation import ROOT
from opusmap_program import environment_of, run_opusmap

from opusmap.compiler import load_mapping
from opusmap.emulator import TOKEN_PATH, Client, served
from opusmap.run.rehearsal import make_emulator

REPORT = "/report?mapping=mapping.yaml"


@pytest.fixture(scope="module")
def sent_thrice(tmp_path_factory):
    """A folder whose mapping was sent by the command line: as it is, with one reason less, with one more."""
    folder = tmp_path_factory.mktemp("sent") / "contracts"
    shutil.copytree(ROOT / "mappings" / "contracts", folder)
    lines = (folder / "contracts.csv").read_bytes().splitlines(keepends=True)
    (folder / "contracts.csv").write_bytes(b"".join(lines[:120]))
    mapping = folder / "mapping.yaml"
    before = mapping.read_text("utf-8")
    memo = before.replace("NDA, Variation]", "NDA, Variation, Memo]")
    texts = before, memo, memo.replace("{No: Open, Yes: Restricted}", "{No: Open}")
    mapping.write_text(memo, "utf-8")
    with served(make_emulator(load_mapping(mapping), Client("app", "s"))) as url:
        env = environment_of(
            OPUSMAP_BASE_URL=url, OPUSMAP_TOKEN_URL=url + TOKEN_PATH,
            OPUSMAP_CLIENT_ID="app", OPUSMAP_CLIENT_SECRET="s",
        )  # fmt: skip
        for text in texts:
            mapping.write_text(text, "utf-8")
            run_opusmap("submit", mapping, cwd=folder, env=env)
    return folder


@pytest.fixture
def sent(sent_thrice, tmp_path):
    shutil.copytree(sent_thrice, tmp_path / "contracts")
    return tmp_path / "contracts"


def runs_of(folder):
    return json.loads(run_opusmap("report", folder / "mapping.yaml", "--json", cwd=folder).stdout)["runs"]


def test_each_run_has_its_totals_and_what_needs_you_first(sent, start_studio, open_page):
    page = open_page(start_studio(sent, "mapping.yaml"), REPORT)
    latest, *_, first = runs_of(sent)
    assert page.locator(".runs li").count() == 3
    for run in (latest, first):
        page.click(f".runs a:has-text('Run {run['run']}')")
        page.wait_for_selector(f"#run-title:has-text('Run {run['run']}')")
        for name in ("submitted", "rejected", "filtered", "failed", "unchanged"):
            assert page.inner_text(f".totals-table [data-total={name}]") == f"{run['counts'][name]:,}"
        assert "rejected, and not sent" in page.inner_text("#needs")
    assert page.watched.complaints == []


def test_the_whole_page_of_a_run_is_the_command_line_s_and_its_style_is_permitted(
    sent, start_studio, open_page
):
    page = open_page(start_studio(sent, "mapping.yaml"), REPORT)
    with page.context.expect_page() as opened:
        page.click("#whole-report")
    whole = opened.value
    whole.wait_for_load_state()
    complaints = []
    whole.on("console", lambda told: told.type == "error" and complaints.append(told.text))
    whole.reload()
    assert whole.inner_text("h1") == "Run 3: mapping.yaml"
    assert whole.evaluate("getComputedStyle(document.querySelector('.skip')).position") == "absolute"
    assert whole.locator("#history").count() == 1
    run_opusmap("report", sent / "mapping.yaml", "--html", "page.html", cwd=sent)
    for text in whole.locator("h2").all_inner_texts():
        assert text in (sent / "page.html").read_text("utf-8")
    assert complaints == []
    whole.goto(whole.url.replace("/report/3", "/report/99"))
    assert "no such run" in whole.inner_text("body")


def test_two_runs_are_compared_by_totals_and_reasons(sent, start_studio, open_page):
    page = open_page(start_studio(sent, "mapping.yaml"), f"{REPORT}&run=3")
    page.select_option("#compare-with", label="run 1")
    page.wait_for_selector("#compared")
    counts = {run["run"]: run["counts"] for run in runs_of(sent)}
    row = page.locator("#compared tr", has_text="Rejected").locator("td")
    assert row.all_inner_texts()[:2] == [str(counts[number]["rejected"]) for number in (1, 3)]
    reasons = page.locator("#compared-reasons tbody tr").all_inner_texts()
    memo = next(one for one in reasons if "Doc Type" in one)
    assert "went" in memo
    assert any("Access" in one and "came" in one for one in reasons)
    assert any("stayed" in one for one in reasons)


def sign(page):
    page.fill("#sign-name", "Ana Pérez")
    page.fill("#sign-role", "Records manager")
    page.click("#sign")
    page.wait_for_selector("#sign-off-state.good")


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("mapping.yaml", "mapping"),
        ("contracts.connection.json", "connection"),
        ("contracts.csv", "source"),
        ("staff.csv", "table or shared part"),
    ],
)
def test_a_file_that_changes_after_sign_off_is_named_on_both_screens(
    name, role, sent, start_studio, open_page
):
    """Proof 19 of the studio."""
    page = open_page(start_studio(sent, "mapping.yaml"), REPORT)
    sign(page)
    signed = json.loads((sent / "mapping.sign-off.json").read_text("utf-8"))
    latest = runs_of(sent)[0]
    assert (signed["name"], signed["role"]) == ("Ana Pérez", "Records manager")
    assert (signed["run"]["number"], signed["run"]["totals"]) == (latest["run"], latest["counts"])
    assert {file["path"] for file in signed["files"]} == {
        "mapping.yaml", "contracts.connection.json", "staff.csv", "contracts.csv",
    }  # fmt: skip
    assert "All its files are as they were" in page.inner_text("#sign-off-state")
    original = (sent / name).read_bytes()
    (sent / name).write_bytes(original + b"\n")
    for screen in ("send", "report"):
        page.click(f"#step-{screen}")
        page.wait_for_selector(f"#app.screen-{screen} #sign-off-state.bad")
        said = page.inner_text("#sign-off-state")
        assert "The sign-off no longer matches" in said
        assert f"the {role} {name} has changed" in said
    (sent / name).write_bytes(original)
    page.reload()
    page.wait_for_selector("#sign-off-state.good")


def test_a_mapping_edited_in_the_studio_after_sign_off_says_so(sent, start_studio, open_page):
    """Proof 19 of the studio."""
    page = open_page(start_studio(sent, "mapping.yaml"), REPORT)
    sign(page)
    page.click("#step-columns")
    page.wait_for_selector("#app.screen-columns")
    page.click(".lines a >> nth=1")
    page.wait_for_selector("#from")
    page.select_option("#from", "Notes")
    page.click("#bind")
    page.wait_for_selector("#undo:not([disabled])")
    page.click("#step-report")
    page.wait_for_selector("#sign-off-state.bad")
    assert "the mapping mapping.yaml has changed" in page.inner_text("#sign-off-state")
    page.click("#undo")
    page.wait_for_selector("#sign-off-state.good")


def test_a_damaged_sign_off_is_said_and_can_be_signed_again(sent, start_studio, open_page):
    (sent / "mapping.sign-off.json").write_text('{"opusmap_sign_off": 9}', "utf-8")
    page = open_page(start_studio(sent, "mapping.yaml"), REPORT)
    assert "The sign-off can't be read" in page.inner_text("main")
    sign(page)
