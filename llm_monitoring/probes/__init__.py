"""Canary probes: fixed questions whose answers show a silent change of the model behind a name."""

from llm_monitoring.probes.checks import (
    CHECK_VERSION,
    CHECKS,
    Check,
    CheckContext,
    CheckOutcome,
    IdentifyLanguages,
    check_of,
    probe_mistakes,
)
from llm_monitoring.probes.drift import (
    confirmed,
    frozen_reference,
    needs_confirmation,
    provider_drift,
)
from llm_monitoring.probes.pins import unpinned_models, unpinned_reason
from llm_monitoring.probes.runs import Complete, Completion, probe_version, run_probes

__all__ = [
    "CHECKS",
    "CHECK_VERSION",
    "Check",
    "CheckContext",
    "CheckOutcome",
    "Complete",
    "Completion",
    "IdentifyLanguages",
    "check_of",
    "confirmed",
    "frozen_reference",
    "needs_confirmation",
    "probe_mistakes",
    "probe_version",
    "provider_drift",
    "run_probes",
    "unpinned_models",
    "unpinned_reason",
]
