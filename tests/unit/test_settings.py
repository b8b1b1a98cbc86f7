"""Settings: precedence, what is missing, safe addresses, and secrets that never show."""

from __future__ import annotations

import copy
import pickle
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.errors import SettingsError
from opusmap.service_address import DATA_CENTERS
from opusmap.settings import (
    CertificateFile,
    PostgresAddress,
    Secret,
    TimeStamping,
    list_given,
    load_settings,
    load_time_stamping,
    locate_journal,
)

CANARY = "Canary-4f1c"
FULL = {
    "OPUSMAP_DATA_CENTER": "us",
    "OPUSMAP_CLIENT_ID": "app-1",
    "OPUSMAP_CLIENT_SECRET": CANARY,
}


def with_base_url(url: str) -> dict[str, str]:
    rest = {name: text for name, text in FULL.items() if name != "OPUSMAP_DATA_CENTER"}
    return rest | {"OPUSMAP_BASE_URL": url, "OPUSMAP_TOKEN_URL": "https://identity.example.com/token"}


def test_a_data_center_gives_both_addresses(tmp_path: Path) -> None:
    settings = load_settings({}, FULL, tmp_path)
    assert settings.base_url == "https://graph-us.avepointonlineservices.com"
    assert settings.token_url == "https://identity.avepointonlineservices.com/connect/token"
    assert (settings.client_id, settings.client_secret.reveal()) == ("app-1", CANARY)
    assert (settings.api_path, settings.proxy, settings.journal) == (
        "auto",
        None,
        tmp_path / "opusmap-journal.db",
    )


@pytest.mark.parametrize(
    ("center", "host"),
    [
        ("gov", "identity-gov.avepointonlineservices.com"),
        ("AOS2", "identity-aos2.avepointonlineservices.com"),
        ("fedramp", "identity.online15.net"),
        ("gcp-kr", "identity.avepointonlineservices.com"),
    ],
)
def test_the_token_url_follows_from_the_data_center_and_from_its_base_url(
    center: str, host: str, tmp_path: Path
) -> None:
    by_center = load_settings({}, FULL | {"OPUSMAP_DATA_CENTER": center}, tmp_path)
    by_url = with_base_url(DATA_CENTERS[center.lower()] + "/")
    del by_url["OPUSMAP_TOKEN_URL"]
    assert by_center.token_url == f"https://{host}/connect/token"
    assert load_settings({}, by_url, tmp_path) == by_center


def test_options_win_over_the_environment_and_that_over_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "OPUSMAP_CLIENT_ID=file\nOPUSMAP_API_PATH=/from/file\nOPUSMAP_JOURNAL=j.db\n"
        "OPUSMAP_CLIENT_SECRET='pa${HOME}ss'\n"
    )
    settings = load_settings(
        {"client_id": "option", "api_path": None, "proxy": "http://10.0.0.1:3128"}, FULL, tmp_path
    )
    assert settings.client_id == "option"
    assert settings.api_path == "/from/file"
    assert settings.journal == tmp_path / "j.db"
    assert settings.proxy == Secret("http://10.0.0.1:3128")
    assert load_settings({}, FULL, tmp_path).client_id == "app-1"
    bare = {"OPUSMAP_DATA_CENTER": "us"}
    assert load_settings({}, bare, tmp_path).client_secret == Secret("pa${HOME}ss")


def test_a_request_may_take_a_minute_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    assert load_settings({}, FULL, tmp_path).timeout == 60.0
    assert load_settings({}, FULL | {"OPUSMAP_TIMEOUT": "2.5"}, tmp_path).timeout == 2.5


def test_a_base_url_given_as_an_option_wins_over_a_data_center_of_the_environment(tmp_path: Path) -> None:
    options = {"base_url": "http://127.0.0.1:8000/", "token_url": "http://localhost:8000/connect/token"}
    settings = load_settings(options, FULL, tmp_path)
    assert settings.base_url == "http://127.0.0.1:8000"
    assert settings.token_url == "http://localhost:8000/connect/token"


def test_everything_missing_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({}, {"OPUSMAP_CLIENT_ID": "  "}, tmp_path)
    assert caught.value.setting == (
        "OPUSMAP_DATA_CENTER (or OPUSMAP_BASE_URL), OPUSMAP_CLIENT_ID, "
        "OPUSMAP_CLIENT_SECRET (or OPUSMAP_CLIENT_SECRET_FILE, or OPUSMAP_CERTIFICATE)"
    )


