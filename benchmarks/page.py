"""docs/benchmarks.md, written from the results."""

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

`make bench` measures this and writes this page. Ratios are of CPU seconds in one run on one
machine; memory is the peak beyond the process after its imports. All data are generated.
"""


def write_page() -> None:
    """The page, from whatever results there are."""
    parts = [HEAD]
    for name, section in (("windows", _windows), ("backfill", _backfill), ("lake", _lake)):
        path = RESULTS / f"{name}.json"
        if path.exists():
            parts.append(section(json.loads(path.read_text())))
    PAGE.write_text("\n".join(parts))


def _windows(found: dict[str, Any]) -> str:
    rows = [
        f"| {name} | {m['cpu_seconds']:.1f} | {m['peak_megabytes']:.0f} |"
        for name, m in found["medians"].items()
    ]
    ratios = [
        f"| {peer} | {ratio:.2f} | {found['targets']['cpu_ratio'][peer]:.2f} |"
        for peer, ratio in found["cpu_ratio"].items()
    ]
    return f"""## Window metrics

{found["rows"]:,} requests into {found["windows"]:,} windows by feature, and those by model: the
same result from all three, percentiles equal to the last digit.
Medians of {len(found["runs"])} runs, {found["date"]}, {_machine(found)}.

| | CPU seconds | peak memory, MB |
|---|---|---|
{chr(10).join(rows)}

| peer | CPU, ours / theirs | wanted at most |
|---|---|---|
{chr(10).join(ratios)}
"""


def _backfill(found: dict[str, Any]) -> str:
    slowest = ", ".join(
        f"{name} {seconds:g}" for name, seconds in list(found["seconds_by_asset"].items())[:5]
    )
    return f"""## A month's backfill

{found["hours"]:,} hours of the simulated product ({found["requests"]:,} requests), every hourly
asset but the judge's scores, as `llm-monitoring backfill` runs them:
**{found["wall_seconds"]:.0f} s** wall, {found["cpu_seconds"]:.0f} s CPU,
{found["peak_megabytes"]:.0f} MB ({found["target_seconds"]} s wanted; load {found["load"]:g} when
it began), {found["date"]}, {_machine(found)}. Seconds by asset: {slowest}.
"""


def _lake(found: dict[str, Any]) -> str:
    return f"## The lake\n\n```json\n{json.dumps(found, indent=2)}\n```\n"


def _machine(found: dict[str, Any]) -> str:
    machine = found["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return f"{machine['cpus']} CPUs, Python {machine['python']}, {packages}"
