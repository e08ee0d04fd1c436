"""Costs: whose word counts, and that the fast way to the table's price is the table's price."""

import json
from datetime import UTC, datetime

import genai_prices
import pytest
from genai_prices import Usage, data_snapshot
from genai_prices.types import ModelPrice
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_monitoring.adapters.prices import LOG, TABLE_VERSION, Cost, Prices, TokenCounts
from llm_monitoring.settings.models import PriceOverride
from llm_monitoring_tests.adapters.source_examples import shared

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


def cost(
    prices: Prices,
    tokens: TokenCounts,
    *,
    model: str = "gpt-4o-2024-08-06",
    requested: str | None = None,
    provider: str | None = "openai",
    at: datetime = NOON,
    logged: float | None = None,
) -> Cost:
    return prices.cost(
        model_id=model,
        requested_model=requested,
        provider=provider,
        timestamp=at,
        tokens=tokens,
        logged_usd=logged,
    )


def override(**more: object) -> PriceOverride:
    rates = {"input_usd_per_million_tokens": 2.0, "output_usd_per_million_tokens": 8.0}
    return PriceOverride.model_validate({"model": "house-model"} | rates | more)


def test_the_table_prices_a_known_model() -> None:
    # OpenAI lists gpt-4o-2024-08-06 at 2.50, 1.25 (cached) and 10.00 dollars per million tokens.
    tokens = TokenCounts(1_000_000, 100_000, cache_read=400_000)
    usd, version = cost(Prices(), tokens)
    assert usd == pytest.approx(1.5 + 0.5 + 1.0)
    assert version == TABLE_VERSION


def test_the_cost_in_the_log_wins_also_when_it_is_zero() -> None:
    prices = Prices([override(model="gpt-4o-2024-08-06")])
    assert cost(prices, TokenCounts(10, 10), logged=0.0) == (0.0, LOG)


def test_an_override_wins_over_the_table() -> None:
    usd, version = cost(Prices([override(model="gpt-4o-2024-08-06")]), TokenCounts(1000, 500))
    assert usd == pytest.approx(0.002 + 0.004)
    assert version == "override:2/8@1970-01-01T00:00Z"


def test_an_override_is_in_force_from_its_date_until_the_next_one() -> None:
    prices = Prices(
        [
            override(effective_from="2026-10-05T12:00Z", input_usd_per_million_tokens=4),
            override(effective_from="2026-09-01T00:00"),
        ]
    )
    tokens = TokenCounts(1_000_000, 0)

    def at(*when: int) -> float | None:
        return cost(prices, tokens, model="house-model", at=datetime(*when, tzinfo=UTC))[0]  # type: ignore[arg-type,misc]

    assert at(2026, 8, 31) is None
    assert at(2026, 9, 1) == 2
    assert at(2026, 10, 5, 11, 59) == 2
    assert at(2026, 10, 5, 12) == 4


def test_cached_tokens_of_an_override_cost_what_it_says_or_as_much_as_the_others() -> None:
    tokens = TokenCounts(1_000_000, 0, cache_read=500_000, reasoning=0)
    cached = Prices([override(cache_read_usd_per_million_tokens=0.5)])
    assert cost(cached, tokens, model="house-model")[0] == pytest.approx(1.25)
    assert cost(Prices([override()]), tokens, model="house-model")[0] == pytest.approx(2.0)


def test_an_edited_override_is_another_version() -> None:
    tokens = TokenCounts(1, 1)
    versions = {
        cost(Prices([price]), tokens, model="house-model")[1]
        for price in (override(), override(output_usd_per_million_tokens=9))
    }
    assert len(versions) == 2


@pytest.mark.parametrize(
    ("model", "provider", "tokens"),
    [
        ("no-such-model", "openai", TokenCounts(10, 10)),
        ("gpt-4o", "a-machine-of-our-own", TokenCounts(10, 10)),
        ("gpt-4o", "openai", TokenCounts(None, 10)),
        ("gpt-4o", "openai", TokenCounts(10, None)),
        ("gpt-4o", "openai", TokenCounts(10, 10, cache_read=8, cache_write=3)),
        ("gpt-4o", "openai", TokenCounts(10, 10, reasoning=11)),
        ("gpt-4o", "github-copilot", TokenCounts(10, 10)),  # known, but sold without a price
    ],
)
def test_what_cannot_be_priced_is_unknown_and_never_zero(
    model: str, provider: str, tokens: TokenCounts
) -> None:
    assert cost(Prices(), tokens, model=model, provider=provider) == (None, None)


def test_the_model_asked_for_is_priced_where_the_one_that_answered_is_unknown() -> None:
    usd, _ = cost(Prices(), TokenCounts(1_000_000, 0), model="deployment-7", requested="gpt-4o")
    assert usd == pytest.approx(2.5)


