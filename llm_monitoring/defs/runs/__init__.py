"""Runs: their processes, those that failed, and those past their time."""
