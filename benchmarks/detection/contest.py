"""Every contender on the same streams, at its default, as asked and at matched run lengths."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.detection.detector import Detector, Setting, Trial, asked, default_of
from benchmarks.detection.ours import OURS
from benchmarks.detection.scoring import Delay, RunLength, delay, run_length, share_at
from benchmarks.detection.streams import Ints, Kind, Streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One contender at one setting.

    Args:
        detector: its name.
        ours: it is one of ours.
        setting: how its limit was come by.
        quiet: its run length on the streams in control.
        delays: by change.
        at_once: by change, share of the streams that alarm in the first changed window.
    """

    detector: str
    ours: bool
    setting: str
    quiet: RunLength
    delays: dict[str, Delay] = field(default_factory=dict)
    at_once: dict[str, float] = field(default_factory=dict)


def able(detectors: Iterable[Detector], kinds: Iterable[Kind]) -> tuple[Detector, ...]:
    """Those that can run here and are meant for all of these kinds."""
    wanted = set(kinds)
    return tuple(
        detector
        for detector in detectors
        if detector.unavailable() is None and wanted <= set(detector.kinds)
    )


def settings_of(trial: Trial, arl0s: Sequence[float]) -> list[Setting]:
    """Its default, what it promises and what matches, as far as there are such.

    Args:
        trial: on streams in control.
        arl0s: run lengths to ask for and to match.
    """
    found = [
        default_of(trial.detector),
        *(asked(trial.detector, arl0, trial.streams) for arl0 in arl0s),
        *(trial.matched(arl0) for arl0 in arl0s),
    ]
    return [setting for setting in found if setting is not None]


def contest(
    detectors: Sequence[Detector],
    quiet: Streams,
    changes: Mapping[str, Callable[[], Streams]],
    arl0s: Sequence[float],
) -> list[Entry]:
    """All that are meant for the kind of these streams.

    Args:
        detectors: contenders.
        quiet: in control; limits are matched on them and run lengths counted.
        changes: by name; made one after the other, as they are large.
        arl0s: run lengths to ask for and to match.
    """
    entries: list[Entry] = []
    settings: list[tuple[Detector, list[Setting]]] = []
    for detector in able(detectors, [quiet.kind]):
        trial = Trial(detector, quiet)
        settings.append((detector, settings_of(trial, arl0s)))
        entries += [
            Entry(
                detector=detector.name,
                ours=detector in OURS,
                setting=setting.name,
                quiet=run_length(trial.first_alarms(setting), quiet.monitored),
            )
            for setting in settings[-1][1]
        ]
    for name, make in changes.items():
        _add(entries, name, make(), settings)
    return entries


def _add(
    entries: Sequence[Entry],
    name: str,
    streams: Streams,
    settings: Sequence[tuple[Detector, Sequence[Setting]]],
) -> None:
    """Delays of one change, in the order of the entries."""
    change = streams.change or 0
    firsts = (
        first for detector, own in settings for first in _first_alarms(detector, own, streams)
    )
    for entry, first in zip(entries, firsts, strict=True):
        entry.delays[name] = delay(first, change, streams.monitored)
        entry.at_once[name] = share_at(first, change)


def _first_alarms(detector: Detector, settings: Sequence[Setting], streams: Streams) -> list[Ints]:
    trial = Trial(detector, streams)
    return [trial.first_alarms(setting) for setting in settings]
