"""The studio's addresses: screens, actions, the mapping's text, questions of the editor, progress.

A screen's address gives a whole page or, to htmx, the part of it that changes. An action does one thing,
then shows the view that the person was in. What is wrong is said above that view, never by a traceback.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from opusmap import __version__
from opusmap.edits import ChangedOnDisk
from opusmap.errors import OpusmapError
from opusmap.language.positions import Position, Range, TextEdit
from opusmap.mapping.yaml_reader import SIZE_LIMIT
from opusmap.report.page_templates import read_templates
from opusmap.studio import frame
from opusmap.studio.screens import SCREENS
from opusmap.studio.screens.report_screen import write_page
from opusmap.studio.visit import Screen, Studio, Visit
from opusmap.studio.workbench import Workbench
from opusmap.wording import show_share

_STATIC, _TEMPLATES = (Path(__file__).parent / name for name in ("static", "templates"))
_FORM_LIMIT = 4 * SIZE_LIMIT
_TOO_LARGE = (
    f"Nothing was changed: this is more than the {_FORM_LIMIT >> 20} MB that the studio takes at once. "
    "Paste it in parts, or edit the file in an editor."
)
_TICK = 0.2
"""Seconds between two looks at a job's progress."""


def make_app(studio: Studio) -> Starlette:
    """Return the application that serves a studio, to be put behind a `Guard`."""
    server = _Server(studio)
    routes = [
        Route("/", server.home),
        Route("/text", server.text, methods=["GET"]),
        Route("/text", server.type, methods=["POST"]),
        Route("/pulse", server.pulse),
        Route("/ask/{question}", server.ask, methods=["POST"]),
        Route("/progress/{number:int}", server.progress),
        Route("/do/{screen}/{action}", server.do, methods=["POST"]),
        Route("/report/{run:int}", server.report),
        Mount("/static", StaticFiles(directory=_STATIC)),
        Route("/data/{screen}/{name}", server.data, methods=["GET", "POST"]),
        *(route for screen in SCREENS.values() for route in screen.routes),
        Route("/{screen}", server.show),
    ]
    app = Starlette(routes=routes, exception_handlers={404: _not_found, Exception: _bug})
    app.state.studio = studio
    return app


