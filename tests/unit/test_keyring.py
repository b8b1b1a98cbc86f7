"""Secrets from the system's keyring, by a backend of the tests."""

from __future__ import annotations

import sys

import pytest

from opusmap.errors import SettingsError
from opusmap.settings import Secret, load_settings

keyring = pytest.importorskip("keyring", reason="the extra `keyring` is not installed")
GIVEN = {
    "OPUSMAP_DATA_CENTER": "us",
    "OPUSMAP_CLIENT_ID": "app-1",
    "OPUSMAP_CLIENT_SECRET_KEYRING": "opusmap",
}


class Kept(keyring.backend.KeyringBackend):
    """A keyring in memory; with `locked` it refuses."""

    priority = 1
    locked = False

    def __init__(self):
        super().__init__()
        self.passwords = {}

    def get_password(self, service, username):
        if self.locked:
            raise keyring.errors.KeyringLocked("Planted-secret")
        return self.passwords.get((service, username))

    def set_password(self, service, username, password):
        self.passwords[service, username] = password


@pytest.fixture(autouse=True)
def kept():
    before, backend = keyring.get_keyring(), Kept()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def test_the_secret_is_that_of_the_service_and_the_client(kept, tmp_path):
    kept.set_password("opusmap", "app-1", "Planted-secret\n")
    kept.set_password("opusmap", "app-2", "another")
    settings = load_settings({}, GIVEN, tmp_path)
    assert settings.client_secret == Secret("Planted-secret")
    assert "Planted" not in repr(settings)


def test_the_password_of_a_certificate_is_taken_as_well(kept, tmp_path):
    kept.set_password("pfx", "app-1", "Planted-password")
    given = {**GIVEN, "OPUSMAP_CERTIFICATE": "app.pfx", "OPUSMAP_CERTIFICATE_PASSWORD_KEYRING": "pfx"}
    del given["OPUSMAP_CLIENT_SECRET_KEYRING"]
    assert load_settings({}, given, tmp_path).certificate.password == Secret("Planted-password")


def test_the_password_of_a_journal_s_database_is_taken_as_well(kept, tmp_path):
    kept.set_password("journal", "o pus", "Planted-password")
    given = {**GIVEN, "OPUSMAP_JOURNAL_PASSWORD_KEYRING": "journal"}
    kept.set_password("opusmap", "app-1", "Planted-secret")
    settings = load_settings({}, {**given, "OPUSMAP_JOURNAL": "postgresql://o%20pus@localhost/db"}, tmp_path)
    assert settings.journal.password == Secret("Planted-password")
    with pytest.raises(SettingsError, match="the keyring needs the user"):
        load_settings({}, {**given, "OPUSMAP_JOURNAL": "postgresql:///db"}, tmp_path)
    with pytest.raises(SettingsError, match="no such entry for the user") as caught:
        load_settings({}, {**given, "OPUSMAP_JOURNAL": "postgresql://x@/db"}, tmp_path)
    assert caught.value.help == "store it: keyring set journal x"


def test_what_is_not_there_or_locked_is_told_with_the_way_out(kept, tmp_path):
    with pytest.raises(SettingsError, match="no such entry") as caught:
        load_settings({}, GIVEN, tmp_path)
    assert caught.value.help == "store it: keyring set opusmap app-1"
    kept.locked = True
    with pytest.raises(SettingsError, match="KeyringLocked") as caught:
        load_settings({}, GIVEN, tmp_path)
    assert "Planted" not in str(caught.value)


def test_only_one_place_of_the_secret_may_be_named(tmp_path):
    with pytest.raises(SettingsError, match="only one"):
        load_settings({}, {**GIVEN, "OPUSMAP_CLIENT_SECRET": "s"}, tmp_path)


@pytest.mark.parametrize("name", ["OPUSMAP_CLIENT_SECRET_KEYRING", "OPUSMAP_CERTIFICATE_PASSWORD_KEYRING"])
def test_a_file_beside_the_mapping_may_not_name_an_entry(name, kept, tmp_path):
    kept.set_password("opusmap", "app-1", "s")
    (tmp_path / ".env").write_text(f"{name}=opusmap\n")
    with pytest.raises(SettingsError, match="stranger"):
        load_settings({}, GIVEN, tmp_path)


def test_without_the_package_the_way_out_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(SettingsError, match="not installed") as caught:
        load_settings({}, GIVEN, tmp_path)
    assert "`keyring`" in caught.value.help
