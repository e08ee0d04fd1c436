"""What can be said before the first run: configuration, sources, lake, judge, channels."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from llm_monitoring.adapters.channels import mistake_in
from llm_monitoring.adapters.models import ChatClient, ModelUnavailable
from llm_monitoring.adapters.redaction import Redactor
from llm_monitoring.adapters.sources import source_files
from llm_monitoring.configuration import cautions
from llm_monitoring.control import chart_count, series_run_length
from llm_monitoring.hours import HOUR, hour_key
from llm_monitoring.lake import Lake
from llm_monitoring.probes import unpinned_models
from llm_monitoring.settings import EndpointJudgeSettings, Settings, Source
from llm_monitoring.settings.strict import secret


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report."""

    mark: Literal["ok", "warn", "error"]
    text: str


def findings(
    open_lake: Callable[[Settings], Lake], settings: Settings, now: datetime, *, offline: bool
) -> Iterator[Result]:
    """Everything that can be said before the first run; a lake that cannot be opened, too."""
    yield Result("ok", f"configuration of {settings.product}: {len(settings.features)} features")
    yield from (Result("warn", caution) for caution in cautions(settings))
    yield from _sources(settings, now)
    yield from _lake(open_lake, settings)
    yield from _judge(settings, offline)
    yield from _probes(settings)
    yield from _channels(settings)
    yield from _secrets(settings)
    yield from _redaction(settings)
    budget = settings.control.false_alarms_per_week
    yield Result(
        "ok",
        f"{chart_count(settings)} charts share {budget:g} false alarms a week: "
        f"each may raise one in {series_run_length(settings):,.0f} windows",
    )


def _sources(settings: Settings, now: datetime) -> Iterator[Result]:
    if not settings.sources.requests:
        yield Result("error", "sources.requests is empty: there is nothing to monitor")
    end = min(filter(None, (settings.end, now))) - HOUR
    first, last = hour_key(settings.start), hour_key(end)
    for source in (*settings.sources.requests, *settings.sources.signals):
        yield _source(source, first, last)
    for file in settings.sources.changes:
        if not file.exists():
            yield Result("warn", f"change ledger {file} does not exist yet")


def _source(source: Source, first: int, last: int) -> Result:
    files = source_files(source, first, last) if first <= last else []
    if not files:
        return Result("warn", f"source {source.name}: no file matches {source.path} yet")
    if "{date}" not in source.path:
        return Result(
            "warn",
            f"source {source.name}: {len(files)} files without {{date}} in their path; "
            "each run reads all of them",
        )
    return Result("ok", f"source {source.name}: {len(files)} files")


def _lake(open_lake: Callable[[Settings], Lake], settings: Settings) -> Iterator[Result]:
    try:
        lake = open_lake(settings)
        lake.check_layout()
        versions = lake.version("raw_requests")
    except Exception as error:  # noqa: BLE001 - whatever the store says is the finding
        yield Result("error", f"lake {settings.lake.uri}: {error}")
    else:
        state = "empty" if versions is None else f"raw_requests at version {versions}"
        yield Result("ok", f"lake {settings.lake.uri}: {state}")


def _judge(settings: Settings, offline: bool) -> Iterator[Result]:
    if not isinstance(settings.judge, EndpointJudgeSettings):
        yield Result("ok", "judge: heuristic (scores breakage, not quality)")
    elif offline:
        yield Result("warn", f"judge: {settings.judge.model} was not called (--offline)")
    else:
        yield asyncio.run(_call(settings.judge))


async def _call(judge: EndpointJudgeSettings) -> Result:
    try:
        async with ChatClient(judge.model_copy(update={"attempts": 1})) as client:
            answer = await client.complete(
                [{"role": "user", "content": "Answer with the word ready."}], max_output_tokens=16
            )
    except (ModelUnavailable, LookupError) as error:
        return Result("error", f"judge {judge.model} at {judge.base_url}: {error}")
    served = answer.response_model or judge.model
    return Result("ok", f"judge {judge.model}: answered as {served}")


def _probes(settings: Settings) -> Iterator[Result]:
    if not settings.probes.models:
        yield Result("warn", "probes.models is empty: a silent change of the provider goes unseen")
    else:
        count, models = len(settings.probes.probes), len(settings.probes.models)
        yield Result("ok", f"{count} probes for {models} models")
    yield from (Result("warn", text) for text in unpinned_models(settings))


def _redaction(settings: Settings) -> Iterator[Result]:
    try:
        Redactor(settings.redaction, settings.privacy)
    except (LookupError, RuntimeError) as error:
        yield Result("error", str(error))
        return
    if not settings.redaction:
        yield Result("warn", "redaction is empty: logged texts are stored as they are")


def _channels(settings: Settings) -> Iterator[Result]:
    """Whether something could be sent; nothing is: that is what `channels test` is for."""
    for channel in settings.channels:
        mistake = mistake_in(channel)
        if mistake is not None:
            yield Result("error", f"channel {channel.name}: {mistake}")


def _secrets(settings: Settings) -> Iterator[Result]:
    names = {settings.heartbeat.url_env}
    names |= {model.api_key_env for model in settings.probes.models}
    for name in sorted(filter(None, names)):
        try:
            secret(name)
        except LookupError as error:
            yield Result("error", str(error))
