"""Did the inputs change? Novelty and language of single queries, and what is new about them.

A window's rates (`novelty_rate`, `unexpected_language_rate`) are means of the columns `novel`
and not `language_expected` over the queries where these are known.
"""

from llm_monitoring.inputs.centroid import CentroidStep, ReferenceCentroid
from llm_monitoring.inputs.description import (
    NovelGroup,
    describe_novel,
    language_mix_test,
    language_shares,
)
from llm_monitoring.inputs.features import INPUT_RULES, input_features
from llm_monitoring.inputs.reference import build_reference

__all__ = [
    "INPUT_RULES",
    "CentroidStep",
    "NovelGroup",
    "ReferenceCentroid",
    "build_reference",
    "describe_novel",
    "input_features",
    "language_mix_test",
    "language_shares",
]
