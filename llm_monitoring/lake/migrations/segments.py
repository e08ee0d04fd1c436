"""Layout 1 to 2: series are keyed by segment, and the chart `outage` is called `single_window`.

What is here stays as it was when layout 2 came, whatever becomes of segments and charts later.
"""

import json
from collections.abc import Callable, Iterable

import pyarrow as pa

from llm_monitoring.lake.migrations.rewriting import Rewrite, distinct
from llm_monitoring.lake.schema import TABLES
from llm_monitoring.lake.storage import Storage
from llm_monitoring.records import Baseline

Rename = Callable[[Baseline, str], Baseline]  # a baseline under another chart_id

_OLD, _NEW = "/outage", "/single_window"
_BY_MODEL = "by segment in place of model"
_JOIN = "from old left join segments using (model_id)"
_EVERYTHING = "coalesce(segments.segment, '{}') as segment"


def segment_of(model_id: str) -> str:
    """The segment of a model's series."""
    model = {"model": model_id}
    return json.dumps(model, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def chart_id_of(chart_id: str) -> str:
    """What a chart is called now."""
    return chart_id.removesuffix(_OLD) + _NEW if chart_id.endswith(_OLD) else chart_id


def names(storage: Storage, rename: Rename) -> dict[str, pa.Table]:
    """Old and new names of segments, charts and baselines, as the statements join them."""
    models = {model for table in SEGMENTED for model in distinct(storage, table, "model_id")}
    charts = distinct(storage, "control_charts", "chart_id")
    baselines = [(row, rename(row, chart_id_of(row.chart_id))) for row in _baselines(storage)]
    return {
        "segments": _table(("model_id", "segment"), ((m, segment_of(m)) for m in models)),
        "charts": _table(("chart_id", "new_chart"), ((c, chart_id_of(c)) for c in charts)),
        "learned": _table(
            ("chart_id", "baseline_id", "new_chart", "new_baseline"),
            ((a.chart_id, a.baseline_id, b.chart_id, b.baseline_id) for a, b in baselines),
        ),
    }


def _baselines(storage: Storage) -> list[Baseline]:
    """Those of charts that have another name now; their columns are the same in both layouts."""
    delta = storage.open_any("baselines")
    if delta is None:
        return []
    rows: list[Baseline] = TABLES["baselines"].to_records(delta.to_pyarrow_table())
    return [row for row in rows if chart_id_of(row.chart_id) != row.chart_id]


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> pa.Table:
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pa.table({n: pa.array(v, pa.string()) for n, v in zip(columns, values, strict=True)})


def _segmented(table: str, segment: str = _EVERYTHING) -> Rewrite:
    statement = f"select old.* exclude (model_id), {segment} {_JOIN}"
    return Rewrite(table=table, statement=statement, gone="model_id", words=_BY_MODEL)


# In this order: alerts are renamed by the chart ids that control_charts has, and control_charts by
# the ids of the baselines. What was done before a kill is not done again.
REWRITES = (
    _segmented("window_metrics"),
    _segmented("rebaselines", "segments.segment"),  # null is every segment
    _segmented("incidents"),
    _segmented("silences"),
    Rewrite(
        table="alerts",
        statement=f"""
            select
                old.* exclude (model_id) replace (coalesce(new_chart, subject) as subject),
                {_EVERYTHING}
            {_JOIN}
            left join charts on charts.chart_id = old.subject
        """,
        gone="model_id",
        words=f"{_BY_MODEL}; charts by their new names",
    ),
    Rewrite(
        table="control_charts",
        statement=f"""
            select
                old.* exclude (model_id) replace (
                    coalesce(charts.new_chart, old.chart_id) as chart_id,
                    if(chart = 'outage', 'single_window', chart) as chart,
                    coalesce(new_baseline, old.baseline_id) as baseline_id
                ),
                {_EVERYTHING}
            {_JOIN}
            left join charts on charts.chart_id = old.chart_id
            left join learned
                on learned.chart_id = old.chart_id and learned.baseline_id = old.baseline_id
        """,
        gone="model_id",
        words=f"{_BY_MODEL}; charts and baselines by their new names",
    ),
    Rewrite(
        table="baselines",
        statement="""
            select old.* replace (
                coalesce(new_chart, old.chart_id) as chart_id,
                coalesce(new_baseline, old.baseline_id) as baseline_id
            )
            from old
            left join learned
                on learned.chart_id = old.chart_id and learned.baseline_id = old.baseline_id
        """,
        gone="",
        words="charts by their new names",
    ),
)
SEGMENTED = tuple(rewrite.table for rewrite in REWRITES if rewrite.gone)
