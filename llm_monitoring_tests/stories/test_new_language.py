"""A fifth of the users is German one morning, and nobody had expected them."""

from dataclasses import replace

import numpy as np
import pytest

from llm_monitoring.adapters.languages import identify_languages
from llm_monitoring.configuration import load_settings
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.hours import hour_range
from llm_monitoring.incidents.evidence import from_json
from llm_monitoring.inputs.features import input_features
from llm_monitoring.pipeline.incidents.investigate import investigate_incident
from llm_monitoring.records import Incident, InputFeature, Request
from llm_monitoring.sampling import sample
from llm_monitoring.simulation import choose_faults, simulate_hour
from llm_monitoring.simulation.faults import Fault
from llm_monitoring.simulation.logs import changes
from llm_monitoring_tests.stories.watching import (
    DEMO,
    PHASE_ONE,
    START,
    alarms,
    delay_hours,
    hour_of,
    new_monitoring,
    raise_alerts,
    watch,
)

pytestmark = pytest.mark.slow

FEATURE = "support_chat"
MORNING = PHASE_ONE + 9


def germans() -> Fault:
    (fault,) = choose_faults("new_language", start=START)
    return replace(fault, start_offset=MORNING, end_offset=MORNING + 24)


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    """A quiet fortnight, and the first two hours of the German users."""
    return [
        row
        for hour in hour_range(START, hour_of(MORNING + 1))
        for row in simulate_hour(hour, 7, [germans()])[0]
        if row.feature_id == FEATURE
    ]


@pytest.fixture(scope="module")
def described(requests: list[Request]) -> list[InputFeature]:
    """What is known of the sampled queries, but for novelty: embedding them takes the time."""
    settings = load_settings(DEMO)
    chosen = {row.request_id for row in sample(requests, settings.sample_rate)}
    queries = [row for row in requests if row.request_id in chosen]
    expected = settings.feature(FEATURE).languages
    return input_features(
        queries,
        np.ones((len(queries), 1), np.float32),
        identify_languages([row.input_text or "" for row in queries], expected),
        embedder="none",
        expected_languages=expected,
    )


@pytest.fixture(scope="module", params=[1, 2], ids=["an hour after", "two hours after"])
def watched(
    request: pytest.FixtureRequest,
    requests: list[Request],
    described: list[InputFeature],
    tmp_path_factory: pytest.TempPathFactory,
) -> Monitoring:
    """What is known so many hours after the first of them."""
    monitoring = new_monitoring(tmp_path_factory.mktemp("german"))
    lake, (first, last) = monitoring.lake, (START, hour_of(MORNING + request.param - 1))
    known = [row for row in requests if row.hour <= last]
    lake.replace_hours("raw_requests", known, first, last)
    lake.replace_hours("input_features", [r for r in described if r.hour <= last], first, last)
    lake.replace_all("changes", changes(START))  # nobody wrote the launch down
    watch(monitoring, (first, last), ["inputs"])
    raise_alerts(monitoring)
    return monitoring


def test_german_users_at_20_percent_are_caught_within_two_hours(watched: Monitoring) -> None:
    found = alarms(watched, feature_id=FEATURE)
    assert [point.metric for point in found] == ["unexpected_language_rate"]
    assert 0 < delay_hours(germans().first_hour, found[0].hour) <= 2
    assert found[0].direction == "up"
    assert found[0].level is not None
    assert 0.1 < found[0].level < 0.4


def test_they_are_named_in_the_incident(watched: Monitoring) -> None:
    (opened,) = watched.lake.rows("incidents")
    incident: Incident = investigate_incident(watched.lake, watched.settings, opened.incident_id)
    evidence = from_json(incident.evidence)
    assert incident.title.endswith("since Mon 19 Oct 09:00 UTC; new users arrived (language de)")
    assert evidence.scope is not None
    german = next(s for s in evidence.scope.segments if s.name == "de")
    assert (german.before, german.after) == (None, 1.0)
    assert "language de is" in evidence.suspects[0].description
    assert evidence.responses[0].action == "serve the new users"
    assert evidence.triage is not None
    assert {item.language for item in evidence.triage.items} == {"de"}
    (asked,) = evidence.inputs
    assert asked.languages[0].language == "de"
    assert asked.p_value is not None
    assert asked.p_value < 0.001
