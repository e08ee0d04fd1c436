"""Addresses of our pages, as people reach them."""

from urllib.parse import quote

from llm_monitoring.settings import Settings


def report_link(settings: Settings, incident_id: str) -> str | None:
    """The page of an incident; None: `reports_url` is not set."""
    address = settings.reports_url
    return f"{address.rstrip('/')}/{quote(incident_id)}.html" if address else None


def asset_link(settings: Settings, asset: str) -> str | None:
    """The page of an asset in Dagster; None: `dagster_url` is not set."""
    address = settings.dagster_url
    return f"{address.rstrip('/')}/assets/{quote(asset)}" if address else None


def runs_link(settings: Settings) -> str | None:
    """Dagster's list of runs; None: `dagster_url` is not set."""
    address = settings.dagster_url
    return f"{address.rstrip('/')}/runs" if address else None
