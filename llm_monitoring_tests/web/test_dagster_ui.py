"""Dagster's own application: what any web page could do with it, and can no more."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
import pytest
from starlette.responses import HTMLResponse
from starlette.testclient import TestClient

from llm_monitoring.web.dagster_ui import OnlyPosts, dagster_app
from llm_monitoring.web.guard import Guard
from llm_monitoring_tests.chromium import needs_chromium, opened, served

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
    asked = guarded.post("/graphql?op=Version", json={"query": "{version}"})
    assert asked.json()["data"]["version"]


ATTACK = """<!doctype html><title>begun</title><body><script>
const get = TARGET + '?query=' + encodeURIComponent(MUTATION), told = [];
const element = (name, how) => new Promise(done => {
  const made = Object.assign(document.createElement(name), how);
  made.onload = made.onerror = () => done(name);
  document.body.append(made);
});
const later = () => new Promise(done => setTimeout(done, 150, 'nothing'));
const socket = () => new Promise(done => {
  const made = new WebSocket(TARGET.replace('http', 'ws'), 'graphql-ws');
  made.onopen = () => done('OPENED');
  made.onerror = () => done('closed');
});
const form = () => {
  const made = Object.assign(document.createElement('form'), {
    method: 'post', enctype: 'text/plain', action: get, target: 'frame'});
  document.body.append(Object.assign(document.createElement('iframe'), {name: 'frame'}), made);
  made.submit();
};
const attacks = [
  () => fetch(get, {mode: 'no-cors'}),
  () => fetch(get, {mode: 'no-cors', method: 'POST'}),
  () => fetch(TARGET, {mode: 'no-cors', method: 'POST', body: JSON.stringify({query: MUTATION})}),
  () => fetch(TARGET).then(answer => answer.text()),
  () => element('img', {src: get}), () => element('script', {src: get}),
  () => element('iframe', {src: get}), socket, form,
];
(async () => {
  for (const attack of attacks)
    try { told.push(await Promise.race([attack(), later()])); }
    catch (error) { told.push(error.name); }
  document.title = 'ended ' + told;
})();
</script>"""


@needs_chromium
def test_a_page_of_another_port_can_do_nothing(app: OnlyPosts, tmp_path: Path) -> None:
    for name, target, owned in (("ours", Guard(app), set()), ("stock", app.app, {"owned"})):
        with served(target) as address:
            page = ATTACK.replace("TARGET", f"'{address}/graphql'").replace(
                "MUTATION", json.dumps(MUTATION)
            )
            with served(HTMLResponse(page)) as elsewhere:
                document = opened(elsewhere, tmp_path / name)
        title = document.partition("<title>")[2].partition("</title>")[0]
        assert title.startswith("ended")
        assert owned or "OPENED" not in title
        assert pools() == owned


@needs_chromium
def test_a_browser_shows_the_pages(app: OnlyPosts, tmp_path: Path) -> None:
    with served(Guard(app)) as address:
        document = opened(f"{address}/locations", tmp_path / "profile")
    assert "Application error" not in document
    assert "Code locations" in document
