"""Our own charts as contenders on real series, by the protocol of `real.py`."""

from benchmarks.detection.real import Watcher

NAB_WATCHERS: tuple[Watcher, ...] = ()
SERVEGEN_WATCHERS: tuple[Watcher, ...] = ()
