"""Three ways to compute window_metrics from the same files; each runs in a process of its own.

The result is the table as the lake stores it: one row is one (hour, feature, model or all,
metric) with value, n and standard deviation. Peers are written as a practised user would, from
the libraries' own documentation: columns pruned, no Python loop over groups, nothing sorted twice.
"""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measuring import Cost

# And the quantiles around them whose distance tells their error.
PERCENTILES = {50: (0.5, 0.75), 95: (0.9, 0.975), 99: (0.98, 0.995)}
AVERAGED = {
    "avg_cost_per_request_usd": "cost_usd",
    "avg_input_tokens": "input_tokens",
    "avg_output_tokens": "output_tokens",
}
Result = dict[str, Any]


def ours(lake_folder: Path, output: Path) -> Result:
    """`measure`, as the asset window_metrics calls it: a piece of the range at a time."""
    # First: it silences Dagster's preview warnings.
    import llm_monitoring.definitions  # noqa: F401
    from benchmarks.requests_table import FIRST, LAST
    from llm_monitoring.configuration import load_settings
    from llm_monitoring.lake import Lake
    from llm_monitoring.pipeline.windows.features import read_watched
    from llm_monitoring.pipeline.windows.measure import WINDOW_METRICS, measure, pieces

    settings = load_settings(lake_folder.parent / "monitoring.yaml")
    lake, cost = Lake(str(lake_folder)), Cost()
    with pq.ParquetWriter(output, WINDOW_METRICS.schema) as writer:
        for hours in pieces(FIRST, LAST):
            with cost.measured():
                watched = read_watched(lake, settings, *hours)
                rows = measure(lake, settings, "requests", watched, "epoch")
            # Where the asset would store them; not measured, as it is not of the peers.
            writer.write_table(rows)
            del rows
    return cost.as_dict()


