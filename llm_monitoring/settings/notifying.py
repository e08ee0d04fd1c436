"""Settings of who is told, when, by which channel."""

from datetime import time
from pathlib import Path
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from llm_monitoring.settings.strict import EnvironmentName, Name, Strict
from llm_monitoring.severity import Severity

Layer = Literal[
    "infrastructure", "cost", "quality", "satisfaction", "inputs", "provider", "data", "monitor"
]
LAYERS: tuple[str, ...] = get_args(Layer)


# Kinds that know by a key which messages are about one thing: a newer one replaces the older.
KEYED = ("pagerduty", "alertmanager")


def _is_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("not a time zone, such as Europe/Berlin") from error
    return name


def _clock_time(value: object) -> object:
    """YAML reads a bare 22:00 as 1320, a number of sixty parts; it is meant as a time."""
    if isinstance(value, int) and 0 <= value < 24 * 60:
        return time(*divmod(value, 60))
    return value


def _has_no_zone(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("expected a time such as 22:00; its zone goes into 'timezone'")
    return value


ClockTime = Annotated[time, BeforeValidator(_clock_time), AfterValidator(_has_no_zone)]


class ChannelSettings(Strict):
    """Where alerts go, and which of them."""

    name: Name
    kind: Literal["log", "webhook", "apprise", "pagerduty", "alertmanager"]
    url_env: EnvironmentName | None = None  # environment variable that holds the address
    secret_env: EnvironmentName | None = None  # webhook: variable with the key that signs messages
    file: Path | None = None  # log: messages are appended here too
    timeout_seconds: float = Field(60, gt=0, le=300)  # of a delivery as a whole
    minimum_severity: Severity = "ticket"
    layers: list[Layer] = []  # empty: all
    features: list[Name] = []  # empty: all, and what is about no feature
    owners: list[str] = []  # empty: all; else only features of these owners
    digest: bool = True  # the weekly digest goes there too

    @model_validator(mode="after")
    def _has_an_address(self) -> "ChannelSettings":
        if self.kind != "log" and self.url_env is None:
            raise ValueError(f"a {self.kind} channel needs 'url_env'")
        if self.kind != "log" and self.file is not None:
            raise ValueError("only a log channel has a 'file'")
        if self.kind != "webhook" and self.secret_env is not None:
            raise ValueError("only a webhook channel has a 'secret_env'")
        return self


class QuietHours(Strict):
    """Hours of a day in which only pages are sent; what else there is comes after them."""

    start: ClockTime
    end: ClockTime  # the next day's where it is before `start`
    timezone: str = "UTC"  # such as Europe/Berlin

    _timezone = field_validator("timezone")(_is_timezone)


class DigestSettings(Strict):
    """When the weekly digest is sent."""

    weekday: Literal[
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
    ] = "monday"
    hour: int = Field(8, ge=0, le=23)
    timezone: str = "UTC"

    _timezone = field_validator("timezone")(_is_timezone)


class NotificationSettings(Strict):
    """When people are told, by the wall clock, and how often."""

    within_hours: int = Field(48, ge=1)  # what began or ended before is a line of a summary at most
    repeat_hours: int = Field(24, ge=1)  # what goes on is told again after this long
    resolved_after_hours: int = Field(3, ge=0)  # quiet for so long, or it is not over yet
    summary_after_hours: int = Field(24, ge=1)  # a channel down for so long gets one summary
    attempts: int = Field(5, ge=1)  # failed ones in a row after which a channel is in trouble
    quiet_hours: QuietHours | None = None  # None: at any time
    digest: DigestSettings | None = DigestSettings()  # None: no weekly digest


class HeartbeatSettings(Strict):
    """What an outside watcher is told, and from when on an hour is late."""

    url_env: EnvironmentName | None = None  # variable that holds the address; None: no heartbeat
    late_hours: int = Field(2, ge=1, le=48)  # an hour is charted this long after its end, at most
