"""What is known of the sampled queries: language, length, novelty."""

from collections import defaultdict
from typing import Any

import dagster as dg

from llm_monitoring.adapters.languages import identify_languages
from llm_monitoring.defs.assets.requests import sampled_requests
from llm_monitoring.defs.partitions import HOURS, hours_of
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.drift import build_reference
from llm_monitoring.drift import input_features as describe_inputs
from llm_monitoring.records import InputFeature, InputReference, Request


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
    """One row is one sampled query: language, length, novelty; a re-run replaces its hours.

    The first queries of a feature become its reference, once, and stay it.
    """
    first, last = hours_of(context)
    lake = monitoring.lake
    requests = lake.rows(
        "raw_requests",
        "input_text is not null and request_id in"
        " (select request_id from sampled_requests where hour between $first and $last)",
        hours=(first, last),
        first=first,
        last=last,
    )
    by_feature: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        by_feature[request.feature_id].append(request)
    rows = [
        row
        for feature_id, queries in sorted(by_feature.items())
        for row in _describe(monitoring, feature_id, queries)
    ]
    version = lake.replace_hours("input_features", rows, first, last)
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": len(rows),
            "embedder": monitoring.embedder.name,
            "novelty_known": sum(row.novel is not None for row in rows),
            "delta_version": version,
        }
    )


def _describe(
    monitoring: Monitoring, feature_id: str, requests: list[Request]
) -> list[InputFeature]:
    texts = [request.input_text or "" for request in requests]
    expected = monitoring.settings.feature(feature_id).languages
    return describe_inputs(
        requests,
        monitoring.embedder.embed(texts),
        identify_languages(texts, expected),
        embedder=monitoring.embedder.name,
        expected_languages=expected,
        reference=_reference(monitoring, feature_id, requests[-1].hour),
    )


def _reference(monitoring: Monitoring, feature_id: str, last: int) -> list[InputReference] | None:
    """The feature's frozen reference; built from its first sampled queries once these suffice."""
    lake, embedder, inputs = monitoring.lake, monitoring.embedder, monitoring.settings.inputs
    stored = lake.rows(
        "input_references",
        "feature_id = $feature_id and embedder = $embedder",
        feature_id=feature_id,
        embedder=embedder.name,
    )
    if stored:
        return stored
    wanted = inputs.reference_queries + inputs.calibration_queries
    queries = lake.query(
        "first_sampled_queries", last=last, feature_id=feature_id, wanted=wanted
    ).to_pylist()
    if len(queries) < wanted:
        return None
    vectors = embedder.embed([query["input_text"] for query in queries])
    reference = build_reference(
        feature_id,
        embedder.name,
        [(q["request_id"], q["hour"], v) for q, v in zip(queries, vectors, strict=True)],
        inputs.reference_queries,
        inputs.calibration_queries,
    )
    if reference:
        lake.append("input_references", reference)
    return reference
