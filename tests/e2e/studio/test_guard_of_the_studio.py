"""Only the person with the address that the program printed is let in, and a page can do nothing else.

Proof 17 of the studio, and that no file outside of the folder is read.
"""

import csv
import http.client
import shutil
from urllib.parse import urlsplit

import pytest
from documentation import ROOT

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>{{ 7*7 }}"
SECRET = "pl4nted-s3cret"


@pytest.fixture
def contracts(tmp_path):
    shutil.copytree(ROOT / "mappings" / "contracts", tmp_path / "contracts")
    return tmp_path / "contracts"


def ask(studio, path, *, method="GET", **headers):
    at = urlsplit(studio.address)
    connection = http.client.HTTPConnection("127.0.0.1", at.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True)
        headers = {"host": f"127.0.0.1:{at.port}", **headers}
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        return answer
    finally:
        connection.close()


def token_path(studio):
    return "/?" + studio.address.partition("/?")[2]


def test_a_foreign_host_or_origin_and_a_missing_token_are_refused(contracts, start_studio):
    studio = start_studio(contracts, "mapping.yaml")
    port = urlsplit(studio.address).port
    assert ask(studio, token_path(studio), host="evil.example").status == 403
    assert ask(studio, token_path(studio), host=f"evil.example:{port}").status == 403
    assert ask(studio, "/home").status == 403
    assert ask(studio, "/static/studio.js").status == 403
    assert ask(studio, "/?token=wrong").status == 403
    opened = ask(studio, token_path(studio))  # the refused requests have not spent it
    assert opened.status == 303
    cookie = opened.getheader("set-cookie").partition(";")[0]
    assert "HttpOnly" in opened.getheader("set-cookie")
    assert "SameSite=Strict" in opened.getheader("set-cookie")
    assert ask(studio, token_path(studio)).status == 403  # it is spent
    assert ask(studio, "/home", cookie=cookie).status == 200
    undo = "/do/mapping/undo?mapping=mapping.yaml"
    assert ask(studio, undo, method="POST", cookie=cookie).status == 403
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{port + 1}"):
        assert ask(studio, undo, method="POST", cookie=cookie, origin=origin).status == 403
        assert ask(studio, "/home", cookie=cookie, origin=origin).status == 403
    assert ask(studio, undo, method="POST", cookie=cookie, origin=f"http://127.0.0.1:{port}").status == 200


@pytest.mark.parametrize(
    "path", ["/home", "/nothing", "/static/nothing.js", "/columns?mapping=../x.yaml", "/"]
)
def test_each_answer_carries_the_policy_errors_included(path, contracts, start_studio):
    studio = start_studio(contracts, "mapping.yaml")
    cookie = ask(studio, token_path(studio)).getheader("set-cookie").partition(";")[0]
    for sent in ({}, {"cookie": cookie}, {"host": "evil.example"}):
        policy = ask(studio, path, **sent).getheader("content-security-policy")
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self' 'nonce-")
        assert policy.endswith("frame-ancestors 'none'")


@pytest.mark.parametrize(
    "name", ["../outside.yaml", "/etc/passwd", "..%2Foutside.yaml", "%00", "contracts.csv/.."]
)
def test_no_file_outside_of_the_folder_is_read(name, contracts, start_studio):
    (contracts.parent / "outside.yaml").write_text("opusmap: 1\nsecret: outside\n", "utf-8")
    studio = start_studio(contracts, "mapping.yaml")
    cookie = ask(studio, token_path(studio)).getheader("set-cookie").partition(";")[0]
    for address in ("/columns", "/text", "/pulse"):
        answer = ask(studio, f"{address}?mapping={name}", cookie=cookie)
        assert answer.status in (404, 422)
        assert "secret: outside" not in answer.text
        assert "root:" not in answer.text


def test_a_whole_session_asks_nobody_else_violates_nothing_and_shows_no_secret(
    contracts, start_studio, open_page
):
    source = contracts / "contracts.csv"
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    rows[1][1] = HOSTILE
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    (contracts / ".env").write_text(
        f"OPUSMAP_BASE_URL=http://127.0.0.1:9\nOPUSMAP_TOKEN_URL=http://127.0.0.1:9/connect/token\n"
        f"OPUSMAP_CLIENT_ID=c\nOPUSMAP_CLIENT_SECRET={SECRET}\n", "utf-8",
    )  # fmt: skip
    studio = start_studio(contracts, "mapping.yaml", env={"OPUSMAP_CLIENT_SECRET": SECRET})
    page = open_page(studio)
    page.evaluate(
        "document.addEventListener('securitypolicyviolation',"
        " event => console.error('violation ' + event.violatedDirective))"
    )
    for step in ("file", "columns", "values", "check", "send", "report"):
        page.click(f"#step-{step}")
        page.wait_for_selector(f"#app.screen-{step}")
        assert SECRET not in page.content()
    page.click("text=Review due records")
    page.wait_for_selector("#app.screen-due")
    page.click("#step-send")
    page.click("#compare")
    page.wait_for_selector("#diff")
    page.click("#rehearse")
    page.wait_for_selector("#outcome", timeout=60_000)
    assert SECRET not in page.content()
    page.click("#step-columns")
    page.click("#column-leafName")
    page.wait_for_selector(".stages")
    assert HOSTILE[:40] in page.inner_text("#row-panel")
    assert page.title() != "owned"
    assert page.locator("#app script, #app img").count() == 0
    assert all(url.startswith(studio.origin) for url in page.watched.requests)
    assert page.watched.complaints == []
    assert SECRET not in page.content()
    assert not any(SECRET in url for url in page.watched.requests)
