"""What is known of the sampled queries, each described once, and the reference of what is usual.

The reference of a feature is made of its first sampled queries, once every hour up to them is
there, and then stays: so it is the same in whatever order hours come. Hours described before it
was there are described again.
"""

from collections import defaultdict
from collections.abc import Iterable

from llm_monitoring.adapters.embedders import Embedder
from llm_monitoring.adapters.languages import identify_languages
from llm_monitoring.hours import hour_key, ranges
from llm_monitoring.inputs.features import input_features
from llm_monitoring.inputs.reference import build_reference
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.records import InputFeature, InputReference, Request
from llm_monitoring.sampling import is_sampled
from llm_monitoring.settings import EndpointJudgeSettings, Settings

_Group = tuple[int, str]  # hour and feature: what is described together


def describe_inputs(
    lake: Lake, settings: Settings, embedder: Embedder, first: int, last: int
) -> list[InputFeature]:
    """Describe the sampled queries of hours `first` to `last` that are not yet, and store them.

    Returns:
        Everything that is known of the queries of these hours.
    """
    wanted = _sampled(lake, first, last)
    build_references(lake, settings, embedder, {feature for _, feature in wanted})
    learned = lake.query("reference_ends", embedder=embedder.name).to_pylist()
    last_hours = {row["feature_id"]: row["last"] for row in learned}
    known: dict[_Group, list[InputFeature]] = defaultdict(list)
    for row in lake.rows("input_features", hours=(first, last)):
        known[row.hour, row.feature_id].append(row)
    stale = {
        group
        for group, queries in wanted.items()
        if not _is_described(
            known.get(group, ()),
            queries,
            embedder=embedder.name,
            has_novelty=group[0] > last_hours.get(group[1], group[0]),
            expected=settings.feature(group[1]).languages,
        )
    }
    changed = stale | (known.keys() - wanted.keys())
    rows = [row for group in wanted.keys() - stale for row in known[group]]
    fresh = _described(lake, settings, embedder, stale)
    # Of a query whose text is past its time, what was known stays.
    there = {(row.hour, row.request_id) for row in fresh}
    expired = {(hour, query[0]) for hour, feature in stale for query in wanted[hour, feature]}
    rows += fresh
    rows += [
        row
        for group in stale
        for row in known.get(group, ())
        if (row.hour, row.request_id) in expired - there
    ]
    if changed:
        hours = min(hour for hour, _ in changed), max(hour for hour, _ in changed)
        stored = [row for row in rows if hours[0] <= row.hour <= hours[1]]
        lake.replace_hours("input_features", stored, *hours)
    return rows


def build_references(
    lake: Lake, settings: Settings, embedder: Embedder, features: Iterable[str]
) -> None:
    """Make the references that these features lack, as far as their hours are there."""
    missing = set(features) - _with_reference(lake, embedder)
    until = complete_until(lake, settings) if missing else None
    if until is None:
        return
    wanted = settings.inputs.reference_queries + settings.inputs.calibration_queries
    enough = lake.query("features_sampled", until=until, least=wanted)["feature_id"].to_pylist()
    for feature_id in sorted(missing.intersection(enough)):
        reference = _build(lake, settings, embedder, feature_id, until)
        if reference:
            lake.upsert("input_references", reference)


def _with_reference(lake: Lake, embedder: Embedder) -> set[str]:
    return lake.distinct("input_references", "feature_id", embedder=embedder.name)


def complete_until(lake: Lake, settings: Settings) -> int | None:
    """Last hour before the first one that is not ingested; None: the first one is not.

    With a judge that is paid, hours before the first ingested one wait for a word that may never
    come: there the first ingested hour is the first one.
    """
    start = hour_key(settings.start)
    reads = lake.distinct("source_reads", "hour", table="raw_requests")
    ingested = [hour for hour in reads if hour >= start]
    if not ingested:
        return None
    first, last = next(ranges(ingested))
    return last if first == start or isinstance(settings.judge, EndpointJudgeSettings) else None


def _build(
    lake: Lake, settings: Settings, embedder: Embedder, feature_id: str, until: int
) -> list[InputReference] | None:
    inputs, rate = settings.inputs, settings.sample_rate(feature_id)
    wanted = inputs.reference_queries + inputs.calibration_queries
    # An hour may be ingested and its sample not yet drawn: the rule itself says what it will be.
    ids = lake.query("queries_in_order", feature_id=feature_id, until=until)
    drawn = [
        request_id
        for request_id in ids["request_id"].to_pylist()
        if is_sampled(request_id, rate, settings.sampling.salt)
    ][:wanted]
    if len(drawn) < wanted:
        return None
    requests = lake.rows("raw_requests", hours=(0, until), request_id=drawn)
    vectors = embedder.embed([request.input_text or "" for request in requests])
    return build_reference(
        feature_id,
        embedder.name,
        [(r.request_id, r.hour, v) for r, v in zip(requests, vectors, strict=True)],
        inputs.reference_queries,
        inputs.calibration_queries,
    )


def _sampled(lake: Lake, first: int, last: int) -> dict[_Group, set[tuple[str, str, int]]]:
    """Request, model and length of the sampled queries of each hour and feature."""
    table = lake.query("sampled_queries", hours=(first, last), first=first, last=last)
    groups: dict[_Group, set[tuple[str, str, int]]] = defaultdict(set)
    for row in table.to_pylist():
        query = (row["request_id"], row["model_id"], row["length_characters"])
        groups[row["hour"], row["feature_id"]].add(query)
    return groups


def _is_described(
    rows: Iterable[InputFeature],
    queries: set[tuple[str, str, int]],
    *,
    embedder: str,
    has_novelty: bool,
    expected: Iterable[str],
) -> bool:
    """The rows are about these queries, and say all that can be said of them by now."""
    rows, expected = list(rows), set(expected)
    return {(r.request_id, r.model_id, r.length_characters) for r in rows} == queries and all(
        row.embedder == embedder
        and (row.novel is not None) == has_novelty
        and (row.language is None or row.language_expected == (row.language in expected))
        for row in rows
    )


def _described(
    lake: Lake, settings: Settings, embedder: Embedder, groups: set[_Group]
) -> list[InputFeature]:
    if not groups:
        return []
    hours = min(hour for hour, _ in groups), max(hour for hour, _ in groups)
    requests: list[Request] = TABLES["raw_requests"].to_records(
        lake.query("requests_to_describe", hours=hours, first=hours[0], last=hours[1])
    )
    by_feature: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        if (request.hour, request.feature_id) in groups:
            by_feature[request.feature_id].append(request)
    known = _with_reference(lake, embedder)
    return [
        row
        for feature_id, queries in sorted(by_feature.items())
        for row in _describe(
            settings,
            embedder,
            feature_id,
            queries,
            _reference(lake, embedder, feature_id) if feature_id in known else [],
        )
    ]


def _reference(lake: Lake, embedder: Embedder, feature_id: str) -> list[InputReference]:
    rows: list[InputReference] = lake.rows(
        "input_references", feature_id=feature_id, embedder=embedder.name
    )
    return rows


def _describe(
    settings: Settings,
    embedder: Embedder,
    feature_id: str,
    requests: list[Request],
    reference: list[InputReference],
) -> list[InputFeature]:
    texts = [request.input_text or "" for request in requests]
    expected = settings.feature(feature_id).languages
    return input_features(
        requests,
        embedder.embed(texts),
        identify_languages(texts, expected),
        embedder=embedder.name,
        expected_languages=expected,
        reference=reference,
    )
