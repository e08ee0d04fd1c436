"""An alert is stored before anybody hears of it, and found again until it is stored."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from llm_monitoring.lake import Lake
from llm_monitoring_tests.product import Product, open_product
from llm_monitoring_tests.simulated import SETTINGS
from llm_monitoring_tests.stories.watching import (
    hour_of,
    new_monitoring,
    raise_alerts,
    watch_windows,
    window,
)


class KilledError(BaseException):
    """As a run that is killed ends: nothing catches it."""


@pytest.fixture
def failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Product]:
    """A run failed, which is an alert of its own and waits for no page of an incident."""

    def full(*_: Any, **__: Any) -> Any:
        raise OSError("disk full")

    (tmp_path / "monitoring.yaml").write_text(yaml.safe_dump(SETTINGS))
    with open_product(tmp_path) as plain:
        log = {"name": "log", "kind": "log", "file": str(tmp_path / "messages")}
        product = plain.with_settings("heard", {"channels": [log]})
        with monkeypatch.context() as patched:
            patched.setattr(Lake, "replace_all", full)
            assert not product.run("ledger", raise_on_error=False).success
        yield product


def messages(product: Product) -> int:
    file = product.folder / "messages"
    return file.read_text().count("] new: ") if file.exists() else 0


def killed_at(table: str, write: str) -> Callable[..., Any]:
    """The lake's own way of writing, but the process dies as it writes to the table."""
    original = getattr(Lake, write)

    def dies(lake: Lake, name: str, *arguments: Any) -> Any:
        if name == table:
            raise KilledError(name)
        return original(lake, name, *arguments)

    return dies


def test_an_alert_is_sent_by_the_run_that_stores_it(failed: Product) -> None:
    failed.run("reconcile_alerts")
    assert messages(failed) == 1
    assert [row["status"] for row in failed.table("deliveries")].count("delivered") == 1


@pytest.mark.parametrize(
    ("table", "write", "alerts"),
    [("alerts", "upsert", 0), ("deliveries", "claim", 1)],
    ids=["at the alert", "between the alert and its delivery"],
)
def test_a_run_that_is_killed_sends_nothing_and_the_next_one_sends_it_once(
    failed: Product,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    write: str,
    alerts: int,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Lake, write, killed_at(table, write))
        with pytest.raises(KilledError, match=table):
            failed.run("reconcile_alerts")
    assert messages(failed) == 0
    assert failed.table("deliveries") == []
    assert len(failed.table("alerts")) == alerts
    failed.run("reconcile_alerts")
    assert messages(failed) == 1


def test_what_changed_is_read_again_until_its_alerts_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitoring = new_monitoring(tmp_path)
    rng = np.random.default_rng(8)
    rates = [0.005] * 72 + [0.6] * 3
    watch_windows(
        monitoring,
        [window(hour_of(i), "chat", rng.binomial(200, r), 200) for i, r in enumerate(rates)],
    )
    with monkeypatch.context() as patched:
        patched.setattr(Lake, "upsert", killed_at("alerts", "upsert"))
        with pytest.raises(KilledError):
            raise_alerts(monitoring)
    assert monitoring.lake.rows("alert_readings") == []
    assert "error_rate" in {alert.metric for alert in raise_alerts(monitoring)}
