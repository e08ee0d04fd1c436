"""The command line: `llm-monitoring check | backfill | sql | backtest | power | demo | dev`."""

from llm_monitoring.cli.main import main

__all__ = ["main"]
