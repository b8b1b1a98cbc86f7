"""Column hashes tell exactly which columns changed, whatever else became of columns, and keep no value."""

from __future__ import annotations

import json
import os
from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from opusmap.journal import hash_content
from opusmap.journal.column_hashes import ColumnHasher

KEY = b"0123456789abcdef"
NAMES = st.sampled_from(["rowKey", "Name", "Étage", "a b", "", "Doc_x0020_Type"])
VALUES = st.sampled_from(["", "a", "b", "é\n", 1, 1.5, True, ["a"], {"Id": 1}, "long " * 50])
RECORDS = st.dictionaries(NAMES, VALUES, min_size=1)


def encode(record: dict[str, object]) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def content_of(record: dict[str, object]) -> bytes:
    return hash_content(encode(record), "overwrite")


@given(before=st.lists(RECORDS, min_size=1, max_size=4), after=RECORDS, random=st.randoms())
def test_a_difference_is_named_by_column_in_whatever_order_columns_are(before, after, random) -> None:
    hasher = ColumnHasher(KEY, {})
    kept = [hasher.hash(encode(record), content_of(record)) for record in before]
    later = ColumnHasher(KEY, hasher.take_new())  # as another run reads it
    assert hasher.take_new() == {}
    names = list(after)
    random.shuffle(names)
    now = encode({name: after[name] for name in names})
    for record, hashes in zip(before, kept, strict=True):
        changed = later.compare(hashes, content_of(record), now)
        assert changed is not None
        texts = [{name: json.dumps(value) for name, value in each.items()} for each in (record, after)]
        assert set(changed) == {name for name, _ in texts[0].items() ^ texts[1].items()}


def test_a_later_run_with_the_same_columns_or_fewer_needs_no_new_layout() -> None:
    first = ColumnHasher(KEY, {})
    first.hash(b'{"a":1,"b":2}', b"c")
    layouts = first.take_new()
    later = ColumnHasher(KEY, layouts)
    assert len(later.hash(b'{"b":2}', b"c")) == len(later.hash(b'{"b":3,"a":1}', b"c")) == 8 + 2 * 4
    assert later.take_new() == {}
    assert later.compare(later.hash(b'{"b":2}', b"c"), b"c", b'{"b":2,"c":1}') == ("c",)


def test_hashes_of_another_content_or_that_are_damaged_are_not_compared() -> None:
    hasher = ColumnHasher(KEY, {})
    kept = hasher.hash(b'{"a":1}', b"content")
    assert hasher.compare(kept, b"content", b'{"a":2}') == ("a",)
    for damaged in (b"", kept[:-1], kept + b"\0", kept[:4] + b"none" + kept[8:]):
        assert hasher.compare(damaged, b"content", b'{"a":2}') is None
    assert hasher.compare(kept, b"other", b'{"a":2}') is None


def test_another_journals_key_and_another_column_give_other_hashes_of_the_same_value() -> None:
    kept = {
        ColumnHasher(key, {}).hash(record, b"c")[8:]
        for key in (KEY, os.urandom(16))
        for record in (b'{"a":"x"}', b'{"b":"x"}')
    }
    assert len(kept) == 4


def test_no_value_and_no_unkeyed_hash_of_one_is_kept() -> None:
    secret = "planted-7391"
    kept = ColumnHasher(KEY, {}).hash(encode({"a": secret}), b"c")
    assert secret.encode() not in kept
    assert blake2b(secret.encode(), digest_size=4).digest() not in kept
