"""Tables of the lake as pandas frames, for a notebook.

from llm_monitoring.notebook import open_table

windows = open_table("window_metrics", hours=(2026100500, 2026101123))
errors = windows[(windows.metric == "error_rate") & (windows.segment == "{}")]
errors.groupby("feature_id").value.plot()
"""

from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from llm_monitoring.configuration import load_settings
from llm_monitoring.lake import TABLES, Lake


def open_table(
    name: str,
    config: str | Path = "monitoring.yaml",
    *,
    hours: tuple[int, int] | None = None,
) -> pd.DataFrame:
    """A table of the lake, in the order of its key; docs/tables.md says what its columns are.

    A table with hours is indexed by the start of each, UTC, so that it can be plotted and
    resampled. Of a large one, ask for the hours you need.

    Args:
        name: such as `window_metrics`.
        config: the monitoring.yaml that names the lake; the lake is only read.
        hours: first and last hour wanted, both included, yyyymmddhh; None: all there are.

    Raises:
        ConfigurationError: there is a mistake in the file.
        ValueError: there is no such table, or hours are asked of one that has none.
    """
    if name not in TABLES:
        near = get_close_matches(name, TABLES, n=1) or sorted(TABLES)
        raise ValueError(f"no table is called {name!r}; there is {', '.join(near)}")
    has_hours = "hour" in TABLES[name].schema.names
    if hours is not None and not has_hours:
        raise ValueError(f"{name} has no hours: leave them out")
    lake = load_settings(Path(config)).lake
    frame: pd.DataFrame = Lake(lake.uri, lake.all_options()).table(name, hours=hours).to_pandas()
    if has_hours:
        starts = pd.to_datetime(frame["hour"].astype(str), format="%Y%m%d%H", utc=True)
        frame.index = pd.DatetimeIndex(starts, name="time")
    return frame
