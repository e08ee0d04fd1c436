"""What an hour's rows are when files come, go, grow, shrink and are renamed."""

import json
import os
from pathlib import Path

import pytest

from llm_monitoring.pipeline.requests.ingest import hours_to_take_up
from llm_monitoring.records import LogFile
from llm_monitoring.settings import Settings
from llm_monitoring_tests.pipeline.small_product import SmallProduct, request, signal


@pytest.fixture
def product(tmp_path: Path) -> SmallProduct:
    """Three hours with three requests each, ingested."""
    product = SmallProduct(tmp_path)
    for hour in range(3):
        product.write("requests", hour, [request(f"r{hour}{n}", hour) for n in range(3)])
    product.ingest(0, 2)
    return product


def entry(product: SmallProduct, path: Path) -> LogFile:
    (row,) = product.lake.rows("log_files", path=str(path))
    assert isinstance(row, LogFile)
    return row


def test_a_file_that_is_gone_leaves_its_rows(product: SmallProduct) -> None:
    product.file("requests", 0).unlink()
    product.ingest(0, 2)
    assert len(product.ids()) == 9
    assert [read.loaded for read in product.lake.rows("source_reads")] == [3, 0, 3, 0, 3, 0]
    assert {read.dropped for read in product.lake.rows("source_reads")} == {None}


def test_rows_that_a_file_no_longer_has_go_and_are_counted_for_good(product: SmallProduct) -> None:
    product.write("requests", 1, [request("r10", 1)])
    for _ in range(2):
        product.ingest(1)
    assert product.ids(1) == ["r10"]
    (read,) = product.lake.rows("source_reads", loaded=1)
    assert (read.hour, read.dropped) == (product.hours(1)[0], 2)
    assert read.dropped_at is not None


def test_a_file_that_is_restored_is_no_drop_any_more(product: SmallProduct) -> None:
    whole = [request(f"r1{n}", 1) for n in range(3)]
    for lines in (whole[:2], whole):
        product.write("requests", 1, lines)
        product.ingest(1)
    assert len(product.ids(1)) == 3
    assert {read.dropped for read in product.lake.rows("source_reads")} == {None}


def test_a_file_with_a_name_that_is_no_utf_8_is_read_as_any_other(product: SmallProduct) -> None:
    path = Path(os.fsdecode(os.fsencode(product.file("requests", 1)) + b"\xff"))
    path.write_text(json.dumps(request("odd", 1)) + "\n")
    for _ in range(2):
        product.ingest(1)
        assert product.ids(1) == ["odd", "r10", "r11", "r12"]
    path.unlink()
    product.ingest(1)
    assert product.ids(1) == ["odd", "r10", "r11", "r12"]


def test_files_that_differ_in_what_is_redacted_are_two(tmp_path: Path) -> None:
    product = SmallProduct(tmp_path, path="*/requests-{date}-{hour}.jsonl*")
    tree = product.settings.model_dump() | {"redaction": [{"preset": "email"}]}
    product.settings = Settings.model_validate(tree)
    for name in ("kim", "lee"):
        path = product.logs / f"{name}@example.com" / product.file("requests", 0).name
        path.parent.mkdir()
        path.write_text(json.dumps(request(name, 0)) + "\n")
    product.ingest(0)
    ledger = product.lake.rows("log_files")
    assert len({row.path for row in ledger}) == 2
    assert not any("kim" in row.path or "lee" in row.path for row in ledger)
    path.unlink()
    product.ingest(0)
    assert product.ids(0) == ["kim", "lee"]
    assert not any(hours_to_take_up(row) for row in product.lake.rows("log_files"))


def test_a_row_that_moves_to_another_hour_is_not_dropped(product: SmallProduct) -> None:
    product.write("requests", 1, [request("r10", 0), request("r11", 1), request("r12", 1)])
    product.ingest(0, 1)
    assert product.ids(0) == ["r00", "r01", "r02", "r10"]
    assert {read.dropped for read in product.lake.rows("source_reads")} == {None}


def test_a_file_that_is_packed_under_another_name_neither_doubles_nor_drops(
    product: SmallProduct,
) -> None:
    bad = [request("r10", 1), request("r11", 1), request("r12", 1), {"request_id": "bad"}]
    product.write("requests", 1, bad)
    product.ingest(1)
    before = {name: product.table(name) for name in ("raw_requests", "rejected_rows")}
    reads = product.table("source_reads")
    product.pack(product.file("requests", 1))
    product.ingest(0, 2)
    assert {name: product.table(name) for name in before} == before
    assert product.table("source_reads") == reads