def test_an_unknown_host_needs_its_token_url(tmp_path: Path) -> None:
    environ = with_base_url("https://opus.example.com")
    del environ["OPUSMAP_TOKEN_URL"]
    with pytest.raises(SettingsError) as caught:
        load_settings({}, environ, tmp_path)
    assert caught.value.setting == "OPUSMAP_TOKEN_URL"


@pytest.mark.parametrize(
    "url",
    [
        "https://opus.example.com",
        "https://opus.example.com:8443",
        "https://opus.example.com/gateway/opus",
        "https://localhost:1",
        "http://localhost:1",
        "http://127.0.0.1",
        "http://[::1]:8080",
        "https://xn--bcher-kva.example",
        "https://opus",
    ],
)
def test_a_plain_address_is_kept_as_it_is(url: str, tmp_path: Path) -> None:
    assert load_settings({}, with_base_url(url), tmp_path).base_url == url
    assert load_settings({}, with_base_url(url + "/"), tmp_path).base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "https://good@evil/",
        "https://good:443@evil",
        "https://@evil",
        "http://2852039166/",
        "https://2852039166/",
        "https://0x7f.0.0.1",
        "https://0xa9fea9fe",
        "https://10.0.0.1",
        "https://127.1",
        "https://[::ffff:10.0.0.1]",
        "https://[fe80::1%25eth0]",
        "https://[",
        "http://opus.example.com",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "https://evil.example\\@good.example",
        "https://good.example%2fevil",
        "https://bücher.example",
        "https://opus.example.com?x=1",
        "https://opus.example.com?",
        "https://opus.example.com#",
        "https://opus.example.com/a/../b",
        "https://opus.example.com//a",
        "https://opus.example.com:0",
        "https://opus.example.com:99999",
        "https://opus.example.com:port",
        "https://opus..example.com",
        "https://-opus.example.com",
        "https://",
        "opus.example.com",
        "ftp://opus.example.com",
        "file:///etc/passwd",
        "https://a b",
    ],
)
@pytest.mark.parametrize("name", ["OPUSMAP_BASE_URL", "OPUSMAP_TOKEN_URL"])
def test_an_address_that_may_mislead_is_refused(name: str, url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({}, with_base_url("https://opus.example.com") | {name: url}, tmp_path)
    assert caught.value.setting == name


@given(st.text(max_size=40), st.sampled_from(["", "https://", "http://", "https://a.b/"]))
def test_any_text_as_an_address_is_one_or_a_settings_error(text: str, scheme: str) -> None:
    try:
        url = load_settings({}, with_base_url(scheme + text), Path("/nowhere")).base_url
    except SettingsError:
        return
    again = load_settings({}, with_base_url(url), Path("/nowhere")).base_url
    assert again == url
    assert "@" not in url


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OPUSMAP_DATA_CENTER", "uss"),
        ("OPUSMAP_BASE_URL", "https://opus.example.com"),
        ("OPUSMAP_API_PATH", "connector"),
        ("OPUSMAP_API_PATH", "//evil.example/x"),
        ("OPUSMAP_API_PATH", "/a?b"),
        ("OPUSMAP_TIMEOUT", "0"),
        ("OPUSMAP_TIMEOUT", "601"),
        ("OPUSMAP_TIMEOUT", "-1"),
        ("OPUSMAP_TIMEOUT", "inf"),
        ("OPUSMAP_TIMEOUT", "1e1"),
        ("OPUSMAP_TIMEOUT", "soon"),
        ("OPUSMAP_PROXY", "proxy:8080"),
        ("OPUSMAP_PROXY", "socks5://proxy:8080"),
        ("OPUSMAP_PROXY", "http://proxy:8080/path"),
        ("OPUSMAP_LATE_EFFECT_WINDOW", "-1"),
        ("OPUSMAP_RETRY_TIMEOUT", "2 minutes"),
        ("OPUSMAP_RETRY_TIMEOUT", "inf"),
        ("OPUSMAP_TRANSPORT", "curl"),
        ("OPUSMAP_CLIENT_ID", "two words"),
        ("OPUSMAP_CLIENT_SECRET", "a\x00b"),
        ("OPUSMAP_CLIENT_SECRET", "\udcff"),
        ("OPUSMAP_CLIENT_SECRET_FILE", "missing"),
    ],
)
def test_a_wrong_setting_is_named(name: str, text: str, tmp_path: Path) -> None:
    environ = FULL | {name: text}
    if name == "OPUSMAP_CLIENT_SECRET_FILE":
        del environ["OPUSMAP_CLIENT_SECRET"]
    with pytest.raises(SettingsError) as caught:
        load_settings({}, environ, tmp_path)
    assert name in caught.value.setting


