"""Asking a model every probe, and what each answer came to."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any, Protocol

from llm_monitoring.probes.checks import (
    CHECK_VERSION,
    CheckContext,
    CheckOutcome,
    IdentifyLanguages,
    check_of,
)
from llm_monitoring.records import ProbeResult
from llm_monitoring.settings.judging import ModelSettings, Probe


class Completion(Protocol):
    """What a probe needs to know of one answer."""

    @property
    def text(self) -> str: ...
    @property
    def refusal(self) -> str | None: ...
    @property
    def finish_reason(self) -> str | None: ...
    @property
    def response_model(self) -> str | None: ...
    @property
    def system_fingerprint(self) -> str | None: ...
    @property
    def input_tokens(self) -> int | None: ...
    @property
    def output_tokens(self) -> int | None: ...
    @property
    def latency_ms(self) -> float: ...


class Complete(Protocol):
    """Calls the model once; how often it tries and how many calls run at once is its own."""

    async def __call__(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        max_output_tokens: int,
        temperature: float | None,
        seed: int | None,
    ) -> Completion: ...


async def run_probes(
    complete: Complete,
    model: ModelSettings,
    probes: Sequence[Probe],
    *,
    week: int,
    run: str,
    repeats: int,
    clock: Callable[[], datetime],
    identify_languages: IdentifyLanguages,
    unavailable: type[Exception],
) -> list[ProbeResult]:
    """Every probe `repeats` times, all at once; by probe and repeat in the given order.

    Args:
        complete: calls the model; it bounds how many calls run at once.
        week: Monday of the week, yyyymmdd.
        run: 'weekly', or 'confirmation' for the second run after an alarm.
        clock: the time of each answer, timezone-aware.
        unavailable: what `complete` raises when there is no answer to be had. Such a call is
            stored as not measured with the error's words; any other error is raised, in an
            ExceptionGroup, and the calls under way are cancelled.
    """

    async def ask(probe: Probe, repeat: int) -> ProbeResult:
        answer: Completion | None = None
        error: str | None = None
        try:
            answer = await complete(
                [{"role": "user", "content": probe.input}],
                max_output_tokens=probe.max_output_tokens,
                temperature=model.temperature,
                seed=model.seed,
            )
        except unavailable as reason:
            error = str(reason) or type(reason).__name__
        return ProbeResult(
            week=week,
            run=run,
            repeat=repeat,
            probed_at=clock(),
            error=error,
            **_asked(model, probe),
            **_answered(probe, answer, identify_languages),
        )

    async with asyncio.TaskGroup() as calls:
        asked = [calls.create_task(ask(*each)) for each in product(probes, range(repeats))]
    return [call.result() for call in asked]


def probe_version(model: ModelSettings, probe: Probe) -> str:
    """Hash of all that decides an answer and its check: a changed probe is another probe."""
    parts = [
        probe.input,
        probe.check,
        probe.expected,
        probe.max_output_tokens,
        model.temperature,
        model.seed,
        CHECK_VERSION,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _asked(model: ModelSettings, probe: Probe) -> dict[str, Any]:
    return {
        "probe_id": probe.probe_id,
        "probe_version": probe_version(model, probe),
        "family": probe.family,
        "requested_model": model.model,
        "temperature": model.temperature,
        "seed": model.seed,
        "max_output_tokens": probe.max_output_tokens,
        "check": probe.check,
    }


def _answered(
    probe: Probe, answer: Completion | None, identify_languages: IdentifyLanguages
) -> dict[str, Any]:
    # Providers that mark a refusal send it in place of the text.
    text = None if answer is None else answer.text or answer.refusal or ""
    outcome = _checked(probe, answer, text, identify_languages)
    return {
        "output_text": text,
        "output_sha256": None if text is None else hashlib.sha256(text.encode()).hexdigest(),
        "passed": outcome.passed if outcome else None,
        "check_detail": outcome.detail if outcome else None,
        **{name: getattr(answer, name) if answer else None for name in COPIED},
    }


def _checked(
    probe: Probe, answer: Completion | None, text: str | None, identify: IdentifyLanguages
) -> CheckOutcome | None:
    if answer is None or text is None:
        return None
    context = CheckContext(
        identify_languages=identify,
        finish_reason=answer.finish_reason,
        refused=answer.refusal is not None,
    )
    return check_of(probe).examine(text, context)


COPIED = (
    "response_model",
    "system_fingerprint",
    "finish_reason",
    "input_tokens",
    "output_tokens",
    "latency_ms",
)
