"""Whether a model's name says which model it is."""

import re

from llm_monitoring.settings.judging import EndpointJudgeSettings
from llm_monitoring.settings.models import Settings


def unpinned_models(settings: Settings) -> list[str]:
    """Models named by an alias, each with where it is used and why it counts as one."""
    used = [("probes.models", model.model) for model in settings.probes.models]
    if isinstance(settings.judge, EndpointJudgeSettings):
        used.append(("judge", settings.judge.model))
    reasons = [(where, model, unpinned_reason(model)) for where, model in used]
    return [f"{where}: {model}: {reason}" for where, model, reason in reasons if reason]


def unpinned_reason(model: str) -> str | None:
    """Why the provider may change what this name means; None: it is pinned."""
    if ALIAS.search(model):
        return "an alias that moves by its own words; name a dated version"
    if any(pin.search(model) for pin in PINS):
        return None
    return "no date, version number or revision in its name; name a dated version"


ALIAS = re.compile(r"(?:^|[-_:@/.])(?:latest|default|auto|stable|current)$", re.IGNORECASE)
_MONTH, _DAY = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
PINS = (
    re.compile(rf"(?<!\d)20\d\d-?{_MONTH}-?{_DAY}(?!\d)"),  # 2024-08-06, 20250929
    re.compile(rf"(?<!\d){_MONTH}-20\d\d(?!\d)"),  # 08-2024
    re.compile(
        rf"[-@](?:{_MONTH}{_DAY}|2\d{_MONTH})(?!\d)"
    ),  # 0613 (month, day), 2411 (year, month)
    re.compile(r"-0\d\d$"),  # 002: a numbered release
    re.compile(r"(?:@|sha256[:-])[0-9a-f]{7,}", re.IGNORECASE),  # a revision of open weights
    re.compile(r"\.(?:gguf|safetensors)$", re.IGNORECASE),  # a file
)
