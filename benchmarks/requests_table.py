"""Generated requests, written through the lake: the input of the windows benchmark."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.random import Generator

from llm_monitoring.hours import hour_index, hour_range, shift
from llm_monitoring.lake import TABLES, Lake

FEATURES = 300
HOURS = 720
FIRST = 2026090100
LAST = shift(FIRST, HOURS - 1)
DAY = 24
MICROSECONDS = 3_600_000_000
MODELS = tuple(f"model-{letter}-2026-08-01" for letter in "abcdefg")
SCHEMA = TABLES["raw_requests"].schema


def feature_ids() -> list[str]:
    """Names of the features."""
    return [f"feature_{number:03d}" for number in range(FEATURES)]


def write_requests(lake: Lake, rows: int, seed: int) -> None:
    """Spread `rows` requests over FEATURES features and HOURS hours, a day to a commit.

    Latency, tokens and cost are log-normal; a feature uses one to three models; .5 % of requests
    failed and have neither latency, output nor cost; .2 % of the others are unpriced.
    """
    random = np.random.default_rng(seed)
    days = HOURS // DAY
    for day in range(days):
        first = shift(FIRST, day * DAY)
        last = shift(first, DAY - 1)
        count = rows // days + (rows % days if day == 0 else 0)
        lake.replace_hours(
            "raw_requests", _requests(random, list(hour_range(first, last)), count), first, last
        )


def _requests(random: Generator, hours: Sequence[int], rows: int) -> pa.Table:
    feature = random.integers(0, FEATURES, rows)
    model = pa.array(MODELS).take(pa.array(_model(random, feature)))
    hour = np.sort(random.integers(0, len(hours), rows))
    start = np.array([hour_index(key) for key in hours])[hour] * MICROSECONDS
    failed = random.random(rows) < 0.005
    unpriced = failed | (random.random(rows) < 0.002)
    tokens_in = np.maximum(1, random.lognormal(6, 0.6, rows)).astype(np.int64)
    tokens_out = np.maximum(1, random.lognormal(5, 0.7, rows)).astype(np.int64)
    ending = np.where(failed, 3, random.choice(3, rows, p=[0.96, 0.02, 0.02]))
    ids = [f"r{hours[0]}-{number}" for number in range(rows)]
    moment = start + random.integers(0, MICROSECONDS, rows)
    columns = {
        "hour": pa.array(np.array(hours)[hour]),
        "request_id": pa.array(ids),
        "timestamp": pa.array(moment).cast(pa.timestamp("us", tz="UTC")),
        "feature_id": pa.array(feature_ids()).take(pa.array(feature)),
        "model_id": model,
        "requested_model": model,
        "provider": pa.repeat(pa.scalar("example"), rows),
        "latency_ms": pa.array(np.round(random.lognormal(7, 0.5, rows), 1), mask=failed),
        "input_tokens": pa.array(tokens_in),
        "output_tokens": pa.array(tokens_out, mask=failed),
        "cost_usd": pa.array(tokens_in * 4e-7 + tokens_out * 1.6e-6, mask=unpriced),
        "price_version": pa.repeat(pa.scalar("table"), rows),
        "finish_reason": pa.array(["end_turn", "max_tokens", "refusal", "error"]).take(
            pa.array(ending)
        ),
        "error": pa.array(np.where(failed, "timeout", ""), mask=~failed),
        "input_text": pa.repeat(pa.scalar("Where is my order?"), rows),
        "source": pa.repeat(pa.scalar("requests"), rows),
    }
    return pa.table(
        [columns.get(field.name, pa.nulls(rows, field.type)) for field in SCHEMA], schema=SCHEMA
    )


def _model(random: Generator, feature: np.ndarray) -> np.ndarray:
    """The first of a feature's models answers most."""
    choice = (random.random(len(feature)) ** 2 * (1 + feature % 3)).astype(np.int64)
    return (feature + choice) % len(MODELS)
