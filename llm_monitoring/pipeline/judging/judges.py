"""The configured judge, with the adapters it needs."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from llm_monitoring.adapters.embedders import Embedder
from llm_monitoring.adapters.languages import identify_languages
from llm_monitoring.adapters.models import ChatClient
from llm_monitoring.adapters.prices import Prices, TokenCounts
from llm_monitoring.judging import (
    EndpointJudge,
    HeuristicJudge,
    Judge,
    endpoint_epoch,
    heuristic_epoch,
)
from llm_monitoring.settings import EndpointJudgeSettings, Settings

Clock = Callable[[], datetime]


@asynccontextmanager
async def open_judge(settings: Settings, embedder: Embedder, clock: Clock) -> AsyncIterator[Judge]:
    """The judge monitoring.yaml names."""
    if isinstance(settings.judge, EndpointJudgeSettings):
        async with ChatClient(settings.judge) as client:
            yield _endpoint_judge(settings, settings.judge, client, clock)
    else:
        yield _heuristic_judge(settings, embedder, clock)


def current_epoch(settings: Settings, embedder: Embedder) -> str:
    """Epoch of the configured judge."""
    if isinstance(settings.judge, EndpointJudgeSettings):
        return endpoint_epoch(settings.judge, settings.rubric)
    return heuristic_epoch(embedder.name, _usual_characters(settings))


def _heuristic_judge(settings: Settings, embedder: Embedder, clock: Clock) -> HeuristicJudge:
    return HeuristicJudge(
        embed=embedder.embed,
        embedder=embedder.name,
        identify_languages=identify_languages,
        languages_of=lambda feature_id: settings.feature(feature_id).languages,
        clock=clock,
        usual_output_characters=_usual_characters(settings),
    )


def _endpoint_judge(
    settings: Settings, judge: EndpointJudgeSettings, client: ChatClient, clock: Clock
) -> EndpointJudge:
    prices = Prices(settings.prices)

    def price_of(input_tokens: int | None, output_tokens: int | None) -> float | None:
        return prices.cost(
            model_id=judge.model,
            requested_model=None,
            provider=None,
            timestamp=clock(),
            tokens=TokenCounts(input_tokens, output_tokens),
        )[0]

    return EndpointJudge(
        complete=client.complete,
        settings=judge,
        rubric=settings.rubric,
        clock=clock,
        price_of=price_of,
    )


def _usual_characters(settings: Settings) -> dict[str, float]:
    return {
        feature.feature_id: feature.usual_output_characters
        for feature in settings.features
        if feature.usual_output_characters is not None
    }
