"""Stages: read from the lake, decide, write. They know nothing of Dagster, click or web servers."""
