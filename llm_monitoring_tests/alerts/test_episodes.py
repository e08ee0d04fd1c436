from llm_monitoring.alerts import USUAL_SEVERITIES, severity_of
from llm_monitoring.metrics import METRICS


def test_every_metric_has_a_severity() -> None:
    assert {severity_of(m.layer, m.name) for m in METRICS} <= {"page", "ticket", "info"}
    assert set(USUAL_SEVERITIES.values()) == {"page", "ticket", "info"}
