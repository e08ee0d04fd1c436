"""docs/detection.md, written from the results: every figure in it is measured."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.detection.real import STEADY
from benchmarks.detection.suites import CREEP, CREEP_HOURS

PAGE = Path(__file__).parents[2] / "docs" / "detection.md"
Row = dict[str, Any]
Cell = str
STEPS = ("0.25", "0.5", "1", "2")
LATE = tuple(f"late {size}" for size in STEPS)
NONE = "-"
HEAD = """\
# How soon changes are found, and how often nothing is

Written by `python -m benchmarks.detection`; every figure is measured by it. One window is one hour,
sigma the in-control deviation of the window's value. **Run length** (ARL0) is windows in control
per false alarm, censored streams counted as exponential. **Delay** is the median number of windows
from the change to the alarm, 1 being the first changed one, over the streams that were quiet until
then; "-": fewer than half alarmed. Baselines are estimated from 336 windows. *Matched* limits give
a contender the stated run length on streams in control, whatever it promises; *asked* limits are
what it computes by itself when given a run length; *default* limits are those it comes with. Where
limits are matched the best of a column is bold. Contenders of ours have ▸.
"""


def write_page(result: Row) -> None:
    """Write it from those rows that are there."""
    found = result["rows"]
    parts = [section(found[name]) for name, section in SECTIONS.items() if found.get(name)]
    PAGE.write_text("\n".join([HEAD, *parts, _contenders(result)]))


def _nominal(rows: Sequence[Row]) -> str:
    lengths = sorted({row["nominal"] for row in rows})
    table = []
    for name in _names(rows):
        own = {row["nominal"]: row for row in rows if row["detector"] == name}
        kept = [own.get(length) for length in lengths]
        table.append(
            [_marked(name, rows)]
            + [
                f"{one['arl0']:,.0f} ({one['alarms']})" if one and one["arl0"] else NONE
                for one in kept
            ]
        )
    head = ["asked for", *(f"{length:,.0f}" for length in lengths)]
    return _section(
        "Promised and kept",
        "Run length of Gaussian means watched for 4,000 windows, and the alarms it rests on.",
        _table(head, table),
    )


def _steps(rows: Sequence[Row]) -> str:
    parts = []
    for arl0 in (1000, 10_000):
        own = [row for row in rows if row["setting"] == f"matched {arl0}"]
        heads = [
            "alarms",
            *(f"{size} s" for size in STEPS),
            "ramp",
            "variance",
            "spike",
            *(f"{size} s late" for size in STEPS),
        ]
        cells = [
            [
                row["quiet"]["alarms"],
                *_medians(row, (*STEPS, "ramp", "variance")),
                row["at_once"]["spike"],
                *_medians(row, LATE),
            ]
            for row in own
        ]
        parts.append(
            f"### At a matched run length of {arl0:,}\n\n"
            + _ranked(own, heads, cells, most=("spike", "alarms"))
        )
    own = [row for row in rows if not row["setting"].startswith("matched")]
    cells = [[row["setting"], row["per_thousand"], *_medians(row, STEPS)] for row in own]
    heads = ["limit", "false per 1,000", *(f"{size} s" for size in STEPS)]
    parts.append("### Untuned\n\n" + _ranked(own, heads, cells, most=None))
    return _section(
        "Gaussian steps",
        "A mean of 30 rows moves up after 100 quiet windows (late: after 1,500), climbs 2 sigma in"
        " two weeks (ramp), has one window of 4 sigma (spike: share found in that window), or its"
        " rows scatter 1.5 times as widely (variance). Alarms: those the matching rests on.",
        "\n".join(parts),
    )


def _creep(rows: Sequence[Row], title: str) -> str:
    def cells(row: Row) -> list[Any]:
        hours = row["delays"]["creep"]["median"]
        rate = None if hours is None else _rate_at(hours)
        return [row["setting"], row["per_thousand"], hours, rate]

    heads = ["limit", "false per 1,000", "hours", "rate by then, %"]
    return _section(
        title,
        f"From {CREEP[0]:.1%} to {CREEP[1]:.1%} in {CREEP_HOURS:,} hours of 50 to 500 requests.",
        _by_setting(rows, heads, cells, best="hours"),
    )


def _rate_at(hours: float) -> float:
    return 100 * (CREEP[0] + (CREEP[1] - CREEP[0]) * hours / CREEP_HOURS)


def _score(rows: Sequence[Row]) -> str:
    heads = ["limit", "false per 1,000", "drop of .2", "drop of .1"]
    return _section(
        "Judge score",
        "The mean of about 27 judged answers an hour (deviation of rows 1.03, of hours .05) falls.",
        _by_setting(
            rows,
            heads,
            lambda row: [row["setting"], row["per_thousand"], *_medians(row, ("0.2", "0.1"))],
            best="drop of .1",
        ),
    )


def _misbehaving(rows: Sequence[Row]) -> str:
    suites = list(dict.fromkeys(row["suite"] for row in rows))
    keys = list(dict.fromkeys((row["detector"], row["setting"]) for row in rows))
    found = {(row["detector"], row["setting"], row["suite"]): row for row in rows}
    table = [
        [
            _marked(name, rows),
            setting,
            *(
                _number(found[name, setting, suite]["per_thousand"])
                if (name, setting, suite) in found
                else ""
                for suite in suites
            ),
        ]
        for name, setting in keys
    ]
    return _section(
        "Quiet, but misbehaving",
        "False alarms per 1,000 windows of streams to which nothing happens. Matched: to 1.0 on"
        " well-behaved streams of the same kind.",
        _table(["", "limit", *suites], table),
    )


def _cycle_step(rows: Sequence[Row]) -> str:
    return _section(
        "A step of 1 sigma under a daily cycle",
        "The cycle reaches 2 sigma up and down.",
        _by_setting(
            rows,
            ["limit", "false per 1,000", "delay"],
            lambda row: [row["setting"], row["per_thousand"], *_medians(row, ("1",))],
            best="delay",
        ),
    )


def _fleet(rows: Sequence[Row], title: str) -> str:
    cells = [
        [
            row["setting"],
            row["false_alarms"],
            row["false_a_week"],
            row["delay"]["median"],
            row["delay"]["found"],
        ]
        for row in rows
    ]
    heads = ["limit", "false alarms", "a week of 300 charts", "median delay", "found in 21 days"]
    return _section(
        title,
        "28 days of 300 charts, some repetitions; 15 of them move by 1 sigma on day 7. Limits are"
        " asked, or matched on other streams, for one false alarm a week in total; a slow contender"
        " sees a part of the charts.",
        _ranked(rows, heads, cells, most=None),
    )


def _shares(rows: Sequence[Row]) -> str:
    moves = list(dict.fromkeys((row["before"], row["after"]) for row in rows))
    own = [row for row in rows if row["setting"].startswith("matched")]
    found = {(row["detector"], row["before"], row["after"]): row for row in own}
    table = []
    for name in _names(own):
        medians = [found[name, *move]["delays"]["share"]["median"] for move in moves]
        table.append([_marked(name, rows), *(_number(median) for median in medians)])
    heads = [f"{before:g} to {after:g}" for before, after in moves]
    return _section(
        "Shares that rise and shares that fall",
        "Of 200 rows an hour, at a matched run length of 1,000; neighbours are mirror images.",
        _table(["", *heads], table),
    )


def _clients(rows: Sequence[Row]) -> str:
    cells = [
        [
            row["setting"],
            row["output_episodes_a_week"],
            row["input_episodes_a_week"],
            *(row["found"][factor][how] for factor in row["found"] for how in ("started", "open")),
        ]
        for row in rows
    ]
    heads = [
        "limit",
        "output tokens",
        "input tokens",
        "x1.3 started",
        "open",
        "x1.5 started",
        "open",
    ]
    return _section(
        "Real traffic: ServeGen",
        f"Episodes per client and week in the second of two weeks of {rows[0]['clients']} clients'"
        " mean tokens in windows of 6 hours, to which nothing was done; and shares of rises of"
        f" output tokens on days 7 to 12 of the {rows[0]['steady']} steady ones (standard"
        f" deviation of the logarithm at most {STEADY:g} in Phase I) in which within 24 hours an"
        " episode starts, or is open, begun earlier or not. Peers are matched on Gaussian streams"
        " with as short a Phase I.",
        _ranked(rows, heads, cells, most=None),
    )


def _labelled(rows: Sequence[Row]) -> str:
    cells = [
        [
            row["setting"],
            row["false_per_thousand"],
            row["hit"],
            row["by_chance"],
            row["net"],
            row["hit"] - row["by_chance_pooled"],
            row["overlapped"],
        ]
        for row in rows
    ]
    heads = ["limit", "false per 1,000", "hit", "by chance", "net", "net, pooled rate", "touched"]
    return _section(
        "Labelled series: NAB",
        f"{rows[0]['windows']} labelled windows of 5-minute series, Phase I NAB's own probation. A"
        " window is hit if an episode starts in it; chance is what the series' own rate of false"
        " episodes would hit; touched windows overlap any episode. Peers: at their defaults, and at"
        " the limit that is best on these labels with at most 2 false episodes per 1,000 points, if"
        " there is one.",
        _ranked(rows, heads, cells, most=None),
    )


def _step_time(rows: Sequence[Row]) -> str:
    cells = [[row["microseconds"]] for row in rows]
    return _section(
        "What a step costs",
        "Microseconds for one chart and one window, 300 charts at once, Phase I left out.",
        _ranked(rows, ["microseconds"], cells, most=None),
    )


def _contenders(result: Row) -> str:
    sources = _table(
        ["contender", "streams at most", "what it is"],
        [
            [
                f"▸ {one['name']}" if one["ours"] else one["name"],
                _number(one["most_streams"] or result["plan"]["streams"]),
                one["source"],
            ]
            for one in result["contenders"]
        ],
    )
    skipped = "".join(f"- not run: {one['name']}: {one['reason']}\n" for one in result["skipped"])
    same = "".join(
        f"- {one['name']}: first alarm in the same window in {one['same']} of {one['streams']}\n"
        for one in result.get("originals", [])
    )
    machine, plan = result["machine"], result["plan"]
    minutes = sum(result["seconds"].values()) / 60
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return f"""\
## Contenders

