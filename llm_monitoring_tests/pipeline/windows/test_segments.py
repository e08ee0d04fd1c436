"""Breakdowns: which segments there are in an hour, and that nothing of the traffic is lost."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from llm_monitoring.control import Series, charts_of
from llm_monitoring.pipeline.studies.cost import read_unpriced
from llm_monitoring.segments import EVERYTHING, OTHER, attributes_of, segment_of
from llm_monitoring.settings import Settings
from llm_monitoring_tests.pipeline.small_product import SmallProduct, request


@pytest.fixture
def product(tmp_path: Path) -> SmallProduct:
    return SmallProduct(tmp_path)


def break_down(product: SmallProduct, *breakdowns: dict[str, Any]) -> None:
    plain = product.settings.model_dump(mode="json", exclude_none=True)
    product.settings = Settings.model_validate({**plain, "breakdowns": list(breakdowns)})


def run(product: SmallProduct, requests: list[dict[str, Any]]) -> None:
    product.write("requests", 0, [request(f"r{i}", 0, **known) for i, known in enumerate(requests)])
    product.run(0, 0)


def counts(product: SmallProduct, metric: str = "request_count") -> dict[str, int]:
    """Rows of the feature's segments, by name."""
    return {
        row["segment"]: row["n"]
        for row in product.table("window_metrics")
        if row["feature_id"] == "search" and row["metric"] == metric
    }


def of(**attributes: str) -> str:
    return segment_of(attributes)


def test_every_value_of_an_attribute_is_a_segment(product: SmallProduct) -> None:
    break_down(product, {"attributes": ["category"]})
    run(product, [{"attributes": {"category": name}} for name in ("returns", "orders", "orders")])
    assert counts(product) == {
        EVERYTHING: 3, of(category="orders"): 2, of(category="returns"): 1, of(model="gpt-4o"): 3,
    }  # fmt: skip


def test_a_request_without_the_attribute_counts_in_the_whole_only(product: SmallProduct) -> None:
    break_down(product, {"attributes": ["category"]})
    run(product, [{"attributes": {"category": "returns"}}, {"attributes": {"else": "x"}}, {}])
    assert counts(product) == {EVERYTHING: 3, of(category="returns"): 1, of(model="gpt-4o"): 3}


def test_two_attributes_make_a_pair(product: SmallProduct) -> None:
    break_down(product, {"attributes": ["model", "category"]})
    run(product, [
        {"model_id": model, "attributes": {"category": category}}
        for model, category in (("a", "x"), ("a", "x"), ("a", "y"), ("b", "x"))
    ])  # fmt: skip
    pairs = {name: n for name, n in counts(product).items() if len(attributes_of(name)) == 2}
    assert pairs == {
        of(model="a", category="x"): 2, of(model="a", category="y"): 1,
        of(model="b", category="x"): 1,
    }  # fmt: skip


@pytest.mark.parametrize("family", ["request_count", "quality_mean", "query_length_mean"])
def test_all_but_the_busiest_values_are_one_segment_and_none_is_lost(
    product: SmallProduct, family: str
) -> None:
    sampled = product.settings.sampling.model_copy(update={"rate": 1.0})
    product.settings = product.settings.model_copy(update={"sampling": sampled})
    break_down(product, {"attributes": ["tenant"], "top": 2})
    tenants = ["a"] * 5 + ["b"] * 4 + ["c"] * 3 + ["d"] * 2 + ["e"]
    run(product, [{"attributes": {"tenant": name}} for name in tenants])
    mine = {name: n for name, n in counts(product, family).items() if "tenant" in name}
    assert mine == {of(tenant="a"): 5, of(tenant="b"): 4, of(tenant=OTHER): 6}
    assert sum(mine.values()) == counts(product, family)[EVERYTHING]


def test_of_equally_busy_values_the_first_by_name_are_kept(product: SmallProduct) -> None:
    break_down(product, {"attributes": ["tenant"], "top": 2})
    run(product, [{"attributes": {"tenant": name}} for name in "dcba"])
    mine = {name for name in counts(product) if "tenant" in name}
    assert mine == {of(tenant="a"), of(tenant="b"), of(tenant=OTHER)}


def test_columns_are_attributes_too(product: SmallProduct) -> None:
    break_down(product, {"attributes": ["provider"]}, {"attributes": ["prompt_version"]})
    run(product, [{"provider": "lark", "prompt_version": "v2"}, {"prompt_version": "v1"}])
    assert counts(product) == {
        EVERYTHING: 2, of(provider="lark"): 1, of(prompt_version="v2"): 1,
        of(prompt_version="v1"): 1, of(model="gpt-4o"): 2,
    }  # fmt: skip


def test_the_language_is_known_of_sampled_requests(product: SmallProduct) -> None:
    sampled = product.settings.sampling.model_copy(update={"rate": 1.0})
    product.settings = product.settings.model_copy(update={"sampling": sampled})
    break_down(product, {"attributes": ["language"]})
    german = {"input_text": "Wie kann ich meine Bestellung zurückschicken, bitte?"}
    run(product, [german, german, {"input_text": "How can I send back what I ordered, please?"}])
    assert counts(product)[of(language="de")] == 2
    assert counts(product, "quality_mean")[of(language="en")] == 1


