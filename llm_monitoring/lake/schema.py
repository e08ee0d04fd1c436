"""Every table of the lake: the record it stores, how it is partitioned, what identifies a row."""

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pyarrow as pa

from llm_monitoring import records

ARROW_TYPES: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", tz="UTC"),
    list[str]: pa.list_(pa.string()),
    list[float]: pa.list_(pa.float64()),
    dict[str, str]: pa.map_(pa.string(), pa.string()),
}


_INTRODUCTION = """# Tables

Every table of the lake, generated from `llm_monitoring/records.py`. A type with `or None` may be
null: null means unknown, 0 is a measurement. Times are UTC. `hour` is the window a row belongs to,
an integer yyyymmddhh. Read them with `llm-monitoring sql "select ..."`, or with anything that reads
Delta Lake.
"""


@dataclass(frozen=True)
class Table:
    """One table.

    Args:
        name: folder in the lake, view in SQL, asset in Dagster.
        record: dataclass of a row, in `records.py`.
        key: columns that identify a row.
        partition: 'hour' for big tables, 'month' for small ones that are read over a long time
            (a month is derived from the hour when a row is written), None for tiny ones.
        kept: how long, a key of KEPT.
        words: column with words or ids of users -> SQL of what stands there when their time is up.
        people: columns of `words` that name a user or a session.
        request: column with the request the row is about; such rows go when it is forgotten.
        mentions: columns that may name other requests; they become null when those are forgotten.
    """

    name: str
    record: type
    key: tuple[str, ...]
    partition: str | None = None
    kept: str = "always"
    words: Mapping[str, str] = field(default_factory=dict)
    people: tuple[str, ...] = ()
    request: str | None = None
    mentions: tuple[str, ...] = ()

    @cached_property
    def schema(self) -> pa.Schema:
        """Arrow schema of the record, without the derived month."""
        hints = get_type_hints(self.record, include_extras=True)
        return pa.schema([_arrow_field(f.name, hints[f.name]) for f in fields(self.record)])

    @cached_property
    def stored_schema(self) -> pa.Schema:
        """Arrow schema as it stands in the lake."""
        if self.partition != "month":
            return self.schema
        return self.schema.append(pa.field("month", pa.int64()))

    @property
    def configuration(self) -> dict[str, str]:
        """Delta properties. No text has statistics: they would copy its beginning into the log."""
        counted = [
            column.name
            for column in self.stored_schema
            if column.name != self.partition
            and not pa.types.is_string(column.type)
            and not pa.types.is_nested(column.type)
        ]
        return {"delta.dataSkippingStatsColumns": ",".join(counted)}

    def to_arrow(self, rows: Iterable[Any]) -> pa.Table:
        """Records, column by column, in the record's schema."""
        rows = list(rows)
        names = self.schema.names
        return self.from_columns({name: [getattr(row, name) for row in rows] for name in names})

    def from_columns(self, columns: Mapping[str, Sequence[Any]]) -> pa.Table:
        """Lists of values by the record's names, in its schema."""
        values = {column.name: _stored(columns[column.name], column.type) for column in self.schema}
        return pa.table(values, schema=self.schema)

    def to_records(self, table: pa.Table) -> list[Any]:
        """Rows of an Arrow table as records; columns the record does not have are an error."""
        names = self.schema.names
        values = [_values(table.column(name)) for name in names]
        return [
            self.record(**dict(zip(names, row, strict=True))) for row in zip(*values, strict=True)
        ]


def _stored(values: Sequence[Any], kind: pa.DataType) -> Sequence[Any]:
    """A map without entries is null, as in a row of an earlier version."""
    return [value or None for value in values] if pa.types.is_map(kind) else values


def _values(column: pa.ChunkedArray) -> list[Any]:
    values: list[Any] = column.to_pylist(maps_as_pydicts="strict")
    return [value or {} for value in values] if pa.types.is_map(column.type) else values


def column_documents(record: type) -> Sequence[tuple[str, str, str]]:
    """(column, type, meaning) of a record, from its annotations."""
    hints = get_type_hints(record, include_extras=True)
    return [(f.name, _type_name(hints[f.name]), _meaning(hints[f.name])) for f in fields(record)]


def tables_document() -> str:
    """`docs/tables.md`: every table, its grain and its columns, as Markdown."""
    return "\n".join([_INTRODUCTION, *map(_table_document, _TABLES)])


