"""A lake of the first layout, migrated: monitoring goes on as if nothing had been."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import yaml

from llm_monitoring.configuration import load_settings
from llm_monitoring.control.stored import renamed
from llm_monitoring.hours import hour_start, shift
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.lake.migrations import migrate_lake
from llm_monitoring_tests.lake.migrations.layout_1 import HOURS, SETTINGS, write_hour
from llm_monitoring_tests.lake.migrations.old_lakes import unpack
from llm_monitoring_tests.pipeline.small_product import START, SmallProduct
from llm_monitoring_tests.product import open_product

pytestmark = pytest.mark.slow
MORE = 6  # hours after those of the old lake


@dataclass(frozen=True)
class Story:
    """Tables of the migrated lake, and the same once hours have been added."""

    before: dict[str, list[Any]]
    after: dict[str, list[Any]]


def tables(lake: Lake) -> dict[str, list[Any]]:
    return {name: lake.rows(name) for name in TABLES}


def falsify(lake: Lake) -> None:
    """Earlier windows say something else now: a chart that is replayed from them would show it."""
    past = shift(START, HOURS - 30)
    delta = lake.open("window_metrics")
    assert delta is not None
    # Of novelty it would be taken for a late measurement, which is charted anew.
    earlier = f"hour < {past} and metric <> 'novelty_rate'"
    delta.update(updates={"value": "value * 3"}, predicate=earlier)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("migrated")
    lake = unpack(folder)
    list(migrate_lake(lake, renamed))
    before = tables(lake)
    falsify(lake)
    (folder / "monitoring.yaml").write_text(yaml.safe_dump(SETTINGS))
    product = SmallProduct(folder)
    product.settings = load_settings(folder / "monitoring.yaml")
    for hour in range(HOURS, HOURS + MORE):
        write_hour(product, hour)
    product.run(HOURS, HOURS + MORE - 1)
    with open_product(folder) as opened:
        now = hour_start(shift(START, HOURS + MORE)) + timedelta(minutes=5)
        opened.at(now).run("reconcile_alerts")
    return Story(before, tables(lake))


def test_every_table_is_read_as_records(story: Story) -> None:
    full = {name for name, rows in story.before.items() if rows}
    assert full >= {
        "window_metrics", "control_charts", "baselines", "rebaselines", "alerts", "incidents",
        "silences", "raw_requests", "judgements", "input_references", "deliveries",
    }  # fmt: skip


def test_charts_go_on_from_their_stored_state(story: Story) -> None:
    last = shift(START, HOURS - 1)
    kept = [point for point in story.after["control_charts"] if point.hour <= last]
    assert _of_others(kept) == _of_others(story.before["control_charts"])
    charts = {point.chart_id for point in story.before["control_charts"] if point.hour == last}
    added = [point for point in story.after["control_charts"] if point.hour > last]
    assert {point.chart_id for point in added} == charts
    assert len(added) == MORE * len(charts)
    assert all(point.failure is None for point in added)


def _of_others(rows: list[Any]) -> list[Any]:
    """Of all charts but `missing`, which keeps its state otherwise since."""
    return [row for row in rows if not row.chart_id.endswith("/missing")]


def test_baselines_stay(story: Story) -> None:
    known = {(row.chart_id, row.baseline_id) for row in _of_others(story.before["baselines"])}
    assert known <= {(row.chart_id, row.baseline_id) for row in story.after["baselines"]}


def test_alerts_and_incidents_keep_their_ids_and_nobody_hears_of_them_again(story: Story) -> None:
    for name, key in (("alerts", "fingerprint"), ("incidents", "incident_id")):
        ids = [{getattr(row, key) for row in when[name]} for when in (story.before, story.after)]
        assert ids[0] == ids[1] != set()
    firing = [
        [row.fingerprint for row in when["alerts"] if row.status == "firing"]
        for when in (story.before, story.after)
    ]
    assert firing[0] == firing[1] != []
    assert story.before["deliveries"] == story.after["deliveries"]
