"""The provider swaps the model behind an unchanged name, and tells nobody."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llm_monitoring.adapters.languages import identify_languages
from llm_monitoring.adapters.models import ChatClient, ModelUnavailable
from llm_monitoring.configuration import load_settings
from llm_monitoring.hours import shift
from llm_monitoring.probes import (
    confirmed,
    frozen_reference,
    needs_confirmation,
    provider_drift,
    run_probes,
)
from llm_monitoring.records import ProbeResult, ProviderDrift
from llm_monitoring.simulation import choose_faults
from llm_monitoring.simulation.provider import serve_provider
from llm_monitoring_tests.stories.watching import DEMO, new_monitoring, raise_alerts, window

PROBES = load_settings(DEMO).probes
MODEL = PROBES.models[0]
REFERENCE, *HEALTHY, SWAPPED = 20260921, 20260928, 20261005, 20261012, 20261019


def ask(address: str, week: int, run: str, repeats: int) -> list[ProbeResult]:
    model = MODEL.model_copy(update={"base_url": f"{address}/week/{week}"})

    async def every_probe() -> list[ProbeResult]:
        async with ChatClient(model) as client:
            return await run_probes(
                client.complete, model, PROBES.probes, week=week, run=run, repeats=repeats,
                clock=lambda: datetime(2026, 10, 1, tzinfo=UTC),
                identify_languages=identify_languages, unavailable=ModelUnavailable,
            )  # fmt: skip

    return asyncio.run(every_probe())


def judge_week(address: str, week: int, reference: list[ProbeResult]) -> list[ProviderDrift]:
    """What the week's run says, asked again where it alarms."""

    def compare(run: str) -> list[ProviderDrift]:
        rows = ask(address, week, run, PROBES.repeats)
        return provider_drift(reference, rows, week=week, significance=PROBES.significance)

    first = compare("weekly")
    return confirmed(first, compare("confirmation")) if needs_confirmation(first) else first


@pytest.fixture(scope="module")
def weeks() -> dict[int, dict[str, ProviderDrift]]:
    """Week -> test -> what it says."""
    found = {}
    with serve_provider(7, choose_faults("provider_swap")) as address:
        reference = frozen_reference(ask(address, REFERENCE, "weekly", PROBES.reference_repeats))
        for week in (*HEALTHY, SWAPPED):
            found[week] = {row.test: row for row in judge_week(address, week, reference)}
    return found


def test_weeks_of_the_same_model_are_stable(weeks: dict[int, dict[str, ProviderDrift]]) -> None:
    for week in HEALTHY:
        assert {row.verdict for row in weeks[week].values()} == {"stable"}


def test_a_silent_provider_update_is_caught_by_the_probes_of_its_week(
    weeks: dict[int, dict[str, ProviderDrift]],
) -> None:
    pass_rate = weeks[SWAPPED]["pass_rate"]
    assert pass_rate.verdict == "regressed"
    assert pass_rate.detail.endswith("Confirmed by a second run")
    assert pass_rate.p_adjusted is not None
    assert pass_rate.p_adjusted < PROBES.significance
    assert weeks[SWAPPED]["length"].verdict == "changed"
    assert weeks[SWAPPED]["identity"].verdict == "changed"


def test_a_lower_pass_rate_pages_and_a_new_fingerprint_informs(
    weeks: dict[int, dict[str, ProviderDrift]], tmp_path: Path
) -> None:
    monitoring = new_monitoring(tmp_path)
    monitoring.lake.replace_all(
        "provider_drift", [row for week in weeks.values() for row in week.values()]
    )
    newest = shift(SWAPPED * 100, 60)  # Wednesday noon, when the probes are asked
    quiet = window(newest, "support_chat", 0, 100)
    monitoring.lake.replace_hours("window_metrics", [quiet], newest, newest)
    severities = {alert.metric: alert.severity for alert in raise_alerts(monitoring)}
    assert severities == {"pass_rate": "page", "length": "ticket", "identity": "info"}
