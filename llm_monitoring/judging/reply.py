"""A judge's reply -> scores, or unscored with a reason."""

import json
import re
from typing import Any

from llm_monitoring.judging.scores import DIMENSIONS, HIGHEST, LOWEST, Scores, Unscored

PARSER_VERSION = "1"  # part of the epoch: what is read differently is judged differently
MAXIMUM_REASON_CHARACTERS = 500
CUT_OFF = frozenset({"length", "max_tokens"})
DECLINED = frozenset({"content_filter", "refusal"})
FENCED = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL)


def parse_reply(
    text: str, finish_reason: str | None = None, refusal: str | None = None
) -> Scores | Unscored:
    """Read one reply.

    Takes one JSON object, bare or in one code fence, with an integer 1-5 per dimension (4.0 is an
    integer, "4" and true are not). Nothing is searched for in prose and nothing is clamped: a
    score that has to be guessed is not the judge's.

    Args:
        text: the reply, "" where there is none.
        finish_reason: as the endpoint gave it.
        refusal: the endpoint's refusal message, if any.
    """
    if refusal or finish_reason in DECLINED:
        return Unscored(cause="refusal", detail=_shortened(refusal or f"{finish_reason}"))
    if not text.strip():
        return Unscored(cause="empty_reply", detail="the reply holds no text")
    try:
        reply = json.loads(
            _unfenced(text), object_pairs_hook=_unique_keys, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        return _unreadable(text, finish_reason, error)
    if not isinstance(reply, dict):
        return Unscored(cause="broken_json", detail=f"expected an object, got {_shortened(text)}")
    return _scores(reply)


def _scores(reply: dict[str, Any]) -> Scores | Unscored:
    for dimension in DIMENSIONS:
        if reply.get(dimension) is None:
            return Unscored(cause="missing_dimension", detail=dimension)
        value = reply[dimension]
        if not _is_integer(value):
            shown = _shortened(json.dumps(value))
            return Unscored(cause="not_an_integer", detail=f"{dimension} is {shown}")
        if not LOWEST <= value <= HIGHEST:
            return Unscored(cause="out_of_range", detail=f"{dimension} is {_shortened(f'{value}')}")
    reason = reply.get("reason")
    return Scores(
        reason=_shortened(reason) if isinstance(reason, str) and reason.strip() else None,
        **{dimension: float(reply[dimension]) for dimension in DIMENSIONS},
    )


def _is_integer(value: object) -> bool:
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)


def _unreadable(text: str, finish_reason: str | None, error: Exception) -> Unscored:
    if finish_reason in CUT_OFF:
        return Unscored(cause="truncated", detail=f"cut off at {len(text)} characters")
    if not text.lstrip().startswith(("{", "[", "```")):
        return Unscored(cause="prose", detail=_shortened(text))
    return Unscored(cause="broken_json", detail=_shortened(f"{error}"))


def _unfenced(text: str) -> str:
    fenced = FENCED.fullmatch(text.strip())
    return fenced[1] if fenced else text


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key given twice is two verdicts; which one was meant cannot be known."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError(f"a key is given twice among {', '.join(keys)}")
    return dict(pairs)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return (
        text if len(text) <= MAXIMUM_REASON_CHARACTERS else text[:MAXIMUM_REASON_CHARACTERS] + "…"
    )
