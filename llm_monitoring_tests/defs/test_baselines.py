"""The rebaseline job through a real instance, and what the alerts and the ledger make of it."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from llm_monitoring.hours import hour_range, shift
from llm_monitoring.segments import EVERYTHING
from llm_monitoring_tests.pipeline.replays import Table, stored
from llm_monitoring_tests.product import Product
from llm_monitoring_tests.simulated import BLOAT, HOURS, START

COST = "avg_cost_per_request_usd"
ACCEPTED = {
    "feature_id": "product_search",
    "metric": COST,
    "from_hour": "2026-10-07T06",
    "reason": "the longer prompt stays",
    "who": "Ada",
}


def rebaseline(product: Product, **changes: Any) -> Any:
    config = {name: value for name, value in (ACCEPTED | changes).items() if value is not None}
    return product.run(
        "rebaseline",
        run_config={"ops": {"rebaseline_charts": {"config": config}}},
        raise_on_error=False,
    )


def alarms(table: Table) -> list[tuple[str, int]]:
    mine = f"product_search/*/-/{COST}/"
    return [key for key, point in table.items() if point.alarm and key[0].startswith(mine)]


def changes_of(product: Product, kind: str) -> list[dict[str, Any]]:
    return [row for row in product.table("changes") if row["kind"] == kind]


def test_an_accepted_shift_is_learned_anew_and_alarms_no_more(product: Product) -> None:
    lake = product.monitoring.lake
    before = stored(lake)
    assert alarms(before)
    assert rebaseline(product).success
    after = stored(lake)
    assert alarms(after) == []
    changed = {key for key in before if before[key] != after[key]}
    assert {after[key].metric for key in changed} == {COST}
    assert {after[key].feature_id for key in changed} == {"product_search"}
    assert min(hour for _, hour in changed) == shift(START, BLOAT)
    assert {after[key].status for key in changed} == {"waiting"}
    (entry,) = product.table("rebaselines")
    assert (entry["from_hour"], entry["author"]) == (shift(START, BLOAT), "Ada")


@pytest.mark.slow
def test_the_table_stays_the_replay_over_hours_and_decisions(product: Product) -> None:
    assert rebaseline(product).success
    lake = product.monitoring.lake
    before = stored(lake)
    product.run_hours(BLOAT - 3, HOURS - 1)
    assert stored(lake) == before


def test_the_ledger_keeps_the_decision_when_its_files_are_read_again(product: Product) -> None:
    files = product.table("changes")
    assert rebaseline(product).success
    (told,) = changes_of(product, "baseline")
    assert told["description"] == (
        "baseline of avg cost per request usd of product_search learned anew from 2026-10-07T06 "
        "on: the longer prompt stays"
    )
    product.run("ledger")
    assert changes_of(product, "baseline") == [told]
    assert [row for row in product.table("changes") if row != told] == files


def test_its_alert_is_over_and_says_who_accepted_it(product: Product) -> None:
    (firing,) = _alerts(product, COST)
    assert firing["status"] == "firing"
    assert rebaseline(product).success
    product.run("reconcile_alerts")
    (over,) = _alerts(product, COST)
    assert (over["fingerprint"], over["status"]) == (firing["fingerprint"], "resolved")
    assert over["summary"].startswith("accepted as the new baseline by Ada: avg cost")


def test_hours_left_out_of_phase_one_change_the_charts_from_the_beginning(product: Product) -> None:
    lake = product.monitoring.lake
    before = stored(lake)
    skip = {"from_hour": None, "skip_from": "2026-10-06T00", "skip_to": "2026-10-06T05"}
    assert rebaseline(product, **skip).success
    after = stored(lake)
    mine = {key: point for key, point in after.items() if point.feature_id == "product_search"}
    # Six windows fewer: what was provisional at 48 waits until 54.
    cost = [p for p in mine.values() if p.metric == COST and p.segment == EVERYTHING]
    learned = [p.hour for p in cost if p.status == "provisional" and p.chart == "sr_mixture"]
    assert min(learned) == shift(START, 54)
    assert {after[key].metric for key in after if after[key] != before[key]} == {COST}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"feature_id": "search"}, "feature_id 'search' has no windows; there are: "),
        ({"from_hour": "2026-10-07"}, "expected a whole hour such as 2026-10-20T14"),
        ({"from_hour": None}, "say from_hour"),
        ({"reason": ""}, "reason: say why"),
    ],
)
def test_a_mistake_is_a_failed_run_that_says_why_and_stores_nothing(
    product: Product, changes: dict[str, Any], message: str
) -> None:
    lake = product.monitoring.lake
    version = lake.version("control_charts")
    result = rebaseline(product, **changes)
    assert not result.success
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    assert message in str(failure.step_failure_data.error.cause)
    assert lake.rows("rebaselines") == []
    assert lake.version("control_charts") == version


# ------------------------------------------------------------------ what the alerts say


def test_a_shift_that_lasts_is_proposed_with_a_configuration_the_job_takes(
    product: Product,
) -> None:
    _go_on_for(product, 24)
    result = product.run("reconcile_alerts")
    metadata = _metadata(result)
    pasted = [text.removeprefix("yaml\n") for text in metadata["proposed_baselines"].split("```")]
    configs = [yaml.safe_load(text)["ops"]["rebaseline_charts"]["config"] for text in pasted[1::2]]
    config = next(one for one in configs if one["feature_id"] == "product_search")
    assert not rebaseline(product, **config).success  # it asks for a reason and a name
    assert rebaseline(product, **(config | {"reason": "it stays", "who": "Ada"})).success


def test_expected_and_observed_false_alarms_are_told(product: Product) -> None:
    metadata = _metadata(product.run("reconcile_alerts"))
    told = metadata["false_alarms"]
    assert told.startswith("in the last 4 weeks: 0.")
    assert "0 confirmed by people as false" in told
    assert "proposed_baselines" in metadata
    assert metadata["proposed_baselines"] == "none"


def _go_on_for(product: Product, hours: int) -> None:
    """The newest points once more for some hours: what alarms goes on alarming."""
    lake = product.monitoring.lake
    newest = shift(START, HOURS - 1)
    later = list(hour_range(shift(newest, 1), shift(newest, hours)))
    for name in ("window_metrics", "control_charts"):
        rows = lake.rows(name, hours=(newest, newest))
        changed = {"alarm_started": False} if name == "control_charts" else {}
        copies = [replace(row, hour=hour, **changed) for hour in later for row in rows]
        lake.replace_hours(name, copies, later[0], later[-1])


def _metadata(result: Any) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node("alerts")
    return {name: value.value for name, value in event.metadata.items()}


def _alerts(product: Product, metric: str) -> list[dict[str, Any]]:
    return [
        row
        for row in product.table("alerts")
        if row["metric"] == metric and row["segment"] == EVERYTHING
    ]
