"""A connection, a record that is right in every column, and a client that calls an emulator in-process."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from opusmap.connection import Connection, parse_connection
from opusmap.emulator import TOKEN_PATH, Client, Emulator, Time
from opusmap.run.rehearsal import EmbeddedTransport

GUID = "d9da492f-cc67-4920-99f9-6fbaae1f1410"
PATH = "/connector/records"
TEMPLATE = """{ "id": "d9da492f-cc67-4920-99f9-6fbaae1f1410", "confilictOption": "Overwrite",
  "data": [ { "rowKey": "SingleText", "leafName": "SingleText", "termFullPath": "Taxonomy",
              "timeCreated": "DateTime", "timeModified": "DateTime",
              "createdBy": "SingleText", "modifiedBy": "SingleText",
              "_Notes": "MultipleText", "_Doc_%20_Type": "SingleChoice", "_Tags": "MultipleChoice",
              "_Owners": "PeopleOrGroup", "_Amount": "Number", "_Odd": "Riddle" } ] }"""


class Caller:
    """A client of one emulator in this process; it signs in by itself unless told otherwise."""

    def __init__(self, **settings: Any) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        settings = {"options": {"Doc Type": 4, "_Tags": 3}, **settings}
        client = Client("app", "planted-secret", *settings.pop("client", ()))
        time = Time(clock=lambda: self.now, sleep=self.sleep)
        self.emulator = Emulator(connection(), client, time=time, **settings)
        self.token = self.sign_in().json()["access_token"]

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once; the waits are noted."""
        self.now += seconds
        self.waits.append(seconds)

    def call(self, method: str, path: str = PATH, **request: Any) -> httpx.Response:
        """Send one request without a token of its own."""

        async def send() -> httpx.Response:
            transport = EmbeddedTransport(self.emulator)
            async with httpx.AsyncClient(transport=transport, base_url="http://opus") as client:
                return await client.request(method, path, **request)

        return asyncio.run(send())

    def sign_in(self, **changes: str | None) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": "app",
            "client_secret": "planted-secret",
            "scope": "records.readwrite.all",
            **changes,
        }
        return self.call("POST", TOKEN_PATH, data={k: v for k, v in form.items() if v is not None})

    def ask(self, method: str, path: str = PATH, **request: Any) -> httpx.Response:
        """Send one request with the token."""
        headers = {"Authorization": f"Bearer {self.token}", **request.pop("headers", {})}
        return self.call(method, path, headers=headers, **request)

    def submit(self, *records: Any, path: str = PATH, **changes: Any) -> httpx.Response:
        body = {"id": GUID, "conflictOption": "Overwrite", "data": list(records), **changes}
        body = {key: value for key, value in body.items() if value is not ...}
        return self.ask("POST", path, json=body)

    def complaints(self, **values: Any) -> str:
        """Submit one record that is right but for these values; return why it failed, or nothing."""
        answer = self.submit(record(**values))
        if answer.status_code == 201:
            return ""
        (failed,) = answer.json()["failedItems"]
        return str(failed["message"])


def connection() -> Connection:
    return parse_connection(TEMPLATE)


def record(key: Any = "CT-1", **changes: Any) -> dict[str, Any]:
    """Return a record with the required columns; `...` as a change leaves a column out."""
    values = {
        "rowKey": key,
        "leafName": "Lease of hall",
        "timeCreated": "2024-12-19 18:15:00",
        "timeModified": "2024-12-20 08:00:59",
        "createdBy": "Ann",
        "modifiedBy": "Bob",
        **changes,
    }
    return {name: value for name, value in values.items() if value is not ...}


@pytest.fixture(scope="session")
def make_caller() -> type[Caller]:
    return Caller


@pytest.fixture
def opus() -> Caller:
    return Caller()


@pytest.fixture(scope="session")
def make_record() -> Any:
    return record
