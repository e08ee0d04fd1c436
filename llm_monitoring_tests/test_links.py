"""Addresses of reports and of Dagster's pages."""

from llm_monitoring.links import asset_link, incident_link, report_link
from llm_monitoring.settings import Settings

PLAIN = Settings.model_validate(
    {"product": "p", "start": "2026-10-01T00:00:00Z", "features": [{"feature_id": "f"}]}
)
BEHIND = PLAIN.model_copy(
    update={
        "reports_url": "https://ops.example/reports/",
        "dagster_url": "https://ops.example/dagster",
    }
)
NOWHERE = PLAIN.model_copy(update={"reports_url": None, "dagster_url": None})
NAME = "2026-10-20T14-support_chat-quality"


def test_links_lead_where_dev_serves_unless_the_settings_say_otherwise() -> None:
    assert report_link(PLAIN, NAME) == f"http://127.0.0.1:3001/{NAME}.html"
    assert asset_link(PLAIN, "alerts") == "http://127.0.0.1:3000/assets/alerts"
    assert report_link(BEHIND, NAME) == f"https://ops.example/reports/{NAME}.html"
    assert asset_link(BEHIND, "alerts") == "https://ops.example/dagster/assets/alerts"


def test_an_incident_without_a_report_is_linked_in_dagster() -> None:
    assert incident_link(PLAIN, NAME, has_report=True) == report_link(PLAIN, NAME)
    assert incident_link(PLAIN, NAME, has_report=False) == (
        f"http://127.0.0.1:3000/assets/incidents?view=partitions&partition={NAME}"
    )


def test_without_an_address_there_is_no_link() -> None:
    assert report_link(NOWHERE, NAME) is None
    assert asset_link(NOWHERE, "alerts") is None
    assert incident_link(NOWHERE, NAME, has_report=False) is None
