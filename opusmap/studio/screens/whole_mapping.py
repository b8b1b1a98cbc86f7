"""Actions on the mapping as a whole, which each screen offers: undo, redo, reload, keep mine."""

from __future__ import annotations

from opusmap.studio.visit import Screen, Visit


def _undo(visit: Visit) -> None:
    file = visit.bench.undo()
    visit.announce("good", "Undone." if file is None else f"Undone, in {file.name} too.")


def _redo(visit: Visit) -> None:
    file = visit.bench.redo()
    visit.announce("good", "Done again." if file is None else f"Done again, in {file.name} too.")


def _reload(visit: Visit) -> None:
    visit.bench.reload()
    visit.announce("good", "The file is shown as it is on disk. Undo brings the page's text back.")


def _keep(visit: Visit) -> None:
    visit.bench.keep_mine()
    visit.announce("good", "The page's text is written. Undo brings back what was on disk.")


SCREEN = Screen(
    "mapping",
    "Mapping",
    lambda _visit: {},
    {
        "undo": _undo,
        "redo": _redo,
        "reload": _reload,
        "keep": _keep,
        "use-unsaved": lambda visit: visit.bench.take_unsaved(use=True),
        "drop-unsaved": lambda visit: visit.bench.take_unsaved(use=False),
        "refresh": lambda visit: visit.bench.refresh(),
    },
)
