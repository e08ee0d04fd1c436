"""What is known of the sampled queries: language, length, novelty."""

from typing import Any

import dagster as dg

from llm_monitoring.defs.assets.requests import sampled_requests
from llm_monitoring.defs.partitions import HOURS, hours_of
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.pipeline.windows.describe_inputs import describe_inputs


@dg.asset(
    group_name="inputs",
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[sampled_requests],
    pool="inputs",
    kinds={"deltalake"},
)
def input_features(
    context: dg.AssetExecutionContext, monitoring: Monitoring
) -> dg.MaterializeResult[Any]:
    """One row is one sampled query: language, length, novelty; a re-run describes what is new.

    The first queries of a feature become its reference, once, and stay it.
    """
    lake, embedder = monitoring.lake, monitoring.embedder
    rows = describe_inputs(lake, monitoring.settings, embedder, *hours_of(context))
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": len(rows),
            "embedder": embedder.name,
            "novelty_known": sum(row.novel is not None for row in rows),
            "delta_version": lake.version("input_features"),
        }
    )
