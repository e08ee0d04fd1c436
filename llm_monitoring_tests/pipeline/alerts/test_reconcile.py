"""A round of the alerts over a whole product: once is enough, and only one on duty vouches."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from llm_monitoring.alerts.failures import Seen
from llm_monitoring.pipeline.alerts import reconcile
from llm_monitoring.pipeline.alerts.reconcile import Round, alert_round
from llm_monitoring_tests.simulated import Simulated


def a_round(simulated: Simulated, *, on_duty: bool = False, late: int = 0) -> Round:
    def clock() -> datetime:
        return simulated.now + timedelta(minutes=late)

    return alert_round(
        simulated.lake,
        simulated.settings,
        clock,
        lambda _: Seen(),
        on_duty=on_duty,
    )


def test_a_second_round_finds_nothing_new(simulated: Simulated) -> None:
    alerts = {row.fingerprint for row in simulated.lake.rows("alerts")}
    again = a_round(simulated)
    assert (again.found.alerts, again.incidents) == ([], [])
    assert {row.fingerprint for row in simulated.lake.rows("alerts")} == alerts
    assert alerts


def test_only_a_round_on_duty_ends_with_the_heartbeat(simulated: Simulated) -> None:
    assert a_round(simulated).heartbeat is None
    assert simulated.lake.rows("heartbeats") == []
    beat = a_round(simulated, on_duty=True).heartbeat
    assert simulated.lake.rows("heartbeats") == [beat]


def test_alerts_that_are_lost_are_found_again_with_the_same_names(simulated: Simulated) -> None:
    before = {row.fingerprint for row in simulated.lake.rows("alerts")}
    simulated.lake.replace_all("alerts", [])
    found = a_round(simulated)
    assert {alert.fingerprint for alert in found.found.alerts} == before


def test_a_round_that_dies_before_its_alerts_are_stored_reads_the_same_changes_again(
    simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {row.fingerprint for row in simulated.lake.rows("alerts")}
    simulated.lake.replace_all("alerts", [])
    simulated.lake.replace_all("alert_readings", [])

    def dies(*_: Any, **__: Any) -> Any:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(reconcile, "read_episodes", dies)
        with pytest.raises(OSError, match="disk full"):
            a_round(simulated)
    assert simulated.lake.rows("alert_readings") == []
    assert {alert.fingerprint for alert in a_round(simulated).found.alerts} == before
