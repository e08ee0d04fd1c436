"""Judgements through Dagster with an endpoint judge over real HTTP: nothing is paid twice."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from llm_monitoring.defs.assets.judging import judgements
from llm_monitoring.defs.assets.requests import raw_requests, sampled_requests
from llm_monitoring.defs.partitions import range_tags
from llm_monitoring.hours import shift
from llm_monitoring.pipeline.judging import judge as judging
from llm_monitoring_tests.product import Product, copy_product, open_product
from llm_monitoring_tests.scripted_server import ScriptedServer
from llm_monitoring_tests.simulated import START

FIRST, LAST = 13, 14  # hours from the start
KEY = "key-of-the-judge"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    monkeypatch.setenv("TEST_JUDGE_KEY", KEY)
    with ScriptedServer() as server:
        yield server


def endpoint(server: ScriptedServer, **changes: Any) -> dict[str, Any]:
    return {
        "judge": {
            "kind": "endpoint",
            "base_url": server.base_url,
            "model": "judge-2026-01-01",
            "api_key_env": "TEST_JUDGE_KEY",
            **changes.pop("judge", {}),
        },
        "features": [
            {"feature_id": name, "sample_rate": 0.1}
            for name in ("support_chat", "product_search", "order_summary")
        ],
        **changes,
    }


@pytest.fixture
def judged(monitored: Product, tmp_path: Any, server: ScriptedServer) -> Iterator[Product]:
    """The same logs, judged by nobody yet, with an endpoint judge."""
    copy_product(monitored.folder, tmp_path / "judged", only_logs=True)
    with open_product(tmp_path / "judged") as plain:
        product = plain.with_settings("endpoint", endpoint(server))
        materialize(product, [raw_requests, sampled_requests])
        yield product


def materialize(product: Product, assets: list[Any], **how: Any) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        assets,
        instance=product.instance,
        resources={"monitoring": product.monitoring},
        tags=range_tags(shift(START, FIRST), shift(START, LAST)),
        selection=[asset.key for asset in assets],
        **how,
    )


def test_every_sampled_request_is_judged_once_with_the_key_of_the_environment(
    judged: Product, server: ScriptedServer
) -> None:
    sampled = judged.table("sampled_requests")
    assert materialize(judged, [judgements]).success
    rows = judged.table("judgements")
    assert {row["request_id"] for row in rows} == {row["request_id"] for row in sampled}
    asked = [row for row in rows if row["unscored_reason"] is None]
    assert len(server.bodies) == len(asked) > 10
    assert {headers["authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
    assert {(row["judge"], row["quality_mean"]) for row in asked} == {("judge-2026-01-01", 5.0)}


@pytest.mark.slow
def test_a_rerun_pays_no_judge_twice_and_changes_nothing(
    judged: Product, server: ScriptedServer
) -> None:
    materialize(judged, [judgements])
    rows, calls = judged.table("judgements"), len(server.bodies)
    materialize(judged, [raw_requests, sampled_requests, judgements])
    assert len(server.bodies) == calls
    assert judged.table("judgements") == rows


@pytest.mark.parametrize("interrupt", [dg.DagsterExecutionInterruptedError, MemoryError])
def test_an_interrupted_run_goes_on_after_its_last_committed_chunk(
    judged: Product,
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    interrupt: type[BaseException],
) -> None:
    monkeypatch.setattr(judging, "CHUNK", 5)
    lake, append = judged.monitoring.lake, judging.Lake.append
    commits: list[int] = []

    def append_and_die(self: Any, name: str, rows: Any) -> int:
        version = append(self, name, rows)
        commits.append(len(rows))
        if len(commits) == 2:
            raise interrupt("killed")
        return version

    with monkeypatch.context() as patch:
        patch.setattr(judging.Lake, "append", append_and_die)
        with pytest.raises(interrupt):
            materialize(judged, [judgements])
    kept = lake.rows("judgements")
    assert len(kept) == 10
    paid = len(server.bodies)

    assert materialize(judged, [judgements]).success
    rows = lake.rows("judgements")
    assert len(rows) == len(judged.table("sampled_requests"))
    assert {row.request_id: row for row in rows}.items() >= {r.request_id: r for r in kept}.items()
    wanted = sum(row.unscored_reason is None for row in rows)
    kept_calls = sum(row.unscored_reason is None for row in kept)
    assert len(server.bodies) == paid + wanted - kept_calls
    # What was in flight when it died is all that was paid in vain.
    assert len(server.bodies) - wanted <= 5 + judged.monitoring.settings.judge.max_in_flight  # type: ignore[union-attr]


def test_a_changed_rubric_judges_anew_and_keeps_the_old_scores(
    judged: Product, server: ScriptedServer
) -> None:
    materialize(judged, [judgements])
    old = judged.table("judgements")
    calls = len(server.bodies)
    rubric = {"tone": "Does it sound like a person from the shop?"}
    changed = judged.with_settings("changed", endpoint(server, rubric=rubric))
    materialize(changed, [judgements])
    rows = changed.table("judgements")
    assert len(server.bodies) == 2 * calls
    assert len(rows) == 2 * len(old)
    assert len({row["epoch"] for row in rows}) == 2
    assert [row for row in rows if row["epoch"] == old[0]["epoch"]] == old
    materialize(judged, [judgements])
    assert len(server.bodies) == 2 * calls
    assert changed.table("judgements") == rows


def test_rows_of_requests_that_are_sampled_no_more_go(
    judged: Product, server: ScriptedServer
) -> None:
    materialize(judged, [judgements])
    before = judged.table("judgements")
    fewer = endpoint(server, features=[{"feature_id": "support_chat", "sample_rate": 0.1}])
    fewer["sampling"] = {"rate": 0.001}
    changed = judged.with_settings("fewer", fewer)
    materialize(changed, [sampled_requests, judgements])
    kept = {row["request_id"] for row in changed.table("sampled_requests")}
    after = changed.table("judgements")
    assert [row["request_id"] for row in after] == [
        row["request_id"] for row in before if row["request_id"] in kept
    ]
    assert 0 < len(after) < len(before)


def test_what_the_budget_left_over_is_judged_by_a_later_run(
    judged: Product, server: ScriptedServer
) -> None:
    poor = judged.with_settings("poor", endpoint(server, judge={"max_judgements_per_run": 4}))
    materialize(poor, [judgements])
    assert len(server.bodies) == 4
    reasons = {row["unscored_reason"] for row in poor.table("judgements")}
    assert any(str(reason).startswith("budget") for reason in reasons)
    materialize(judged, [judgements])
    rows = judged.table("judgements")
    assert not [row for row in rows if str(row["unscored_reason"]).startswith("budget")]
    assert len(server.bodies) == sum(row["unscored_reason"] is None for row in rows)


def test_the_key_stands_in_no_event_of_the_run(judged: Product, server: ScriptedServer) -> None:
    result = materialize(judged, [judgements])
    assert server.headers
    assert not [event for event in judged.instance.all_logs(result.run_id) if KEY in repr(event)]
