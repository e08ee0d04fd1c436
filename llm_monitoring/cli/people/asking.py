"""A backfill that a paid judge works for says what it costs, and waits for a word."""

from datetime import UTC, datetime

import click

from llm_monitoring.cli.query import open_lake
from llm_monitoring.pipeline.judging.estimate import estimate_judging
from llm_monitoring.settings import EndpointJudgeSettings, Settings


def ask_before_paying(settings: Settings, first: int, last: int) -> None:
    """Tell what judging the hours costs, and ask; without a paid judge, or answers, nothing.

    Raises:
        click.Abort: the answer was no.
    """
    if not isinstance(settings.judge, EndpointJudgeSettings):
        return
    estimate = estimate_judging(
        open_lake(settings), settings, settings.judge, first, last, now=datetime.now(UTC)
    )
    if estimate.answers:
        click.echo(estimate.sentence())
        click.confirm("Go on?", abort=True)
