"""In whatever order hours come, every table is the one that hours in order give."""

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

from llm_monitoring.hours import shift
from llm_monitoring.lake import TABLES
from llm_monitoring_tests.pipeline.small_product import START, SmallProduct, request, signal

pytestmark = pytest.mark.slow

HOURS, PIECE = 52, 13
FILLED = (
    "raw_requests", "user_signals", "rejected_rows", "source_reads", "log_files",
    "sampled_requests", "judgements", "input_features", "input_references", "window_metrics",
    "control_charts", "baselines",
)  # fmt: skip
PIECES = [(first, first + PIECE - 1) for first in range(0, HOURS, PIECE)]


def unlisted_at(hour: int) -> list[str]:
    """Features nobody listed: one that falls silent, one that comes, one that comes and goes."""
    places = {"basket": hour < 15, "basket_v2": hour >= 15, "report": hour % 24 == 6}
    return [name for name, is_there in places.items() if is_there]


def new_product(folder: Path) -> SmallProduct:
    """Logs with late rows, replayed rows, rejected rows, and reactions up to a day later."""
    product, draw = SmallProduct(folder), random.Random(3)
    signals: dict[int, list[dict[str, Any]]] = {hour: [] for hour in range(HOURS)}
    for hour in range(HOURS):
        lines = [
            request(f"{feature}-{hour}-{n}", hour, n, feature_id=feature, latency_ms=100 + n)
            for feature in ("search", "chat", *unlisted_at(hour))
            for n in range(8 + draw.randrange(4))
        ]
        if hour:
            lines += [request(f"late-{hour}", hour - 1), request(f"search-{hour - 1}-0", hour - 1)]
        product.write("requests", hour, [*lines, {"request_id": f"broken-{hour}"}])
        for line in lines:
            at = hour + draw.randrange(30)
            if at < HOURS and draw.random() < 0.5:
                # Some reactions are logged hours after they happened.
                signals[min(HOURS - 1, at + draw.choice((0, 0, 5)))].append(
                    signal(line["request_id"], at)
                )
    for hour, lines in signals.items():
        product.write("signals", hour, lines)
    return product


@pytest.fixture(scope="module")
def ordered(tmp_path_factory: pytest.TempPathFactory) -> SmallProduct:
    product = new_product(tmp_path_factory.mktemp("ordered"))
    for piece in PIECES:
        product.run(*piece)
    for name in FILLED:
        assert product.table(name), name
    return product


def last_first(product: SmallProduct) -> None:
    for piece in reversed(PIECES):
        product.run(*piece)


def two_workers(product: SmallProduct, seed: int) -> None:
    """Stage by stage, whichever worker comes first; each takes every other piece."""
    draw = random.Random(seed)
    workers = [
        [stage for piece in PIECES[number::2] for stage in product.stages(*piece)]
        for number in (0, 1)
    ]
    while any(workers):
        draw.choice([worker for worker in workers if worker]).pop(0)()


def hour_by_hour(product: SmallProduct) -> None:
    """As the schedule does it: the hour that closed, with the one before it."""
    for piece in PIECES[:3]:
        product.run(*piece)
    for hour in range(PIECES[3][0], HOURS):
        product.run(hour - 1, hour)


ORDERS = {
    "last_first": last_first,
    "two_workers": lambda product: two_workers(product, 1),
    "two_other_workers": lambda product: two_workers(product, 2),
    "hour_by_hour": hour_by_hour,
}


@pytest.mark.parametrize("order", ORDERS)
def test_the_order_of_the_hours_does_not_matter(
    ordered: SmallProduct, tmp_path: Path, order: str
) -> None:
    product = new_product(tmp_path)
    ORDERS[order](product)
    for name in FILLED:
        rows, wanted = product.table(name), ordered.table(name)
        differ = [pair for pair in zip(rows, wanted, strict=True) if not are_alike(*pair)]
        assert differ[:1] == [], name


def are_alike(one: Any, other: Any) -> bool:
    """Equal, but for the last bits of floats: a mean depends on the order of its rows in a file."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(are_alike(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(are_alike, one, other))
    if isinstance(one, str) and one.startswith("{") and one != other:
        return are_alike(json.loads(one), json.loads(other))
    return bool(one == other)


def test_each_query_is_embedded_once_and_those_of_the_reference_twice(
    ordered: SmallProduct,
) -> None:
    texts = len(ordered.embedder.embedded)
    assert texts == len(ordered.table("input_features")) + len(ordered.table("input_references"))
    before = {name: ordered.lake.version(name) for name in ("input_features", "judgements")}
    ordered.run(HOURS - 2, HOURS - 1)
    assert {name: ordered.lake.version(name) for name in before} == before
    assert len(ordered.embedder.embedded) == texts


def test_queries_described_before_their_reference_was_there_get_their_novelty(
    ordered: SmallProduct,
) -> None:
    last = max(row["hour"] for row in ordered.table("input_references"))
    unknown = {
        row["hour"] for row in ordered.table("input_features") if row["novelty_distance"] is None
    }
    assert max(unknown) == last < shift(START, HOURS - 1)


def test_no_key_stands_in_a_table_twice(ordered: SmallProduct) -> None:
    for name in FILLED:
        key = ", ".join(f'"{column}"' for column in TABLES[name].key)
        twice = ordered.lake.run(f"select {key} from {name} group by {key} having count(*) > 1")
        assert twice.num_rows == 0, name
