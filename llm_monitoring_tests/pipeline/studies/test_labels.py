from pathlib import Path

import pytest

from llm_monitoring.backtesting import LabelledIncident
from llm_monitoring.pipeline.studies.labels import LabelError, read_incidents

FEATURES = {"search", "chat"}
CHAT = "- feature_id: chat\n  from: 2026-10-20\n"
YAML = """\
# What we know of.
- feature_id: search
  metric: error_rate
  from: 2026-10-20T14
  to: 2026-10-21
  name: vendor down
- {feature_id: chat, from: 2026-10-22, to: null}
- feature_id: "*"
  from: 2026-10-23 05:30
"""
CSV = """\
feature_id,metric,from,to,name
search,error_rate,2026-10-20T14,2026-10-21,vendor down
chat,,2026-10-22,,

*,,2026-10-23 05:30,,
"""
EXPECTED = [
    LabelledIncident(
        name="vendor down", feature_id="search", metric="error_rate",
        first_hour=2026102014, last_hour=2026102123,
    ),
    LabelledIncident(
        name="chat 2026-10-22", feature_id="chat", metric=None,
        first_hour=2026102200, last_hour=None,
    ),
    LabelledIncident(
        name="* 2026-10-23 05:30", feature_id="*", metric=None,
        first_hour=2026102305, last_hour=None,
    ),
]  # fmt: skip


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(("name", "text"), [("i.yaml", YAML), ("i.yml", YAML), ("i.csv", CSV)])
def test_both_formats_say_the_same(tmp_path: Path, name: str, text: str) -> None:
    assert read_incidents(written(tmp_path, name, text), FEATURES) == EXPECTED


def test_a_spreadsheet_s_byte_order_mark_is_no_part_of_the_first_field(tmp_path: Path) -> None:
    assert read_incidents(written(tmp_path, "i.csv", "\ufeff" + CSV), FEATURES) == EXPECTED


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- feature_id: serach\n", ":1: from: is missing"),
        ("- from: 2026-10-20\n", ":1: feature_id: is missing"),
        (f"{CHAT}- feature_id:\n", ":3: feature_id: is missing"),
        (CHAT.replace("chat", "cat"), ":1: feature_id: no windows of 'cat'; there are those of"),
        (CHAT.replace("2026-10-20", "soon"), ":2: from: 'soon' is neither a date nor an hour"),
        (f"{CHAT}  to: 2026-10-19\n", ":3: to: 2026-10-19 lies before 2026-10-20"),
        (f"{CHAT}  metric: eror_rate\n", ":3: metric: there is no metric 'eror_rate'; did you"),
        (f"{CHAT}  since: 2026-10-19\n", ":3: since: there is no such field; feature_id, metric"),
        (f"{CHAT}  from: 2026-10-21\n", ":3: from: stands here a second time"),
        (f"{CHAT}  to: [2026-10-21]\n", ":3: to: expected a text or a time"),
        ("feature_id: chat\n", ":1: expected a list of incidents"),
        ("", ":1: expected a list of incidents"),
        ("- chat\n", ":1: expected an incident: feature_id"),
        ("- [\n", ":2: not YAML: "),
        ("- \x01\n", ":1: not YAML: "),
        ("[]\n", ":1: there is no incident in it"),
    ],
)
def test_a_mistake_in_yaml_names_its_line_and_field(
    tmp_path: Path, text: str, complaint: str
) -> None:
    file = written(tmp_path, "i.yaml", text)
    with pytest.raises(LabelError) as caught:
        read_incidents(file, FEATURES)
    assert str(caught.value).startswith(f"{file}{complaint}")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", ":1: there is no incident in it"),
        ("feature_id,since\n", ":1: since: there is no such field"),
        ("feature_id,from,\n", ":1: (empty): there is no such field"),
        ("feature_id,from\nchat,2026-10-20\nchat\n", ":3: expected 2 cells, got 1"),
        ("feature_id,from\nchat,2026-10-20\nchat,soon\n", ":3: from: 'soon' is neither"),
        ('feature_id,from\nchat,"2026-10-20\n', ":2: not CSV: "),
        ("feature_id\nchat\n", ":2: from: is missing"),
    ],
)
def test_a_mistake_in_csv_names_its_line_and_field(
    tmp_path: Path, text: str, complaint: str
) -> None:
    file = written(tmp_path, "i.csv", text)
    with pytest.raises(LabelError) as caught:
        read_incidents(file, FEATURES)
    assert str(caught.value).startswith(f"{file}{complaint}")


def test_every_mistaken_incident_is_told(tmp_path: Path) -> None:
    text = "feature_id,from\nchat,soon\nsearch,2026-10-20\nserach,2026-10-20\n"
    with pytest.raises(LabelError) as caught:
        read_incidents(written(tmp_path, "i.csv", text), FEATURES)
    lines = str(caught.value).splitlines()
    assert [":2: from:" in lines[0], ":4: feature_id:" in lines[1], len(lines)] == [True, True, 2]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"none\.yaml: No such file"):
        read_incidents(tmp_path / "none.yaml", FEATURES)
    (tmp_path / "i.csv").write_bytes(b"feature_id\n\xff\n")
    with pytest.raises(LabelError, match=r"i\.csv: not UTF-8"):
        read_incidents(tmp_path / "i.csv", FEATURES)
