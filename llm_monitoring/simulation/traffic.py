"""One hour of the make-believe product: requests, answers, and what users made of them.

Every random number of a request is drawn before any fault is looked at. So a fault changes what it
is about and leaves all else, to the last bit, as it would have been.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from llm_monitoring.hours import hour_start
from llm_monitoring.records import Request, UserSignal
from llm_monitoring.simulation.faults import Conditions, Fault, conditions_at
from llm_monitoring.simulation.product import FEATURES, Exchange, Feature, Model, pool, refusals
from llm_monitoring.simulation.reactions import reactions

SOURCE = "simulation"
REFUSAL_RATIO = 0.005
ENGLISH_TO_GERMANS_RATIO = 0.3
CHARACTERS_PER_TOKEN = 4.3
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Draws = Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Reply:
    """What was asked and answered.

    Args:
        outcome: what the answer is worth: a key of USUAL, foreign or refused.
        is_swapped: the model that was swapped in gave it.
    """

    question: str
    text: str
    outcome: str
    is_swapped: bool

    @property
    def is_bad(self) -> bool:
        """The user has reason to complain."""
        return self.outcome not in ("good", "brief")

    @property
    def finish_reason(self) -> str:
        """As logged."""
        return {"cut": "max_tokens", "refused": "refusal"}.get(self.outcome, "end_turn")


def simulate_hour(
    hour: int, seed: int, faults: Iterable[Fault] = ()
) -> tuple[list[Request], list[UserSignal]]:
    """All requests sent in an hour, by feature and time, and all signals about them.

    Args:
        hour: yyyymmddhh.
        seed: the same seed and hour give the same rows, with or without other hours.
        faults: those of the whole simulation; the ones that are on are applied.

    Returns:
        Requests, and the signals about them; a signal may come up to an hour after its request.
    """
    faults = tuple(faults)
    requests: list[Request] = []
    signals: list[UserSignal] = []
    for feature in FEATURES.values():
        conditions = conditions_at(feature, hour, faults)
        if not conditions.is_silent:
            sent, reacted = _simulate_feature(feature, hour, seed, conditions)
            requests += sent
            signals += reacted
    return requests, signals


def expected_requests(feature: Feature, hour: int) -> float:
    """Mean number of requests in an hour: a day that peaks in the afternoon, a quieter weekend."""
    moment = hour_start(hour)
    day = 0.9 if moment.weekday() >= 5 else 1.04
    return feature.requests_per_hour * HOUR_OF_DAY[moment.hour] * day


def _simulate_feature(
    feature: Feature, hour: int, seed: int, now: Conditions
) -> tuple[list[Request], list[UserSignal]]:
    rng = np.random.default_rng([seed, feature.number, hour])
    # A Poisson number with a gamma mean: a little more variable than chance alone, as traffic is.
    n = int(rng.poisson(expected_requests(feature, hour) * rng.gamma(200, 1 / 200)))
    draws = dict(zip(UNIFORMS, rng.random((len(UNIFORMS), n)), strict=True))
    draws |= dict(zip(NORMALS, rng.standard_normal((len(NORMALS), n)), strict=True))
    draws["time"].sort()
    sessions = (draws["session"] * max(1, round(n / REQUESTS_PER_SESSION))).astype(int)
    replies = _replies(feature, now, draws, draws["language"][sessions] < now.german_ratio)
    requests = _requests(replies, sessions, draws, feature=feature, hour=hour, now=now)
    return requests, reactions(requests, [reply.is_bad for reply in replies], draws)


def _replies(feature: Feature, now: Conditions, draws: Draws, german: Flags) -> list[Reply]:
    swapped = draws["swap"] < now.swapped_ratio
    home = pool(feature.feature_id)
    abroad = pool(f"{feature.feature_id}_german") if german.any() else home
    columns = zip(
        german.tolist(),
        home.pick(draws["exchange"]),
        abroad.pick(draws["exchange"]),
        home.pick(draws["other"]),
        _outcomes(draws, german, swapped),
        swapped.tolist(),
        draws["answer"].tolist(),
        strict=True,
    )
    replies = []
    for is_german, at_home, from_abroad, other, outcome, is_swapped, uniform in columns:
        exchange, vague = (from_abroad, abroad.vague) if is_german else (at_home, home.vague)
        text = _answer(outcome, exchange, other, vague, uniform)
        replies.append(Reply(exchange.question, text, outcome, is_swapped))
    return replies


def _outcomes(draws: Draws, german: Flags, swapped: Flags) -> list[str]:
    usual = np.searchsorted(_rising(USUAL), draws["outcome"], side="right")
    lesser = np.searchsorted(_rising(SWAPPED), draws["outcome"], side="right")
    outcomes = np.array(tuple(USUAL))[np.where(swapped, lesser, usual)]
    outcomes[german & (draws["foreign"] < ENGLISH_TO_GERMANS_RATIO)] = "foreign"
    outcomes[draws["refusal"] < REFUSAL_RATIO] = "refused"
    return [str(outcome) for outcome in outcomes]


def _rising(shares: Mapping[str, float]) -> Floats:
    return np.cumsum(list(shares.values())) / sum(shares.values())


def _answer(
    outcome: str, exchange: Exchange, other: Exchange, vague: Sequence[str], uniform: float
) -> str:
    instead = {
        "vague": vague,
        "off_topic": other.answers,
        "foreign": exchange.answers_in_english,
        "refused": refusals(),
    }
    text = _one_of(instead.get(outcome, exchange.answers), uniform)
    if outcome == "brief":
        return text.partition(". ")[0].rstrip(".") + "."
    return text[: int(0.45 * len(text))].rsplit(" ", 1)[0] if outcome == "cut" else text


def _one_of(texts: Sequence[str], uniform: float) -> str:
    return texts[int(uniform * len(texts))]


def _requests(
    replies: Sequence[Reply],
    sessions: NDArray[np.int_],
    draws: Draws,
    *,
    feature: Feature,
    hour: int,
    now: Conditions,
) -> list[Request]:
    """An error hides what would have come; the time until it is as long."""
    tokens_in, tokens_out, latency_ms = _sizes(feature, now, draws, replies)
    failed = (draws["error"] < now.error_ratio).tolist()
    models = _models(feature, draws["model"])
    users = (draws["user"][sessions] * USERS).astype(int)
    start = hour_start(hour)
    offsets_ms = (draws["time"] * 3_600_000).astype(int).tolist()
    return [
        Request(
            hour=hour,
            request_id=f"{feature.code}-{hour}-{i:04d}",
            timestamp=start + timedelta(milliseconds=offsets_ms[i]),
            feature_id=feature.feature_id,
            model_id=models[i].name,
            requested_model=models[i].requested,
            provider="openai",
            latency_ms=latency_ms[i],
            input_tokens=None if failed[i] else tokens_in[i],
            output_tokens=None if failed[i] else tokens_out[i],
            cache_read_tokens=None,
            cache_write_tokens=None,
            reasoning_tokens=None,
            cost_usd=None,
            price_version=None,
            finish_reason="error" if failed[i] else reply.finish_reason,
            error=_one_of(ERRORS, draws["error_type"][i]) if failed[i] else None,
            session_id=f"{feature.code}-{hour}-s{sessions[i]:03d}",
            user_id=f"user-{users[i]:04d}",
            prompt_version=now.prompt_version,
            system_fingerprint=None if failed[i] else _fingerprint(models[i], reply),
            input_text=reply.question,
            output_text=None if failed[i] else reply.text,
            source=SOURCE,
        )
        for i, reply in enumerate(replies)
    ]


def _sizes(
    feature: Feature, now: Conditions, draws: Draws, replies: Sequence[Reply]
) -> tuple[list[int], list[int], list[float]]:
    """Tokens in, tokens out and latency, ms; all lognormal about what the texts take."""
    asked = np.array([len(reply.question) for reply in replies]) / CHARACTERS_PER_TOKEN
    answered = np.array([len(reply.text) for reply in replies]) / CHARACTERS_PER_TOKEN
    prompt = feature.prompt_tokens * np.exp(0.22 * draws["prompt_noise"])
    tokens_in = np.rint((prompt + asked) * now.input_tokens_factor).astype(int)
    tokens_out = np.rint(answered * np.exp(0.08 * draws["length_noise"])).astype(int)
    first_token_ms = 420 * np.exp(0.35 * draws["wait_noise"])
    latency_ms = first_token_ms + 12 * tokens_out * np.exp(0.15 * draws["speed_noise"])
    return tokens_in.tolist(), tokens_out.tolist(), np.round(latency_ms, 1).tolist()


def _models(feature: Feature, uniforms: Floats) -> list[Model]:
    shares = np.cumsum([share for _, share in feature.models])
    return [feature.models[i][0] for i in np.searchsorted(shares[:-1], uniforms, side="right")]


def _fingerprint(model: Model, reply: Reply) -> str:
    return model.swapped_fingerprint if reply.is_swapped else model.fingerprint


HOUR_OF_DAY = (
    0.60, 0.54, 0.50, 0.48, 0.49, 0.54, 0.66, 0.83, 1.00, 1.14, 1.24, 1.30,
    1.33, 1.32, 1.31, 1.31, 1.32, 1.35, 1.38, 1.36, 1.27, 1.12, 0.92, 0.74,
)  # fmt: skip
REQUESTS_PER_SESSION = 2.2
USERS = 4000
ERRORS = ("timeout", "rate_limit_exceeded", "server_error", "server_error")
# What answers are worth: usually, and from the model that a silent swap brings.
USUAL = {"good": 0.955, "brief": 0.02, "vague": 0.01, "off_topic": 0.01, "cut": 0.005}
SWAPPED = {"good": 0.34, "brief": 0.33, "vague": 0.18, "off_topic": 0.10, "cut": 0.05}
UNIFORMS = (
    "time", "session", "language", "user", "model", "exchange", "other", "answer", "outcome",
    "swap", "foreign", "refusal", "error", "error_type",
    "reaction", "reaction_delay", "rating", "rating_delay", "abandonment",
)  # fmt: skip
NORMALS = ("prompt_noise", "length_noise", "wait_noise", "speed_noise")
