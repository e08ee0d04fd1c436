"""What a request cost: the log's word, else the team's own prices, else the public price table.

The public table is the one bundled with genai-prices: offline, versioned, effective-dated. Asking
it for every row costs 170 us, so its answer for a model is taken apart once into a price per kind
of token. A price is linear in the token counts between two tiers, so this gives the same cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

import genai_prices
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices, Usage

from llm_monitoring.settings.models import PriceOverride

LOG = "log"
TABLE_VERSION = f"genai-prices {genai_prices.__version__}"
Cost = tuple[float | None, str | None]


class TokenCounts(NamedTuple):
    """Tokens of one request; None: not logged. Cached and reasoning ones are parts of the sums."""

    input: int | None
    output: int | None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None

    @property
    def are_consistent(self) -> bool:
        """No part is larger than its whole."""
        cached = (self.cache_read or 0) + (self.cache_write or 0)
        return cached <= (self.input or 0) and (self.reasoning or 0) <= (self.output or 0)


@dataclass(frozen=True, slots=True)
class _Rates:
    """US dollars per request and per token, from one tier's threshold up."""

    above_input_tokens: int
    request: float
    input: float
    output: float
    cache_read: float
    cache_write: float
    reasoning: float

    def cost(self, tokens: TokenCounts) -> float:
        return (
            self.request
            + self.input * (tokens.input or 0)
            + self.output * (tokens.output or 0)
            + self.cache_read * (tokens.cache_read or 0)
            + self.cache_write * (tokens.cache_write or 0)
            + self.reasoning * (tokens.reasoning or 0)
        )


class Prices:
    """Costs of requests.

    Args:
        overrides: `settings.prices`; one is in force from its `effective_from` until the next one
            of the same model. A time without a zone is UTC.
    """

    def __init__(self, overrides: Sequence[PriceOverride] = ()) -> None:
        self._overrides: dict[str, list[tuple[datetime, str, _Rates]]] = {}
        for price in sorted(overrides, key=lambda price: _utc(price.effective_from)):
            since = _utc(price.effective_from)
            entry = (since, _override_version(price, since), _override_rates(price))
            self._overrides.setdefault(price.model, []).append(entry)
        self._models: dict[tuple[str | None, str], ModelInfo | None] = {}
        # Keyed by identity; the price is kept beside its rates so that the identity stays taken.
        self._rates: dict[int, tuple[ModelPrice, list[_Rates]]] = {}

    def cost(
        self,
        *,
        model_id: str,
        requested_model: str | None,
        provider: str | None,
        timestamp: datetime,
        tokens: TokenCounts,
        logged_usd: float | None = None,
    ) -> Cost:
        """US dollars and the version of the price; (None, None) is unpriced.

        A request whose token counts are unknown, or contradict each other, is unpriced. A provider
        that the table does not know is unpriced too: whoever serves `gpt-oss` on machines of their
        own does not pay somebody else's price for it.
        """
        if logged_usd is not None:
            return logged_usd, LOG
        if tokens.input is None or tokens.output is None or not tokens.are_consistent:
            return None, None
        names = (
            (model_id,) if requested_model in (None, "", model_id) else (model_id, requested_model)
        )
        for name in names:
            own = self._override(name, timestamp)
            if own is not None:
                return own[1].cost(tokens), own[0]
        for name in names:
            rates = self._table_rates(provider, name, timestamp, tokens.input)
            if rates is not None:
                return rates.cost(tokens), TABLE_VERSION
        return None, None

    def _override(self, model: str, timestamp: datetime) -> tuple[str, _Rates] | None:
        in_force = None
        for since, version, rates in self._overrides.get(model, ()):
            if since <= timestamp:
                in_force = (version, rates)
        return in_force

    def _table_rates(
        self, provider: str | None, name: str, timestamp: datetime, input_tokens: int
    ) -> _Rates | None:
        key = (provider, name)
        if key not in self._models:
            self._models[key] = _find_model(provider, name)
        model = self._models[key]
        if model is None:
            return None
        price = model.get_prices(timestamp)
        if id(price) not in self._rates:
            self._rates[id(price)] = (price, _table_rates(price))
        for rates in self._rates[id(price)][1]:
            if input_tokens > rates.above_input_tokens:
                return rates
        return None


def _find_model(provider: str | None, name: str) -> ModelInfo | None:
    hint = PROVIDERS.get(provider, provider) if provider is not None else None
    try:
        return genai_prices.calc_price(
            Usage(input_tokens=0, output_tokens=0),
            name,
            provider_id=hint,
            # Which model is meant does not depend on when; only get_prices() does.
            genai_request_timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        ).model
    except LookupError:
        return None


def _table_rates(price: ModelPrice) -> list[_Rates]:
    """Rates of every tier, highest threshold first; none: tokens have no price in the table."""
    prices = [value for value in vars(price).values() if value is not None]
    if price.input_mtok is None and price.output_mtok is None and price.requests_kcount is None:
        return []
    tiers = [tier for value in prices if isinstance(value, TieredPrices) for tier in value.tiers]
    thresholds = sorted({-1, *(tier.start for tier in tiers)}, reverse=True)
    return [_tier_rates(price, threshold) for threshold in thresholds]


def _tier_rates(price: ModelPrice, threshold: int) -> _Rates:
    """Rates just above a threshold, from what the table says for one token more of each kind."""
    fewest = threshold + 1

    def dollars(more_input: int = 0, **tokens: int) -> Decimal:
        usage = {"input_tokens": fewest + more_input, "output_tokens": 0} | tokens
        return price.calc_price(Usage(**usage))["total_price"]

    # A part needs its whole: one token read from a cache is one token of input as well.
    none, one_input, one_output = dollars(), dollars(1), dollars(output_tokens=1)
    input_rate = one_input - none
    return _Rates(
        above_input_tokens=threshold,
        request=float(none - fewest * input_rate),
        input=float(input_rate),
        output=float(one_output - none),
        cache_read=float(dollars(1, cache_read_tokens=1) - one_input),
        cache_write=float(dollars(1, cache_write_tokens=1) - one_input),
        reasoning=float(dollars(output_tokens=1, output_reasoning_tokens=1) - one_output),
    )


def _override_rates(price: PriceOverride) -> _Rates:
    into = price.input_usd_per_million_tokens / 1e6
    cached = price.cache_read_usd_per_million_tokens
    return _Rates(
        above_input_tokens=-1,
        request=0.0,
        input=into,
        output=price.output_usd_per_million_tokens / 1e6,
        cache_read=0.0 if cached is None else cached / 1e6 - into,
        cache_write=0.0,
        reasoning=0.0,
    )


def _override_version(price: PriceOverride, since: datetime) -> str:
    """Says what was charged, so that an edited price is another version."""
    cached = price.cache_read_usd_per_million_tokens
    rates = [price.input_usd_per_million_tokens, price.output_usd_per_million_tokens]
    listed = "/".join(f"{rate:g}" for rate in (rates if cached is None else [*rates, cached]))
    return f"override:{listed}@{since:%Y-%m-%dT%H:%MZ}"


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


# OpenTelemetry's names of providers, where genai-prices does not recognise them by itself.
PROVIDERS: dict[str, str] = {
    "azure.ai.inference": "azure",
    "gcp.gen_ai": "google",
    "x_ai": "x-ai",
}
