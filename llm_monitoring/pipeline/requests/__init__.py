"""Requests and signals: from log files to tables, and which hours have to be run."""
