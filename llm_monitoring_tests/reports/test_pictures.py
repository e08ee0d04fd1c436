import base64
import re
from datetime import timedelta
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llm_monitoring.hours import shift
from llm_monitoring.records import ChartPoint
from llm_monitoring.reports.inline import markdown_image
from llm_monitoring.reports.pictures import chart_picture
from llm_monitoring.reports.sparklines import sparkline
from llm_monitoring_tests.incidents.examples import CHANGE, CHANGE_HOUR, change
from llm_monitoring_tests.reports.examples import chart, point

POINTS = chart()


def words_of(svg: bytes) -> str:
    return " ".join("".join(e.itertext()) for e in ElementTree.fromstring(svg).iter()
                    if e.tag.endswith("text"))  # fmt: skip


def test_a_chart_is_the_same_bytes_every_time_and_in_any_order() -> None:
    one = chart_picture(POINTS, title="quality")
    assert one == chart_picture(POINTS[::-1], title="quality")
    assert b"date" not in one.lower()


def test_drawing_leaves_matplotlibs_global_settings_alone() -> None:
    before = dict(mpl.rcParams)
    chart_picture(POINTS, title="quality")
    assert dict(mpl.rcParams) == before


def test_the_caption_names_the_heuristic_judge_and_simulated_data() -> None:
    said = words_of(chart_picture(POINTS, title="q", judge="heuristic", simulated=True))
    assert "judge: heuristic" in said
    assert "SIMULATED DATA" in said
    silent = words_of(chart_picture(POINTS, title="q"))
    assert "judge" not in silent
    assert "SIMULATED" not in silent


def test_changes_and_the_estimated_change_are_marked_when_they_are_in_view() -> None:
    ledger = [
        change("near", CHANGE - timedelta(hours=7), kind="index"),
        change("long ago", CHANGE - timedelta(days=90), kind="price"),
    ]
    said = words_of(chart_picture(POINTS, ledger, title="q"))
    assert "index" in said
    assert "estimated change" in said
    assert "price" not in said


def test_light_and_dark_bring_their_own_background() -> None:
    assert b"#ffffff" in chart_picture(POINTS, title="q")
    assert b"#161b22" in chart_picture(POINTS, title="q", dark=True)


@pytest.mark.parametrize(
    "title", ["<script>alert(1)</script>", "$\\frac{1$", "$$", "a\nb\x07", "שלום 客服"]
)
def test_any_name_can_be_a_title(title: str) -> None:
    svg = chart_picture(POINTS[:30], title=title)
    assert b"<script" not in svg
    ElementTree.fromstring(svg)


@pytest.mark.parametrize("count", [1, 2])
def test_a_chart_without_a_baseline_or_data_is_still_drawn(count: int) -> None:
    empty = [
        point(shift(CHANGE_HOUR, i), None, n=0, center=None, statistic=None, limit=None)
        for i in range(count)
    ]
    assert chart_picture(empty, title="q").startswith(b"<?xml")


def test_points_of_two_charts_are_refused() -> None:
    with pytest.raises(ValueError, match="shows one chart, got"):
        chart_picture([POINTS[0], point(CHANGE_HOUR, 1.0, chart_id="other")], title="q")
    with pytest.raises(ValueError, match="got none"):
        chart_picture([], title="q")


VALUES = st.one_of(st.none(), st.floats(-1e9, 1e9), st.just(4.0))


@example([(0.0, False), (2.2e-311, False)])
@given(st.lists(st.tuples(VALUES, st.booleans()), max_size=400))
def test_a_sparkline_always_fits_inline(rows: list[tuple[float | None, bool]]) -> None:
    points = [
        point(shift(CHANGE_HOUR, i), value, alarm=alarm) for i, (value, alarm) in enumerate(rows)
    ]
    svg = sparkline(points)
    ElementTree.fromstring(svg)
    assert len(markdown_image(svg, "x" * 500)) < 1000


def test_a_sparkline_falls_where_the_value_falls_and_underlines_the_alarm() -> None:
    line, alarms = re.findall(r'path d="([^"]*)"', sparkline(POINTS).decode())
    heights = [int(y) for y in re.findall(r"[ML]\d+ (\d+)", line)]
    assert min(heights[-5:]) > max(heights[:25])  # y grows downwards
    assert re.fullmatch(r"M9\d 19h\d+", alarms)


def test_a_gap_breaks_the_sparkline() -> None:
    points = [point(shift(CHANGE_HOUR, i), None if i == 5 else 1.0) for i in range(10)]
    assert sparkline(points).decode().count("M") == 2


def test_a_markdown_images_description_cannot_break_out() -> None:
    shown = markdown_image(b"<svg/>", "a](https://x) <b> ![`")
    assert shown.startswith("![a https://x b](data:image/svg+xml;base64,")
    assert base64.b64decode(shown[shown.index("base64,") + 7 : -1]) == b"<svg/>"


def test_the_chart_of_a_single_point_is_drawn() -> None:
    alone: list[ChartPoint] = [POINTS[0]]
    assert b"</svg>" in chart_picture(alone, title="q")
