"""Lakes as older code wrote them."""

import tarfile
from pathlib import Path

from llm_monitoring.lake import Lake

LAYOUT_1 = Path(__file__).with_name("layout_1.tar.xz")  # made by layout_1.py


def unpack(folder: Path) -> Lake:
    """The lake of the first layout, as `lake` in a folder."""
    with tarfile.open(LAYOUT_1) as archive:
        archive.extractall(folder, filter="data")
    return Lake(str(folder / "lake"))
