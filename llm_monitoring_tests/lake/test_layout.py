"""A lake of another layout is refused in one sentence, whatever is wanted of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable

from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.lake.erasing import configure
from llm_monitoring.lake.layout import LAYOUT, PROPERTY, LayoutError, layout_of
from llm_monitoring_tests.lake.examples import FIRST, request

OLDER = f"layout 1 and this version reads {LAYOUT}: .* run llm-monitoring migrate"
DOORS: dict[str, Callable[[Lake], object]] = {
    "read": lambda lake: lake.rows("raw_requests"),
    "ask": lambda lake: lake.ask("select * from raw_requests"),
    "version": lambda lake: lake.version("raw_requests"),
    "append": lambda lake: lake.append("raw_requests", [request("b")]),
    "replace": lambda lake: lake.replace_hours("raw_requests", [request("b")], FIRST, FIRST),
    "upsert": lambda lake: lake.upsert("raw_requests", [request("b")]),
    "delete": lambda lake: lake.delete("raw_requests", "true"),
    "expire": lambda lake: lake.expire(FIRST),
    "maintain": lambda lake: lake.maintain(),
    "configure": configure,
    "check": lambda lake: lake.check_layout(),
}


def table(lake: Lake, name: str = "raw_requests") -> DeltaTable:
    return DeltaTable(lake.location(name))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    lake.append("raw_requests", [request("a")])
    return lake


def stamp(lake: Lake, layout: int) -> None:
    table(lake).alter.set_table_properties({PROPERTY: str(layout)}, raise_if_not_exists=False)


def test_a_table_bears_the_layout_from_its_first_write(lake: Lake) -> None:
    assert table(lake).metadata().configuration[PROPERTY] == str(LAYOUT)


def test_a_table_without_a_layout_is_of_the_first(lake: Lake) -> None:
    schema = TABLES["changes"].stored_schema
    assert layout_of(DeltaTable.create(lake.location("changes"), schema=schema)) == 1


@pytest.mark.parametrize("door", DOORS)
def test_an_older_lake_is_refused_with_the_command_that_helps(lake: Lake, door: str) -> None:
    stamp(lake, 1)
    before = table(lake).version()
    with pytest.raises(LayoutError, match=OLDER):
        DOORS[door](lake)
    assert table(lake).version() == before


@pytest.mark.parametrize("door", DOORS)
def test_a_newer_lake_is_refused_and_no_migration_is_advised(lake: Lake, door: str) -> None:
    stamp(lake, LAYOUT + 1)
    with pytest.raises(LayoutError, match="newer llm-monitoring") as caught:
        DOORS[door](lake)
    assert "migrate" not in str(caught.value).replace("migrated by", "")


def test_an_empty_lake_is_of_every_layout(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    lake.check_layout()
    assert lake.rows("raw_requests") == []


def test_a_lake_is_looked_at_anew_each_time(lake: Lake) -> None:
    stamp(lake, 1)
    with pytest.raises(LayoutError):
        lake.rows("raw_requests")
    stamp(lake, LAYOUT)
    assert [row.request_id for row in lake.rows("raw_requests")] == ["a"]


def test_what_changed_since_an_older_layout_can_be_told(lake: Lake) -> None:
    stamp(lake, 1)
    older = table(lake).version()
    stamp(lake, LAYOUT)
    assert lake.changed_since("raw_requests", older) is None
