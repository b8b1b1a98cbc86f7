"""One session of Spark for all tests here: it takes half a minute to start."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from spark_session import SECRET, require_spark, start_session


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Spark on two threads; a task may fail three times. The environment has the secrets of a service."""
    require_spark()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Spark's own
        patch.setenv("OPUS_CLIENT_SECRET", SECRET)
        session = start_session("local[2,4]", tmp_path_factory.mktemp("spark"))
        yield session
        session.stop()