@pytest.mark.parametrize(
    "provider",
    ["openai", "azure.ai.openai", "openai.responses", None],
)
def test_providers_go_by_several_names(provider: str | None) -> None:
    usd, _ = cost(Prices(), TokenCounts(1_000_000, 0), model="gpt-4o", provider=provider)
    assert usd == pytest.approx(2.5)


def test_a_price_that_depends_on_the_time_of_day_does() -> None:
    tokens = TokenCounts(1_000_000, 0)
    costs = {
        cost(
            Prices(),
            tokens,
            model="deepseek-v4-flash",
            provider="deepseek",
            at=datetime(2026, 10, 5, hour, 30, tzinfo=UTC),
        )[0]
        for hour in range(24)
    }
    assert len(costs) == 2


def test_a_tier_applies_to_all_tokens_above_its_threshold() -> None:
    def usd(tokens: int) -> float:
        value, _ = cost(Prices(), TokenCounts(tokens, 0), model="gemini-2.5-pro", provider="google")
        assert value is not None
        return value

    assert usd(200_000) == pytest.approx(200_000 * 1.25e-6)
    assert usd(200_001) == pytest.approx(200_001 * 2.5e-6)


def test_the_fast_way_gives_the_tables_price_for_every_model() -> None:
    prices, counts = (
        Prices(),
        TokenCounts(250_001, 700, cache_read=1000, cache_write=99, reasoning=7),
    )
    differing, priced = [], 0
    for provider in data_snapshot.get_snapshot().providers:
        for model in provider.models[::4]:
            usd, _ = cost(prices, counts, model=model.id, provider=provider.id)
            if usd is None:
                continue
            priced += 1
            if usd != pytest.approx(table_usd(model.id, provider.id, counts), abs=1e-12):
                differing.append((provider.id, model.id))
    assert differing == []
    assert priced > 300


TIERED = [
    (provider.id, model.id)
    for provider in data_snapshot.get_snapshot().providers
    for model in provider.models
    # Some ids stand for a family of names and are not names themselves.
    if model.is_match(model.id)
    and isinstance(model.prices, ModelPrice)
    and " (+tiers)" in str(model.prices)
]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_fast_way_gives_the_tables_price_for_any_tokens(data: st.DataObject) -> None:
    provider, model = data.draw(st.sampled_from(TIERED))
    into = data.draw(st.integers(0, 2_000_000))
    read = data.draw(st.integers(0, into))
    written = data.draw(st.integers(0, into - read))
    out = data.draw(st.integers(0, 100_000))
    counts = TokenCounts(into, out, read, written, data.draw(st.integers(0, out)))
    usd, version = cost(Prices(), counts, model=model, provider=provider)
    assert version == TABLE_VERSION
    assert usd == pytest.approx(table_usd(model, provider, counts), rel=1e-9, abs=1e-12)


def test_real_usage_bodies_cost_what_their_collection_says() -> None:
    """Of 396 costs 379 are equal (genai-prices 0.2.3); others: older prices, audio, images."""
    ours = {"input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"}
    ours |= {"output_reasoning_tokens", "input_text_tokens", "output_text_tokens"}
    prices, equal, other_kinds, older = Prices(), 0, 0, 0
    bodies = json.loads(shared("usages/genai_prices_usages_sample200.json").read_text())
    for model, usage, answer in expected_costs(bodies):
        tokens = TokenCounts(
            usage.get("input_tokens", 0),
            usage.get("output_tokens", 0),
            usage.get("cache_read_tokens"),
            usage.get("cache_write_tokens"),
            usage.get("output_reasoning_tokens"),
        )
        provider = answer["provider_id"]
        wanted = float(answer["input_price"]) + float(answer.get("output_price", 0))
        usd, _ = cost(prices, tokens, model=model, provider=provider)
        assert usd == pytest.approx(table_usd(model, provider, tokens), abs=1e-12)
        equal += usd == pytest.approx(wanted, abs=1e-9)
        if usd != pytest.approx(wanted, abs=1e-9):
            other_kinds += bool(usage.keys() - ours)
            older += not usage.keys() - ours
    assert equal / (equal + other_kinds + older) > 0.95


def expected_costs(
    bodies: list[dict[str, object]],
) -> list[tuple[str, dict[str, int], dict[str, str]]]:
    return [
        (body["model"], extracted["usage"], answer)  # type: ignore[misc]
        for body in bodies
        for extracted in body["extracted"]  # type: ignore[attr-defined]
        for answer in extracted["extractors"]
        if "input_price" in answer
    ]


def table_usd(model: str, provider: str, counts: TokenCounts) -> float:
    usage = Usage(
        input_tokens=counts.input,
        output_tokens=counts.output,
        cache_read_tokens=counts.cache_read,
        cache_write_tokens=counts.cache_write,
        output_reasoning_tokens=counts.reasoning,
    )
    priced = genai_prices.calc_price(
        usage, model, provider_id=provider, genai_request_timestamp=NOON
    )
    return float(priced.total_price)
