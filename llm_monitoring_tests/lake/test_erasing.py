"""What leaves the lake leaves its files, its log and its statistics too."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from llm_monitoring.lake import TABLES, Lake, erasing, scanning
from llm_monitoring.lake.erasing import blank_words, configure, delete_rows, purge, unname
from llm_monitoring.lake.layout import stamp
from llm_monitoring.lake.scanning import scan
from llm_monitoring_tests.lake.examples import FIRST, judgement, request, window

SECRET = "My name is Jane and my parcel is lost"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def holding(lake: Lake, *texts: str, ids: tuple[str, ...] = ()) -> list[str]:
    """Names of the lake's files that hold one of the texts."""
    return [path.name for path in scan([Path(lake.uri)], ids, texts).holding]


def log_of(lake: Lake, name: str) -> str:
    """All a table's log says, checkpoints too."""
    said = ""
    for file in sorted((Path(lake.uri) / name / "_delta_log").iterdir()):
        is_checkpoint = file.suffix == ".parquet"
        said += json.dumps(pq.read_table(file).to_pylist()) if is_checkpoint else file.read_text()
    return said


# -------------------------------------------------------------- statistics


def test_no_text_stands_in_the_log_whatever_wrote_the_files(lake: Lake) -> None:
    for round_ in range(2):
        rows = [request(f"r{n}", user_id="jane", input_text=SECRET) for n in range(3)]
        lake.replace_hours("raw_requests", rows, FIRST, FIRST)
        lake.append("raw_requests", [request(f"a{round_}", input_text=SECRET)])
    lake.upsert("raw_requests", [request("r1", input_text=SECRET, output_text="x")])
    delete_rows(lake, "raw_requests", "request_id", ["r0"])
    lake.delete("raw_requests", "latency_ms > 1e6")
    blank_words(lake, "raw_requests", FIRST)
    lake.maintain(keep_hours=0)
    log = log_of(lake, "raw_requests")
    assert "My name" not in log
    assert "jane" not in log
    assert "minValues" in log  # numbers keep theirs


def test_statistics_of_numbers_and_times_still_prune(lake: Lake) -> None:
    lake.append("window_metrics", [window(FIRST, 1.0)])
    delta = DeltaTable(f"{lake.uri}/window_metrics")
    actions = pa.table(delta.get_add_actions(flatten=True)).to_pylist()
    assert actions[0]["min.hour"] == FIRST
    assert not [key for key in actions[0] if key.startswith("min.feature")]


def test_a_lake_of_an_earlier_version_is_given_the_properties_once(lake: Lake) -> None:
    earlier = TABLES["raw_requests"].to_arrow([request("r1", input_text=SECRET)])
    write_deltalake(f"{lake.uri}/raw_requests", earlier, partition_by=["hour"])
    stamp(DeltaTable(f"{lake.uri}/raw_requests"))
    stamp(DeltaTable(f"{lake.uri}/raw_requests"))
    assert "My name" in log_of(lake, "raw_requests")
    assert configure(lake) == ["raw_requests"]
    assert configure(lake) == []
    lake.replace_hours("raw_requests", [request("r2", input_text=SECRET)], FIRST, FIRST)
    purge(lake, "raw_requests")
    assert "My name" not in log_of(lake, "raw_requests")
    assert [row.request_id for row in lake.rows("raw_requests")] == ["r2"]


# ------------------------------------------------------------------ erasing


def test_deleted_rows_are_in_no_file_after_a_purge(lake: Lake) -> None:
    lake.append("raw_requests", [request("r1", input_text=SECRET), request("r2")])
    assert delete_rows(lake, "raw_requests", "request_id", ["r1", "r9"]) == 1
    assert holding(lake, SECRET)  # the older version can still be read
    purge(lake, "raw_requests")
    assert holding(lake, SECRET) == []
    assert [row.request_id for row in lake.rows("raw_requests")] == ["r2"]


def test_ids_never_stand_in_the_log_of_what_was_deleted(lake: Lake) -> None:
    lake.append("raw_requests", [request("request-of-jane", user_id="jane-doe")])
    lake.append("raw_requests", [request("other")])
    delete_rows(lake, "raw_requests", "user_id", ["jane-doe"])
    assert "jane" not in log_of(lake, "raw_requests")