def test_rejections_and_counts_of_a_file_that_is_gone_stay(product: SmallProduct) -> None:
    twice = [request("r10", 1), request("r10", 1), {"request_id": "bad"}]
    file = product.write("requests", 1, twice)
    product.ingest(1)
    reads, rejected = product.table("source_reads"), product.table("rejected_rows")
    assert [row["duplicates"] for row in reads if row["rejected"]] == [1]
    file.unlink()
    product.ingest(0, 2)
    assert product.table("source_reads") == reads
    assert product.table("rejected_rows") == rejected


@pytest.mark.parametrize("gone", [0, 1])
def test_an_id_in_a_file_that_is_there_and_in_one_that_is_gone_is_one_row(
    product: SmallProduct, gone: int
) -> None:
    product.write("requests", 1, [request("r00", 0, output_text="later"), request("r10", 1)])
    product.ingest(0, 2)
    product.file("requests", gone).unlink()
    product.ingest(0, 2)
    product.ingest(0)
    assert product.ids(0) == ["r00", "r01", "r02"]
    # Of two rows with one id the later file's wins, also once it is gone.
    (row,) = product.lake.rows("raw_requests", request_id="r00")
    assert row.output_text == "later"


def test_rows_of_an_earlier_version_stay_until_they_are_read_again(product: SmallProduct) -> None:
    rows = product.lake.run("select * exclude (file), null::varchar as file from raw_requests")
    product.lake.replace_all("raw_requests", rows)
    product.lake.replace_all("log_files", [])
    product.file("requests", 0).unlink()
    product.ingest(0, 2)
    assert len(product.ids()) == 9
    files = {row.request_id: row.file for row in product.lake.rows("raw_requests")}
    assert files["r00"] is None
    assert files["r10"] == str(product.file("requests", 1))


def test_the_ledger_tells_which_hours_of_a_file_are_stored(product: SmallProduct) -> None:
    file = product.write("requests", 2, [request("late", 1), request("r20", 2)])
    product.ingest(2)
    row = entry(product, file)
    assert json.loads(row.rows) == {str(hour): 1 for hour in product.hours(1, 2)}
    assert hours_to_take_up(row) == {product.hours(1)[0]}
    product.ingest(1)
    assert hours_to_take_up(entry(product, file)) == set()
    assert "late" in product.ids(1)


def test_rows_that_leave_a_file_ask_for_the_hour_they_were_of(product: SmallProduct) -> None:
    file = product.write("requests", 2, [request("late", 1), request("r20", 2)])
    product.ingest(1, 2)
    product.write("requests", 2, [request("r20", 2)])
    product.ingest(2)
    assert hours_to_take_up(entry(product, file)) == {product.hours(1)[0]}


def test_a_growing_file_asks_only_for_the_hours_that_grew(tmp_path: Path) -> None:
    product = SmallProduct(tmp_path, path="app.log")
    lines = [request(f"r{hour}", hour) for hour in range(5)]
    file = product.logs / "app.log"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines[:4]))
    product.ingest(0, 3)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    product.ingest(3)
    assert hours_to_take_up(entry(product, file)) == {product.hours(4)[0]}
    assert len(product.ids()) == 4


def test_signals_that_stand_in_a_later_file_are_taken_up_with_it(product: SmallProduct) -> None:
    product.write("signals", 2, [signal("r00", 0), signal("r20", 2)])
    product.ingest(2)
    assert [row.request_id for row in product.lake.rows("user_signals")] == ["r00", "r20"]


def test_a_file_that_goes_between_the_scan_and_the_reading_loses_nothing(
    product: SmallProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llm_monitoring.adapters.sources import reading

    def unlink_and_parse(file: object, source: object) -> object:
        product.file("requests", 1).unlink(missing_ok=True)
        return parse(file, source)  # type: ignore[arg-type]

    parse = reading._parse_requests
    monkeypatch.setattr(reading, "_parse_requests", unlink_and_parse)
    with pytest.raises(FileNotFoundError):
        product.ingest(0, 2)
    assert len(product.ids()) == 9
    product.ingest(0, 2)
    assert len(product.ids()) == 9
