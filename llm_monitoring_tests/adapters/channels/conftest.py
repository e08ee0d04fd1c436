"""The environment is as it was after each test; a server for those who need one."""

import os
from collections.abc import Iterator

import pytest

from llm_monitoring_tests.adapters.channels.examples import Answering


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.fixture
def server() -> Iterator[Answering]:
    with Answering() as answering:
        yield answering
