"""Episodes of provider drift."""

from llm_monitoring.alerts import provider_episodes
from llm_monitoring.records import ProviderDrift

WEEKS = (20261005, 20261012)
TESTS = ("pass_rate", "length", "identity")


def _drift(week: int, verdict: str, test: str = "pass_rate") -> ProviderDrift:
    return ProviderDrift(
        week=week,
        requested_model="gpt-x",
        test=test,
        reference_week=20260928,
        probes=25,
        statistic=9.0,
        p_value=0.0001,
        p_adjusted=0.0003,
        power=0.9,
        verdict=verdict,
        detail="<b>anything</b>",
    )


def test_a_regression_pages_and_a_change_is_a_ticket() -> None:
    weeks = [_drift(20261005, "stable"), _drift(20261012, "changed"), _drift(20261019, "regressed")]
    (episode,) = provider_episodes(weeks, newest_hour=2026102523)
    assert (episode.severity, episode.open, episode.windows) == ("page", True, 2)
    assert (episode.first_hour, episode.last_hour) == (2026101200, 2026101900)
    assert "pass rate of gpt-x regressed" in episode.summary
    assert "(p = 0.0003)" in episode.summary
    assert "anything" not in episode.summary
    (change,) = provider_episodes(weeks[:2], newest_hour=2026102523)
    assert change.severity == "ticket"


def test_a_changed_identity_informs() -> None:
    (episode,) = provider_episodes(
        [_drift(20261019, "changed", "identity")], newest_hour=2026102523
    )
    assert (episode.severity, episode.metric) == ("info", "identity")


def test_only_a_stable_week_ends_provider_drift() -> None:
    weeks = [_drift(20261005, "changed"), _drift(20261012, "could_not_measure")]
    assert provider_episodes(weeks, newest_hour=2026101823)[0].open
    ended = [*weeks, _drift(20261019, "stable")]
    episode, unmeasured = provider_episodes(ended, newest_hour=2026102523)
    assert (episode.open, episode.windows) == (False, 1)
    assert (unmeasured.metric, unmeasured.open) == ("unmeasured", False)


def test_a_model_whose_probes_are_not_answered_is_a_ticket_until_they_are() -> None:
    failed = [_drift(week, "could_not_measure", test) for week in WEEKS for test in TESTS]
    (episode,) = provider_episodes(failed, newest_hour=2026101823)
    assert (episode.subject, episode.severity, episode.windows, episode.open) == (
        "provider/gpt-x/unmeasured", "ticket", 2, True,
    )  # fmt: skip
    assert episode.summary == (
        "provider: gpt-x could not be measured, too many probes had no answer, "
        "since the week of Mon 2026-10-05 00:00 UTC"
    )
    again = [*failed, *(_drift(20261019, "stable", test) for test in TESTS)]
    (episode,) = provider_episodes(again, newest_hour=2026102523)
    assert not episode.open
    assert episode.summary.endswith("last in the week of Mon 2026-10-12 00:00 UTC")


def test_too_few_probes_and_an_unnamed_model_are_no_news() -> None:
    rows = [_drift(20261005, "too_few_probes"), _drift(20261005, "could_not_measure", "identity")]
    assert provider_episodes(rows, newest_hour=2026101823) == []


def test_a_model_that_is_no_longer_probed_is_no_longer_watched() -> None:
    assert not provider_episodes([_drift(20261005, "changed")], newest_hour=2026110100)[0].open
