"""Forgetting, from beginning to end, in the order in which a run may die anywhere."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.incidents.pages import write_cases, write_report
from llm_monitoring.pipeline.upkeep.forgetting import (
    Traces,
    find_traces,
    purge_tables,
    remember,
    remove_requests,
    remove_traces,
)
from llm_monitoring.settings import Settings


def forget(
    lake: Lake,
    settings: Settings,
    clock: Callable[[], datetime],
    known: Mapping[str, Sequence[str]],
    wait: Callable[[], None],
) -> tuple[Traces, list[str]]:
    """Remove users, sessions or requests; returns all that was found of them, tables changed.

    Args:
        known: as `find_traces` takes it.
        wait: returns once runs that are under way have ended.
    """
    remember(lake, find_traces(lake, settings, **known), clock())
    # A run that began before does not know yet who is forgotten.
    wait()
    traces = find_traces(lake, settings, **known)
    remember(lake, traces, clock())
    for incident in traces.incidents:
        write_report(lake, settings, clock(), incident, leave_out=traces.cases)
    changed = ["incidents"] if traces.incidents else []
    changed += remove_traces(lake, traces)
    if lake.version("regression_cases") is not None:
        write_cases(lake, settings)
    changed += remove_requests(lake, traces)
    # A run that had read their requests by then may have stored what it made of them.
    wait()
    remove_traces(lake, traces)
    purge_tables(lake)
    return traces, changed
