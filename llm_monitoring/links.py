"""Addresses that people can follow: reports of incidents, and pages of Dagster."""

from urllib.parse import quote, urlencode

from llm_monitoring.settings import Settings


def report_link(settings: Settings, incident_id: str) -> str | None:
    """Report of an incident; None: the settings do not say where people reach reports."""
    return _at(settings.reports_url, f"{quote(incident_id)}.html")


def incident_link(settings: Settings, incident_id: str, *, has_report: bool) -> str | None:
    """Report of an incident; while there is none yet, its page in Dagster."""
    report = report_link(settings, incident_id) if has_report else None
    return report or asset_link(settings, "incidents", partition=incident_id)


def asset_link(settings: Settings, asset_key: str, *, partition: str | None = None) -> str | None:
    """Page of an asset, or of one of its partitions; None: nobody says where Dagster is reached."""
    chosen = {"view": "partitions", "partition": partition} if partition else {}
    return _at(settings.dagster_url, f"assets/{quote(asset_key)}", chosen)


def runs_link(settings: Settings) -> str | None:
    """Dagster's list of runs; None: nobody says where Dagster is reached."""
    return _at(settings.dagster_url, "runs")


def _at(address: str | None, path: str, chosen: dict[str, str] | None = None) -> str | None:
    if not address:
        return None
    asked = f"?{urlencode(chosen)}" if chosen else ""
    return f"{address.rstrip('/')}/{path}{asked}"
