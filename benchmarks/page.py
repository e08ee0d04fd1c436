"""docs/benchmarks.md, written from the committed results."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "benchmarks.md"
Result = dict[str, Any]
HEAD = """\
# Benchmarks

Written by the benchmarks themselves; `make bench` measures again. Seconds depend on the machine
and on what else it does: **compare ratios within one run**, not seconds between machines. CPU is
user and system time of all threads. Nothing here can fail a test.
"""
CHARTS = {
    "chart_year": "read one chart's year, as a picture needs it",
    "chart_year_with_state": "the same with the replay's state, which only a replay needs",
    "chart_year_before_maintenance": "as a picture needs it, before maintenance",
    "chart_year_with_state_before_maintenance": "with the state, before maintenance",
    "maintenance": "maintenance of all tables, once",
    "chart_hour_replaced": "replace one hour of the charts",
    "request_hour_replaced": "replace one hour of the requests",
}


def write_page() -> None:
    """Write the page from those results that are there."""
    sections = [
        section(json.loads(file.read_text()))
        for name, section in SECTIONS.items()
        if (file := RESULTS / f"{name}.json").exists()
    ]
    PAGE.write_text("\n".join([HEAD, *sections]))


def _windows(result: Result) -> str:
    ratios, before = result["cpu_ratio"], result["cpu_ratio_before_layout"]
    targets = result["targets"]
    rows = [
        (
            name,
            f"{cost['cpu_seconds']:.1f}",
            f"{cost['wall_seconds']:.1f}",
            f"{cost['peak_megabytes']:,.0f}",
            f"**{ratios[name]:.2f}**" if name in ratios else "",
            f"{targets['cpu_ratio'][name]:.2f}" if name in ratios else "",
        )
        for name, cost in result["medians"].items()
    ]
    table = _table(("", "CPU s", "wall s", "peak MB", "our CPU / theirs", "at most"), rows)
    loads = ", ".join(f"{run['load']:g}" for run in result["runs"])
    found = next(iter(result["differences"].values()))
    return f"""\
## Windows: {result["rows"]:,.0f} requests to window_metrics

`python -m benchmarks.windows`: generated requests of 300 features over 720 hours
({result["windows"]:,} windows, one to three models each) stand in a lake. Three contenders read the
same files, each in a process of its own, and make the same table: one row for each hour, feature,
model (and all models together) and metric, with value, n and standard deviation. Ours is
`measure`, as the asset calls it, a piece of the range at a time; the peers are a grouped pandas
frame and a lazy polars scan. Medians of {len(result["runs"])} runs; peak memory is beyond the
imported process; wanted of ours: under {targets["peak_megabytes"]} MB.

{table}
The peers aggregate to a wide table first. Against that alone, without laying it out as rows, the
ratios are {before["pandas"]:.2f} (pandas) and {before["polars"]:.2f} (polars). Compared row by row,
{found["rows"]:,.0f} rows: {_differences(result["differences"])}.

{_made(result)}; load before each run {loads}.
"""


def _differences(differences: Result) -> str:
    def total(name: str) -> int:
        return int(sum(found[name] for found in differences.values()))

    value = max(found["value_difference"] or 0 for found in differences.values())
    return (
        f"{total('unmatched')} unmatched, {total('different_percentiles')} different percentiles,"
        f" {total('different_n')} different counts, largest relative difference {value:.1e}"
    )


def _ingest(result: Result) -> str:
    cost = result["microseconds"]
    names = {"ours": "llm-monitoring", "peer": "a model and a dict for each row"}

    def row(who: str, peer: str, name: str) -> tuple[str, ...]:
        mine, theirs = cost[who], cost[peer]
        ratios = (f"**{mine[step] / theirs[step]:.2f}**" for step in ("arrow", "all"))
        return name, *(f"{mine[step]:.1f}" for step in ("parse", "arrow", "all")), *ratios

    rows = [
        row("ours", "peer", names["ours"]),
        row("peer", "peer", names["peer"]),
        row("earlier", "earlier_peer", "llm-monitoring, an object for each row"),
        row("earlier_peer", "earlier_peer", f"{names['peer']}, measured with it"),
    ]
    head = ("CPU us a row", "parse, validate", "to Arrow", "all", "to Arrow / peer", "all / peer")
    ours = cost["ours"]
    return f"""\
