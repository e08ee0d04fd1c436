"""A fifth of the users is German one morning, and nobody had expected them."""

from dataclasses import replace

import numpy as np
import pytest

from llm_monitoring.adapters.languages import identify_languages
from llm_monitoring.defs.casework import investigate_incident
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.drift import input_features
from llm_monitoring.hours import hour_range
from llm_monitoring.incidents.evidence import from_json
from llm_monitoring.records import Incident, InputFeature, Request
from llm_monitoring.sampling import sample
from llm_monitoring.simulation import choose_faults, simulate_hour
from llm_monitoring.simulation.faults import Fault
from llm_monitoring.simulation.logs import changes
from llm_monitoring_tests.stories.watching import (
    PHASE_ONE,
    START,
    alarms,
    delay_hours,
    hour_of,
    new_monitoring,
    raise_alerts,
    watch,
)

FEATURE = "support_chat"
MORNING = PHASE_ONE + 9


def germans() -> Fault:
    (fault,) = choose_faults("new_language", start=START)
    return replace(fault, start_offset=MORNING, end_offset=MORNING + 24)


def described(monitoring: Monitoring, requests: list[Request]) -> list[InputFeature]:
    """What is known of the sampled queries, but for novelty: embedding them takes the time."""
    rate = monitoring.settings.sample_rate
    chosen = {row.request_id for row in sample(requests, rate)}
    queries = [row for row in requests if row.request_id in chosen]
    expected = monitoring.settings.feature(FEATURE).languages
    return input_features(
        queries,
        np.ones((len(queries), 1), np.float32),
        identify_languages([row.input_text or "" for row in queries], expected),
        embedder="none",
        expected_languages=expected,
    )


@pytest.fixture(scope="module", params=[1, 2], ids=["an hour after", "two hours after"])
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Monitoring:
    """A quiet fortnight, and the first hour or two of the German users."""
    monitoring = new_monitoring(tmp_path_factory.mktemp("german"))
    hours = START, hour_of(MORNING + request.param - 1)
    requests = [
        row
        for hour in hour_range(*hours)
        for row in simulate_hour(hour, 7, [germans()])[0]
        if row.feature_id == FEATURE
    ]
    lake = monitoring.lake
    lake.replace_hours("raw_requests", requests, *hours)
    lake.replace_hours("input_features", described(monitoring, requests), *hours)
    lake.replace_all("changes", changes(START))  # nobody wrote the launch down
    watch(monitoring, hours, ["inputs"])
    raise_alerts(monitoring)
    return monitoring


def test_german_users_at_20_percent_are_caught_within_two_hours(watched: Monitoring) -> None:
    found = alarms(watched, f"feature_id = '{FEATURE}'")
    assert [point.metric for point in found] == ["unexpected_language_rate"]
    assert 0 < delay_hours(germans().first_hour, found[0].hour) <= 2
    assert found[0].direction == "up"
    assert found[0].level is not None
    assert 0.1 < found[0].level < 0.4


def test_they_are_named_in_the_incident(watched: Monitoring) -> None:
    (opened,) = watched.lake.rows("incidents")
    incident: Incident = investigate_incident(watched, opened.incident_id)
    evidence = from_json(incident.evidence)
    assert incident.title.endswith("since Mon 19 Oct 09:00 UTC; new users arrived (language de)")
    assert evidence.scope is not None
    german = next(s for s in evidence.scope.segments if s.name == "de")
    assert (german.before, german.after) == (None, 1.0)
    assert "language de is" in evidence.suspects[0].description
    assert evidence.responses[0].action == "serve the new users"
    assert evidence.triage is not None
    assert {item.language for item in evidence.triage.items} == {"de"}
