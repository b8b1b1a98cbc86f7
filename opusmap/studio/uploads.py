"""Files that a browser sends: copied into the studio's folder under a free name, never over another."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opusmap.errors import SettingsError
from opusmap.studio.opened_folder import Folder
from opusmap.wording import counted

SIZE_LIMIT = 4 << 30
"""Bytes of one file, at most: a larger one is put into the folder without a browser."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


async def store(
    folder: Folder, name: str, parts: AsyncIterator[bytes], size: int | None = None, limit: int = SIZE_LIMIT
) -> Path:
    """Copy a file into a folder as it arrives; return where it is.

    Until it is whole, it is a hidden `.NAME.….part`. If it does not arrive whole, nothing is left of it.

    Args:
        folder: the folder.
        name: what the file is called; it gets a number if that is taken.
        parts: its bytes.
        size: how many there are, if that is known.
        limit: how many there may be.

    Raises:
        SettingsError: it is too large, the disk is full or can't be written, or the name is none.
        ClientDisconnect: it did not arrive whole.
    """
    target = folder.free_name(name)
    if size is not None and size > limit:
        raise _too_large(name, limit)
    free = shutil.disk_usage(folder.path).free
    if size is not None and size > free:
        raise _full(name, f"it needs {_megabytes(size)}, and {_megabytes(free)} are free")
    partial = folder.path / f".{target.name[:40]}.{secrets.token_hex(4)}.part"
    try:
        file = await run_in_threadpool(partial.open, "xb")
        try:
            arrived = 0
            async for part in parts:
                arrived += len(part)
                if arrived > limit:
                    raise _too_large(name, limit)
                await run_in_threadpool(file.write, part)
            await run_in_threadpool(_finish, file)
        finally:
            with suppress(OSError):
                file.close()
        if size is not None and arrived != size:
            raise ClientDisconnect
        return await run_in_threadpool(_name, partial, folder, name)
    except OSError as error:
        if error.errno in _FULL:
            raise _full(name, "not all of the file could be written") from None
        problem = f"the file can't be written: {error.strerror or error}"
        raise SettingsError(name, problem, f"put the file into {folder.path} yourself") from None
    finally:
        with suppress(OSError):
            partial.unlink()


def _finish(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _name(partial: Path, folder: Folder, name: str) -> Path:
    """Give a whole file its name: the first that is free now."""
    while True:
        target = folder.free_name(name)
        try:
            target.hardlink_to(partial)
        except FileExistsError:
            continue
        except OSError:  # a disk without links
            with target.open("xb") as file, partial.open("rb") as source:
                shutil.copyfileobj(source, file)
        return target


def _too_large(name: str, limit: int) -> SettingsError:
    problem = f"the file is larger than {_megabytes(limit)}, which a browser may send"
    return SettingsError(name, problem, "put it into the folder yourself, then choose it below")


def _full(name: str, why: str) -> SettingsError:
    return SettingsError(name, f"the disk is full: {why}", "make room, then drop the file again")


def _megabytes(size: int) -> str:
    return f"{size >> 20:,} MB" if size >> 20 else counted(size, "byte")


async def _receive(request: Request) -> Response:
    """Store the file that is the body of a request, under the name that its address says."""
    given = request.headers.get("content-length", "")
    size = int(given) if given.isascii() and given.isdigit() else None
    folder: Folder = request.app.state.studio.folder
    try:
        path = await store(folder, request.query_params.get("name", ""), request.stream(), size)
    except SettingsError as error:
        return JSONResponse({"problem": f"{error.setting}: {error.problem}", "help": error.help}, 422)
    except ClientDisconnect:
        return JSONResponse({"problem": "the file did not arrive whole", "help": "drop it again"}, 400)
    return JSONResponse({"name": folder.name_of(path)})


ROUTES = (Route("/upload", _receive, methods=["POST"]),)