def test_late_effect_window_and_retry_timeout_are_seconds(tmp_path: Path) -> None:
    settings = load_settings({}, FULL, tmp_path)
    assert (settings.late_effect_window, settings.retry_timeout) == (30.0, 120.0)
    settings = load_settings(
        {"retry_timeout": "600"}, {**FULL, "OPUSMAP_LATE_EFFECT_WINDOW": "0.5"}, tmp_path
    )
    assert (settings.late_effect_window, settings.retry_timeout) == (0.5, 600.0)


@pytest.mark.parametrize(
    ("old", "new"),
    [("OPUSMAP_FENCE", "OPUSMAP_LATE_EFFECT_WINDOW"), ("OPUSMAP_PATIENCE", "OPUSMAP_RETRY_TIMEOUT")],
)
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_an_old_name_is_read_with_a_note_unless_the_new_one_is_set(
    old: str, new: str, place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".env").write_text(f"{old}=7\n" if place == ".env" else "", "utf-8")
    environ = FULL if place == ".env" else {**FULL, old: "7"}
    setting = new.removeprefix("OPUSMAP_").lower()
    assert getattr(load_settings({}, environ, tmp_path), setting) == 7.0
    named = f"{old} in .env" if place == ".env" else old
    assert caplog.messages == [f"{named} is an old name, which the next release does not read; use {new}"]
    caplog.clear()
    assert getattr(load_settings({}, {**environ, new: "8"}, tmp_path), setting) == 8.0
    (tmp_path / ".env").write_text(f"{new}=9\n", "utf-8")
    assert getattr(load_settings({}, {**FULL, old: "7"}, tmp_path), setting) == 9.0
    assert not caplog.text


def test_an_unknown_option_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"base_uri": "x"}, {}, tmp_path)
    assert "base_url" in caught.value.help


def test_a_secret_comes_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text(CANARY + "\n")
    (tmp_path / ".env").write_text("OPUSMAP_CLIENT_SECRET_FILE=secret.txt\n")
    environ = {name: text for name, text in FULL.items() if name != "OPUSMAP_CLIENT_SECRET"}
    assert load_settings({}, environ, tmp_path).client_secret == Secret(CANARY)


def test_a_secret_file_that_is_no_text_or_too_large_is_refused_without_its_bytes(tmp_path: Path) -> None:
    environ = {name: text for name, text in FULL.items() if name != "OPUSMAP_CLIENT_SECRET"}
    environ["OPUSMAP_CLIENT_SECRET_FILE"] = str(tmp_path / "secret")
    for content in (CANARY.encode() + b"\xff", CANARY.encode() * 9000, b" \n"):
        (tmp_path / "secret").write_bytes(content)
        with pytest.raises(SettingsError) as caught:
            load_settings({}, environ, tmp_path)
        assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_certificate_takes_the_secrets_place_its_paths_relative_to_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "password.txt").write_text(CANARY + "\n")
    (tmp_path / ".env").write_text(
        "OPUSMAP_CERTIFICATE=app.pfx\nOPUSMAP_CERTIFICATE_PASSWORD_FILE=password.txt\n"
    )
    environ = {name: text for name, text in FULL.items() if name != "OPUSMAP_CLIENT_SECRET"}
    settings = load_settings({}, environ, tmp_path)
    assert settings.certificate == CertificateFile(tmp_path / "app.pfx", Secret(CANARY))
    assert settings.client_secret is None
    assert CANARY not in repr(settings)
    plain = load_settings({}, {**environ, "OPUSMAP_CERTIFICATE": "app.pem"}, Path("/nowhere"))
    assert plain.certificate == CertificateFile(Path("app.pem"))


