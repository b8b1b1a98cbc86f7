import asyncio

import httpx
import pytest

pytest.importorskip("starlette", reason="the extra `studio` is not installed")

from opusmap.studio.app import make_app
from opusmap.studio.opened_folder import Folder
from opusmap.studio.visit import Studio


@pytest.mark.parametrize("address", ["/do/mapping/undo", "/text?mapping=mapping.yaml", "/ask/hover"])
def test_what_is_too_large_is_refused_in_words_and_changes_nothing(address, tmp_path):
    async def post():
        transport = httpx.ASGITransport(make_app(Studio(Folder(tmp_path))))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.post(address, content=b"a" * (5 << 20))

    answer = asyncio.run(post())
    assert answer.status_code == 413
    assert answer.text.startswith("Nothing was changed: this is more than the 4 MB")
    assert list(tmp_path.iterdir()) == []
