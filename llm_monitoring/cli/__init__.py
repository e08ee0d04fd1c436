"""The command line: `llm-monitoring --help` names its commands."""

from llm_monitoring.cli.main import main

__all__ = ["main"]
