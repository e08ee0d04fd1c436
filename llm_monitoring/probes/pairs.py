"""Which probes of two runs can be compared, and why the others cannot."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from llm_monitoring.records import ProbeResult
from llm_monitoring.stats.proportions import Stratum


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One probe in both runs."""

    probe_id: str
    stratum: Stratum
    reference_length: float  # median over repeats, characters
    length: float


@dataclass(frozen=True, slots=True)
class Pairing:
    """Probes that can be compared, and the others by reason."""

    pairs: list[Pair]
    left_out: dict[str, list[str]]  # reason -> probe ids
    unanswered_calls: int  # of the current run

    def told(self) -> str:
        """How many are compared and which are not, in words."""
        reasons = [f"{LEFT_OUT[reason]}: {', '.join(ids)}" for reason, ids in self.left_out.items()]
        if self.unanswered_calls:
            reasons.append(f"calls without an answer: {self.unanswered_calls}")
        return "; ".join([f"{len(self.pairs)} probes", *reasons])


def is_steady(passes: int, trials: int) -> bool:
    """Not flaky: its pass rate in the reference run does not lie strictly between .2 and .8.

    A probe that passes now and then says little about a change and is quarantined.
    """
    return 5 * passes <= trials or 5 * passes >= 4 * trials


def pair_probes(reference: Sequence[ProbeResult], current: Sequence[ProbeResult]) -> Pairing:
    """Compares each probe of the current run with itself in the reference run, of one model."""
    then, now = _by_probe(reference), _by_probe(current)
    pairs: list[Pair] = []
    left_out: dict[str, list[str]] = {}
    for probe_id in sorted(then.keys() | now.keys()):
        before, after = then.get(probe_id, []), now.get(probe_id, [])
        reason = _left_out(before, after)
        if reason is None:
            pairs.append(_pair(probe_id, _answered(before), _answered(after)))
        else:
            left_out.setdefault(reason, []).append(probe_id)
    return Pairing(pairs, left_out, sum(result.passed is None for result in current))


def _left_out(then: Sequence[ProbeResult], now: Sequence[ProbeResult]) -> str | None:
    before, after = _answered(then), _answered(now)
    if not now:
        return "gone"
    if not before:
        return "unknown"
    if {result.probe_version for result in now} != {result.probe_version for result in before}:
        return "edited"
    if not is_steady(sum(bool(result.passed) for result in before), len(before)):
        return "flaky"
    return None if after else "unanswered"


def _pair(probe_id: str, then: Sequence[ProbeResult], now: Sequence[ProbeResult]) -> Pair:
    return Pair(
        probe_id=probe_id,
        stratum=Stratum(
            reference_passes=sum(bool(result.passed) for result in then),
            reference_trials=len(then),
            current_passes=sum(bool(result.passed) for result in now),
            current_trials=len(now),
        ),
        reference_length=median(len(result.output_text or "") for result in then),
        length=median(len(result.output_text or "") for result in now),
    )


def _answered(results: Iterable[ProbeResult]) -> list[ProbeResult]:
    return [result for result in results if result.passed is not None]


def _by_probe(results: Iterable[ProbeResult]) -> dict[str, list[ProbeResult]]:
    probes: dict[str, list[ProbeResult]] = {}
    for result in results:
        probes.setdefault(result.probe_id, []).append(result)
    return probes


LEFT_OUT = {
    "flaky": "flaky in the reference run, quarantined",
    "edited": "edited since the reference run",
    "unknown": "without an answer in the reference run",
    "unanswered": "not answered",
    "gone": "no longer asked",
}
