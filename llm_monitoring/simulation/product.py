"""The make-believe product: its features, and what people ask them and are answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

ORDERS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model as its provider serves it while nothing is wrong."""

    name: str
    requested: str  # the alias the product asks for
    fingerprint: str
    swapped_fingerprint: str  # of the cheaper model that a silent swap puts behind the name


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One LLM feature of the product.

    Args:
        number: keeps the random numbers of the features apart.
        code: starts its request ids.
        requests_per_hour: mean over a week.
        prompt_tokens: median length of its prompt without the question, tokens.
        prompt_version: version in force before any fault.
        models: the models that serve it, with their shares of the requests.
    """

    feature_id: str
    number: int
    code: str
    requests_per_hour: float
    prompt_tokens: float
    prompt_version: str
    models: tuple[tuple[Model, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A question with the answers that suit it, and those that do so in the wrong language."""

    question: str
    answers: tuple[str, ...]
    answers_in_english: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """All a group of users ask, with how often.

    Args:
        cumulative: [n] rising to 1, share of requests up to and with each exchange.
        vague: answers that fit any question and so answer none.
    """

    exchanges: tuple[Exchange, ...]
    cumulative: NDArray[np.float64]
    vague: tuple[str, ...]

    def pick(self, uniforms: NDArray[np.float64]) -> list[Exchange]:
        """The exchanges that numbers in [0, 1) stand for."""
        places = np.searchsorted(self.cumulative, uniforms, side="right")
        return [self.exchanges[place] for place in places]


@cache
def pool(name: str) -> Pool:
    """What users of a feature ask; `support_chat_german` are the German ones."""
    content = _content()
    exchanges: list[Exchange] = []
    weights: list[float] = []
    for intent in content[name]:
        asked = _exchanges(intent, content["slots"])
        exchanges += asked
        weights += [float(intent.get("weight", 1)) / len(asked)] * len(asked)
    cumulative = np.cumsum(weights) / np.sum(weights)
    vague = content["vague_german" if name.endswith("german") else "vague"]
    return Pool(exchanges=tuple(exchanges), cumulative=cumulative, vague=tuple(vague))


@cache
def refusals() -> tuple[str, ...]:
    """How the models decline."""
    return tuple(_content()["refusals"])


@cache
def _content() -> dict[str, Any]:
    content = yaml.safe_load(Path(__file__).with_name("product.yaml").read_text())
    content["slots"]["order"] = [_order(i, content["slots"]) for i in range(ORDERS)]
    return dict(content)


def _order(i: int, slots: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """An order made up from its number; strides prime to the lists' lengths mix the contents."""
    statuses = ("packed", "on its way", "with the courier", "at the sorting centre")
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
    products, places = slots["product"], slots["place"]
    return {
        "number": f"LK-{2105 + 37 * i}",
        "product": products[7 * i % len(products)],
        "extra": products[(11 * i + 5) % len(products)],
        "place": places[5 * i % len(places)],
        "status": statuses[i % len(statuses)],
        "day": days[i % len(days)],
        "total": f"{35 + 13 * i % 240}.50",
    }


def _exchanges(intent: Mapping[str, Any], slots: Mapping[str, Sequence[Any]]) -> list[Exchange]:
    """Every question of an intent, in every filling of the slots it names."""
    names = sorted({name for text in intent["questions"] for name in _slots_of(text)})
    return [
        Exchange(
            question=question.format(**filling),
            answers=_filled(intent["answers"], filling),
            answers_in_english=_filled(intent.get("answers_in_english", ()), filling),
        )
        for values in product(*(slots[name] for name in names))
        for filling in (dict(zip(names, values, strict=True)),)
        for question in intent["questions"]
    ]


def _slots_of(template: str) -> set[str]:
    return {field.split("[")[0] for _, field, _, _ in Formatter().parse(template) if field}


def _filled(templates: Sequence[str], filling: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(template.format(**filling) for template in templates)


MINI = Model(
    name="gpt-4.1-mini-2025-04-14",
    requested="gpt-4.1-mini",
    fingerprint="fp_6f2eabb9a5",
    swapped_fingerprint="fp_d10c7e8b42",
)
OLD_MINI = Model(
    name="gpt-4o-mini-2024-07-18",
    requested="gpt-4o-mini",
    fingerprint="fp_34a54ae93c",
    swapped_fingerprint="fp_9be20f5d71",
)
FEATURES: dict[str, Feature] = {
    feature.feature_id: feature
    for feature in (
        Feature(
            feature_id="support_chat",
            number=1,
            code="sc",
            requests_per_hour=130,
            prompt_tokens=620,
            prompt_version="support-v7",
            models=((MINI, 1.0),),
        ),
        Feature(
            feature_id="product_search",
            number=2,
            code="ps",
            requests_per_hour=125,
            prompt_tokens=480,
            prompt_version="search-v12",
            models=((MINI, 0.7), (OLD_MINI, 0.3)),
        ),
        Feature(
            feature_id="order_summary",
            number=3,
            code="os",
            requests_per_hour=115,
            prompt_tokens=350,
            prompt_version="orders-v3",
            models=((OLD_MINI, 1.0),),
        ),
    )
}
