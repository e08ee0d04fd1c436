"""monitoring.yaml, held against every catalogue: a name that stands for nothing is a mistake.

Settings lie below the catalogues and know only how a name may look; whoever wants settings from a
file asks here.
"""

import logging
from collections.abc import Collection, Iterator
from pathlib import Path

from llm_monitoring.control import chart_mistake
from llm_monitoring.metrics import BY_NAME, OF_SEGMENTS
from llm_monitoring.probes import probe_mistakes
from llm_monitoring.settings import Mistake, Settings, Threshold, read_settings
from llm_monitoring.settings.file import Location
from llm_monitoring.stats.charts import CHARTS
from llm_monitoring.written import no_such

_LOG = logging.getLogger(__name__)


def load_settings(path: str | Path) -> Settings:
    """Settings of a file, every name in them one that there is; what is unwise is logged.

    Raises:
        ConfigurationError: the file is missing, is not YAML, or holds a mistake.
    """
    settings = read_settings(path, mistakes_in)
    for caution in cautions(settings):
        _LOG.warning("%s: %s", path, caution)
    return settings


def mistakes_in(settings: Settings) -> Iterator[Mistake]:
    """Names that stand for nothing, and lines that nothing can cross."""
    mistake = chart_mistake(settings.control.chart)
    if mistake:
        yield Mistake(("control", "chart"), mistake)
    for index, line in enumerate(settings.control.thresholds):
        yield from _of_line(settings, line, ("control", "thresholds", index))
    for index, breakdown in enumerate(settings.breakdowns):
        for place, name in enumerate(breakdown.metrics):
            yield from _unless(
                "charted metric", name, OF_SEGMENTS, ("breakdowns", index, "metrics", place)
            )
    owners = [feature.owner for feature in settings.features if feature.owner]
    for index, channel in enumerate(settings.channels):
        for key, what, asked, known in (
            ("features", "feature", channel.features, _features(settings)),
            ("owners", "owner", channel.owners, owners),
        ):
            for place, name in enumerate(asked):
                yield from _unless(what, name, known, ("channels", index, key, place))
    for index, probe in enumerate(settings.probes.probes):
        for within, text in probe_mistakes(probe):
            yield Mistake(("probes", "probes", index, *within), text)


def cautions(settings: Settings) -> list[str]:
    """What is allowed and unwise."""
    chart = settings.control.chart
    if CHARTS[chart].can_alarm:
        return []
    return [
        f"control.chart: {chart} cannot alarm, whatever happens: only silence and the lines of "
        "control.thresholds are watched"
    ]


def _of_line(settings: Settings, line: Threshold, at: Location) -> Iterator[Mistake]:
    yield from _unless("metric", line.metric, BY_NAME, (*at, "metric"))
    if line.metric in BY_NAME and BY_NAME[line.metric].is_share:
        yield from _never_crossed(line, at)
    if line.feature_id is not None:
        yield from _unless("feature", line.feature_id, _features(settings), (*at, "feature_id"))


def _never_crossed(line: Threshold, at: Location) -> Iterator[Mistake]:
    share = "a share lies between 0 and 1 (0.05 is 5 %), so it is never"
    if line.above is not None and line.above >= 1:
        yield Mistake((*at, "above"), f"{share} above {line.above:g}")
    if line.below is not None and line.below <= 0:
        yield Mistake((*at, "below"), f"{share} below {line.below:g}")


def _features(settings: Settings) -> list[str]:
    return [feature.feature_id for feature in settings.features]


def _unless(what: str, name: str, known: Collection[str], at: Location) -> Iterator[Mistake]:
    if name not in known:
        yield Mistake(at, no_such(what, name, known))
