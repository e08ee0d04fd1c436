"""Faults that people noticed and the monitor did not: what its precision is judged beside."""

import hashlib
from collections.abc import Collection
from datetime import datetime

from llm_monitoring.hours import hour_key
from llm_monitoring.records import MissedIncident
from llm_monitoring.written import (
    MistakeError,
    check_words,
    moment_of,
    nearest_first,
    refuse_unless,
)


def missed_incident(
    features: Collection[str],
    now: datetime,
    *,
    feature_id: str | None,
    since: str,
    what: str,
    who: str,
) -> MissedIncident:
    """One missed fault as people write it down, checked.

    Args:
        features: that there are.
        now: when it is named.
        feature_id: None: it is not about one.
        since: hour in which it began, such as 2026-10-20T14, UTC where no zone is given.

    Returns:
        The fault. The same one named twice has the same id.

    Raises:
        MistakeError: an argument is wrong.
    """
    what = check_words("what", what, LONGEST_DESCRIPTION)
    who = check_words("who", who, LONGEST_NAME)
    if feature_id is not None and feature_id not in features:
        nearest = nearest_first(feature_id, features)
        raise MistakeError(f"feature_id: there is no {feature_id[:80]!r}; there are: {nearest}")
    began = moment_of("since", since)
    refuse_unless(began <= now, f"since: {since} lies in the future")
    hour = hour_key(began)
    return MissedIncident(
        missed_id=hashlib.sha256(repr((feature_id, hour, what)).encode()).hexdigest()[:12],
        feature_id=feature_id,
        hour=hour,
        what=what,
        who=who,
        named_at=now,
    )


LONGEST_NAME, LONGEST_DESCRIPTION = 200, 5000  # characters
