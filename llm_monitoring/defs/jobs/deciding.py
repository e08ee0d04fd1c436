"""What jobs of people have in common: they are not retried, and take turns at incidents."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from llm_monitoring.pipeline.incidents.casework import NoSuchIncidentError

# A decision that was refused or that failed is people's to take again, never Dagster's.
DECISION = {"dagster/max_retries": "0"}
POOL = "incidents"  # one at a time, so that no decision is lost


@contextmanager
def found() -> Iterator[None]:
    """An incident that is not there fails the step in words, without a traceback."""
    try:
        yield
    except NoSuchIncidentError as error:
        raise dg.Failure(str(error)) from error