def test_a_value_is_what_was_logged_whatever_it_holds(product: SmallProduct) -> None:
    break_down(product, {"attributes": ['a "key"; drop']})
    names = ["it's", 'x"}', "ünï\ncode", "*", "other", "a,b=c"]
    run(product, [{"attributes": {'a "key"; drop': name}} for name in names])
    found = Counter(attributes_of(name).get('a "key"; drop') for name in counts(product))
    assert all(found[name] == 1 for name in names)


def test_models_are_measured_although_no_breakdown_names_them(product: SmallProduct) -> None:
    break_down(product)
    run(product, [{"model_id": "a"}, {"model_id": "b"}])
    assert counts(product) == {EVERYTHING: 2, of(model="a"): 1, of(model="b"): 1}
    series = Series("search", of(model="a"), None, "avg_cost_per_request_usd")
    assert charts_of(series, product.settings) == []


def test_what_is_charted_of_a_segment_is_what_its_breakdown_names(product: SmallProduct) -> None:
    break_down(product, {"attributes": ["category"], "metrics": ["error_rate"]})
    run(product, [{"attributes": {"category": "returns"}}])
    charted = {
        (row["segment"], row["metric"])
        for row in product.table("control_charts")
        if row["segment"] != EVERYTHING
    }
    assert charted == {(of(category="returns"), "error_rate")}


def test_what_is_gathered_is_not_charted(product: SmallProduct) -> None:
    """It is a mixture that changes every hour."""
    break_down(product, {"attributes": ["tenant"], "top": 1})
    run(product, [{"attributes": {"tenant": name}} for name in "aab"])
    segments = {row["segment"] for row in product.table("control_charts")}
    assert segments == {EVERYTHING, of(tenant="a")}


def keys_of(product: SmallProduct, table: str, *columns: str) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row[name] for name in columns) for row in product.table(table))


@pytest.mark.parametrize(
    ("attributes", "logged"),
    [
        (["model"], {"model_id": "gpt\x1f4o"}),
        (["category"], {"attributes": {"category": "a\x1fb"}}),
        (["category", "tenant"], {"attributes": {"category": "a\x1fb", "tenant": "t"}}),
    ],
)
def test_an_hour_is_measured_whatever_signs_a_value_holds(
    product: SmallProduct, attributes: list[str], logged: dict[str, Any]
) -> None:
    break_down(product, {"attributes": attributes})
    run(product, [logged, {}])
    assert counts(product)[EVERYTHING] == 2
    names = {value for name in counts(product) for value in attributes_of(name).values()}
    assert "gpt\x1f4o" in names or "a\x1fb" in names


def test_a_pair_that_is_called_other_is_no_second_row_beside_what_is_gathered(
    product: SmallProduct,
) -> None:
    break_down(product, {"attributes": ["category", "tenant"], "top": 1})
    other = {"attributes": {"category": "other", "tenant": "other"}}
    run(product, [other, other, {"attributes": {"category": "a", "tenant": "b"}}])
    keys = keys_of(product, "window_metrics", "hour", "feature_id", "segment", "epoch", "metric")
    assert max(keys.values()) == 1


def test_a_category_called_other_is_counted_with_what_is_gathered(product: SmallProduct) -> None:
    break_down(product, {"attributes": ["category"], "top": 1})
    run(product, [{"attributes": {"category": name}} for name in ("other", "other", "a")])
    assert [n for name, n in counts(product).items() if "category" in name] == [3]


@pytest.mark.parametrize(
    ("breakdowns", "requests"),
    [
        ([["model"]], [{"model_id": "*"}, {}]),
        (
            [["model"], ["category"]],
            [{"model_id": "category=x"}, {"attributes": {"category": "x"}}],
        ),
        (
            [["a", "b"]],
            [{"attributes": {"a": "x,b=y", "b": "z"}}, {"attributes": {"a": "x", "b": "y,b=z"}}],
        ),
    ],
)
def test_two_segments_never_share_a_chart(
    product: SmallProduct, breakdowns: list[list[str]], requests: list[dict[str, Any]]
) -> None:
    break_down(product, *({"attributes": n, "metrics": ["error_rate"]} for n in breakdowns))
    run(product, requests)
    assert max(keys_of(product, "control_charts", "hour", "chart_id").values()) == 1


def test_a_model_of_unknown_price_is_named_however_many_others_a_feature_uses(
    product: SmallProduct,
) -> None:
    known = [{"model_id": f"m{i % 4}", "cost_usd": 0.01} for i in range(48)]
    tokens = {"input_tokens": 5, "output_tokens": 5}
    run(product, known + [{"model_id": "new-1", **tokens}] * 11)
    (found,) = read_unpriced(product.lake, *product.hours(0))
    assert found.place == "new-1"
