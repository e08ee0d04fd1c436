"""How `layout_1.tar.xz` was made: a lake of the first layout with a bit of everything.

Later code cannot make it again. To see how it came to be, run this as a module, with a folder, on a
checkout of the last commit that wrote the first layout (cfb18b1).

One feature (`search`) asks two models, one of them a third of the time. 360 hours: 340 quiet ones,
in which the baselines become established; one in which most requests fail (340); and from 352 on
half of the requests fail and cost twice as much, which the chart `outage` finds first. Volumes
begin anew at hour 200; one decision about one model leaves hours 210 to 212 out; there are two
silences, one about a model. Of requests, judgements and the like the last three hours are kept.
"""

import random
import shutil
import sys
import tarfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from llm_monitoring.configuration import load_settings
from llm_monitoring.hours import hour_start, shift
from llm_monitoring.records import Rebaseline, Silence
from llm_monitoring_tests.lake.migrations.old_lakes import LAYOUT_1
from llm_monitoring_tests.pipeline.small_product import START, SmallProduct, request, signal
from llm_monitoring_tests.product import Product, open_product

HOURS, KEPT, STEP = 360, 3, 60
ODD, WORSE = 340, 352  # hours from the start in which the faults begin
HOURLY = ("raw_requests", "user_signals", "sampled_requests", "judgements", "input_features")
SETTINGS: dict[str, Any] = {
    "product": "Shop",
    "start": "2026-10-05T00:00Z",
    "lake": {"uri": "lake"},
    "reports": "reports",
    "features": [{"feature_id": "search"}],
    "sources": {
        "requests": [{"name": "requests", "path": "logs/requests-{date}-{hour}.jsonl*"}],
        "signals": [
            {"name": "signals", "path": "logs/signals-{date}-{hour}.jsonl*", "late_hours": 24}
        ],
    },
    "sampling": {"rate": 0.3},
    "inputs": {"reference_queries": 50, "calibration_queries": 50},
    "channels": [{"name": "log", "kind": "log", "file": "alerts.log"}],
}


def write_hour(product: SmallProduct, hour: int) -> None:
    """Twenty requests or so, the same ones whenever it is called."""
    chance = random.Random(hour)
    names = [f"r{hour}-{number}" for number in range(chance.randint(18, 24))]
    product.write("requests", hour, [_request(name, hour, chance) for name in names])
    liked = names[:5] if hour >= HOURS - KEPT else []  # what never changes takes little room
    product.write("signals", hour, [signal(name, hour, 59) for name in liked])


def _request(name: str, hour: int, chance: random.Random) -> dict[str, Any]:
    share = 0.7 if hour == ODD else 0.5 if hour >= WORSE else 0.04
    cost = chance.lognormvariate(-6, 0.3) * (2 if hour >= WORSE else 1)
    return request(
        name,
        hour,
        chance.randint(0, 59),
        model_id="gpt-4o" if chance.random() < 0.67 else "claude/sonnet",
        latency_ms=round(chance.lognormvariate(6.5, 0.4), 1),
        cost_usd=round(cost, 6),
        error="timeout" if chance.random() < share else None,
    )


def decide(product: SmallProduct) -> None:
    """What people decide."""
    now = hour_start(shift(START, 300))
    by = {"reason": "planned", "author": "Ada", "decided_at": now}
    volumes = Rebaseline(
        rebaseline_id="volumes", feature_id="search", metric="request_count", model_id=None,
        from_hour=shift(START, 200), skip_from=None, skip_to=None, **by,
    )  # fmt: skip
    left_out = replace(
        volumes, rebaseline_id="left_out", metric="avg_cost_per_request_usd", model_id="gpt-4o",
        from_hour=None, skip_from=shift(START, 210), skip_to=shift(START, 212),
    )  # fmt: skip
    product.lake.append("rebaselines", [volumes, left_out])
    model = Silence(
        silence_id="model", incident_id=None, feature_id=None, model_id="claude/sonnet",
        metric=None, layer=None, starts_at=now, until=now + timedelta(days=30), who="Ada",
        why="known", decided_at=now,
    )  # fmt: skip
    product.lake.append(
        "silences", [model, replace(model, silence_id="layer", model_id=None, layer="inputs")]
    )


def make(folder: Path) -> None:
    """The lake, and the archive of it."""
    (folder / "monitoring.yaml").write_text(yaml.safe_dump(SETTINGS))
    product = SmallProduct(folder)
    product.settings = load_settings(folder / "monitoring.yaml")
    for hour in range(HOURS):
        write_hour(product, hour)
    for first in range(0, HOURS, STEP):
        if first == 300:
            decide(product)
        product.run(first, min(first + STEP, HOURS) - 1)
    with open_product(folder) as opened:
        clocked = opened.at(hour_start(shift(START, HOURS)) + timedelta(minutes=5))
        reconcile(clocked)
    shorten(product)


def shorten(product: SmallProduct) -> None:
    """Few rows, and no long log: the archive is small."""
    for name in (
        "raw_requests",
        "user_signals",
        "sampled_requests",
        "judgements",
        "input_features",
    ):
        rows = product.lake.rows(name, hours=product.hours(HOURS - KEPT, HOURS - 1))
        shutil.rmtree(product.folder / "lake" / name)
        product.lake.append(name, rows)
    product.lake.maintain(keep_hours=0)


def reconcile(product: Product) -> None:
    """Alerts, incidents and their evidence, as the sensors would have it."""
    product.run("reconcile_alerts")
    names = [row.incident_id for row in product.monitoring.lake.rows("incidents")]
    product.instance.add_dynamic_partitions("incidents", names)
    for name in names:
        product.run("investigate_incident", partition_key=name)
    product.run("reconcile_alerts")


def pack(folder: Path) -> None:
    with tarfile.open(LAYOUT_1, "w:xz", preset=9) as archive:
        archive.add(folder / "lake", "lake")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
    pack(Path(sys.argv[1]))
