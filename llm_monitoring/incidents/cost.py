"""What moved the cost: price, input tokens, output tokens, volume or model mix.

With N requests, w a model's share, a and b its tokens per request in and out, p and q what one such
token costs, r what remains (cache discounts, fees):

    cost per request C = sum over models of w (a p + b q + r)        spend S = N C

Differences of products are split at the mean of both sides (d(xy) = dx mean(y) + mean(x) dy), which
is exact and treats before and after alike, so the parts sum to the change without a remainder.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpend:
    """What one feature spent on one model in one period, as sums over its requests."""

    feature_id: str
    model_id: str
    priced: int  # requests of known cost
    unknown: int  # requests of unknown cost, but those that failed without tokens
    cost_usd: float  # of the priced ones
    requests: int  # priced ones whose tokens are known too; the sums below are over these
    requests_usd: float  # total cost
    input_tokens: float  # total
    output_tokens: float  # total
    input_input: float  # total of input tokens squared
    input_output: float  # total of input tokens times output tokens
    output_output: float  # total of output tokens squared
    input_usd: float  # total of input tokens times cost
    output_usd: float  # total of output tokens times cost


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCost:
    """Requests to one model in one period; only those of known cost and tokens."""

    model_id: str
    requests: int
    input_tokens: float  # total
    output_tokens: float  # total
    cost_usd: float  # total
    input_usd_per_token: float  # 0 where no price is known: the cost is then a remainder
    output_usd_per_token: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CostMovement:
    """Contributions to a change, US dollars; they sum to it."""

    before_usd: float | None  # None: there were no requests
    after_usd: float | None
    price: float
    input_tokens: float
    output_tokens: float
    model_mix: float
    other: float  # cache discounts, fees: what tokens times prices do not explain
    volume: float  # 0 for cost per request

    def contributions(self) -> dict[str, float]:
        """Every part by name, largest first."""
        names = ("price", "input_tokens", "output_tokens", "model_mix", "other", "volume")
        parts = {name: getattr(self, name) for name in names}
        return dict(sorted(parts.items(), key=lambda part: -abs(part[1])))

    def sentence(self) -> str:
        """Which part moved it, in words a person reads."""
        if self.before_usd is None or self.after_usd is None:
            return "One of the periods has no priced requests, so nothing can be compared."
        change = self.after_usd - self.before_usd
        if change == 0:
            return "The cost did not change."
        parts = [(n, v) for n, v in self.contributions().items() if abs(v) >= 0.1 * abs(change)]
        listed = ", ".join(f"{name.replace('_', ' ')} {v:+.4g} USD" for name, v in parts)
        return f"{self.before_usd:.4g} -> {self.after_usd:.4g} USD ({change:+.4g}): {listed}."


def model_costs(spends: Iterable[ModelSpend]) -> list[ModelCost]:
    """Costs per model, with the token prices its requests reveal.

    Two unknown prices fit all requests of a model; least squares finds them exactly where the cost
    is tokens times price. Where the requests cannot tell (all alike, or a price would be negative)
    an output token counts as OUTPUT_TOKEN_RATIO input tokens.
    """
    return [_model_cost(spend) for spend in spends if spend.requests]


def cost_movement(before: Sequence[ModelCost], after: Sequence[ModelCost]) -> CostMovement:
    """The change of the cost per request, divided among its causes; volume plays no part."""
    old, new = _mix(before), _mix(after)
    if not old or not new:
        return _nothing(_per_request(before), _per_request(after))
    parts = dict.fromkeys(("price", "input_tokens", "output_tokens", "model_mix", "other"), 0.0)
    for model in sorted({*old, *new}):
        # A model that was not there costs before what it costs after: its coming is mix.
        was, now = old.get(model) or new[model], new.get(model) or old[model]
        share_was, share_now = (s[model].share if model in s else 0.0 for s in (old, new))
        share = (share_was + share_now) / 2
        parts["model_mix"] += (share_now - share_was) * (was.cost + now.cost) / 2
        for name, value in _within(was, now).items():
            parts[name] += share * value
    return CostMovement(
        before_usd=_per_request(before), after_usd=_per_request(after), volume=0.0, **parts
    )


def spend_movement(
    before: Sequence[ModelCost], after: Sequence[ModelCost], windows_before: int, windows_after: int
) -> CostMovement:
    """The change of the spend per hour, divided among its causes and the volume.

    Args:
        before: costs per model of the earlier period.
        after: of the later one.
        windows_before: hours the earlier period has, > 0.
        windows_after: hours the later one has, > 0.
    """
    n_before = sum(m.requests for m in before) / windows_before
    n_after = sum(m.requests for m in after) / windows_after
    each = cost_movement(before, after)
    spends = n_before * (each.before_usd or 0.0), n_after * (each.after_usd or 0.0)
    if each.before_usd is None or each.after_usd is None:
        return replace(_nothing(*spends), volume=spends[1] - spends[0])
    n = (n_before + n_after) / 2
    parts = {name: n * value for name, value in each.contributions().items()}
    parts["volume"] = (n_after - n_before) * (each.before_usd + each.after_usd) / 2
    return CostMovement(before_usd=spends[0], after_usd=spends[1], **parts)


@dataclass(frozen=True, slots=True)
class _PerRequest:
    share: float
    tokens_in: float
    tokens_out: float
    price_in: float
    price_out: float
    cost: float

    @property
    def rest(self) -> float:
        return self.cost - self.tokens_in * self.price_in - self.tokens_out * self.price_out


def _mix(costs: Sequence[ModelCost]) -> dict[str, _PerRequest]:
    total = sum(m.requests for m in costs)
    return {
        m.model_id: _PerRequest(
            m.requests / total, m.input_tokens / m.requests, m.output_tokens / m.requests,
            m.input_usd_per_token, m.output_usd_per_token, m.cost_usd / m.requests,
        )
        for m in costs
        if m.requests
    }  # fmt: skip


def _within(was: _PerRequest, now: _PerRequest) -> dict[str, float]:
    return {
        "input_tokens": (now.tokens_in - was.tokens_in) * (was.price_in + now.price_in) / 2,
        "output_tokens": (now.tokens_out - was.tokens_out) * (was.price_out + now.price_out) / 2,
        "price": (now.price_in - was.price_in) * (was.tokens_in + now.tokens_in) / 2
        + (now.price_out - was.price_out) * (was.tokens_out + now.tokens_out) / 2,
        "other": now.rest - was.rest,
    }


def _per_request(costs: Sequence[ModelCost]) -> float | None:
    requests = sum(m.requests for m in costs)
    return sum(m.cost_usd for m in costs) / requests if requests else None


def _nothing(before: float | None, after: float | None) -> CostMovement:
    return CostMovement(
        before_usd=before, after_usd=after, price=0.0, input_tokens=0.0, output_tokens=0.0,
        model_mix=0.0, other=0.0, volume=0.0,
    )  # fmt: skip


def _model_cost(spend: ModelSpend) -> ModelCost:
    price_in, price_out = _prices(spend)
    return ModelCost(
        model_id=spend.model_id,
        requests=spend.requests,
        input_tokens=spend.input_tokens,
        output_tokens=spend.output_tokens,
        cost_usd=spend.requests_usd,
        input_usd_per_token=price_in,
        output_usd_per_token=price_out,
    )


def _prices(s: ModelSpend) -> tuple[float, float]:
    """The normal equations of cost = input tokens * price in + output tokens * price out."""
    determinant = s.input_input * s.output_output - s.input_output**2
    if determinant > SMALLEST_ANGLE * s.input_input * s.output_output:
        price_in = (s.input_usd * s.output_output - s.output_usd * s.input_output) / determinant
        price_out = (s.output_usd * s.input_input - s.input_usd * s.input_output) / determinant
        if min(price_in, price_out) >= 0:
            return price_in, price_out
    weighted = s.input_tokens + OUTPUT_TOKEN_RATIO * s.output_tokens
    price = s.requests_usd / weighted if weighted else 0.0
    return price, OUTPUT_TOKEN_RATIO * price


OUTPUT_TOKEN_RATIO = 4.0  # usual ratio of the price lists; only where requests cannot tell
SMALLEST_ANGLE = 1e-9  # squared sine between the token columns; below it they are one column
