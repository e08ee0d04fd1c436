"""Results of a rule, and how it did against incidents that people know of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from llm_monitoring.backtesting.rules import Rule
from llm_monitoring.backtesting.watching import FoundEpisode, Watched
from llm_monitoring.control import Series
from llm_monitoring.hours import hours_between
from llm_monitoring.metrics import ALL_FEATURES
from llm_monitoring.stats.multiplicity import HOURS_PER_WEEK


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledIncident:
    """One incident that people know of."""

    name: str
    feature_id: str  # '*': of every feature
    metric: str | None  # that has to find it; None: any metric of the feature
    first_hour: int
    last_hour: int | None  # None: it goes on

    def concerns(self, series: Series) -> bool:
        """It is one of this feature; what is measured of all features concerns every one."""
        return ALL_FEATURES in (self.feature_id, series.feature_id) or (
            self.feature_id == series.feature_id
        )

    def is_found_by(self, series: Series) -> bool:
        """An alarm of this series would count as having found it."""
        return self.concerns(series) and self.metric in (None, series.metric)

    def overlaps(self, episode: FoundEpisode) -> bool:
        """The episode has windows in common with it."""
        last = self.last_hour
        return episode.last_hour >= self.first_hour and (last is None or episode.first_hour <= last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one incident under a rule."""

    incident: LabelledIncident
    outcome: str  # found, already open (an alarm was on when it began), missed or not watched
    delay_hours: int | None  # from its first instant to the end of the window that alarmed
    found_by: FoundEpisode | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """All that one rule says over the windows that were asked about."""

    rule: Rule
    first_hour: int
    last_hour: int
    watched: tuple[Watched, ...]

    @property
    def weeks(self) -> float:
        """Length of the time that was asked about."""
        return (hours_between(self.first_hour, self.last_hour) + 1) / HOURS_PER_WEEK

    @property
    def episodes(self) -> list[FoundEpisode]:
        """Episodes that began in that time, oldest first."""
        return [e for e in self.listed if e.first_hour >= self.first_hour]

    @property
    def listed(self) -> list[FoundEpisode]:
        """Those that were already open when it began too."""
        found = [episode for series in self.watched for episode in series.episodes]
        return sorted(found, key=lambda e: (e.first_hour, str(e.series), e.chart))

    @property
    def expected(self) -> float | None:
        """False alarms by the budget; None: no chart keeps one."""
        known = [series.expected for series in self.watched if series.expected is not None]
        return sum(known) if known else None

    def outcomes(self, incidents: Iterable[LabelledIncident]) -> list[Outcome]:
        """What became of each incident that began in that time."""
        begun = [i for i in incidents if self.first_hour <= i.first_hour <= self.last_hour]
        return [self._outcome(incident) for incident in begun]

    def false_alarms(self, incidents: Sequence[LabelledIncident]) -> list[FoundEpisode]:
        """Episodes that have no window in common with an incident of their feature."""
        return [
            episode
            for episode in self.episodes
            if not any(i.concerns(episode.series) and i.overlaps(episode) for i in incidents)
        ]

    def _outcome(self, incident: LabelledIncident) -> Outcome:
        if not any(incident.is_found_by(watched.series) for watched in self.watched):
            return Outcome(
                incident=incident, outcome="not watched", delay_hours=None, found_by=None
            )
        mine = [e for e in self.listed if incident.is_found_by(e.series) and incident.overlaps(e)]
        found = next((e for e in mine if e.first_hour >= incident.first_hour), None)
        if found is None:
            outcome = "already open" if mine else "missed"
            return Outcome(incident=incident, outcome=outcome, delay_hours=None, found_by=None)
        delay = hours_between(incident.first_hour, found.first_hour) + 1
        return Outcome(incident=incident, outcome="found", delay_hours=delay, found_by=found)


def median_delay(outcomes: Iterable[Outcome]) -> float | None:
    """Hours, of those that were found; None: none was."""
    delays = [outcome.delay_hours for outcome in outcomes if outcome.delay_hours is not None]
    return float(median(delays)) if delays else None
