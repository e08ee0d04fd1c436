"""Which files are read, and the lines in them."""

import gzip
from pathlib import Path

import pytest
from pydantic import ValidationError

from llm_monitoring.adapters.sources import files, source_files
from llm_monitoring.adapters.sources.files import LONGEST_LINE, BrokenLine, placed, read_lines
from llm_monitoring.settings import Source


def source(path: Path, late_hours: int = 1) -> Source:
    return Source(name="app", path=str(path), late_hours=late_hours)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x\n")


def names(path: Path, first: int, last: int, late_hours: int = 1) -> list[str]:
    return [file.path.name for file in source_files(source(path, late_hours), first, last)]


def test_hourly_files_are_read_from_the_first_hour_to_the_late_ones_after_the_last(
    tmp_path: Path,
) -> None:
    touch(tmp_path, *[f"a-2026-10-05T{hour:02d}.jsonl" for hour in range(24)])
    path = tmp_path / "a-{date}T{hour}.jsonl"
    assert names(path, 2026100503, 2026100504) == [
        "a-2026-10-05T03.jsonl",
        "a-2026-10-05T04.jsonl",
        "a-2026-10-05T05.jsonl",
    ]
    assert names(path, 2026100503, 2026100503, late_hours=0) == ["a-2026-10-05T03.jsonl"]


def test_late_hours_reach_over_midnight_and_over_the_end_of_a_year(tmp_path: Path) -> None:
    touch(tmp_path, "2026-12-31/23.jsonl", "2027-01-01/00.jsonl", "2027-01-01/01.jsonl")
    files = source_files(source(tmp_path / "{date}" / "{hour}.jsonl"), 2026123123, 2026123123)
    assert [file.hour for file in files] == [2026123123, 2027010100]


def test_daily_files_are_those_of_the_days_concerned(tmp_path: Path) -> None:
    touch(tmp_path, *[f"2026-10-{day:02d}.jsonl" for day in range(1, 10)])
    path = tmp_path / "{date}.jsonl"
    assert names(path, 2026100512, 2026100512) == ["2026-10-05.jsonl"]
    assert names(path, 2026100512, 2026100523) == ["2026-10-05.jsonl", "2026-10-06.jsonl"]
    (file,) = source_files(source(path), 2026100512, 2026100512)
    assert (file.hour, file.earliest, file.latest) == (2026100500, 2026100423, 2026100523)


def test_a_path_without_placeholders_is_always_read_whole(tmp_path: Path) -> None:
    touch(tmp_path, "b.jsonl", "a.jsonl", "deep/er/c.jsonl")
    assert names(tmp_path / "**" / "*.jsonl", 2020010100, 2020010100) == [
        "a.jsonl",
        "b.jsonl",
        "c.jsonl",
    ]


def test_files_are_ordered_by_hour_and_then_by_name_and_folders_are_not_files(
    tmp_path: Path,
) -> None:
    touch(tmp_path, "z-2026-10-05T01", "a-2026-10-05T02", "b-2026-10-05T01")
    (tmp_path / "c-2026-10-05T01").mkdir()
    assert names(tmp_path / "*-{date}T{hour}", 2026100501, 2026100502) == [
        "b-2026-10-05T01",
        "z-2026-10-05T01",
        "a-2026-10-05T02",
    ]


def test_a_file_is_read_once_also_through_a_link(tmp_path: Path) -> None:
    touch(tmp_path, "a.jsonl")
    (tmp_path / "current.jsonl").symlink_to(tmp_path / "a.jsonl")
    assert names(tmp_path / "*.jsonl", 2026100501, 2026100501) == ["a.jsonl"]


@pytest.mark.parametrize("path", ["x-{hour}.jsonl", "x-{day}.jsonl", "{date}-{minute}"])
def test_a_placeholder_that_means_nothing_is_a_mistake_in_the_settings(path: str) -> None:
    with pytest.raises(ValidationError, match=r"placeholders are \{date\} and \{hour\}"):
        Source(name="app", path=path)


CONTENT = b'\xef\xbb\xbf{"a": 1}\r\n\r\n  \t\n{"b": 2}\n\n{"c": 3}'


def test_a_byte_order_mark_blank_lines_and_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(CONTENT)
    assert list(read_lines(tmp_path / "a")) == [
        (1, b'{"a": 1}'),
        (4, b'{"b": 2}'),
        (6, b'{"c": 3}'),
    ]


def test_gzip_is_known_by_its_first_bytes_and_not_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "packed.jsonl").write_bytes(
        gzip.compress(CONTENT[:20]) + gzip.compress(CONTENT[20:])
    )
    (tmp_path / "plain.jsonl.gz").write_bytes(CONTENT)
    assert list(read_lines(tmp_path / "packed.jsonl")) == list(
        read_lines(tmp_path / "plain.jsonl.gz")
    )


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "b").write_bytes(gzip.compress(b""))
    assert [*read_lines(tmp_path / "a"), *read_lines(tmp_path / "b")] == []


@pytest.mark.parametrize("cut", [-1, -9, -20])
def test_what_stood_before_the_end_of_a_cut_gzip_stream_is_handed_on(
    tmp_path: Path, cut: int
) -> None:
    lines = b"".join(b'{"n": %d}\n' % n for n in range(200_000))
    (tmp_path / "a").write_bytes(gzip.compress(lines)[:cut])
    *good, (number, last) = read_lines(tmp_path / "a")
    assert isinstance(last, BrokenLine)
    assert last.reason.startswith("gzip stream is damaged")
    assert number == len(good) + 1
    assert len(good) > 190_000
    assert good == [(n + 1, b'{"n": %d}' % n) for n in range(len(good))]


def test_a_line_over_the_limit_is_broken_and_its_neighbours_are_not(tmp_path: Path) -> None:
    fits, too_long = b"a" * LONGEST_LINE, b"b" * (3 * LONGEST_LINE + 1)
    (tmp_path / "a").write_bytes(b"\n".join([b"first", fits, too_long, b"last"]))
    first, second, third, fourth = read_lines(tmp_path / "a")
    assert (first, second, fourth) == ((1, b"first"), (2, fits), (4, b"last"))
    assert isinstance(third[1], BrokenLine)
    assert third[1].reason == "line is longer than 10,000,000 bytes"
    assert len(third[1].start) <= LONGEST_LINE


def test_a_path_tells_its_hour_also_when_the_file_is_gone(tmp_path: Path) -> None:
    chosen = source(tmp_path / "**" / "{date}" / "a-{date}-{hour}*.jsonl")
    deep = placed(chosen, str(tmp_path / "x/y/2026-10-05/a-2026-10-05-07-b.jsonl"))
    flat = placed(chosen, str(tmp_path / "2026-10-05/a-2026-10-05-07.jsonl"))
    assert deep is not None
    assert flat is not None
    assert deep.hour == flat.hour == 2026100507
    assert placed(chosen, str(tmp_path / "2026-10-05/a-2026-10-06-07.jsonl")) is None
    assert placed(chosen, str(tmp_path / "2026-13-05/a-2026-13-05-07.jsonl")) is None


def test_a_folder_is_scanned_once_however_many_hours_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, *[f"2026-{month:02d}-05T07.jsonl" for month in range(1, 13)])
    scans: list[str] = []

    def counted(pattern: str, **how: bool) -> list[str]:
        scans.append(pattern)
        return found(pattern, **how)

    found = files.glob.glob
    monkeypatch.setattr(files.glob, "glob", counted)
    assert len(names(tmp_path / "{date}T{hour}.jsonl", 2026020500, 2026040523)) == 3
    assert len(scans) == 1