Positive metrics are given to most peers as logarithms, and a peer that can looks only in the bad
directions; both favour the peers. river's release has neither CUSUM nor EWMA.

{sources}
{skipped}
Peers that are replayed over all streams at once, beside the package's own objects:

{same}
Measured {result["date"]}, seed {result["seed"]}, {plan["streams"]:,} streams ({plan["few"]} where
only false alarms are counted; fewer for slow contenders), {machine["cpus"]} CPUs,
{machine["system"]}, Python {machine["python"]}, {packages}; {minutes:.0f} minutes.
"""


def _by_setting(
    rows: Sequence[Row], heads: list[str], cells: Callable[[Row], list[Any]], best: str
) -> str:
    """Matched rows first; the best of one column among the matched to 1,000 is bold."""
    matched = [row for row in rows if row["setting"] == "matched 1000"]
    others = [row for row in rows if row["setting"] not in ("matched 1000", "matched 10000")]
    parts = []
    for own, marked in ((matched, best), (others, None)):
        parts.append(
            _ranked(
                own, heads, [cells(row) for row in own], most=None, only=(marked,) if marked else ()
            )
        )
    return "\n".join(parts)


def _ranked(
    rows: Sequence[Row],
    heads: list[str],
    cells: list[list[Any]],
    most: tuple[str, ...] | None,
    only: tuple[str, ...] = (),
) -> str:
    """A table of numbers; if asked for, the best of each column is bold.

    Args:
        rows: that name the contenders.
        heads: of the columns.
        cells: of each row.
        most: columns in which more is better, and that alone are not "less is better"; None:
            nothing is ranked but `only`.
        only: columns to be ranked, less being better.
    """
    table = [[_marked(row["detector"], rows)] for row in rows]
    for place, head in enumerate(heads):
        column = [own[place] for own in cells]
        numbers = [value for value in column if isinstance(value, int | float)]
        ranked = head in only or (most is not None and head != "alarms")
        pick = max if most and head in most else min
        best = pick(numbers) if ranked and numbers else None
        for line, value in zip(table, column, strict=True):
            text = _number(value)
            line.append(f"**{text}**" if best is not None and value == best else text)
    return _table(["", *heads], table)


def _medians(row: Row, changes: Iterable[str]) -> list[float | None]:
    return [row["delays"][change]["median"] for change in changes]


def _number(value: Any) -> Cell:
    if value is None:
        return NONE
    if not isinstance(value, int | float):
        return str(value)
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["detector"] for row in rows))


def _marked(name: str, rows: Sequence[Row]) -> Cell:
    ours = any(row["ours"] for row in rows if row["detector"] == name)
    return f"▸ {name}" if ours else name


def _section(title: str, text: str, body: str) -> str:
    return f"## {title}\n\n{text}\n\n{body}"


def _table(head: Sequence[Cell], rows: Iterable[Sequence[Cell]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


SECTIONS: dict[str, Callable[[Sequence[Row]], str]] = {
    "nominal": _nominal,
    "steps": _steps,
    "creep": lambda rows: _creep(rows, "Creeping error rate"),
    "creep_overdispersed": lambda rows: _creep(
        rows, "Creeping error rate, overdispersed (rho .003)"
    ),
    "score": _score,
    "misbehaving": _misbehaving,
    "cycle_step": _cycle_step,
    "fleet_of_means": lambda rows: _fleet(rows, "300 charts of Gaussian means"),
    "fleet": lambda rows: _fleet(rows, "300 charts of means, rates and positive metrics"),
    "shares": _shares,
    "clients": _clients,
    "labelled": _labelled,
    "step_time": _step_time,
}
