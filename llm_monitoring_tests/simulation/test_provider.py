"""The make-believe provider, over real HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from llm_monitoring.adapters.languages import identify_languages
from llm_monitoring.configuration import load_settings
from llm_monitoring.probes.checks import CheckContext, check_of
from llm_monitoring.settings.judging import Probe
from llm_monitoring.simulation.faults import choose_faults
from llm_monitoring.simulation.provider import UNKNOWN, serve_provider

PROBES = load_settings(Path(__file__).resolve().parents[2] / "monitoring.yaml").probes.probes
QUIET_WEEK, SWAPPED_WEEK, LATER_WEEK = 20261012, 20261019, 20261026
HARD = ("format", "reasoning", "product")


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with (
        serve_provider(5, choose_faults()) as address,
        httpx.Client(base_url=address) as client,
    ):
        yield client


def ask(client: httpx.Client, week: int, text: str, **more: Any) -> dict[str, Any]:
    body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": text}], **more}
    reply = client.post(f"/week/{week}/v1/chat/completions", json=body)
    reply.raise_for_status()
    answer: dict[str, Any] = reply.json()
    return answer


def passes(client: httpx.Client, week: int, probe: Probe) -> tuple[bool, str]:
    answer = ask(client, week, probe.input, max_tokens=probe.max_output_tokens)
    choice = answer["choices"][0]
    context = CheckContext(
        identify_languages=identify_languages, finish_reason=choice["finish_reason"]
    )
    text = choice["message"]["content"]
    return check_of(probe).examine(text, context).passed, text


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.probe_id)
def test_a_healthy_provider_passes_every_shipped_probe(client: httpx.Client, probe: Probe) -> None:
    outcomes = [passes(client, QUIET_WEEK, probe) for _ in range(4)]
    assert all(passed for passed, _ in outcomes), outcomes
    assert UNKNOWN not in {text for _, text in outcomes}


def test_after_the_swap_a_third_of_the_harder_probes_fail_and_texts_are_shorter(
    client: httpx.Client,
) -> None:
    hard = [probe for probe in PROBES if probe.family in HARD]
    failed = sum(not passes(client, SWAPPED_WEEK, probe)[0] for probe in hard)
    assert 0.25 <= failed / len(hard) <= 0.45
    lengths = {
        week: sum(len(passes(client, week, probe)[1]) for probe in PROBES)
        for week in (QUIET_WEEK, SWAPPED_WEEK)
    }
    assert lengths[SWAPPED_WEEK] < 0.6 * lengths[QUIET_WEEK]


def test_the_swap_changes_the_fingerprint_and_not_the_name(client: httpx.Client) -> None:
    weeks = (QUIET_WEEK, SWAPPED_WEEK, LATER_WEEK)
    quiet, swapped, later = (ask(client, week, "READY?") for week in weeks)
    assert quiet["model"] == swapped["model"] == "gpt-4.1-mini-2025-04-14"
    assert quiet["system_fingerprint"] == later["system_fingerprint"]
    assert quiet["system_fingerprint"] != swapped["system_fingerprint"]


def test_repeats_vary_and_a_new_server_repeats_them() -> None:
    question = "How do I remove a red wine stain from a cotton shirt?"

    def contents() -> list[str]:
        with serve_provider(5) as address, httpx.Client(base_url=address) as client:
            replies = [ask(client, QUIET_WEEK, question) for _ in range(8)]
        return [reply["choices"][0]["message"]["content"] for reply in replies]

    first = contents()
    assert len(set(first)) == 2
    assert contents() == first


def test_an_answer_over_the_limit_is_cut_and_says_so(client: httpx.Client) -> None:
    reply = ask(client, QUIET_WEEK, "How do I remove a red wine stain?", max_tokens=5)
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["usage"]["completion_tokens"] <= 5


def test_a_model_nobody_serves_is_an_error(client: httpx.Client) -> None:
    body = {"model": "nobody", "messages": [{"role": "user", "content": "hello"}]}
    reply = client.post(f"/week/{QUIET_WEEK}/v1/chat/completions", json=body)
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "model_not_found"
