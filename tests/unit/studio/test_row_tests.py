"""A row that is kept as test passes with the mapping as it is, whatever becomes of the row."""

from documentation import ROOT

from opusmap.compiler import compile_mapping
from opusmap.edits import apply
from opusmap.mapping import parse_spec
from opusmap.records import Row
from opusmap.run.open import open_work
from opusmap.studio.row_tests import make_test
from opusmap.testing import run_tests


def test_a_test_of_any_row_of_the_register_passes():
    path = ROOT / "mappings" / "contracts" / "mapping.yaml"
    text = path.read_text("utf-8")
    work = open_work(path)
    with work.source as source:
        rows = [one for one in source.rows() if isinstance(one, Row)]
    mapper = work.mapper
    tests = [make_test(mapper, row.values, f"row {row.number}") for row in rows[::40]]
    assert {bool(one.expect) for one in tests} == {True, False}
    for one in tests:
        text = apply(text, one, file=str(path), folder=path.parent).text
    before = len(mapper.spec.tests)
    again = compile_mapping(parse_spec(text, str(path), path.parent), mapper.connection)
    results = run_tests(again)
    assert len(results) == before + len(tests)
    assert all(one.passed for one in results)
