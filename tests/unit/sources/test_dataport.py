r"""Files of DataPort: between tabs, unquoted, with `\;` and `\|` for what separates parts of a field."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.records import Row
from opusmap.sources import Source, open_source

# DataPort writes a backslash as it is, so that `\\;` of a value can't be told from its `;`.
TEXTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="\\"), min_size=1
)


def opened(text: str, encoding: str = "utf-16") -> Source:
    return open_source(io.BytesIO(text.encode(encoding)), format="dataport")


def test_cells_are_between_tabs_and_quotation_marks_belong_to_them() -> None:
    source = opened(
        'Record Number\tTitle (Free Text Part)\t*Is Electronic*\r\nD24/7\tThe "Old" Hall\tYes\r\n'
    )
    assert source.columns == ("Record Number", "Title (Free Text Part)", "*Is Electronic*")
    assert list(source.rows()) == [
        Row(
            2,
            {"Record Number": "D24/7", "Title (Free Text Part)": 'The "Old" Hall', "*Is Electronic*": "Yes"},
        )
    ]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (r"Lease\; hall \| barn", "Lease; hall | barn"),
        (r"C:\Files\a", r"C:\Files\a"),
        (r"a\;b;c", r"a\;b;c"),
        (r"IsAltIn;2000/05225|ContainsClause;G2007/19", "IsAltIn;2000/05225|ContainsClause;G2007/19"),
    ],
)
def test_a_backslash_goes_where_the_cell_has_one_part(cell: str, value: str) -> None:
    (row,) = opened(f"Title\tNo\n{cell}\t7\n").rows()
    assert isinstance(row, Row)
    assert row.values["Title"] == value


@given(TEXTS)
def test_what_dataport_writes_of_a_text_is_read_as_that_text(text: str) -> None:
    written = text.replace(";", r"\;").replace("|", r"\|")
    (row,) = opened(f"No\tTitle\n7\t{written}\n").rows()
    assert isinstance(row, Row)
    assert row.values["Title"] == text


def test_parts_go_to_another_process() -> None:
    import pickle

    (part,) = opened("No\tTitle\n7\tA\\;B\n").parts()
    (row,) = pickle.loads(pickle.dumps(part)).rows()
    assert row == Row(2, {"No": "7", "Title": "A;B"})