class _Server:
    """Answers requests about one studio."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    async def home(self, _request: Request) -> Response:
        """Show the mapping that was named on the command line, or the list."""
        first = self._studio.first
        return RedirectResponse(f"/columns?mapping={first}" if first else "/home", 303)

    async def show(self, request: Request) -> Response:
        """Show a screen."""
        name = request.path_params["screen"]
        if name not in SCREENS:
            return await _not_found(request, None)
        visit = Visit(self._studio, name, dict(request.query_params))
        return await run_in_threadpool(_show, visit, request)

    async def do(self, request: Request) -> Response:
        """Do what a form asks for; show the view that it came from, or another one."""
        screen, action = SCREENS.get(request.path_params["screen"]), request.path_params["action"]
        if screen is None or action not in screen.actions:
            return await _not_found(request, None)
        form, lists = await _read_form(request)
        return await run_in_threadpool(self._do, screen, action, request, form, lists)

    def _do(
        self,
        screen: Screen,
        action: str,
        request: Request,
        form: Mapping[str, str],
        lists: Mapping[str, tuple[str, ...]],
    ) -> Response:
        came_from = urlsplit(request.headers.get("hx-current-url", ""))
        query = dict(parse_qsl(came_from.query)) or dict(request.query_params)
        name = came_from.path.strip("/") or screen.name
        visit = Visit(self._studio, name if name in SCREENS else screen.name, query, form, lists)
        goes_to = None
        try:
            goes_to = screen.actions[action](visit)
        except ChangedOnDisk:
            pass  # the frame shows what is on disk, and asks what to do
        except OpusmapError as error:
            visit.announce_error(error)
        if goes_to is not None:
            parts = urlsplit(goes_to)
            if dict(parse_qsl(parts.query)).get("mapping") != query.get("mapping"):
                return Response(headers={"hx-redirect": goes_to})  # another mapping is another page
            target = Visit(
                self._studio, parts.path.strip("/"), dict(parse_qsl(parts.query)), notices=visit.notices
            )
            response = _show(target, request)
            response.headers["hx-push-url"] = goes_to
            return response
        fresh = Visit(self._studio, visit.screen, query, notices=visit.notices)
        return _show(fresh, request)

    async def data(self, request: Request) -> Response:
        """Answer a script of a screen with plain data; an error is a sentence with what to do."""
        screen, is_read = SCREENS.get(request.path_params["screen"]), request.method == "GET"
        answers = {} if screen is None else screen.reads if is_read else screen.writes
        answer = answers.get(request.path_params["name"])
        if screen is None or answer is None:
            return await _not_found(request, None)
        form, lists = ({}, {}) if is_read else await _read_form(request)
        visit = Visit(self._studio, screen.name, dict(request.query_params), form, lists)

        def run() -> Response:
            try:
                content, status = answer(visit), 200
            except OpusmapError as error:
                content, status = {"error": ": ".join(filter(None, error.split()))}, 422
            # ASCII: a cell may contain half of a surrogate pair, which is not UTF-8.
            return Response(json.dumps(content), status, media_type="application/json")

        return await run_in_threadpool(run)

    async def text(self, request: Request) -> Response:
        """Return the mapping's text, for the editor."""
        return await self._about(request, lambda bench: JSONResponse(_facts(bench) | {"text": bench.text}))

    async def type(self, request: Request) -> Response:
        """Take the text that a person has typed; say whether it is saved, and what is wrong with it."""
        body = await _read_body(request)
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            return PlainTextResponse("the text is not UTF-8", 400)

        def answer(bench: Workbench) -> Response:
            with bench.lock:
                if request.query_params.get("base", bench.version) != bench.version:
                    return JSONResponse(_facts(bench) | {"conflict": True, "text": bench.text}, 409)
                bench.type(text.replace("\r\n", "\n"))
                return JSONResponse(_facts(bench) | {"problems": _problems(bench)})

        return await self._about(request, answer)

    async def pulse(self, request: Request) -> Response:
        """Say how text and file relate now, so that a page notices what happens elsewhere."""
        return await self._about(request, lambda bench: JSONResponse(_facts(bench)))

    async def ask(self, request: Request) -> Response:
        """Answer a question of the editor: problems, completion, hover, definition, fixes."""
        question = _QUESTIONS.get(request.path_params["question"])
        if question is None:
            return await _not_found(request, None)
        try:
            asked = json.loads(await _read_body(request) or b"{}")
            position = Position(int(asked.get("line", 0)), int(asked.get("column", 0)))
        except (ValueError, AttributeError, TypeError):
            return PlainTextResponse("the question can't be read", 400)
        row = asked.get("row", 0) if isinstance(asked.get("row", 0), int) else 0

        def answer(bench: Workbench) -> Response:
            with bench.lock:
                return JSONResponse(question(bench, position, row))

        return await self._about(request, answer)

    async def progress(self, request: Request) -> Response:
        """Stream a job's progress as server-sent events, until it has ended."""
        job = self._studio.jobs.find(request.path_params["number"])
        if job is None:
            return await _not_found(request, None)

        async def events() -> AsyncIterator[str]:
            seen = -1
            while not self._studio.closing:
                if job.version != seen:
                    seen, running = job.version, job.running
                    html = await run_in_threadpool(_render, "progress.html", job=job)
                    yield _event("progress", html)
                    if not running:
                        yield _event("end", "")
                        return
                await asyncio.sleep(_TICK)

        return StreamingResponse(events(), media_type="text/event-stream")

    async def report(self, request: Request) -> Response:
        """Show the whole page of a run; it has its own style and no script."""
        visit = Visit(self._studio, "report", dict(request.query_params))
        number, nonce = request.path_params["run"], request.scope.get("nonce", "")

        def run() -> Response:
            try:
                return HTMLResponse(write_page(visit, number, nonce))
            except OpusmapError as error:
                return PlainTextResponse(str(error), 404)

        return await run_in_threadpool(run)

    async def _about(self, request: Request, answer: Callable[[Workbench], Response]) -> Response:
        """Answer about the mapping that a request names."""

        def run() -> Response:
            try:
                return answer(Visit(self._studio, "", dict(request.query_params)).bench)
            except OpusmapError as error:
                return JSONResponse({"error": str(error)}, 422)

        return await run_in_threadpool(run)