def test_the_higher_level_says_which_of_secret_and_certificate_counts(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPUSMAP_CERTIFICATE=app.pfx\n")
    assert load_settings({}, FULL, tmp_path).certificate is None
    with pytest.raises(SettingsError, match="only one of them"):
        load_settings({}, {**FULL, "OPUSMAP_CERTIFICATE": "app.pfx"}, tmp_path)


def test_a_folder_named_like_the_env_file_is_no_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert load_settings({}, FULL, tmp_path).client_id == "app-1"


def test_the_journal_is_found_without_any_sign_in(tmp_path: Path) -> None:
    assert locate_journal({}, {}, tmp_path) == tmp_path / "opusmap-journal.db"
    assert locate_journal({"journal": "x.db"}, FULL, tmp_path) == Path("x.db")


def test_secrets_never_show(tmp_path: Path) -> None:
    settings = load_settings({}, FULL | {"OPUSMAP_PROXY": f"http://me:{CANARY}@proxy:1"}, tmp_path)
    secret = settings.client_secret
    shown = f"{settings} {settings!r} {secret} {secret!r} {secret:>9} {[secret]}"
    assert CANARY not in shown
    assert secret != CANARY
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.copy(secret)


@pytest.mark.parametrize("name", ["CLIENT_SECRET", "PROXY", "BASE_URL", "TOKEN_URL", "API_PATH", "CLIENT_ID"])
def test_no_error_quotes_a_value(name: str, tmp_path: Path) -> None:
    environ = with_base_url("https://opus.example.com") | {f"OPUSMAP_{name}": f"http://me:{CANARY}@x y\x01"}
    with pytest.raises(SettingsError) as caught:
        load_settings({}, environ, tmp_path)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(("text", "trusted"), [("1", True), (" 1 ", True), ("0", False), ("", False)])
def test_the_status_alone_is_trusted_only_if_the_environment_says_so(
    text: str, *, trusted: bool, tmp_path: Path
) -> None:
    assert load_settings({}, FULL | {"OPUSMAP_TRUST_STATUS": text}, tmp_path).trust_status is trusted
    assert load_settings({}, FULL, tmp_path).trust_status is False


@pytest.mark.parametrize("text", ["true", "yes", "2", "11", "-1"])
def test_another_word_of_trust_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="OPUSMAP_TRUST_STATUS: not 0 or 1"):
        load_settings({}, FULL | {"OPUSMAP_TRUST_STATUS": text}, tmp_path)


@pytest.mark.parametrize("text", ["1", "0"])
def test_a_file_beside_the_mapping_says_nothing_about_trust(text: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"OPUSMAP_TRUST_STATUS={text}\n")
    with pytest.raises(SettingsError, match=r"OPUSMAP_TRUST_STATUS in \.env"):
        load_settings({}, FULL, tmp_path)


