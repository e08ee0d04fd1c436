"""Judging sampled answers off the request path: rubric, reply, scores, and two judges."""

from llm_monitoring.judging.breakage import Evidence, heuristic_scores
from llm_monitoring.judging.endpoint import EndpointJudge, endpoint_epoch
from llm_monitoring.judging.heuristic import HEURISTIC, HeuristicJudge, heuristic_epoch
from llm_monitoring.judging.items import (
    Judge,
    JudgeItem,
    judge_and_commit,
    settled,
    to_judge,
)
from llm_monitoring.judging.reply import parse_reply
from llm_monitoring.judging.rubric import epoch_of, messages_for, response_format
from llm_monitoring.judging.scores import CAUSES, DIMENSIONS, Scores, Unscored, cause_of

__all__ = [
    "CAUSES",
    "DIMENSIONS",
    "HEURISTIC",
    "EndpointJudge",
    "Evidence",
    "HeuristicJudge",
    "Judge",
    "JudgeItem",
    "Scores",
    "Unscored",
    "cause_of",
    "endpoint_epoch",
    "epoch_of",
    "heuristic_epoch",
    "heuristic_scores",
    "judge_and_commit",
    "messages_for",
    "parse_reply",
    "response_format",
    "settled",
    "to_judge",
]
