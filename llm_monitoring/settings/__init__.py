"""monitoring.yaml as typed settings; a mistake names the file, the line and what was expected."""

from llm_monitoring.settings.file import ConfigurationError, load_settings
from llm_monitoring.settings.models import (
    ChannelSettings,
    EndpointJudgeSettings,
    FeatureSettings,
    HeuristicJudgeSettings,
    ModelSettings,
    Probe,
    Settings,
    Source,
    Threshold,
)

__all__ = [
    "ChannelSettings",
    "ConfigurationError",
    "EndpointJudgeSettings",
    "FeatureSettings",
    "HeuristicJudgeSettings",
    "ModelSettings",
    "Probe",
    "Settings",
    "Source",
    "Threshold",
    "load_settings",
]
