"""Dagster's own application: what any web page could do with it, and can no more."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
import pytest
from starlette.testclient import TestClient

from llm_monitoring.web.dagster_ui import OnlyPosts, dagster_app
from llm_monitoring.web.guard import Guard

OURS = "http://127.0.0.1:3000"
MUTATION = 'mutation { setConcurrencyLimit(concurrencyKey: "owned", limit: 3) }'
IN_ADDRESS = f"/graphql?query={quote(MUTATION)}"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text("load_from: []\n")
    with dagster_app(workspace) as app:
        yield app


def pools() -> set[str]:
    with dg.DagsterInstance.get() as instance:
        return set(instance.event_log_storage.get_concurrency_keys())


def test_stock_runs_a_mutation_in_an_address_and_ours_does_not(app: OnlyPosts) -> None:
    guarded = TestClient(Guard(app), base_url=OURS)
    image = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    for headers in ({}, image, {"host": "evil.example"}, {"accept": "text/html"}):
        assert guarded.get(IN_ADDRESS, headers=headers).status_code in (403, 405)
        form = {**headers, "content-type": "text/plain"}
        assert guarded.post(IN_ADDRESS, headers=form).status_code in (403, 405)
    assert pools() == set()
    assert TestClient(app.app, base_url=OURS).get(IN_ADDRESS).status_code == 200
    assert pools() == {"owned"}


def test_a_mutation_of_another_page_is_refused_and_of_ours_is_run(app: OnlyPosts) -> None:
    guarded = TestClient(Guard(app), base_url=OURS)
    for headers in ({"origin": "http://127.0.0.1:3001"}, {"sec-fetch-site": "same-site"}):
        response = guarded.post("/graphql", json={"query": MUTATION}, headers=headers)
        assert response.status_code == 403
    assert pools() == set()
    own = {"origin": OURS, "sec-fetch-site": "same-origin"}
    assert guarded.post("/graphql", json={"query": MUTATION}, headers=own).status_code == 200
    assert pools() == {"owned"}


def test_the_pages_work_as_they_did(app: OnlyPosts) -> None:
    guarded = TestClient(Guard(app), base_url=OURS)
    assert "<!doctype html>" in guarded.get("/").text.lower()
    assert "GraphiQL" in guarded.get("/graphql", headers={"accept": "text/html"}).text
    assert guarded.post("/graphql", json={"query": "{version}"}).json()["data"]["version"]