@pytest.mark.parametrize("text", [":memory:", "./:memory:", "  :memory: "])
def test_a_journal_in_memory_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite would take the word, and a second run would know nothing of the first."""
    monkeypatch.chdir(tmp_path)
    for options, environ in (({"journal": text}, {}), ({}, {"OPUSMAP_JOURNAL": text})):
        with pytest.raises(SettingsError, match="must remain after the run"):
            locate_journal(options, environ, Path())
    Path(".env").write_text(f"OPUSMAP_JOURNAL={text}")
    with pytest.raises(SettingsError, match="must remain after the run"):
        locate_journal({}, {}, Path())


# -- a journal in a database


def locate(text: str, **more: str) -> object:
    return locate_journal({}, {"OPUSMAP_JOURNAL": text, **more}, Path())


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://opus@localhost/db",
        "postgres://127.0.0.1:5433/db",
        "postgresql://opus@[::1]:5433/db",
        "postgresql:///db",
        "postgresql://opus@/db?host=/var/run/postgresql",
        "postgresql://opus@%2Fvar%2Frun%2Fpostgresql/db",
        "postgresql://opus@h.example.com/db?sslmode=verify-full&sslrootcert=system",
        "postgresql://opus@h.example.com/db?sslmode=disable",
        "postgresql://opus@a.example.com:1,b.example.com:2/db?sslmode=require&target_session_attrs=read-write",
    ],
)
def test_a_journal_may_be_in_a_database(text: str) -> None:
    assert locate(text) == PostgresAddress(text)
    assert str(locate(text, OPUSMAP_JOURNAL_PASSWORD=CANARY)) == text
    assert locate_journal({"journal": text}, {}, Path()) == PostgresAddress(text)


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("postgresql://o@h.example.com/db", "postgresql://o@h.example.com/db?sslmode=require"),
        ("postgresql://o@10.0.0.1/db?connect_timeout=3", "…&sslmode=require"),
        ("postgresql://o@localhost,h.example.com/db", "…?sslmode=require"),
        ("postgresql://o@localhost/db?host=h.example.com", "…&sslmode=require"),
        ("postgresql://o@localhost.example.com/db", "…?sslmode=require"),
    ],
)
def test_what_is_sent_elsewhere_is_encrypted_unless_the_address_says_how(text: str, used: str) -> None:
    assert str(locate(text)) == used.replace("…", text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"postgresql://opus:{CANARY}@localhost/db", "with a password is refused"),
        (f"postgresql://opus:{CANARY}@[::1/db", "not the address of a database"),
        (f"postgresql://opus@localhost/db?password={CANARY}", "with a password is refused"),
        (f"postgresql://localhost/db?sslpassword={CANARY}", "with a password is refused"),
        (f"postgresql://a@{CANARY}@localhost/db", "with a password is refused"),
        (f"postgresql://localhost/db#{CANARY}", "are refused"),
        (f"postgresql://localhost/{CANARY} b", "are refused"),
        (f"postgresql://{CANARY}", "names no database"),
        (f"postgresql://{CANARY}/?sslmode=require", "names no database"),
        (f"postgresql+psycopg://o:{CANARY}@localhost/db", "only a file or a PostgreSQL database"),
        (f"mysql://{CANARY}/db", "only a file or a PostgreSQL database"),
        (f"postgresql://localhost/db?options={CANARY}", "the parameter options is not one"),
        (f"postgresql://localhost/db?{CANARY}=1", "the parameter a name that is not plain is not one"),
        ("postgresql://localhost/db?host=a&host=b", "the parameter host is there twice"),
    ],
)
def test_a_bad_address_of_a_journal_is_refused_and_not_quoted(text: str, problem: str) -> None:
    with pytest.raises(SettingsError, match="OPUSMAP_JOURNAL: ") as caught:
        locate(text)
    assert problem in caught.value.problem
    assert CANARY not in str(caught.value)
    [given] = [
        one for one in list_given({"OPUSMAP_JOURNAL": text}, Path()) if one.variable == "OPUSMAP_JOURNAL"
    ]
    assert (given.shown, given.file) == ("", None)


def test_the_password_of_a_journal_s_database_comes_from_a_variable_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text(f"{CANARY}\n")
    address = PostgresAddress("postgresql://opus@localhost/db", Secret(CANARY))
    assert locate(address.url, OPUSMAP_JOURNAL_PASSWORD=CANARY) == address
    assert locate(address.url, OPUSMAP_JOURNAL_PASSWORD_FILE=str(tmp_path / "pw")) == address
    assert CANARY not in repr(address) + str(address) + f"{address}"
    both = {"OPUSMAP_JOURNAL_PASSWORD": CANARY, "OPUSMAP_JOURNAL_PASSWORD_FILE": "pw"}
    with pytest.raises(SettingsError, match="only one of them"):
        locate(address.url, **both)
    assert locate("j.db", OPUSMAP_JOURNAL_PASSWORD=CANARY) == Path("j.db")
    shown = list_given({"OPUSMAP_JOURNAL": address.url, **both}, Path())
    assert CANARY not in repr(shown)
    assert [(one.shown, one.file) for one in shown] == [(address.url, None), ("", None), ("pw", Path("pw"))]


@pytest.mark.parametrize(
    "line",
    ["OPUSMAP_JOURNAL=postgresql://opus@evil.example/db", f"OPUSMAP_JOURNAL_PASSWORD={CANARY}"],
)
def test_a_file_beside_the_mapping_names_no_database(line: str, tmp_path: Path) -> None:
    """Else a stranger's mapping could have the password of the environment sent to a host of its choice."""
    (tmp_path / ".env").write_text(line + "\n")
    with pytest.raises(SettingsError, match=r"in \.env: a \.env file can come with a mapping") as caught:
        locate_journal({}, {"OPUSMAP_JOURNAL_PASSWORD": CANARY}, tmp_path)
    assert CANARY not in str(caught.value)


def test_what_looks_like_a_path_is_one() -> None:
    for text in ("postgresql:j.db", "C:\\data\\j.db", "sub/j.db", "./postgresql/j.db"):
        assert locate(text) == Path(text)


def test_a_time_stamp_authority_is_the_environment_s_alone_and_behind_the_proxy_unless_it_is_here() -> None:
    given = {"OPUSMAP_TIMESTAMP_CA": "roots.pem", "OPUSMAP_PROXY": "http://proxy:8080"}
    assert load_time_stamping(given) == TimeStamping(trusted=Path("roots.pem"))
    far = load_time_stamping({**given, "OPUSMAP_TIMESTAMP_URL": "https://stamps.example/tsr/"})
    assert far == TimeStamping("https://stamps.example/tsr", Secret("http://proxy:8080"), Path("roots.pem"))
    here = load_time_stamping({**given, "OPUSMAP_TIMESTAMP_URL": "http://127.0.0.1:9/tsr"})
    assert here.proxy is None


@pytest.mark.parametrize("name", ["TIMESTAMP_URL", "TIMESTAMP_CA"])
def test_a_file_beside_the_mapping_names_no_time_stamp_authority(name: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"OPUSMAP_{name}=https://stamps.example/tsr\n", "utf-8")
    with pytest.raises(SettingsError, match=f"OPUSMAP_{name}"):
        load_settings({}, {}, tmp_path)
