"""From layout 1 to 2, on a lake that the last code of layout 1 wrote."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from llm_monitoring.control.stored import has_our_id, renamed
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.lake.layout import LAYOUT, LayoutError, layout_of
from llm_monitoring.lake.migrations import migrate_lake, oldest_layout
from llm_monitoring.lake.migrations.rewriting import Rewritten
from llm_monitoring.lake.migrations.segments import REWRITES, SEGMENTED, chart_id_of, segment_of
from llm_monitoring_tests.lake.migrations.old_lakes import unpack

Tables = dict[str, pa.Table]


def delta(lake: Lake, name: str) -> DeltaTable:
    found = lake.open_any(name)
    assert found is not None
    return found


def everything(lake: Lake) -> Tables:
    """Every table, however its rows and columns are ordered where it lies."""
    return {
        name: in_order(name, delta(lake, name).to_pyarrow_table())
        for name in TABLES
        if lake.open_any(name) is not None
    }


def in_order(name: str, table: pa.Table) -> pa.Table:
    segment = [column for column in ("model_id", "segment") if column in table.column_names]
    key = [column for column in (*TABLES[name].key, *segment) if column in table.column_names]
    table = table.select(sorted(table.column_names)).combine_chunks()
    return table.sort_by([(column, "ascending") for column in dict.fromkeys(key)])


def mapped(table: pa.Table, column: str, change: Callable[[Any], Any]) -> pa.Table:
    values = table[column].to_pylist()
    known = {value: change(value) for value in set(values)}
    place = table.column_names.index(column)
    return table.set_column(place, column, pa.array([known[v] for v in values], pa.string()))


def expected(before: Tables) -> Tables:
    """What the migration should come to, said once more, row by row."""
    baselines = TABLES["baselines"].to_records(before["baselines"])
    new_ids = {r.baseline_id: renamed(r, chart_id_of(r.chart_id)).baseline_id for r in baselines}
    changes: dict[str, Callable[[Any], Any]] = {
        "subject": chart_id_of,
        "chart_id": chart_id_of,
        "chart": lambda chart: "single_window" if chart == "outage" else chart,
        "baseline_id": lambda known: new_ids.get(known, known),
    }
    wanted = dict(before)
    for name in (rewrite.table for rewrite in REWRITES):
        table = before[name]
        for column in changes.keys() & {*table.column_names}:
            table = mapped(table, column, changes[column])
        if name in SEGMENTED:
            # Of a decision about baselines, null is every segment.
            nothing = {None: None if name == "rebaselines" else "{}"}
            models = {*table["model_id"].to_pylist()} - {None}
            segments = nothing | {model: segment_of(model) for model in models}
            table = mapped(table, "model_id", segments.__getitem__)
            table = table.rename_columns(
                ["segment" if c == "model_id" else c for c in table.column_names]
            )
        wanted[name] = in_order(name, table)
    return wanted


def migrate(lake: Lake, **how: Any) -> list[Rewritten]:
    return list(migrate_lake(lake, renamed, **how))


@pytest.fixture
def old(tmp_path: Path) -> Lake:
    return unpack(tmp_path / "old")


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return everything(unpack(tmp_path_factory.mktemp("before")))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = unpack(tmp_path_factory.mktemp("migrated"))
    migrate(lake)
    return lake


@pytest.fixture(scope="module")
def after(lake: Lake) -> Tables:
    return everything(lake)


def test_the_old_lake_is_refused_and_the_migrated_one_is_not(old: Lake, lake: Lake) -> None:
    assert oldest_layout(old) == 1
    with pytest.raises(LayoutError, match="run llm-monitoring migrate"):
        old.check_layout()
    lake.check_layout()
    assert oldest_layout(lake) == LAYOUT


def test_every_row_is_there_by_its_new_names(before: Tables, after: Tables) -> None:
    assert after == expected(before)
    segments = {"{}", '{"model":"gpt-4o"}', '{"model":"claude/sonnet"}'}
    assert {*after["window_metrics"]["segment"].to_pylist()} == segments


def test_tables_keep_their_partitions(lake: Lake) -> None:
    for name in SEGMENTED:
        wanted = TABLES[name].partition
        assert delta(lake, name).metadata().partition_columns == ([wanted] if wanted else [])


def test_a_segment_is_canonical_json() -> None:
    assert segment_of('a "b" \\ /ö') == '{"model":"a \\"b\\" \\\\ /ö"}'


def test_only_the_chart_outage_has_another_name() -> None:
    assert chart_id_of("f/*/-/error_rate/outage") == "f/*/-/error_rate/single_window"
    assert chart_id_of("outage/outage/-/error_rate/ewma") == "outage/outage/-/error_rate/ewma"
    assert chart_id_of("f/*/-/error_rate/my_outage") == "f/*/-/error_rate/my_outage"


def test_a_chart_bears_the_name_that_its_id_ends_in(before: Tables, after: Tables) -> None:
    assert "outage" in before["control_charts"]["chart"].to_pylist()
    charts = after["control_charts"]
    pairs = zip(charts["chart_id"].to_pylist(), charts["chart"].to_pylist(), strict=True)
    assert {(name.rpartition("/")[2], chart) for name, chart in pairs} == {
        (name, name) for name in ("missing", "single_window", "sr_mixture")
    }


def test_every_baseline_is_ours_by_its_new_name(lake: Lake, after: Tables) -> None:
    baselines = lake.rows("baselines")
    assert any(row.chart_id.endswith("/single_window") for row in baselines)
    # The chart `missing` keeps its state otherwise since.
    assert all(has_our_id(row) for row in baselines if not row.chart_id.endswith("/missing"))
    known = {(row.chart_id, row.baseline_id) for row in baselines}
    points = after["control_charts"].select(["chart_id", "baseline_id"]).to_pylist()
    assert {(p["chart_id"], p["baseline_id"]) for p in points if p["baseline_id"]} <= known


def test_a_baseline_that_was_not_ours_is_not_ours_by_its_new_name(old: Lake) -> None:
    table = delta(old, "baselines")
    table.update(
        new_values={"baseline_id": "foreign"}, predicate="chart_id like '%/error_rate/outage'"
    )
    migrate(old)
    found = [row for row in old.rows("baselines") if row.baseline_id == "foreign"]
    assert found
    assert not any(has_our_id(row) for row in found)


def test_alerts_keep_their_fingerprints_and_name_charts_that_are_there(
    before: Tables, after: Tables
) -> None:
    subjects = after["alerts"]["subject"].to_pylist()
    assert {*subjects} <= {*after["control_charts"]["chart_id"].to_pylist()}
    assert any(subject.endswith("/single_window") for subject in subjects)
    assert before["alerts"]["fingerprint"] == after["alerts"]["fingerprint"]


def test_what_was_done_is_told_and_is_not_done_again(old: Lake, before: Tables) -> None:
    done = {each.table: each for each in migrate(old)}
    assert list(done) == [rewrite.table for rewrite in REWRITES]
    assert done["control_charts"].rows == before["control_charts"].num_rows
    for name, each in done.items():
        assert each.after == each.before + 1 == delta(old, name).version() - 1  # and the stamp
    versions = {name: delta(old, name).version() for name in done}
    assert migrate(old) == []
    assert {name: delta(old, name).version() for name in done} == versions


def test_a_dry_run_says_the_same_and_does_nothing(old: Lake, before: Tables) -> None:
    would = migrate(old, dry_run=True)
    assert [each.table for each in would] == [rewrite.table for rewrite in REWRITES]
    assert all(each.after is None for each in would)
    assert everything(old) == before
    assert oldest_layout(old) == 1


@pytest.mark.parametrize("tables", [1, len(REWRITES) - 1, len(REWRITES)])
def test_a_killed_migration_goes_on_where_it_stopped(old: Lake, after: Tables, tables: int) -> None:
    list(islice(migrate_lake(old, renamed), tables))  # and not to its end
    with pytest.raises(LayoutError):
        old.check_layout()
    migrate(old)
    assert everything(old) == after


@pytest.mark.parametrize("tables", [1, len(REWRITES) - 1])
def test_two_migrations_at_once_come_to_the_same(old: Lake, after: Tables, tables: int) -> None:
    slow = migrate_lake(old, renamed)
    list(islice(slow, tables))
    migrate(Lake(old.uri))
    list(slow)
    assert everything(old) == after


def test_a_table_of_a_newer_layout_stops_a_migration(old: Lake) -> None:
    delta(old, "alerts").alter.set_table_properties(
        {"llm-monitoring.layout": str(LAYOUT + 1)}, raise_if_not_exists=False
    )
    with pytest.raises(LayoutError, match="newer"):
        migrate(old)
    assert layout_of(delta(old, "window_metrics")) == 1


def test_delta_goes_back_to_the_tables_of_before(old: Lake, before: Tables) -> None:
    for each in migrate(old):
        delta(old, each.table).restore(each.before)
        assert layout_of(delta(old, each.table)) == 1
    assert everything(old) == before


def test_an_empty_lake_has_nothing_to_migrate(tmp_path: Path) -> None:
    assert migrate(Lake(str(tmp_path / "lake"))) == []
