"""What a team can set, with its defaults. Every key of monitoring.yaml is a field here."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from llm_monitoring.settings.control import (
    Breakdown,
    ControlSettings,
    IncidentSettings,
    InputSettings,
)
from llm_monitoring.settings.judging import (
    EndpointJudgeSettings,
    HeuristicJudgeSettings,
    ProbeSettings,
    Rubric,
)
from llm_monitoring.settings.keeping import (
    LakeSettings,
    PrivacySettings,
    Redaction,
    RetentionSettings,
)
from llm_monitoring.settings.languages import Language
from llm_monitoring.settings.notifying import (
    ChannelSettings,
    HeartbeatSettings,
    NotificationSettings,
)
from llm_monitoring.settings.strict import AttributeName, Name, Rate, Strict, refuse_twins


class FeatureSettings(Strict):
    """One LLM feature of the product."""

    feature_id: Name
    sample_rate: Rate | None = None  # None: sampling.rate
    languages: list[Language] = ["en"]  # expected languages of its users
    budget_usd_per_day: float | None = Field(None, gt=0)
    usual_output_characters: float | None = Field(None, gt=0)  # heuristic judge; None: not judged
    owner: str | None = None  # team or person; channels may ask for an owner's features


class SamplingSettings(Strict):
    """Which requests the judge sees."""

    rate: Rate = 0.05
    salt: str = ""


class Source(Strict):
    """Files of one kind; `{date}` (2026-01-31) and `{hour}` (00-23) in the path are UTC."""

    name: Name
    kind: Literal["jsonl", "otlp"] = "jsonl"
    path: str
    late_hours: int = Field(1, ge=0, le=48)  # a row may stand in a file this much later
    feature_attribute: str = "service.name"  # otlp: attribute that names the feature
    feature_id: Name | None = None  # otlp: the feature where the attribute is missing
    # Attribute of a request -> key it is read from: of a span or resource, or of the line.
    attributes: dict[AttributeName, AttributeName] = {}

    @field_validator("attributes", mode="before")
    @classmethod
    def _listed_attributes_keep_their_names(cls, value: Any) -> Any:
        return {name: name for name in value} if isinstance(value, list) else value

    @field_validator("path")
    @classmethod
    def _placeholders_are_known(cls, path: str) -> str:
        names = set(re.findall(r"{(.*?)}", path))
        if not names <= {"date", "hour"} or names == {"hour"}:
            raise ValueError("placeholders are {date} and {hour}; {hour} needs {date}")
        return path


class Sources(Strict):
    """Where the logs are."""

    requests: list[Source] = []
    signals: list[Source] = []
    changes: list[Path] = []  # YAML or JSON-lines files of the change ledger

    @field_validator("signals")
    @classmethod
    def _attributes_are_of_requests(cls, signals: list[Source]) -> list[Source]:
        if wrong := [source.name for source in signals if source.attributes]:
            raise ValueError(f"attributes are taken of requests, not of signals: {wrong[0]}")
        return signals


class PriceOverride(Strict):
    """A price of your own, effective-dated; wins over the price table."""

    model: str
    input_usd_per_million_tokens: float = Field(ge=0)
    output_usd_per_million_tokens: float = Field(ge=0)
    cache_read_usd_per_million_tokens: float | None = Field(None, ge=0)
    effective_from: datetime = datetime(1970, 1, 1, tzinfo=UTC)


class Settings(Strict):
    """All of monitoring.yaml."""

    product: str
    simulated: bool = False  # the data are make-believe, and every page says so
    start: datetime  # first hour that is monitored
    end: datetime | None = None  # None: for ever
    lake: LakeSettings = LakeSettings()
    reports: Path = Path("reports")
    reports_url: str | None = "http://127.0.0.1:3001"  # where people reach that folder; None: path
    dagster_url: str | None = "http://127.0.0.1:3000"  # where people reach Dagster; None: no links
    features: list[FeatureSettings] = Field(min_length=1)
    sources: Sources = Sources()
    sampling: SamplingSettings = SamplingSettings()
    judge: Annotated[
        HeuristicJudgeSettings | EndpointJudgeSettings, Field(discriminator="kind")
    ] = HeuristicJudgeSettings()
    rubric: Rubric = Rubric()
    inputs: InputSettings = InputSettings()
    breakdowns: list[Breakdown] = [
        # All models are charted; that a feature uses more than four is rare.
        Breakdown(attributes=["model"], budgeted=4, metrics=["avg_cost_per_request_usd"])
    ]
    control: ControlSettings = ControlSettings()
    probes: ProbeSettings = ProbeSettings()
    channels: list[ChannelSettings] = [ChannelSettings(name="log", kind="log")]
    notifications: NotificationSettings = NotificationSettings()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    incidents: IncidentSettings = IncidentSettings()
    prices: list[PriceOverride] = []
    retention: RetentionSettings = RetentionSettings()
    redaction: list[Redaction] = []
    privacy: PrivacySettings = PrivacySettings()

    @field_validator("start", "end")
    @classmethod
    def _is_a_whole_utc_hour(cls, moment: datetime | None) -> datetime | None:
        if moment is None:
            return None
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if moment != moment.replace(minute=0, second=0, microsecond=0):
            raise ValueError("must be a whole hour, UTC")
        return moment

    @model_validator(mode="after")
    def _names_arerefuse_twins(self) -> "Settings":
        refuse_twins("features", [feature.feature_id for feature in self.features])
        refuse_twins("probes.probes", [probe.probe_id for probe in self.probes.probes])
        refuse_twins("channels", [channel.name for channel in self.channels])
        refuse_twins("breakdowns", [" and ".join(each.attributes) for each in self.breakdowns])
        sources = [*self.sources.requests, *self.sources.signals]
        refuse_twins("sources", [source.name for source in sources])
        return self

    def feature(self, feature_id: str) -> FeatureSettings:
        """Settings of a feature; the defaults for one that logs name and monitoring.yaml not."""
        for feature in self.features:
            if feature.feature_id == feature_id:
                return feature
        return FeatureSettings.model_construct(feature_id=feature_id)

    @property
    def measured_breakdowns(self) -> list[Breakdown]:
        """The breakdowns; models are always among them: spend of unknown price is told by model."""
        if any(breakdown.attributes == ["model"] for breakdown in self.breakdowns):
            return self.breakdowns
        return [*self.breakdowns, Breakdown(attributes=["model"], charted=False)]

    def sample_rate(self, feature_id: str) -> float:
        """Share of a feature's requests that the judge sees."""
        rate = self.feature(feature_id).sample_rate
        return self.sampling.rate if rate is None else rate
