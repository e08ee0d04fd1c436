"""The catalogue of faults: what is wrong, from when to when, and which metrics it moves.

A fault is a change of the conditions the product works under. `affects` is the one truth about
what a fault may move: an alarm elsewhere is a false alarm.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from llm_monitoring.hours import hours_between, shift
from llm_monitoring.simulation.product import Feature

DEMO_START = 2026100500
DAY = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a feature works under in one hour; all healthy unless a fault says otherwise."""

    error_ratio: float = 0.005
    is_silent: bool = False  # no request is logged
    swapped_ratio: float = 0.0  # share answered by the model that was swapped in
    input_tokens_factor: float = 1.0
    prompt_version: str = ""
    german_ratio: float = 0.0  # share of sessions


Worsen = Callable[[Conditions, "Fault", int], Conditions]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Args:
        name: key in FAULTS.
        feature_id: the only feature it touches.
        affects: metrics it moves, by their name in the catalogue of metrics.
        start_offset: hours from the start of the simulation to its first hour.
        end_offset: hours from there to the first hour after it.
        size: how bad it gets; its meaning stands in `description`.
        description: what it does, in words.
        worsen: (conditions, the fault, hours since it began) -> conditions under the fault.
        start: first hour of the simulation, yyyymmddhh.
    """

    name: str
    feature_id: str
    affects: tuple[str, ...]
    start_offset: int
    end_offset: int
    size: float
    description: str
    worsen: Worsen = field(repr=False)
    start: int = DEMO_START

    @property
    def first_hour(self) -> int:
        """First hour that is affected, yyyymmddhh."""
        return shift(self.start, self.start_offset)

    @property
    def last_hour(self) -> int:
        """Last hour that is affected, yyyymmddhh."""
        return shift(self.start, self.end_offset - 1)

    @property
    def hours(self) -> int:
        """How long it lasts."""
        return self.end_offset - self.start_offset

    def is_on(self, hour: int) -> bool:
        """The fault is there in this hour."""
        return self.first_hour <= hour <= self.last_hour


def choose_faults(*names: str, start: int = DEMO_START) -> tuple[Fault, ...]:
    """Faults by name, all of them when none is named, in a simulation that begins at `start`.

    `dataclasses.replace` moves or scales one: `replace(fault, end_offset=1440, size=0.1)`.

    Raises:
        ValueError: a name is not in the catalogue.
    """
    unknown = sorted(set(names) - set(FAULTS))
    if unknown:
        raise ValueError(f"no fault is called {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    return tuple(replace(FAULTS[name], start=start) for name in names or FAULTS)


def conditions_at(feature: Feature, hour: int, faults: Iterable[Fault]) -> Conditions:
    """What a feature works under in an hour, with every fault that is on."""
    conditions = Conditions(prompt_version=feature.prompt_version)
    for fault in _on(faults, feature.feature_id, hour):
        conditions = fault.worsen(conditions, fault, hours_between(fault.first_hour, hour))
    return conditions


def _on(faults: Iterable[Fault], feature_id: str, hour: int) -> Iterator[Fault]:
    return (fault for fault in faults if fault.feature_id == feature_id and fault.is_on(hour))


def _swap_provider(conditions: Conditions, fault: Fault, _: int) -> Conditions:
    return replace(conditions, swapped_ratio=fault.size)


def _bloat_prompt(conditions: Conditions, fault: Fault, _: int) -> Conditions:
    return replace(conditions, input_tokens_factor=fault.size, prompt_version="search-v13")


def _send_germans(conditions: Conditions, fault: Fault, _: int) -> Conditions:
    return replace(conditions, german_ratio=fault.size)


def _let_errors_creep(conditions: Conditions, fault: Fault, hours_in: int) -> Conditions:
    done = hours_in / max(1, fault.hours - 1)
    ratio = conditions.error_ratio + (fault.size - conditions.error_ratio) * done
    return replace(conditions, error_ratio=ratio)


def _cut_off(conditions: Conditions, fault: Fault, hours_in: int) -> Conditions:
    if hours_in == 0:
        return replace(conditions, error_ratio=fault.size)
    return replace(conditions, is_silent=True)


def _leave_product_alone(conditions: Conditions, _fault: Fault, _hours_in: int) -> Conditions:
    return conditions


_ANSWERS = (
    "quality_mean",
    "correctness_mean",
    "completeness_mean",
    "tone_mean",
    "flag_rate",
    "avg_output_tokens",
    "avg_cost_per_request_usd",
    "total_cost_usd",
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
    "correction_rate",
    "follow_up_rate",
    "abandonment_rate",
    "explicit_positive_rate",
    "explicit_feedback_coverage",
)
_PROBES = ("pass_rate", "length", "identity")
# A failed request has no answer to judge, to react to, to pay for or to be refused.
_ERRORS = (
    "error_rate",
    "judge_coverage",
    "refusal_rate",
    "unscored_rate",
    "total_cost_usd",
    "correction_rate",
    "follow_up_rate",
    "abandonment_rate",
    "explicit_feedback_coverage",
)
_INPUTS = ("novelty_rate", "unexpected_language_rate", "query_length_mean", "avg_input_tokens")

FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault(
            name="provider_swap",
            feature_id="support_chat",
            affects=(*_ANSWERS, *_PROBES),
            start_offset=15 * DAY + 10,
            end_offset=17 * DAY,
            size=1.0,
            description="The provider serves a cheaper model under the same name: answers get "
            "shorter, vaguer, now and then off topic or cut off; the fingerprint changes. "
            "Size: share of the requests it answers.",
            worsen=_swap_provider,
        ),
        Fault(
            name="prompt_bloat",
            feature_id="product_search",
            affects=("avg_input_tokens", "avg_cost_per_request_usd", "total_cost_usd"),
            # At night, half a day from the provider swap: two causes, two incidents.
            start_offset=15 * DAY + 23,
            end_offset=21 * DAY,
            size=1.6,
            description="A new prompt is longer: every request costs more. Size: factor on the "
            "input tokens.",
            worsen=_bloat_prompt,
        ),
        Fault(
            name="new_language",
            feature_id="support_chat",
            affects=(*_INPUTS, *_ANSWERS),
            start_offset=18 * DAY + 9,
            end_offset=19 * DAY + 15,
            size=0.2,
            description="German customers arrive; the assistant answers some of them in English. "
            "Size: share of the sessions that are German.",
            worsen=_send_germans,
        ),
        Fault(
            name="error_creep",
            feature_id="product_search",
            affects=_ERRORS,
            start_offset=17 * DAY,
            end_offset=21 * DAY,
            size=0.048,
            description="Errors rise slowly and evenly from .5 %. Size: share of the requests "
            "that fail in the last hour.",
            worsen=_let_errors_creep,
        ),
        Fault(
            name="outage",
            feature_id="support_chat",
            affects=("request_count", "missing_windows", *_ERRORS),
            start_offset=20 * DAY + 12,
            end_offset=20 * DAY + 17,
            size=0.35,
            description="Requests fail for an hour, then none is logged for the rest. Size: share "
            "of the requests that fail in the first hour.",
            worsen=_cut_off,
        ),
        Fault(
            name="judge_failure",
            feature_id="product_search",
            affects=("unscored_rate", "judge_coverage"),
            # Before the errors creep up: a failed request cannot be judged either.
            start_offset=16 * DAY + 13,
            end_offset=16 * DAY + 19,
            size=1.0,
            description="The judge does not answer; the product is well. Size: not used.",
            worsen=_leave_product_alone,
        ),
    )
}
