"""An episode that lasts is proposed as the new baseline."""

from typing import Any

import pytest
import yaml

from llm_monitoring import hours
from llm_monitoring.alerts import Episode, chart_episodes
from llm_monitoring.metrics import BY_NAME
from llm_monitoring.records import ChartPoint
from llm_monitoring.segments import segment_of, segment_of_model
from llm_monitoring_tests.alerts.examples import START, chart_points


def only_episode(points: list[ChartPoint], **options: Any) -> Episode:
    newest = max(point.hour for point in points)
    (episode,) = chart_episodes(points, BY_NAME, newest_hour=newest, **options)
    return episode


def lasting(windows: int, **changes: Any) -> list[ChartPoint]:
    return chart_points("S" + "a" * (windows - 1), first=hours.shift(START, 4), **changes)


def test_after_a_day_the_level_is_proposed_with_what_the_job_needs() -> None:
    assert only_episode(lasting(23)).proposal is None
    episode = only_episode(lasting(24))
    assert episode.proposal is not None
    assert episode.proposal.words() == (
        "So for 28 windows: if that is the new normal, accept it with the job rebaseline: "
        "feature_id product_search, metric error_rate, segment {}, from_hour 2026-10-20T14"
    )
    assert yaml.safe_load(episode.proposal.job_config()) == {
        "ops": {
            "rebaseline_charts": {
                "config": {
                    "feature_id": "product_search",
                    "metric": "error_rate",
                    "segment": {},
                    "from_hour": "2026-10-20T14",
                    "reason": "",
                    "who": "",
                }
            }
        }
    }


def test_fewer_than_20_windows_at_the_present_level_are_too_few() -> None:
    """The level has moved again: the newest estimate of the change counts."""
    points = lasting(30)
    moved = hours.shift(START, 20)

    def moved_after(windows: int) -> list[ChartPoint]:
        later = lasting(30 + windows, change_hour=moved)
        return [*points, *later[30:]]

    assert only_episode(moved_after(5)).proposal is None  # 19 windows since
    proposal = only_episode(moved_after(6)).proposal
    assert proposal is not None
    assert (proposal.from_hour, proposal.windows) == (moved, 20)


def test_windows_without_data_do_not_count() -> None:
    points = chart_points("S" + "a" * 10 + "n" * 20 + "a" * 12)
    assert only_episode(points).proposal is None


@pytest.mark.parametrize(
    "points",
    [
        [*lasting(30), *chart_points(".", first=hours.shift(START, 34))],
        lasting(30, chart="static_threshold", baseline_id=None),
    ],
    ids=["over", "no baseline"],
)
def test_what_is_over_or_has_no_baseline_is_not_proposed(points: list[ChartPoint]) -> None:
    assert only_episode(points).proposal is None


def test_a_logged_name_cannot_break_out_of_sentence_or_configuration() -> None:
    name = 'x"\n* : {'
    proposal = only_episode(lasting(24, feature_id=name, segment=segment_of_model("m:1"))).proposal
    assert proposal is not None
    assert name not in proposal.words()
    config = yaml.safe_load(proposal.job_config())["ops"]["rebaseline_charts"]["config"]
    assert (config["feature_id"], config["segment"]) == (name, {"model": "m:1"})


def test_what_the_policy_accepts_is_told_over_and_not_proposed() -> None:
    points = lasting(24, metric="request_count", level=900.0, center=500.0)
    last = points[-1]
    points[-1] = chart_points(
        "a", first=last.hour, metric="request_count", level=900.0, center=500.0, baseline_id="b2"
    )[0]
    episode = only_episode(points, accepted={"b2": last.hour})
    assert (episode.open, episode.proposal) == (False, None)
    assert episode.summary.endswith("accepted as the new normal by the policy for volumes")
    later = only_episode(points, accepted={"b2": hours.shift(last.hour, -100)})
    assert later.open  # that baseline was accepted in an episode long before


@pytest.mark.parametrize("value", ["\U0001f600", "it's: #x", "a\nb", "05", "\x85"])
def test_the_configuration_of_the_job_names_the_segment_whatever_it_is_called(value: str) -> None:
    episode = only_episode(lasting(24, segment=segment_of({"category": value})))
    assert episode.proposal is not None
    config = yaml.safe_load(episode.proposal.job_config())["ops"]["rebaseline_charts"]["config"]
    assert config["segment"] == {"category": value}


def test_the_proposal_of_the_whole_is_no_decision_about_its_segments() -> None:
    """A category may have collapsed while the whole improved, and its alert must stay."""
    episode = only_episode(lasting(24))
    assert episode.proposal is not None
    config = yaml.safe_load(episode.proposal.job_config())["ops"]["rebaseline_charts"]["config"]
    assert config["segment"] == {}  # left out it means every segment


@pytest.mark.parametrize(("one", "other"), [("\u8fd4\u54c1", "\u914d\u9001"), ("a&b", "a b")])
def test_the_sentence_tells_two_categories_apart(one: str, other: str) -> None:
    said = {
        only_episode(lasting(3, segment=segment_of({"category": name}))).summary
        for name in (one, other)
    }
    assert len(said) == 2
