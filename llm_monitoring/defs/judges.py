"""The configured judge, with the adapters it needs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from llm_monitoring.adapters.languages import identify_languages
from llm_monitoring.adapters.models import ChatClient
from llm_monitoring.adapters.prices import Prices, TokenCounts
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.judging import (
    EndpointJudge,
    HeuristicJudge,
    Judge,
    endpoint_epoch,
    heuristic_epoch,
)
from llm_monitoring.settings import EndpointJudgeSettings, Settings


@asynccontextmanager
async def open_judge(monitoring: Monitoring) -> AsyncIterator[Judge]:
    """The judge monitoring.yaml names."""
    settings = monitoring.settings
    if isinstance(settings.judge, EndpointJudgeSettings):
        async with ChatClient(settings.judge) as client:
            yield monitoring.asked_judge(_endpoint_judge(monitoring, settings.judge, client))
    else:
        yield monitoring.asked_judge(_heuristic_judge(monitoring))


def current_epoch(monitoring: Monitoring) -> str:
    """Epoch of the configured judge."""
    settings = monitoring.settings
    if isinstance(settings.judge, EndpointJudgeSettings):
        return endpoint_epoch(settings.judge, settings.rubric)
    return heuristic_epoch(monitoring.embedder.name, _usual_characters(settings))


def _heuristic_judge(monitoring: Monitoring) -> HeuristicJudge:
    settings = monitoring.settings
    return HeuristicJudge(
        embed=monitoring.embedder.embed,
        embedder=monitoring.embedder.name,
        identify_languages=identify_languages,
        languages_of=lambda feature_id: settings.feature(feature_id).languages,
        clock=monitoring.now,
        usual_output_characters=_usual_characters(settings),
    )


def _endpoint_judge(
    monitoring: Monitoring, judge: EndpointJudgeSettings, client: ChatClient
) -> EndpointJudge:
    prices = Prices(monitoring.settings.prices)

    def price_of(input_tokens: int | None, output_tokens: int | None) -> float | None:
        tokens = TokenCounts(input_tokens, output_tokens)
        return prices.cost(
            model_id=judge.model,
            requested_model=None,
            provider=None,
            timestamp=monitoring.now(),
            tokens=tokens,
        )[0]

    return EndpointJudge(
        complete=client.complete,
        settings=judge,
        rubric=monitoring.settings.rubric,
        clock=monitoring.now,
        price_of=price_of,
    )


def _usual_characters(settings: Settings) -> dict[str, float]:
    return {
        feature.feature_id: feature.usual_output_characters
        for feature in settings.features
        if feature.usual_output_characters is not None
    }
