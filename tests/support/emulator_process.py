"""An emulator of Opus in a process of its own, asked over its port."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from opusmap_program import environment_of, start_opusmap

from opusmap.emulator import TOKEN_PATH

MODULES = ("opusmap.cli.emulator", "opusmap.emulator.server", "opusmap.emulator.protocol")
SECRET = "pl4nted-s3cret-of-the-emulator"


class Service:
    """An emulator of Opus in a process of its own, asked over its port."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.settings = {
            "OPUSMAP_BASE_URL": url, "OPUSMAP_TOKEN_URL": url + TOKEN_PATH,
            "OPUSMAP_CLIENT_ID": "rehearsal", "OPUSMAP_CLIENT_SECRET": SECRET,
        }  # fmt: skip

    def summary(self) -> Any:
        return httpx.get(self.url + "/", trust_env=False).json()

    def held(self) -> list[Any]:
        form = {
            "grant_type": "client_credentials", "client_id": "rehearsal", "client_secret": SECRET,
            "scope": "records.readwrite.all",
        }  # fmt: skip
        with httpx.Client(base_url=self.url, trust_env=False) as client:
            token = client.post(TOKEN_PATH, data=form).json()["access_token"]
            answer = client.get("/emulator/records", headers={"Authorization": f"Bearer {token}"})
        return [json.loads(line) for line in answer.text.splitlines()]


@contextmanager
def serve_emulator(mapping: Path, *options: str) -> Iterator[Service]:
    process = start_opusmap(
        "emulator", mapping, "--port", "0", "--json", *options,
        cwd=Path.cwd(), env=environment_of(OPUSMAP_CLIENT_SECRET=SECRET), modules=MODULES,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield Service(json.loads(process.stdout.readline())["base_url"])
    finally:
        process.terminate()
        process.communicate(timeout=30)
