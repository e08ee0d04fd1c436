"""Forgetting a user: what is theirs is found, removed from every table, and stays out."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import compress
from pathlib import Path
from typing import Any

from llm_monitoring.adapters.redaction import Redactor
from llm_monitoring.adapters.sources import Reading, files_naming
from llm_monitoring.forgetting import Memory, beginnings, quotes_any
from llm_monitoring.incidents.quotes import without_requests
from llm_monitoring.lake import Lake, Table
from llm_monitoring.lake.erasing import (
    delete_rows,
    existing_tables,
    purge,
    rows_naming,
    unname,
)
from llm_monitoring.lake.scanning import Scan, scan
from llm_monitoring.records import Forgotten, Incident
from llm_monitoring.settings import Settings

REQUESTS = "raw_requests"


@dataclass(frozen=True, slots=True)
class Traces:
    """What the lake holds of those to be forgotten.

    Args:
        users: their ids, as given and as stored.
        sessions: theirs alone.
        requests: request id -> hour.
        words: how their texts begin, where nobody else's begin so.
        shared: how many texts others wrote too; those are not looked for.
        rows: table -> rows about them.
        cases: ids of regression cases made of their requests.
        incidents: whose pages quote them, without the quotes.
        rejected: excerpts of rejected rows that name or quote them.
    """

    users: tuple[str, ...]
    sessions: tuple[str, ...]
    requests: dict[str, int]
    words: tuple[str, ...] = ()
    shared: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    cases: tuple[str, ...] = ()
    incidents: tuple[Incident, ...] = ()
    rejected: tuple[str, ...] = ()

    def people(self, column: str) -> tuple[str, ...]:
        """Ids that are to be looked for in a column of `Table.people`."""
        return self.users if column == "user_id" else self.sessions

    @property
    def ids(self) -> list[str]:
        """Every id of theirs."""
        return [*self.users, *self.sessions, *self.requests]


def find_traces(
    lake: Lake,
    settings: Settings,
    *,
    users: Sequence[str] = (),
    sessions: Sequence[str] = (),
    requests: Sequence[str] = (),
) -> Traces:
    """Everything the lake holds of some users, sessions or requests, named as the logs name them.

    Raises:
        ValueError: users or sessions are asked for and ids are not stored.
    """
    if (users or sessions) and settings.privacy.user_ids == "drop":
        raise ValueError(
            "ids of users and sessions are not stored (privacy.user_ids): name requests"
        )
    redactor = Redactor(settings.redaction, settings.privacy)
    digests = (redactor.digest, Redactor(()).digest)  # the key may have been set since
    who, named = _forms(users, *digests), _forms(sessions, *digests)
    asked = _forms(requests, redactor.request_id)
    found = lake.query("requests_of", users=who, sessions=named, requests=asked).to_pylist()
    alone = lake.query("sessions_of", users=who)["session_id"].to_pylist() if who else []
    traces = Traces(
        users=tuple(who),
        sessions=tuple(dict.fromkeys([*named, *alone])),
        requests=dict.fromkeys(asked, 0) | {row["request_id"]: row["hour"] for row in found},
    )
    texts = beginnings(text for row in found for text in (row["input_text"], row["output_text"]))
    return _with_rows(lake, replace(traces, words=tuple(sorted(texts))))


def _forms(ids: Sequence[str], *stored: Callable[[str], str]) -> list[str]:
    """The ids as the logs write them, and as they may have been stored."""
    return list(dict.fromkeys([*ids, *(form(each) for each in ids for form in stored)]))


def _with_rows(lake: Lake, traces: Traces) -> Traces:
    requests = list(traces.requests)
    rows = {
        table.name: rows_naming(lake, table.name, table.request, requests)
        for table in existing_tables(lake)
        if table.request
    }
    cases = lake.rows("regression_cases", request_id=requests)
    learned = {case.incident_id for case in cases}
    incidents = tuple(
        changed or incident
        for incident in lake.rows("incidents")
        if (changed := without_requests(incident, traces.requests))
        or incident.incident_id in learned
    )
    return replace(
        traces,
        rows={name: count for name, count in rows.items() if count},
        cases=tuple(case.case_id for case in cases),
        incidents=incidents,
        rejected=tuple(
            row.excerpt
            for row in lake.rows("rejected_rows")
            if quotes_any(row.excerpt, [f'"{each}"' for each in traces.ids])
            or quotes_any(row.excerpt, traces.words)
        ),
    )


def is_known(lake: Lake, settings: Settings, kind: str, asked: str) -> bool:
    """Something is stored of the user, session or request, or it was forgotten before."""
    traces = find_traces(lake, settings, **{f"{kind}s": [asked]})
    found = (*traces.requests.values(), *traces.rows, *traces.incidents, *traces.rejected)
    return (
        any(found)
        or any(_count_people(lake, table, traces) for table in existing_tables(lake))
        or memory(lake).knows(kind, asked)
    )


def _count_people(lake: Lake, table: Table, traces: Traces) -> int:
    return sum(
        rows_naming(lake, table.name, column, traces.people(column)) for column in table.people
    )


def memory(lake: Lake) -> Memory:
    """Who is forgotten."""
    return Memory(lake.rows("forgotten"))


def note_key(lake: Lake, settings: Settings, now: datetime) -> None:
    """Store that ids are hashed with today's key, so that `forget` can say when there was another.

    What is stored is a digest that the key makes, like those of ids.
    """
    if settings.privacy.key_env is None:
        return
    mark = _mark(settings)
    known = {row.digest: row.forgotten_at for row in lake.rows("forgotten", kind="key")}
    if mark not in known or known[mark] < now - timedelta(days=1):
        row = Forgotten(kind="key", digest=mark, salt="", forgotten_at=now)
        lake.upsert("forgotten", [row])


def other_key_used(lake: Lake, settings: Settings, now: datetime) -> datetime | None:
    """When another key than today's last hashed ids that may still be stored; None: none did."""
    oldest = now - timedelta(days=settings.retention.words_days + 1)  # noted once a day
    used = [
        row.forgotten_at
        for row in lake.rows("forgotten", kind="key")
        if row.digest != _mark(settings) and row.forgotten_at > oldest
    ]
    return max(used, default=None)


