"""Episodes of provider drift: weeks in a row in which a model differed from its reference run."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from llm_monitoring import hours
from llm_monitoring.alerts.episodes import Episode, severity_of
from llm_monitoring.alerts.sentences import hour_text, name_text, sentence
from llm_monitoring.records import ProviderDrift
from llm_monitoring.segments import segment_of_model
from llm_monitoring.severity import most_severe


def provider_episodes(
    drifts: Iterable[ProviderDrift],
    *,
    newest_hour: int,
    simulated: bool = False,
    ended_after_hours: int = 504,
) -> list[Episode]:
    """Episodes of provider drift, oldest first; one window is a week, named by its first hour.

    A week that could not be measured, or with too few probes, leaves an episode open. Weeks that
    could not be measured are an episode of the model itself: nobody watches it meanwhile. Too few
    probes are no news: they are as somebody configured them.

    Args:
        drifts: all rows of provider_drift, any order.
        newest_hour: newest window in the lake.
        simulated: the data are make-believe, and the sentence says so.
        ended_after_hours: a model not probed for longer than this is no longer watched.
    """
    ordered = sorted(drifts, key=lambda drift: (*_probed(drift), drift.week))
    episodes = []
    for _, group in groupby(ordered, key=_probed):
        rows = list(group)
        ended = hours.hours_between(_hour(rows[-1]), newest_hour) > ended_after_hours
        for run, is_open in _provider_runs(rows):
            episodes.append(_provider_episode(run, is_open and not ended, simulated))
    episodes += _unmeasured_episodes(ordered, newest_hour, simulated, ended_after_hours)
    return sorted(episodes, key=lambda episode: (episode.first_hour, episode.subject))


def _probed(drift: ProviderDrift) -> tuple[str, str]:
    return drift.requested_model, drift.test


def _hour(drift: ProviderDrift) -> int:
    return _first_hour(drift.week)


def _first_hour(week: int) -> int:
    return hours.hour_key(hours.week_start(week))


def _provider_runs(rows: Iterable[ProviderDrift]) -> Iterator[tuple[list[ProviderDrift], bool]]:
    run: list[ProviderDrift] = []
    for row in rows:
        if row.verdict in PROVIDER_SEVERITIES:
            run.append(row)
        elif run and row.verdict in ("stable", "reference"):
            yield run, False
            run = []
    if run:
        yield run, True


def _provider_episode(run: Sequence[ProviderDrift], is_open: bool, simulated: bool) -> Episode:
    first, last = run[0], run[-1]
    severity = most_severe(_provider_severity(row) for row in run)
    regressed = any(row.verdict == "regressed" for row in run)
    verdict = "regressed" if regressed else "changed"
    parts = [
        f"provider: {name_text(first.test).replace('_', ' ')} of "
        f"{name_text(first.requested_model)} {verdict} against the reference run"
        + (f" (p = {last.p_adjusted:.2g})" if last.p_adjusted is not None else ""),
        f"since the week of {hour_text(_hour(first))}",
        *([] if is_open else [f"last seen in the week of {hour_text(_hour(last))}"]),
    ]
    return Episode(
        layer="provider",
        subject=f"provider/{first.requested_model}/{first.test}",
        feature_id=None,
        segment=segment_of_model(first.requested_model),
        metric=first.test,
        severity=severity,
        first_hour=_hour(first),
        last_hour=_hour(last),
        windows=len(run),
        change_hour=None,
        direction="down" if regressed and first.test == "pass_rate" else None,
        open=is_open,
        summary=sentence(parts, simulated),
    )


def _unmeasured_episodes(
    drifts: Iterable[ProviderDrift], newest_hour: int, simulated: bool, ended_after_hours: int
) -> list[Episode]:
    failed: dict[str, dict[int, bool]] = defaultdict(dict)
    # That a provider never says what it serves is no news.
    for row in sorted(drifts, key=lambda drift: drift.week):
        if row.test != "identity":
            before = failed[row.requested_model].get(row.week, False)
            failed[row.requested_model][row.week] = before or row.verdict == "could_not_measure"
    episodes = []
    for model, weeks in failed.items():
        newest = max(weeks)
        ended = hours.hours_between(_first_hour(newest), newest_hour) > ended_after_hours
        for is_failed, stretch in groupby(weeks, key=weeks.__getitem__):
            run = list(stretch)
            if is_failed:
                is_open = run[-1] == newest and not ended
                episodes.append(_unmeasured_episode(model, run, is_open, simulated))
    return episodes


def _unmeasured_episode(
    model: str, weeks: Sequence[int], is_open: bool, simulated: bool
) -> Episode:
    first, last = _first_hour(weeks[0]), _first_hour(weeks[-1])
    parts = [
        f"provider: {name_text(model)} could not be measured, too many probes had no answer",
        f"since the week of {hour_text(first)}",
        *([] if is_open else [f"last in the week of {hour_text(last)}"]),
    ]
    return Episode(
        layer="provider",
        subject=f"provider/{model}/{UNMEASURED}",
        feature_id=None,
        segment=segment_of_model(model),
        metric=UNMEASURED,
        severity=severity_of("provider", UNMEASURED),
        first_hour=first,
        last_hour=last,
        windows=len(weeks),
        change_hour=None,
        direction=None,
        open=is_open,
        summary=sentence(parts, simulated),
    )


def _provider_severity(drift: ProviderDrift) -> str:
    if drift.test == "identity":
        return severity_of("provider", "identity")
    return PROVIDER_SEVERITIES[drift.verdict]


UNMEASURED = "unmeasured"
TESTS = ("pass_rate", "length", "identity", UNMEASURED)
PROVIDER_SEVERITIES: dict[str, str] = {"changed": "ticket", "regressed": "page"}