def pandas(lake_folder: Path, output: Path) -> Result:
    """Read once, group twice; quantiles by pandas' own grouped quantile."""
    import numpy as np
    import pandas as pd
    import pyarrow.dataset as ds

    def read() -> pd.DataFrame:
        numbers = ["latency_ms", *AVERAGED.values()]
        strings = ["feature_id", "model_id", "error", "finish_reason"]
        hour = ds.partitioning(pa.schema([("hour", pa.int64())]), flavor="hive")
        frame = pd.read_parquet(
            lake_folder / "raw_requests", columns=["hour", *strings, *numbers], partitioning=hour
        )
        return frame.assign(
            feature_id=frame["feature_id"].astype("category"),
            model_id=frame["model_id"].astype("category"),
            error=frame["error"].notna(),
            refusal=(frame["finish_reason"] == "refusal").fillna(False).astype(bool),
        )

    def aggregate(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
        groups = frame.groupby(keys, observed=True)
        wide = pd.DataFrame({"count": groups.size()})
        numbers = ["latency_ms", *AVERAGED.values()]
        for name in ("error", "refusal"):
            share, n = groups[name].mean(), wide["count"]
            wide[name] = share
            wide[f"{name}_std"] = np.sqrt((share * (1 - share) * n / (n - 1)).where(n > 1))
        wide["cost"] = groups["cost_usd"].sum(min_count=1)
        for how in ("mean", "count", "std"):
            wide[[f"{name}_{how}" for name in numbers]] = getattr(groups[numbers], how)()
        # For these percentiles "higher" is the index rule int(n * p / 100); the check proves it.
        wanted = sorted({f for p, beside in PERCENTILES.items() for f in (p / 100, *beside)})
        quantiles = groups["latency_ms"].quantile(wanted, interpolation="higher").unstack()
        for p, (below, above) in PERCENTILES.items():
            wide[f"p{p}"] = quantiles[p / 100]
            apart = np.log(quantiles[above] / quantiles[below])
            error = _error_factor(p) * apart * quantiles[p / 100]
            wide[f"p{p}_std"] = error.where(wide["latency_ms_count"] > 1)
        return wide.reset_index()

    def tall(wide: pd.DataFrame) -> pd.DataFrame:
        keys = [key for key in ("hour", "feature_id", "model_id") if key in wide]
        names = [name for name, *_ in _columns()]
        parts = []
        for code, (_, value, n, stddev) in enumerate(_columns()):
            part = wide[[*keys, value, n]].set_axis([*keys, "value", "n"], axis=1)
            part["stddev"] = wide[stddev] if stddev else np.nan
            part["metric"] = pd.Categorical.from_codes(np.full(len(part), code), names)
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    cost = Cost()
    with cost.measured():
        frame = read()
        by_model = aggregate(frame, ["hour", "feature_id", "model_id"])
        by_feature = aggregate(frame, ["hour", "feature_id"])
    before_layout = cost.cpu_seconds
    with cost.measured():
        rows = pd.concat([tall(by_model), tall(by_feature)], ignore_index=True)
    result = {**cost.as_dict(), "cpu_seconds_before_layout": round(before_layout, 3)}
    rows.to_parquet(output)
    return result


def polars(lake_folder: Path, output: Path) -> Result:
    """One lazy scan for both groupings."""
    import polars as pl

    latency, refused = pl.col("latency_ms"), pl.col("finish_reason") == "refusal"
    flags = {"error": pl.col("error").is_not_null(), "refusal": refused.fill_null(False)}
    numbers = [pl.col(name) for name in ("latency_ms", *AVERAGED.values())]
    aggregates = [
        pl.len().cast(pl.Int64).alias("count"),
        *(flag.mean().alias(name) for name, flag in flags.items()),
        *(flag.std().alias(f"{name}_std") for name, flag in flags.items()),
        pl.col("cost_usd").sum().alias("cost"),
        *(number.mean().name.suffix("_mean") for number in numbers),
        *(number.count().cast(pl.Int64).name.suffix("_count") for number in numbers),
        *(number.std().name.suffix("_std") for number in numbers),
        *(latency.quantile(p / 100, "higher").alias(f"p{p}") for p in PERCENTILES),
        *(
            pl.when(latency.count() > 1)
            .then(
                _error_factor(p)
                * (latency.quantile(above, "higher") / latency.quantile(below, "higher")).log()
                * latency.quantile(p / 100, "higher")
            )
            .alias(f"p{p}_std")
            for p, (below, above) in PERCENTILES.items()
        ),
    ]
    # An empty sum is 0 to polars, but unknown to us.
    cost_known = pl.when(pl.col("cost_usd_count") > 0).then("cost").alias("cost")

    def tall(wide: pl.LazyFrame, model: pl.Expr) -> pl.LazyFrame:
        return pl.concat(
            wide.select(
                "hour",
                "feature_id",
                model.alias("model_id"),
                pl.lit(metric).alias("metric"),
                pl.col(value).cast(pl.Float64).alias("value"),
                pl.col(n).alias("n"),
                (pl.col(stddev) if stddev else pl.lit(None, pl.Float64)).alias("stddev"),
            )
            for metric, value, n, stddev in _columns()
        )

    cost = Cost()
    with cost.measured():
        scan = pl.scan_parquet(
            lake_folder / "raw_requests/**/*.parquet",
            hive_partitioning=True,
            hive_schema={"hour": pl.Int64},
        )
        keys = ("hour", "feature_id", "model_id")
        by_model, by_feature = pl.collect_all(
            [scan.group_by(by).agg(aggregates).with_columns(cost_known) for by in (keys, keys[:2])]
        )
    before_layout = cost.cpu_seconds
    with cost.measured():
        no_model = pl.lit(None, pl.String)
        rows = pl.concat(
            [tall(by_model.lazy(), pl.col("model_id")), tall(by_feature.lazy(), no_model)]
        ).collect()
    result = {**cost.as_dict(), "cpu_seconds_before_layout": round(before_layout, 3)}
    rows.write_parquet(output)
    return result


def _error_factor(percent: int) -> float:
    """Relative error of a percentile times sqrt(n), over the log ratio around it."""
    share, (below, above) = percent / 100, PERCENTILES[percent]
    return math.sqrt(share * (1 - share)) / (above - below)


def _columns() -> list[tuple[str, str, str, str | None]]:
    """(metric, column of its value, of its n, of its standard deviation) of the peers' results."""
    return [
        ("request_count", "count", "count", None),
        ("error_rate", "error", "count", "error_std"),
        ("refusal_rate", "refusal", "count", "refusal_std"),
        *((f"latency_p{p}_ms", f"p{p}", "latency_ms_count", f"p{p}_std") for p in PERCENTILES),
        ("total_cost_usd", "cost", "cost_usd_count", "cost_usd_std"),
        *((name, f"{c}_mean", f"{c}_count", f"{c}_std") for name, c in AVERAGED.items()),
    ]


CONTENDERS: dict[str, Callable[[Path, Path], Result]] = {
    "llm-monitoring": ours,
    "pandas": pandas,
    "polars": polars,
}

if __name__ == "__main__":
    name, lake_folder, output = sys.argv[1:]
    print(json.dumps(CONTENDERS[name](Path(lake_folder), Path(output))))
