"""Features that log name and monitoring.yaml does not."""

from pathlib import Path

from llm_monitoring.control.features import KEPT_HOURS
from llm_monitoring.hours import hours_between
from llm_monitoring_tests.pipeline.small_product import START, SmallProduct, request


def play(product: SmallProduct, hours: range, **counts: int) -> None:
    """Log so many requests of each feature in each of some hours."""
    for hour in hours:
        lines = [
            request(f"{name}-{hour}-{n}", hour, n % 60, feature_id=name)
            for name, count in counts.items()
            for n in range(count)
        ]
        product.write("requests", hour, lines)


def windows_of(product: SmallProduct, name: str) -> list[tuple[int, int]]:
    """(hour, requests) of a feature's windows."""
    rows = product.lake.rows(
        "window_metrics", "feature_id = $wanted and metric = 'request_count' and model_id is null",
        wanted=name,
    )  # fmt: skip
    return [(hours_between(START, row.hour), row.n) for row in rows]


def test_a_feature_nobody_listed_has_silent_windows_for_a_week_after_its_last_request(
    tmp_path: Path,
) -> None:
    product = SmallProduct(tmp_path)
    play(product, range(2), search=1)
    play(product, range(2, 4), search=1, basket=2)
    product.run(0, 3 + KEPT_HOURS + 5)
    assert windows_of(product, "basket") == [
        (2, 2), (3, 2), *((hour, 0) for hour in range(4, 4 + KEPT_HOURS)),
    ]  # fmt: skip


def test_an_hour_that_comes_later_than_those_after_it_gives_them_their_silent_windows(
    tmp_path: Path,
) -> None:
    product = SmallProduct(tmp_path)
    play(product, range(1), search=1, basket=2)
    play(product, range(1, 4), search=1)
    product.run(1, 3)
    assert windows_of(product, "basket") == []
    product.run(0, 0)
    assert windows_of(product, "basket") == [(0, 2), (1, 0), (2, 0), (3, 0)]
    charted = product.lake.rows("control_charts", "feature_id = 'basket' and chart = 'missing'")
    assert len(charted) == 4