def _show(visit: Visit, request: Request) -> Response:
    screen = SCREENS.get(visit.screen) or SCREENS["home"]
    partial = (
        request.headers.get("hx-request") == "true" and "hx-history-restore-request" not in request.headers
    )
    values: dict[str, Any] = {}
    status = 200
    if screen.needs_mapping:
        try:
            visit.bench  # noqa: B018 - it may not be readable
        except OpusmapError as error:
            visit.announce_error(error)
            screen, status = SCREENS["home"], 404
            visit = Visit(visit.studio, "home", {}, notices=visit.notices)
    try:
        values = dict(screen.view(visit))
    except OpusmapError as error:
        visit.announce_error(error)
        values = {"failed": True}
    page = _render(
        f"{screen.name}.html" if "failed" not in values else "failed.html",
        layout="fragment.html" if partial else "page.html",
        nonce=request.scope.get("nonce", ""),
        screen=screen,
        visit=visit,
        frame=frame.describe(visit, screen),
        **values,
    )
    return HTMLResponse(page, 200 if partial else status)


def _facts(bench: Workbench) -> dict[str, Any]:
    return {"version": bench.version, "state": bench.state.value, "sha256": bench.sha256}


def _problems(bench: Workbench) -> list[dict[str, Any]]:
    return [
        {
            "code": one.code,
            "severity": str(one.severity),
            "message": one.message,
            "hint": one.hint,
            "from": [one.place.line - 1, one.place.column - 1],
            "to": [one.place.end_line - 1, one.place.end_column - 1],
        }
        for one in bench.problems
        if one.place.file == str(bench.path)
    ]


def _complete(bench: Workbench, position: Position, _row: int) -> Any:
    return [
        {
            "label": one.label,
            "kind": str(one.kind.value),
            "detail": one.detail,
            "documentation": one.documentation,
            **_edit(one.edit),
        }
        for one in bench.service.complete(position)
    ]


def _hover(bench: Workbench, position: Position, row: int) -> Any:
    found = bench.service.hover(position, row)
    return None if found is None else {"text": found.text, **_range(found.range)}


def _definition(bench: Workbench, position: Position, _row: int) -> Any:
    own = [one for one in bench.service.find_definition(position) if one.file == str(bench.path)]
    return [_range(one.range) for one in own]


def _fixes(bench: Workbench, position: Position, _row: int) -> Any:
    return [
        {"title": one.title, "edits": [_edit(edit) for edit in one.edits]}
        for one in bench.service.find_fixes(Range(position, position))
    ]


def _edit(edit: TextEdit) -> dict[str, Any]:
    return {"new": edit.new, **_range(edit)}


def _range(place: Range | TextEdit) -> dict[str, Any]:
    return {"from": [place.start.line, place.start.column], "to": [place.end.line, place.end.column]}


_QUESTIONS: Mapping[str, Callable[[Workbench, Position, int], Any]] = {
    "problems": lambda bench, _position, _row: _problems(bench),
    "completion": _complete,
    "hover": _hover,
    "definition": _definition,
    "fixes": _fixes,
}


def _render(template: str, **values: Any) -> str:
    """Return a page or a fragment."""
    return _read_templates().get_template(template).render(version=__version__, **values)


@cache
def _read_templates() -> jinja2.Environment:
    return read_templates(_TEMPLATES, {"percent": show_share})


def _event(name: str, data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n"


async def _read_body(request: Request) -> bytes:
    """Return a request's body.

    Raises:
        HTTPException: 413, it is too large. It is read to its end all the same: a browser does not show the
            answer to a request that it could not send whole.
    """
    body, is_too_large = bytearray(), False
    async for part in request.stream():
        is_too_large = is_too_large or len(body) + len(part) > _FORM_LIMIT
        if not is_too_large:
            body += part
    if is_too_large:
        raise HTTPException(413, _TOO_LARGE)
    return bytes(body)


async def _read_form(request: Request) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    text = (await _read_body(request)).decode("utf-8", "replace")
    lists = {name: tuple(values) for name, values in parse_qs(text, keep_blank_values=True).items()}
    return {name: values[-1] for name, values in lists.items()}, lists


async def _not_found(_request: Request, _error: Exception | None) -> Response:
    return PlainTextResponse("There is no such page. Go back to /home.", 404)


async def _bug(_request: Request, _error: Exception) -> Response:
    return PlainTextResponse(
        "This is a bug in opusmap. Report it with what the terminal shows; nothing that was saved is lost.",
        500,
    )
