"""What fires now, a row for each cause, and the incident a window of a chart belongs to."""

from llm_monitoring.alerts import causes_of, incidents_of
from llm_monitoring.segments import segment_of_model
from llm_monitoring_tests.alerts.examples import chart_point
from llm_monitoring_tests.incidents.examples import alert

HOUR = 2026102014
QUALITY = "support_chat/*/e1/quality_mean/sr_mixture"


def test_the_alerts_of_an_incident_are_one_cause() -> None:
    (cause,) = causes_of(
        [
            alert("a", incident_id="i", severity="ticket", summary="tone fell"),
            alert("b", incident_id="i", feature_id="search", summary="quality fell"),
            alert("c", incident_id="i", feature_id=None, severity="info"),
        ]
    )
    assert (cause.severity, cause.place) == ("page", "search, support_chat")
    assert cause.text == "quality fell (and 2 more)"
    assert cause.since == 2026102010  # the estimated change


def test_alerts_without_an_incident_are_causes_of_their_own_and_the_gravest_comes_first() -> None:
    causes = causes_of(
        [
            alert("a", severity="ticket", change_hour=None, first_hour=2026101900),
            alert("b", severity="page"),
            alert("c", severity="ticket", incident_id="i", first_hour=2026101800),
        ]
    )
    found = [(cause.alerts[0].fingerprint, cause.incident_id) for cause in causes]
    assert found == [("b", None), ("a", None), ("c", "i")]


def test_a_cause_without_a_feature_is_about_its_model_or_about_all() -> None:
    probe = alert("a", feature_id=None, segment=segment_of_model("gpt-x"))
    assert [cause.place for cause in causes_of([probe])] == ["gpt-x"]
    fleet = alert("a", feature_id="*")
    assert [cause.place for cause in causes_of([fleet])] == ["all features"]


def test_of_many_features_a_cause_names_some() -> None:
    (cause,) = causes_of(
        alert(f"{i}", incident_id="i", feature_id=f"feature-{i:03}") for i in range(300)
    )
    assert cause.place.endswith("feature-007 and 292 more")


def test_a_window_after_those_an_alert_is_known_by_belongs_to_it_while_it_fires() -> None:
    firing = alert("a", incident_id="i", subject=QUALITY)
    over = alert("b", incident_id="over", subject=QUALITY, status="resolved")
    # An hour is charted before the alerts are read again.
    after = chart_point(2026102019, alarm=True, chart_id=QUALITY)
    assert incidents_of([after], [firing, over]) == ["i"]
    anew = chart_point(2026102019, alarm=True, alarm_started=True, chart_id=QUALITY)
    assert incidents_of([anew], [firing, over]) == []


def test_a_window_of_a_chart_belongs_to_the_incident_of_the_alert_that_covers_it() -> None:
    alerts = [
        alert("a", incident_id="i", subject=QUALITY),
        alert(
            "b",
            incident_id="earlier",
            subject=QUALITY,
            status="resolved",
            first_hour=2026101300,
            last_hour=2026101301,
        ),
        alert("c", incident_id="other", subject=QUALITY.replace("quality", "tone")),
        alert("d", subject=QUALITY),
    ]
    point = chart_point(HOUR, alarm=True, chart_id=QUALITY)
    assert incidents_of([point], alerts) == ["i"]
    # Both charts of a series are one alert.
    twin = chart_point(HOUR, alarm=True, chart_id=QUALITY.replace("sr_mixture", "single_window"))
    assert incidents_of([twin], alerts) == ["i"]
    assert incidents_of([chart_point(2026102013, alarm=True, chart_id=QUALITY)], alerts) == []


def test_silence_and_a_failed_chart_belong_to_the_alerts_about_the_data() -> None:
    data = {"layer": "data", "incident_id": "i", "first_hour": HOUR, "last_hour": HOUR}
    silent = chart_point(HOUR, alarm=True, chart="missing", feature_id="search")
    failed = chart_point(HOUR, failure="no", feature_id="search")
    for point, subject in (
        (silent, "data/missing_windows/search"),
        (silent, "data/source_gap/requests"),
        (failed, "data/chart_failed/search"),
    ):
        assert incidents_of([point], [alert("a", subject=subject, **data)]) == ["i"]
