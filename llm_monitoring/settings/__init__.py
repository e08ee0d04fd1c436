"""monitoring.yaml as typed settings; a mistake names the file, the line and what was expected."""

from llm_monitoring.settings.control import Threshold
from llm_monitoring.settings.file import ConfigurationError, Mistake, read_settings
from llm_monitoring.settings.judging import (
    EndpointJudgeSettings,
    HeuristicJudgeSettings,
    ModelSettings,
    Probe,
)
from llm_monitoring.settings.models import FeatureSettings, Settings, Source
from llm_monitoring.settings.notifying import ChannelSettings

__all__ = [
    "ChannelSettings",
    "ConfigurationError",
    "EndpointJudgeSettings",
    "FeatureSettings",
    "HeuristicJudgeSettings",
    "Mistake",
    "ModelSettings",
    "Probe",
    "Settings",
    "Source",
    "Threshold",
    "read_settings",
]
