"""What a person decides on the command line: a run of the same job as in Dagster."""

import os
import signal
from pathlib import Path
from typing import Any

import click

from llm_monitoring.cli.options import CONFIG_VARIABLE
from llm_monitoring.cli.terminal import Refused
from llm_monitoring.plain_text import one_line


def decide(config: Path, job: str, op: str, **values: Any) -> None:
    """Run a decision's job in this process, and wait for it.

    It waits for the pool of the incidents, where nothing takes long, and for no other command: who
    is woken at night does not wait for a backfill.

    Raises:
        Refused: the decision is refused, with the reason.
    """
    os.environ[CONFIG_VARIABLE] = str(config.resolve())
    # Dagster takes seconds to load, and the definitions read the variable.
    import dagster as dg  # noqa: PLC0415

    from llm_monitoring.cli.running.backfill import run_job, working_instance  # noqa: PLC0415
    from llm_monitoring.incidents.steps import IncidentError  # noqa: PLC0415
    from llm_monitoring.written import MistakeError  # noqa: PLC0415

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends its run as Ctrl-C does
    try:
        with working_instance(config.resolve(), _tell) as instance:
            run_job(instance, job, ops={op: {"config": values}})
    except dg.Failure as error:
        raise Refused(error.description or "refused") from error
    except (IncidentError, MistakeError) as error:
        raise Refused(str(error)) from error


def _tell(line: str) -> None:
    click.echo(one_line(line), err=True)
