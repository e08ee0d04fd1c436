"""The catalogue PEERS: who is measured beside us.

Positive metrics are given to most peers as logarithms, which favours them: as products they chart
the raw value. A peer that can looks only in the bad directions.
"""

from benchmarks.detection.alibi_peer import ALIBI
from benchmarks.detection.caliper_peers import CALIPER
from benchmarks.detection.detector import Detector
from benchmarks.detection.river_peers import RIVER
from benchmarks.detection.textbook_peers import TEXTBOOK

PEERS: tuple[Detector, ...] = (*TEXTBOOK, *RIVER, *CALIPER, *ALIBI)
