"""Addresses: read through fsspec where a person names one, never shown with what may be secret in them."""

from __future__ import annotations

import pytest

from opusmap.errors import SourceError
from opusmap.records import Row
from opusmap.sources import is_remote, open_source

fsspec = pytest.importorskip("fsspec", reason="the extra remote is not installed")


@pytest.mark.parametrize(
    "path", ["https://x/y.csv", "s3://b/k", "memory://x.csv", "zip://a.csv::https://x/y.zip"]
)
def test_an_address_is_known_by_its_scheme(path: str) -> None:
    assert is_remote(path)


@pytest.mark.parametrize("path", ["x.csv", "C:\\x.csv", "C:/x.csv", "//server/share/x.csv", "a:b.csv", "-"])
def test_a_path_is_no_address(path: str) -> None:
    assert not is_remote(path)


def test_a_file_at_an_address_is_read_again_and_again() -> None:
    with fsspec.open("memory://export/a.csv", "wb") as file:
        file.write(b"k,v\n1,x\n")
    with open_source("memory://export/a.csv", file_column="file") as source:
        assert source.name == "memory://export/a.csv"
        assert source.rereadable
        assert (
            list(source.rows())
            == list(source.rows())
            == [Row(2, {"k": "1", "v": "x", "file": "memory://export/a.csv"})]
        )


def test_what_may_be_secret_in_an_address_shows_in_no_message() -> None:
    with pytest.raises(SourceError) as caught:
        open_source("memory://user:secret@nowhere/a.csv?signature=secret")
    assert caught.value.code == "source-unreadable"
    assert "secret" not in str(caught.value)
    assert "memory://nowhere/a.csv" in str(caught.value)


def test_a_kind_of_address_without_its_library_is_told() -> None:
    with pytest.raises(SourceError) as caught:
        open_source("nonsense://x/a.csv")
    assert caught.value.help


def test_a_database_is_not_fetched() -> None:
    with pytest.raises(SourceError, match="address"):
        open_source("memory://x.sqlite", sql="SELECT 1 AS a")