def _mark(settings: Settings) -> str:
    return Redactor((), settings.privacy).digest("privacy.key_env")


def remember(lake: Lake, traces: Traces, now: datetime) -> None:
    """Store digests, so that a log that is read again brings nothing back."""
    known = memory(lake)
    rows = [
        *known.new("user", traces.users, now),
        *known.new("session", traces.sessions, now),
        *known.new("request", traces.requests, now),
    ]
    if rows:
        lake.upsert("forgotten", rows)


def remove_traces(lake: Lake, traces: Traces) -> list[str]:
    """Remove them from every table but the requests themselves; returns the tables changed.

    Incidents are not among them: whoever writes their pages stores them, the page first.
    """
    others = [table for table in existing_tables(lake) if table.name != REQUESTS]
    changed = [table.name for table in others if _remove_from(lake, table, traces)]
    if delete_rows(lake, "rejected_rows", "excerpt", traces.rejected):
        changed.append("rejected_rows")
    return changed


def remove_requests(lake: Lake, traces: Traces) -> list[str]:
    """Remove the requests. To be done last: until then, all that was left undone is found again.

    What was measured stays: windows, charts, alerts are numbers. The older files of the tables are
    still there until `purge_tables`.
    """
    found = [table for table in existing_tables(lake) if table.name == REQUESTS]
    return [table.name for table in found if _remove_from(lake, table, traces)]


def _remove_from(lake: Lake, table: Table, traces: Traces) -> int:
    requests = list(traces.requests)
    gone = delete_rows(lake, table.name, table.request, requests) if table.request else 0
    for column in table.people:
        gone += delete_rows(lake, table.name, column, traces.people(column))
    for column in table.mentions:
        gone += unname(lake, table.name, column, requests)
    return gone


def purge_tables(lake: Lake) -> None:
    """Leave nothing of any table that can hold words or ids but its newest version."""
    for table in existing_tables(lake):
        if table.words or table.request or table.mentions:
            purge(lake, table.name)


def prove(lake: Lake, settings: Settings, traces: Traces) -> Scan:
    """Look through every file of lake and reports on this machine for their ids and words."""
    folders = [Path(lake.uri)] if lake.is_local else []
    return scan([*folders, settings.reports], traces.ids, traces.words)


def without_common_words(lake: Lake, traces: Traces) -> Traces:
    """Texts that others still have are no trace of them; to be asked once theirs are gone."""
    if not traces.words:
        return traces
    common = set(lake.query("words_of_others", words=list(traces.words))["word"].to_pylist())
    kept = tuple(word for word in traces.words if word not in common)
    return replace(traces, words=kept, shared=len(common))


def logs_naming(settings: Settings, traces: Traces) -> list[Path]:
    """Log files of the hours of their requests that still name them."""
    hours = [hour for hour in traces.requests.values() if hour]
    if not hours:
        return []
    named = [*traces.users, *traces.sessions] or list(traces.requests)
    sources = [*settings.sources.requests, *settings.sources.signals]
    return files_naming(sources, min(hours), max(hours), named)


def without_forgotten(lake: Lake, reading: Reading[Any]) -> Reading[Any]:
    """What was read, without rows about somebody forgotten; they are counted in its reads.

    A row is known by its ids as the logs write them (`Reading.unwanted`), or as they are stored.
    Requests that a forgotten user goes on making are remembered too: their signals name no user.
    """
    known = memory(lake)
    if not known:
        return reading
    columns = reading.columns
    stored = columns["request_id"]
    users = columns.get("user_id", [None] * len(stored))
    ids = zip(reading.keys, stored, columns["session_id"], users, strict=True)
    theirs = [key in reading.unwanted or known.is_about(*row) for key, *row in ids]
    keys = set(compress(reading.keys, theirs))
    requests = {*compress(stored, theirs)} | {
        request for key, request in reading.unwanted.items() if key in keys
    }
    if new := known.new("request", requests):
        lake.upsert("forgotten", new)
    places = zip(columns["hour"], columns["source"], strict=True)
    gone = Counter(compress(places, theirs))
    reads = [
        replace(
            read,
            loaded=read.loaded - gone[read.hour, read.source],
            forgotten=gone[read.hour, read.source],
        )
        for read in reading.reads
    ]
    rejected = [
        replace(row, excerpt="") if known.is_in(row.excerpt) else row for row in reading.rejected
    ]
    kept = reading.only([not one for one in theirs])
    return replace(kept, rejected=rejected, reads=reads)
