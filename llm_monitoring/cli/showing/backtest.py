"""`llm-monitoring backtest`: rules side by side over stored windows. The lake is only read."""

from functools import partial

import pyarrow as pa
from rich.progress import track

from llm_monitoring.cli.console import PlainConsole
from llm_monitoring.cli.query import open_lake, print_json, print_table
from llm_monitoring.cli.showing.backtest_report import (
    EPISODE_COLUMNS,
    episode_rows,
    print_report,
    result_document,
)
from llm_monitoring.pipeline.studies.backtest import Question, answer
from llm_monitoring.settings import Settings


def run_backtest(settings: Settings, question: Question, style: str) -> None:
    """Backtest the rules and print what came of it.

    Raises:
        ValueError: a rule, a name, the range or the file of incidents is mistaken.
    """
    console = PlainConsole(stderr=True)
    progress = partial(track, description="metrics", console=console, transient=True)
    found = answer(open_lake(settings), settings, question, progress)
    if style == "json":
        print_json([result_document(result, found.incidents) for result in found.results])
    elif style == "csv":
        rows = [row for result in found.results for row in episode_rows(result, found.incidents)]
        columns = {name: [row[name] for row in rows] for name in EPISODE_COLUMNS}
        print_table(pa.table(columns), "csv")
    else:
        print_report(found.results, found.incidents)
