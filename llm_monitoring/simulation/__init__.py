"""A make-believe product, Larkspur Outfitters, with faults to switch on.

Everything here is simulated, and says so wherever it shows. Seeds and times are arguments: the
same seed gives the same logs, and an hour made alone equals that hour made in a range.
"""

from llm_monitoring.simulation.faults import FAULTS, Fault, choose_faults
from llm_monitoring.simulation.judge import FailingJudge, failing_judge
from llm_monitoring.simulation.logs import SimulationSummary, write_logs
from llm_monitoring.simulation.traffic import simulate_hour

__all__ = [
    "FAULTS",
    "FailingJudge",
    "Fault",
    "SimulationSummary",
    "choose_faults",
    "failing_judge",
    "simulate_hour",
    "write_logs",
]
