"""Report: the runs of the mapping, what needs attention in one, two runs side by side, the sign-off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from opusmap.errors import OpusmapError, SettingsError
from opusmap.studio.past_runs import PastRun, open_past_runs
from opusmap.studio.sign_off import (
    draft_declaration,
    files_of,
    find_changes,
    look_up_sign_off,
    make_sign_off,
    may_sign,
    write_sign_off,
)
from opusmap.studio.visit import Screen, Visit, read_number
from opusmap.wording import show_minute

_LISTED = 50
"""Runs that are listed at most, the latest ones."""


def _view(visit: Visit) -> Mapping[str, Any]:
    values: dict[str, Any] = {"runs": (), "more": 0, "past": None, "compared": None, "others": ()}
    values |= {"standing": look_up_sign_off(visit.path), "signable": False, "changed": ()}
    values["minute"] = show_minute
    try:
        with open_past_runs(visit.path) as runs:
            wanted = read_number(visit.query.get("run", ""))
            past = runs.find(wanted)
            if past is None and wanted is not None:
                visit.announce("attention", f"The journal contains no run {wanted} of this mapping.")
                past = runs.find()
            listed = runs.statuses()[:_LISTED]
            values |= {"runs": listed, "more": len(runs.runs) - len(listed), "past": past}
            if past is not None:
                values |= _describe(visit, past)
                values["others"] = tuple(run.id for run, _ in listed if run.id != past.run.id)
                other = read_number(visit.query.get("with", ""))
                if other is not None and other != past.run.id:
                    values["compared"] = runs.compare(*sorted((other, past.run.id)))
    except OpusmapError as error:
        visit.announce_error(error)
    return values


def _describe(visit: Visit, past: PastRun) -> dict[str, Any]:
    return {
        "page": f"/report/{past.run.id}?{urlencode({'mapping': visit.bench.name})}",
        "signable": may_sign(past.run),
        "declaration": draft_declaration(past.run),
        "changed": find_changes(files_of(past.evidence, visit.path), visit.path),
    }


def write_page(visit: Visit, number: int, nonce: str) -> str:
    """Return the whole page of a run of the mapping that an address names.

    Raises:
        SettingsError, InvalidMapping, JournalError: there is none, or it can't be read.
    """
    with open_past_runs(visit.path) as runs:
        return runs.page(number, nonce)


def _sign(visit: Visit) -> None:
    number = visit.field("run")
    with open_past_runs(visit.path) as runs:
        wanted = read_number(number)
        past = None if wanted is None else runs.find(wanted)
        if past is None:
            raise SettingsError("run", f"the journal contains no run {number}", "choose one from the list")
        signed = make_sign_off(
            past.run,
            past.evidence,
            visit.path,
            name=visit.field("name"),
            role=visit.field("role"),
            declaration=visit.field("declaration"),
        )
    path = write_sign_off(signed, visit.path)
    visit.announce("good", f"Run {past.run.id} is signed off, in `{path.name}` beside the mapping.")


SCREEN = Screen("report", "Report", _view, {"sign": _sign})
