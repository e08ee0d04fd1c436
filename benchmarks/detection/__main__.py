"""Measure every row and write results/detection.json and docs/detection.md.

python -m benchmarks.detection                     everything
python -m benchmarks.detection --rows steps,creep  these rows, the others as they were
python -m benchmarks.detection --ours              our contenders anew, the peers as they were
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from benchmarks.detection import rows
from benchmarks.detection.originals import compare
from benchmarks.detection.ours import OURS
from benchmarks.detection.page import write_page
from benchmarks.detection.peers import PEERS
from benchmarks.detection.real import missing
from benchmarks.detection.real_rows import clients, labelled_series
from benchmarks.detection.rows import Plan, Rows
from benchmarks.measuring import machine, today

RESULTS = Path(__file__).parents[1] / "results" / "detection.json"
PACKAGES = ("numpy", "scipy", "river", "drift-caliper")
ORIGINALS = 20  # streams of which vectorised peers are compared with the originals
ROWS: dict[str, Callable[[Plan], Rows]] = {
    "nominal": rows.nominal,
    "steps": rows.steps,
    "creep": partial(rows.creep, 0.0),
    "creep_overdispersed": partial(rows.creep, 0.003),
    "score": rows.score,
    "misbehaving": rows.misbehaving,
    "cycle_step": rows.cycle_step,
    "fleet_of_means": partial(rows.fleet, only_means=True),
    "fleet": partial(rows.fleet, only_means=False),
    "shares": rows.shares,
    "clients": clients,
    "labelled": labelled_series,
    "step_time": rows.step_time,
}
REAL = ("clients", "labelled")


@click.command()
@click.option("--rows", "names", default=",".join(ROWS), help="comma-separated rows to measure")
@click.option("--only", type=click.Choice(["ours", "peers"]), help="keep the others' results")
@click.option("--seed", default=20261101, show_default=True)
@click.option("--date", default=None, help="of the measurement; today's if not given")
def main(names: str, only: str | None, seed: int, date: str | None) -> None:
    """Measure, write the results, write the page."""
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    measured = {"ours": OURS, "peers": PEERS, None: (*OURS, *PEERS)}[only]
    plan = Plan(detectors=measured, seed=seed)
    result = {
        "rows": {},
        "seconds": {},
        **before,
        "date": date or today(),
        "seed": seed,
        "machine": machine(PACKAGES),
        "plan": {
            name: value for name, value in asdict(replace(plan, detectors=())).items() if value
        },
        "contenders": [
            {
                "name": one.name,
                "ours": one in OURS,
                "source": one.source,
                "most_streams": one.most_streams,
            }
            for one in (*OURS, *PEERS)
        ],
        "skipped": _skipped(),
    }
    if only != "ours":
        result["originals"] = [asdict(found) for found in compare(ORIGINALS, seed)]
    for name in _wanted(names):
        begin = time.perf_counter()
        found = ROWS[name](plan)
        result["rows"][name] = _merged(found, result["rows"].get(name, []), only)
        result["seconds"][name] = round(time.perf_counter() - begin, 1)
        click.echo(f"{name}: {result['seconds'][name]} s")
        RESULTS.write_text(_compact(_known(result)) + "\n")
    write_page(json.loads(RESULTS.read_text()))


def _compact(value: object, depth: int = 0) -> str:
    """JSON with a line for each row of a table, so that a change shows which rows changed."""
    if depth < 3 and value and isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else ((None, one) for one in value)
        lines = [
            ("" if key is None else f"{json.dumps(key)}: ") + _compact(one, depth + 1)
            for key, one in pairs
        ]
        begin, end = "{}" if isinstance(value, dict) else "[]"
        return f"{begin}\n" + ",\n".join(lines) + f"\n{end}"
    return json.dumps(value, ensure_ascii=False)


def _merged(found: Rows, before: Rows, only: str | None) -> Rows:
    """Ours first; of the side that was not measured, the rows as they were."""
    sides = {
        "ours": [row for row in (before if only == "peers" else found) if row["ours"]],
        "peers": [row for row in (before if only == "ours" else found) if not row["ours"]],
    }
    return sides["ours"] + sides["peers"]


def _wanted(names: str) -> list[str]:
    wanted = [name for name in names.split(",") if name]
    if unknown := set(wanted) - set(ROWS):
        raise click.BadParameter(f"{sorted(unknown)}: expected some of {', '.join(ROWS)}")
    return [name for name in wanted if not (name in REAL and missing())]


def _skipped() -> list[dict[str, str]]:
    peers = [(peer.name, peer.unavailable()) for peer in PEERS]
    real = [(name, missing()) for name in REAL]
    return [{"name": name, "reason": reason} for name, reason in (*peers, *real) if reason]


def _known(value: Any) -> Any:
    """Six digits; what is not a number is null."""
    if isinstance(value, dict):
        return {name: _known(own) for name, own in value.items()}
    if isinstance(value, list | tuple):
        return [_known(own) for own in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


if __name__ == "__main__":
    main()