def _table_document(table: Table) -> str:
    grain = (table.record.__doc__ or "").strip()
    rows = [
        f"| `{name}` | {kind.replace('|', 'or')} | {meaning.replace('|', chr(92) + '|')} |"
        for name, kind, meaning in column_documents(table.record)
    ]
    return "\n".join(
        [
            f"## {table.name}",
            "",
            f"One row: {grain[0].lower()}{grain[1:]}",
            "",
            f"Key: {', '.join(f'`{column}`' for column in table.key)}. "
            f"Partition: {table.partition or 'none'}.",
            f"{_words(table)}{KEPT[table.kept]}",
            "",
            "| column | type | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _words(table: Table) -> str:
    listed = ", ".join(f"`{column}`" for column in table.words)
    return f"Words or ids of users: {listed}. " if listed else ""


def _arrow_field(name: str, hint: Any) -> pa.Field:
    plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    options = get_args(plain) if get_origin(plain) in (Union, types.UnionType) else (plain,)
    known = [option for option in options if option is not type(None)]
    return pa.field(name, ARROW_TYPES[known[0]])


def _type_name(hint: Any) -> str:
    plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return plain.__name__ if isinstance(plain, type) and not get_args(plain) else str(plain)


def _meaning(hint: Any) -> str:
    return str(get_args(hint)[1]) if get_origin(hint) is Annotated else ""


KEPT = {
    "always": "Rows are kept.",
    "raw": "Rows are deleted after `retention.raw_days`, words and ids after `text_days`.",
    "words": "Rows are deleted after `retention.text_days`.",
    "closed": "Quotes are deleted `retention.text_days` after the incident was resolved.",
    "cases": "Rows are deleted after `retention.regression_case_days`.",
}
_TABLES = (
    Table(
        "raw_requests", records.Request, ("request_id",), "hour", "raw",
        words=dict.fromkeys(
            ("input_text", "output_text", "user_id", "session_id", "attributes"), "null"
        ),
        people=("user_id", "session_id"), request="request_id",
    ),
    Table(
        "user_signals", records.UserSignal, ("request_id", "signal_type", "timestamp"), "hour",
        "raw", words={"session_id": "null", "metadata": "'{}'"},
        people=("session_id",), request="request_id",
    ),
    Table(
        "rejected_rows", records.RejectedRow, ("source", "file", "line"), "month", "words",
        words={"excerpt": "''"},
    ),
    Table("source_reads", records.SourceRead, ("hour", "table", "source"), "month"),
    Table("log_files", records.LogFile, ("table", "source", "path"), "month"),
    Table("changes", records.Change, ("change_id",)),
    Table(
        "sampled_requests", records.SampledRequest, ("request_id",), "hour", "raw",
        request="request_id",
    ),
    Table(
        "judgements", records.Judgement, ("request_id", "epoch"), "hour", "raw",
        # Of why there is no score the cause stays: it is counted.
        words={"reason": "null", "unscored_reason": "split_part(unscored_reason, ':', 1)"},
        request="request_id",
    ),
    Table(
        "input_features", records.InputFeature, ("request_id",), "hour", "raw",
        request="request_id", mentions=("nearest_reference",),
    ),
    Table(
        "input_references", records.InputReference, ("feature_id", "embedder", "request_id"),
        request="request_id",
    ),
    Table(
        "window_metrics",
        records.WindowMetric,
        ("hour", "feature_id", "segment", "epoch", "metric"),
        "month",
    ),
    Table("baselines", records.Baseline, ("chart_id", "baseline_id")),
    Table("rebaselines", records.Rebaseline, ("rebaseline_id",)),
    Table("control_charts", records.ChartPoint, ("hour", "chart_id"), "month"),
    Table(
        "probe_results",
        records.ProbeResult,
        ("week", "run", "requested_model", "probe_id", "repeat"),
    ),
    Table("provider_drift", records.ProviderDrift, ("week", "requested_model", "test")),
    Table("alerts", records.Alert, ("fingerprint",)),
    Table("alert_readings", records.AlertReading, ("table",)),
    Table("deliveries", records.Delivery, ("delivery_id",)),
    Table("silences", records.Silence, ("silence_id",)),
    Table("missed_incidents", records.MissedIncident, ("missed_id",)),
    Table("failures", records.Failure, ("failure_id",)),
    Table("heartbeats", records.Heartbeat, ("alerts_at",)),
    Table(
        "incidents", records.Incident, ("incident_id",), kept="closed", words={"evidence": "'{}'"}
    ),
    Table(
        "regression_cases", records.RegressionCase, ("case_id",), kept="cases",
        words=dict.fromkeys(("input_text", "output_text", "judge_reason", "expectation"), "''"),
        request="request_id",
    ),
    Table("forgotten", records.Forgotten, ("kind", "digest")),
)  # fmt: skip
TABLES: dict[str, Table] = {table.name: table for table in _TABLES}