def test_a_purged_table_can_be_written_and_keeps_its_log_again(lake: Lake) -> None:
    lake.append("raw_requests", [request("r1")])
    purge(lake, "raw_requests")
    version = lake.append("raw_requests", [request("r2")])
    lake.append("raw_requests", [request("r3")])
    lake.maintain()
    assert DeltaTable(f"{lake.uri}/raw_requests", version=version).version() == version
    assert len(lake.rows("raw_requests")) == 3


def test_nothing_to_delete_makes_no_version(lake: Lake) -> None:
    version = lake.append("raw_requests", [request("r1", input_text=SECRET)])
    assert delete_rows(lake, "raw_requests", "user_id", ["nobody"]) == 0
    assert delete_rows(lake, "raw_requests", "user_id", []) == 0
    assert unname(lake, "input_features", "nearest_reference", ["r1"]) == 0
    assert blank_words(lake, "raw_requests", FIRST) == 0
    assert lake.version("raw_requests") == version


def test_attributes_go_with_the_words_and_a_second_time_there_is_nothing_to_do(lake: Lake) -> None:
    rows = [request("r1", attributes={"tenant": "jane-doe"}), request("r2")]
    later = request("r3", FIRST + 2, attributes={"tenant": "acme"})
    lake.append("raw_requests", [*rows, later])
    assert blank_words(lake, "raw_requests", FIRST + 1) == 1
    assert lake.rows("raw_requests") == [request("r1"), request("r2"), later]
    assert blank_words(lake, "raw_requests", FIRST + 1) == 0
    purge(lake, "raw_requests")
    assert holding(lake, "jane-doe") == []


def test_words_of_a_table_that_an_earlier_version_wrote_are_blanked(lake: Lake) -> None:
    earlier = TABLES["raw_requests"].to_arrow([request("r1", input_text=SECRET)])
    earlier = earlier.drop_columns(["attributes"])
    write_deltalake(f"{lake.uri}/raw_requests", earlier, partition_by=["hour"])
    stamp(DeltaTable(f"{lake.uri}/raw_requests"))
    assert blank_words(lake, "raw_requests", FIRST + 1) == 1
    assert lake.rows("raw_requests") == [request("r1")]


def test_words_before_an_hour_are_blanked_and_the_cause_of_no_score_stays(lake: Lake) -> None:
    late = FIRST + 1
    lake.append("raw_requests", [request("r1", input_text=SECRET), request("r2", late)])
    lake.append(
        "judgements",
        [
            judgement("r1", None, unscored_reason="prose: the judge said: Jane"),
            judgement("r2", 4, late, reason="polite"),
        ],
    )
    assert blank_words(lake, "raw_requests", late) == 1
    assert blank_words(lake, "judgements", late) == 1
    assert blank_words(lake, "judgements", late) == 0
    first, second = lake.rows("judgements")
    assert first.unscored_reason == "prose"
    assert second.reason == "polite"
    assert lake.rows("raw_requests")[0].input_text is None


