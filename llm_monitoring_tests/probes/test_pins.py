"""Names that say which model they mean, and names that do not."""

from datetime import UTC, datetime

import pytest

from llm_monitoring.probes import unpinned_models, unpinned_reason
from llm_monitoring.settings import EndpointJudgeSettings, FeatureSettings, ModelSettings, Settings
from llm_monitoring.settings.judging import ProbeSettings


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4o-2024-08-06",
        "gpt-4-0613",
        "gpt-4-1106-preview",
        "claude-sonnet-4-5-20250929",
        "anthropic.claude-3-5-sonnet-20241022-v2:0",
        "claude-3-5-sonnet@20241022",
        "mistral-large-2411",
        "command-r-08-2024",
        "gemini-1.5-pro-002",
        "meta-llama/Llama-3.1-8B-Instruct@0e9e39f249a1",
        "sha256:9f438cb9cd581fc0",
        "models/qwen2.5-7b-instruct-q4.gguf",
    ],
)
def test_a_dated_or_hashed_name_is_pinned(model: str) -> None:
    assert unpinned_reason(model) is None


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4o",
        "gpt-4",
        "gpt-4-32k",
        "gpt-4-turbo-preview",
        "claude-sonnet-4-5",
        "mistral-large",
        "llama-3.1-8b-instruct",
        "phi-3-mini-128k-8192",
    ],
)
def test_a_name_without_date_or_revision_is_not_pinned(model: str) -> None:
    assert "no date" in (unpinned_reason(model) or "")


@pytest.mark.parametrize("model", ["claude-3-5-sonnet-latest", "qwen2.5:latest", "auto"])
def test_a_name_that_moves_by_its_own_words_is_called_an_alias(model: str) -> None:
    assert "alias" in (unpinned_reason(model) or "")


def test_probed_models_and_the_judge_are_looked_at() -> None:
    url = "http://127.0.0.1:1"
    settings = Settings(
        product="p",
        start=datetime(2026, 10, 5, tzinfo=UTC),
        features=[FeatureSettings(feature_id="chat")],
        judge=EndpointJudgeSettings(kind="endpoint", base_url=url, model="gpt-4o"),
        probes=ProbeSettings(
            models=[
                ModelSettings(base_url=url, model="gpt-4o-2024-08-06"),
                ModelSettings(base_url=url, model="qwen2.5:latest"),
            ]
        ),
    )
    first, second = unpinned_models(settings)
    assert first.startswith("probes.models: qwen2.5:latest: ")
    assert second.startswith("judge: gpt-4o: ")


def test_the_heuristic_judge_needs_no_pin() -> None:
    settings = Settings(
        product="p",
        start=datetime(2026, 10, 5, tzinfo=UTC),
        features=[FeatureSettings(feature_id="chat")],
    )
    assert unpinned_models(settings) == []
