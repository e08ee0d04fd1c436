import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.records import Request
from llm_monitoring.sampling import inclusion_probability, is_sampled, sample

IDS = [f"req-{i:06d}" for i in range(100_000)]


def stated_rule(request_id: str, rate: float) -> bool:
    """The rule stated another way: the last digits of the hash in decimal, against the rate."""
    hashed = 0
    for byte in hashlib.sha256(request_id.encode("utf-8")).digest():
        hashed = hashed * 256 + byte
    return int(str(hashed)[-5:]) / 100_000.0 < rate


def request(request_id: str, feature_id: str = "search") -> Request:
    return Request(
        hour=2026010100,
        request_id=request_id,
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        feature_id=feature_id,
        model_id="m-1",
        requested_model=None,
        provider=None,
        latency_ms=None,
        input_tokens=None,
        output_tokens=None,
        cache_read_tokens=None,
        cache_write_tokens=None,
        reasoning_tokens=None,
        cost_usd=None,
        price_version=None,
        finish_reason=None,
        error=None,
        session_id=None,
        user_id=None,
        prompt_version=None,
        system_fingerprint=None,
        input_text=None,
        output_text=None,
        source="test",
    )


@pytest.mark.parametrize("rate", [0.05, 0.005, 0.29])
def test_no_id_of_100000_is_decided_otherwise_than_by_the_rule(rate: float) -> None:
    mismatches = [i for i in IDS if is_sampled(i, rate) != stated_rule(i, rate)]
    assert mismatches == []


def test_the_hash_is_sha256_as_published() -> None:
    # FIPS 180-2, appendix B.1: the message "abc".
    digest = 0xBA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD
    residue = digest % 100_000
    assert is_sampled("abc", (residue + 1) / 100_000)
    assert not is_sampled("abc", residue / 100_000)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_rate_only_adds_requests(request_id: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert not is_sampled(request_id, low) or is_sampled(request_id, high)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_rate_one_takes_everything_and_rate_zero_nothing(request_id: str) -> None:
    assert is_sampled(request_id, 1.0)
    assert not is_sampled(request_id, 0.0)


def test_another_salt_draws_another_sample_of_the_same_size() -> None:
    plain = {i for i in IDS if is_sampled(i, 0.05)}
    salted = {i for i in IDS if is_sampled(i, 0.05, salt="2026")}
    # 5 standard deviations of a binomial with n = 100,000 and p = .05, and of the overlap.
    assert len(plain) == pytest.approx(5000, abs=345)
    assert len(salted) == pytest.approx(5000, abs=345)
    assert len(plain & salted) == pytest.approx(250, abs=79)


@pytest.mark.parametrize(
    ("rate", "probability"),
    [(0.0, 0.0), (1e-6, 1e-5), (0.05, 0.05), (0.123456, 0.12346), (0.29, 0.29), (1.0, 1.0)],
)
def test_the_inclusion_probability_is_that_of_the_rule_in_whole_residues(
    rate: float, probability: float
) -> None:
    assert inclusion_probability(rate) == probability


@given(st.floats(0, 1))
def test_the_inclusion_probability_counts_the_residues_that_pass(rate: float) -> None:
    passing = round(inclusion_probability(rate) * 100_000)
    assert passing == 0 or (passing - 1) / 100_000.0 < rate
    assert passing == 100_000 or not passing / 100_000.0 < rate


def test_each_feature_is_sampled_at_its_own_rate() -> None:
    requests = [request(i, "chat") for i in IDS[:2000]] + [request(i) for i in IDS[2000:4000]]
    sampled = sample(requests, {"chat": 0.5, "search": 0.01}.__getitem__)
    assert [row.request_id for row in sampled] == [
        r.request_id
        for r in requests
        if is_sampled(r.request_id, 0.5 if r.feature_id == "chat" else 0.01)
    ]
    assert {(row.feature_id, row.inclusion_probability) for row in sampled} == {
        ("chat", 0.5),
        ("search", 0.01),
    }


def test_a_sampled_request_keeps_its_hour_model_and_salt() -> None:
    [row] = sample([request("a")], lambda _: 1.0, salt="s")
    assert (row.hour, row.request_id, row.model_id, row.salt) == (2026010100, "a", "m-1", "s")
