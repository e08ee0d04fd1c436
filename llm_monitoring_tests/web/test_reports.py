"""The reports' server has the reports, and nothing else."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from llm_monitoring.web.reports import reports_app

NAME = "2026-10-20T14-support_chat-quality.html"


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    folder = tmp_path / "reports"
    (folder / "below").mkdir(parents=True)
    (folder / NAME).write_text("<p>report")
    (folder / "regression_cases.jsonl").write_text("<script>alert(1)</script>")
    (folder / "below" / "page.html").write_text("secret")
    (folder / "notes.txt").write_text("secret")
    (tmp_path / "secret.html").write_text("secret")
    (folder / "link.html").symlink_to(tmp_path / "secret.html")
    return TestClient(reports_app(folder))


def test_a_report_is_served_and_may_run_nothing(client: TestClient) -> None:
    response = client.get(f"/{NAME}")
    assert response.text == "<p>report"
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    cases = client.get("/regression_cases.jsonl")
    assert cases.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.html", "/%2e%2e/secret.html", "/..%2fsecret.html", "/%2e%2e%2fsecret.html",
        "/below/page.html", "/below%2fpage.html", "/below", "/below/", "/notes.txt", "/link.html",
        "//etc/passwd", "/%00.html", f"/{NAME}%00", f"/{'x' * 5000}.html", "/..%5csecret.html",
    ],
)  # fmt: skip
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert "secret" not in response.text


def test_the_index_lists_reports_and_nothing_else(client: TestClient) -> None:
    text = client.get("/").text
    assert NAME in text
    assert "regression_cases.jsonl" in text
    for hidden in ("below", "notes", "link"):
        assert hidden not in text


def test_a_folder_that_is_not_there_yet_is_an_empty_index(tmp_path: Path) -> None:
    response = TestClient(reports_app(tmp_path / "reports")).get("/")
    assert "<ul></ul>" in response.text