def test_a_purge_that_was_killed_half_way_is_put_right_by_the_next_or_by_the_maintenance(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.append("raw_requests", [request("r1")])
    for put_right in (lambda: purge(lake, "raw_requests"), lambda: configure(lake)):
        with monkeypatch.context() as patched:
            patched.setattr(erasing, "_trim_log", killed)
            with pytest.raises(KeyboardInterrupt):
                purge(lake, "raw_requests")
        assert lake.properties("raw_requests")[erasing.LOG_RETENTION] == "interval 0 seconds"
        put_right()
        assert lake.properties("raw_requests")[erasing.LOG_RETENTION] == "interval 30 days"
    assert configure(lake) == []


def killed(_: DeltaTable) -> None:
    raise KeyboardInterrupt


def test_a_purge_keeps_the_log_retention_that_somebody_chose(lake: Lake) -> None:
    lake.append("raw_requests", [request("r1")])
    chosen = {erasing.LOG_RETENTION: "interval 7 days"}
    lake.change("raw_requests", lambda delta: delta.alter.set_table_properties(chosen))
    purge(lake, "raw_requests")
    assert lake.properties("raw_requests")[erasing.LOG_RETENTION] == "interval 7 days"


@pytest.mark.parametrize(
    "remove", [lambda lake: purge(lake, "raw_requests"), lambda lake: lake.maintain(keep_hours=0)]
)
def test_files_that_killed_writers_did_not_write_to_their_end_go_a_day_later(
    lake: Lake, remove: Callable[[Lake], object]
) -> None:
    lake.append("raw_requests", [request("r1")])
    (file,) = Path(lake.uri, "raw_requests").glob("hour=*/*.parquet")
    log = next(Path(lake.uri, "raw_requests", "_delta_log").glob("*.json"))
    left = [
        shutil.copy(of, of.with_name(name))
        for of, name in (
            (file, "part-b.parquet#1"), (file, "part-c.parquet#12"),
            (log, "00000000000000000007.json#1"),
        )
    ]  # fmt: skip
    young = shutil.copy(file, file.with_name("part-d.parquet#1"))
    for path in left:
        os.utime(path, (time.time() - 2 * 86_400,) * 2)
    remove(lake)
    assert [path for path in left if path.exists()] == []
    assert young.exists()  # its writer may be at work
    assert [row.request_id for row in lake.rows("raw_requests")] == ["r1"]


# ------------------------------------------------------------------ scanning


def test_a_scan_reads_what_a_killed_writer_left_and_names_what_cannot_be_read(
    tmp_path: Path,
) -> None:
    pq.write_table(pa.table({"a": [SECRET] * 9}), tmp_path / "part-a.parquet#1", compression="zstd")
    whole = (tmp_path / "part-a.parquet#1").read_bytes()
    (tmp_path / "part-b.parquet#1").write_bytes(whole[:-20])
    (tmp_path / "part-c.parquet").write_bytes(b"")
    found = scan([tmp_path], [], [SECRET])
    assert [path.name for path in found.holding] == ["part-a.parquet#1"]
    assert [path.name for path in found.unreadable] == ["part-b.parquet#1", "part-c.parquet"]
    assert found.files == 1


def test_a_scan_goes_on_when_a_writer_removes_a_file_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.parquet", "b.json"):
        (tmp_path / name).write_text(SECRET)
    gone = [tmp_path / "gone.parquet", tmp_path / "gone.json"]
    files = scanning._files([tmp_path])
    monkeypatch.setattr(scanning, "_files", lambda _: [*gone, *files])
    found = scan([tmp_path, tmp_path / "no folder"], [], [SECRET])
    assert (found.files, found.holding) == (1, (tmp_path / "b.json",))
    assert found.unreadable == (tmp_path / "a.parquet",)


def test_a_scan_reads_parquet_json_in_columns_html_and_what_no_log_names(tmp_path: Path) -> None:
    said = 'He said "5 < 6" & left — über'
    quoted = json.dumps({"triage": {"items": [{"input_text": said}]}})
    pq.write_table(pa.table({"evidence": [quoted]}), tmp_path / "orphan.parquet")
    pq.write_table(pa.table({"a": [[{"b": said}]]}), tmp_path / "nested.parquet")
    (tmp_path / "cases.jsonl").write_text(quoted + "\n")
    page = "<p>He said &#34;5 &lt; 6&#34; &amp; left — über</p>"
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    (tmp_path / "other.html").write_text("<p>nothing</p>")
    found = scan([tmp_path], [], [said])
    assert found.files == 5
    assert {path.name for path in found.holding} == {
        "orphan.parquet", "nested.parquet", "cases.jsonl", "page.html",
    }  # fmt: skip


def test_an_id_is_looked_for_as_a_word_and_a_short_one_as_a_whole_value(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": ["user-1234", "42"]}), tmp_path / "a.parquet")
    (tmp_path / "b.json").write_text('{"rows": 42, "says": "see user-1234."}')
    (tmp_path / "c.json").write_text('{"user": "user-12345", "n": "424"}')
    assert [path.name for path in scan([tmp_path], ["42"], []).holding] == ["a.parquet"]
    assert [p.name for p in scan([tmp_path], ["user-1234"], []).holding] == ["a.parquet", "b.json"]