## Ingestion: log lines to Arrow

`python -m benchmarks.ingest`: {result["rows"]:,} requests as JSON lines, with texts and two
attributes, become the Arrow table that is written. The peer validates each line with a pydantic
model and makes a table of their dicts (`pa.Table.from_pylist`). Ours also finds the price
({ours["price"]:.1f} us, in "all"); "to Arrow" is all the rest: hours, checksums of the files, ids
seen twice, redaction, attributes, UTC, columns. The last two rows were measured
before lines became columns at once, and without attributes. Least of {result["repeats"]} runs.

{_table(head, rows)}
{_made(result)}; load after {result["load"]:g}.
"""


def _backfill(result: Result) -> str:
    assets = [(name, f"{value:.1f}") for name, value in result["seconds_by_asset"].items()]
    whole = ("**everything**", f"**{result['wall_seconds']:.0f}**")
    return f"""\
## Backfill: {result["hours"] // 24} days of the demo's product

`python -m benchmarks.backfill`: {result["requests"]:,} simulated requests and
{result["signals"]:,} user signals, from log files to charts and alerts, as
`llm-monitoring backfill` does, in one process. Judging is left out: a stand-in scores every answer
at once, so its judgements are stored, measured and charted like any; only the judge's thinking is
missing. Queries are embedded for input_features. At most {result["target_seconds"]} s are wanted on
two cores.

