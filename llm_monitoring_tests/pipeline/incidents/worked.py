"""Incidents under work: each is named by the last word of its id."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from llm_monitoring.records import Incident
from llm_monitoring_tests.simulated import Simulated


class Worked(Simulated):
    """The simulated product, with what people do about its incidents."""

    def incident(self, what: str) -> Incident:
        rows: list[Incident] = self.lake.rows("incidents")
        (found,) = (row for row in rows if row.incident_id.endswith(what))
        return found

    def decide(self, decision: Callable[..., Any], what: str, **how: Any) -> Any:
        name = self.incident(what).incident_id
        return decision(self.lake, self.settings, self.now, name, **how)

    def page(self, what: str) -> str:
        path = self.incident(what).report_path
        assert path is not None
        return Path(path).read_text()
