"""Retention: what is past its time goes, from every table that holds words or ids of users."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from llm_monitoring.hours import hour_key
from llm_monitoring.incidents.quotes import without_quotes
from llm_monitoring.lake import Lake
from llm_monitoring.lake.erasing import blank_words, configure, delete_rows, existing_tables
from llm_monitoring.records import Incident, RegressionCase
from llm_monitoring.settings.keeping import RetentionSettings


@dataclass(frozen=True, slots=True)
class Expired:
    """What retention did.

    Args:
        versions: table -> Delta version after its old rows were deleted.
        blanked: table -> rows whose words were removed.
        cases: ids of regression cases past their time; to be deleted once the pages are written.
        incidents: whose pages quote too much, without quotes past their time; their pages are to
            be written anew, and then they are to be stored.
        configured: tables of an earlier version that were given today's Delta properties.
    """

    versions: dict[str, int] = field(default_factory=dict)
    blanked: dict[str, int] = field(default_factory=dict)
    cases: tuple[str, ...] = ()
    incidents: tuple[Incident, ...] = ()
    configured: tuple[str, ...] = ()


def expire(lake: Lake, retention: RetentionSettings, now: datetime) -> Expired:
    """Delete rows, words and quotes that are past their time; `Table.kept` says which."""
    words_before = now - timedelta(days=retention.words_days)
    configured = configure(lake)
    versions = lake.expire(hour_key(now - timedelta(days=retention.raw_days)))
    blanked = {}
    for table in existing_tables(lake):
        if table.kept == "raw" and table.words:
            blanked[table.name] = blank_words(lake, table.name, hour_key(words_before))
        elif table.kept == "words":
            versions[table.name] = lake.delete_before(table.name, hour_key(words_before))
    cases = _old_cases(lake, retention, now)
    return Expired(
        versions,
        {name: rows for name, rows in blanked.items() if rows},
        tuple(case.case_id for case in cases),
        _quiet_incidents(lake, words_before, {case.incident_id for case in cases}),
        tuple(configured),
    )


def delete_cases(lake: Lake, cases: Sequence[str]) -> int:
    """Delete regression cases by their ids; returns how many there were."""
    return delete_rows(lake, "regression_cases", "case_id", cases)


def _quiet_incidents(
    lake: Lake, resolved_before: datetime, learned_from: Collection[str]
) -> tuple[Incident, ...]:
    return tuple(
        quiet or incident
        for incident in lake.rows("incidents")
        if (quiet := without_quotes(incident, resolved_before))
        or incident.incident_id in learned_from
    )


def _old_cases(lake: Lake, retention: RetentionSettings, now: datetime) -> list[RegressionCase]:
    if retention.regression_case_days is None:
        return []
    before = now - timedelta(days=retention.regression_case_days)
    return [case for case in lake.rows("regression_cases") if case.created_at < before]
