import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.errors import SettingsError
from opusmap.studio.table_files import CsvTable, make_csv_table

CELLS = st.text(st.sampled_from('ab ,;"\né='), max_size=6)
KEYS = st.text(st.sampled_from("abcé-"), min_size=1, max_size=4)


def write(path, rows, newline="\n", quoting=csv.QUOTE_MINIMAL, delimiter=","):
    out = io.StringIO()
    csv.writer(out, lineterminator=newline, quoting=quoting, delimiter=delimiter).writerows(rows)
    path.write_bytes(out.getvalue().encode())


def cells(path, delimiter=","):
    return list(
        csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), delimiter=delimiter)
    )


@given(
    rows=st.dictionaries(KEYS, st.tuples(CELLS, CELLS), max_size=5),
    changes=st.dictionaries(KEYS, CELLS.filter(str.strip), max_size=4),
    newline=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_set_entries_are_read_back_and_all_other_cells_stay(
    tmp_path_factory, rows, changes, newline, quoting
):
    path = tmp_path_factory.mktemp("table") / "staff.csv"
    write(
        path, [["note", "login", "email"], *([a, key, b] for key, (a, b) in rows.items())], newline, quoting
    )
    table = CsvTable.read(path, "login", "email")
    assert table.entries() == {key: value for key, (_, value) in rows.items()}
    table.set(changes).write()
    after = CsvTable.read(path, "login", "email")
    assert after.entries() == {**table.entries(), **changes}
    expected = [["note", "login", "email"]]
    expected += [[a, key, changes.get(key, b)] for key, (a, b) in rows.items()]
    expected += [["", key, value] for key, value in changes.items() if key not in rows]
    assert cells(path) == expected
    assert after.set(changes).after == after.sha256


def test_what_is_not_set_stays_byte_for_byte(tmp_path):
    path = tmp_path / "staff.csv"
    before = b'\xef\xbb\xbflogin;"the name";email\r\nann;"Ann ""A""";a@b.org\r\n\r\n "bob" ;Bob;b@b.org'
    path.write_bytes(before)
    table = CsvTable.read(path, "login", "email", ";")
    table.set({"ann": "ann@b.org", "cy": "c;y"}).write()
    changed = before.replace(b";a@b.org", b";ann@b.org") + b'\r\ncy;;"c;y"'
    assert path.read_bytes() == changed


def test_a_value_that_the_file_s_encoding_lacks_is_named(tmp_path):
    path = tmp_path / "staff.csv"
    path.write_bytes(b"login,email\n")
    with pytest.raises(SettingsError, match='"é" can\'t be written in ascii'):
        CsvTable.read(path, "login", "email", encoding="ascii").set({"ann": "é@b.org"})
    assert path.read_bytes() == b"login,email\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"login,mail\n", "no column 'email'"),
        (b"login,email,email\n", "has it twice"),
        (b"", "no column 'login'"),
        (b"login,email\n\xff,x\n", "not text in utf-8"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused_in_words(tmp_path, data, message):
    path = tmp_path / "staff.csv"
    path.write_bytes(data)
    with pytest.raises(SettingsError, match=message):
        CsvTable.read(path, "login", "email")


def test_a_row_without_the_cell_of_its_value_is_named(tmp_path):
    path = tmp_path / "staff.csv"
    path.write_text("login,name,email\nann\n", "utf-8")
    with pytest.raises(SettingsError, match="row 2 of the table, 'ann'"):
        CsvTable.read(path, "login", "email").set({"ann": "a@b.org"})


def test_a_new_table_never_replaces_a_file(tmp_path):
    path, entries = tmp_path / "people.csv", {"ann": "a@b.org", 'b"o': "b@b.org"}
    make_csv_table(path, "login", "email", entries).write()
    assert CsvTable.read(path, "login", "email").entries() == entries
    with pytest.raises(SettingsError, match="already"):
        make_csv_table(path, "login", "email", {}).write()
    assert CsvTable.read(path, "login", "email").entries() == entries


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_change_of_the_first_and_the_last_row_keeps_no_row_between_and_can_be_undone(tmp_path, encoding):
    path = tmp_path / "staff.csv"
    before = ("login,email\n" + "".join(f"né{n},né{n}@x.org\n" for n in range(2000))).encode(encoding)
    path.write_bytes(before)
    read = "utf-8" if encoding == "utf-8-sig" else encoding
    change = CsvTable.read(path, "login", "email", encoding=read).set({"né0": "ä@x.org", "new": "b@x.org"})
    assert change.weight < 1000 < len(before)
    change.write()
    entries = CsvTable.read(path, "login", "email", encoding=read).entries()
    assert (entries["né0"], entries["new"], len(entries)) == ("ä@x.org", "b@x.org", 2001)
    change.undo.write()
    assert path.read_bytes() == before


def test_in_an_encoding_whose_characters_depend_on_each_other_a_change_is_right_too(tmp_path):
    path = tmp_path / "staff.csv"
    before = "login,email\nあ,い@x.org\n".encode("iso2022_jp")
    path.write_bytes(before)
    change = CsvTable.read(path, "login", "email", encoding="iso2022_jp").set({"あ": "う", "new": "え"})
    change.write()
    after = CsvTable.read(path, "login", "email", encoding="iso2022_jp")
    assert after.entries() == {"あ": "う", "new": "え"}
    change.undo.write()
    assert path.read_bytes() == before