{_table(("asset", "wall s"), [*assets, whole])}
CPU {result["cpu_seconds"]:.0f} s, peak memory {result["peak_megabytes"]:,.0f} MB beyond what was
imported before (the embedder's weights are not). What the assets do not account for is Dagster's:
every hour of every asset and check is an event.

{_made(result)}; load before {result["load"]:g}.
"""


def _lake(result: Result) -> str:
    measured = result["measured"]
    rows = [
        (text, f"{measured[name]['wall_seconds']:.3f}", f"{measured[name]['cpu_seconds']:.3f}")
        for name, text in CHARTS.items()
    ]
    wanted = result["wanted_seconds"]["chart_year"]
    return f"""\
## Lake: a year of charts

`python -m benchmarks.lake`: {result["charts"]} charts of {result["hours"]:,} hours,
written two days at a time, and {result["requests"]:,} requests over 720 hours. A chart's year
should be read within {wanted:g} s after maintenance. Medians of some repeats.

{_table(("", "wall s", "CPU s"), rows)}
{_made(result)}; load after {result["load"]:g}.
"""


def _recomputing(result: Result) -> str:
    names = {
        "learning": "window 334: every chart learns",
        "learned": "window 336: every chart learns its baseline",
        "established": "window 337: all are established",
    }
    rows = [
        (
            names[name],
            f"{row['few_from_start']['cpu_seconds']:.1f}",
            f"{row['few']['cpu_seconds']:.2f}",
            f"**{row['ratio']:g}**",
            f"{row['all']['cpu_seconds']:.1f}",
            f"{row['all']['peak_megabytes']:,.0f}",
        )
        for name, row in result["measured"].items()
    ]
    few, features = result["few"], result["features"]
    head = (
        "",
        f"{few} features, from their first window",
        f"{few} features, one tick",
        "ratio",
        f"{features} features, one tick",
        "peak MB",
    )
    return f"""\
## Recomputing: an hour of the charts on the fourteenth day

`python -m benchmarks.recomputing`: one hour is charted ({result["charts"]:,} charts of {features}
features) in a lake that knows the 13 days before it, written a day at a time. Each chart goes on
from its stored point; the windows of Phase I are read in the hours that learn from them. Beside
it, the same charts of {few} features replayed from their first window, without reading or writing.
CPU seconds.

{_table(head, rows)}
{_made(result)}; load after {result["load"]:g}.
"""


def _segments(result: Result) -> str:
    rows = [
        (
            name,
            f"{row['windows']:,}",
            f"{row['measure']:.2f}",
            f"{row['charts']:,}",
            f"{row['chart']:.2f}",
        )
        for name, row in result["measured"].items()
    ]
    head = ("", "rows of window_metrics", "to measure", "charts", "to chart")
    return f"""\
## Segments: an hour of {result["requests"]:,} requests of {result["segments"]} tenants

`python -m benchmarks.segments`: one feature, one hour, the metrics of requests; of each tenant
{result["metrics"]} metrics are charted. CPU seconds.

{_table(head, rows)}
{_made(result)}; load after {result["load"]:g}.
"""


def _endurance(result: Result) -> str:
    marks = result["marks"]
    sensors = list(marks[0]["sensor_cpu_seconds"])
    head = ("", *(f"day {mark['day']}" for mark in marks))
    rows = [
        ("lake, MB", *(f"{mark['lake_bytes'] / 1e6:,.0f}" for mark in marks)),
        ("DAGSTER_HOME, MB", *(f"{mark['home_bytes'] / 1e6:,.0f}" for mark in marks)),
        ("lake, KB a tick", *(f"{mark['lake_bytes_per_tick'] / 1e3:,.0f}" for mark in marks)),
        ("DAGSTER_HOME, KB a tick", *(f"{m['home_bytes_per_tick'] / 1e3:,.0f}" for m in marks)),
        ("work of a tick, CPU s", *(f"{mark['tick_cpu_seconds']:g}" for mark in marks)),
        ("work of the alerts, CPU s", *(f"{mark['alerts_cpu_seconds']:g}" for mark in marks)),
        *(
            (f"sensor `{name}`, CPU s", *(f"{m['sensor_cpu_seconds'][name]:g}" for m in marks))
            for name in sensors
        ),
    ]
    idle = result["idle_hour_cpu_seconds"]
    return f"""\
## Endurance: {marks[-1]["day"]} days, compressed

`python -m benchmarks.endurance`: {result["features"]} features of the demo,
signals up to a day late. The days between are backfilled in ranges; at each mark
{result["ticks"]} hours run one by one, as the schedule asks for them, and each sensor is
evaluated as the daemon does. A range leaves its bytes at once: what counts is a tick's.

{_table(head, rows)}
A process that loads the definitions: {result["process_start_cpu_seconds"]:g} CPU s. An idle hour on
the last day, with a tick and a run of the alerts, each a process, and every sensor:
{idle["tick"]:g} + {idle["alerts"]:g} + {idle["sensors"]:g} = **{idle["all"]:g} CPU s**, without
Dagster's own daemon and webserver. DAGSTER_HOME when all runs are past their retention:
{result["home_bytes_after_retention"] / 1e6:,.1f} MB.

{_made(result)}; load after {result["load"]:g}.
"""


def _sparkline(result: Result) -> str:
    return f"""\
## Sparklines

`python -m benchmarks.sparkline`: the picture of a chart beside its check, of {result["windows"]:,}
windows. Median {result["median_ms"]:.1f} ms, worst {result["worst_ms"]:.1f} ms; under
{result["wanted_ms"]} ms are wanted.

{_made(result)}; load after {result["load"]:g}.
"""


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, ("---", *["---:"] * (len(head) - 1)), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _made(result: Result) -> str:
    machine = result["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"Measured {result['date']}, seed {result['seed']}, {machine['cpus']} CPUs,"
        f" {machine['system']}, Python {machine['python']}, {packages}"
    )


SECTIONS: dict[str, Callable[[Result], str]] = {
    "windows": _windows,
    "ingest": _ingest,
    "backfill": _backfill,
    "lake": _lake,
    "recomputing": _recomputing,
    "segments": _segments,
    "endurance": _endurance,
    "sparkline": _sparkline,
}
