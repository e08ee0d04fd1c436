"""What is make-believe is handed in by the demo's code location; the product knows none of it."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from llm_monitoring.defs.resources import Monitoring, monitoring_resource
from llm_monitoring.hours import hour_key
from llm_monitoring.records import Judgement
from llm_monitoring.settings import ModelSettings
from llm_monitoring.simulation.definitions import (
    CLOCK,
    PROVIDER,
    defs,
    simulated_monitoring,
)
from llm_monitoring.simulation.faults import choose_faults
from llm_monitoring_tests.judging.examples import item, sampled

START = datetime(2026, 10, 5, tzinfo=UTC)
(FAILURE,) = choose_faults("judge_failure", start=hour_key(START))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A user's own product that happens to have a feature of the demo's, called simulated."""
    file = tmp_path / "monitoring.yaml"
    settings = {
        "product": "A shop of my own",
        "simulated": True,
        "start": START.isoformat(),
        "features": [{"feature_id": "product_search"}],
        "sources": {"requests": [{"name": "requests", "path": "logs/{date}-{hour}.jsonl"}]},
    }
    file.write_text(yaml.safe_dump(settings))
    return file


def judged_in_the_bad_hour(monitoring: Monitoring) -> Judgement:
    ask = sampled("r-1", hour=FAILURE.first_hour, feature_id="product_search")

    async def judge() -> list[Judgement]:
        async with monitoring.open_judge() as judge:
            return [row async for rows in judge.judge([item(sampled=ask)]) for row in rows]

    (row,) = asyncio.run(judge())
    return row


def test_a_product_of_ones_own_that_is_called_simulated_is_judged_like_any_other(
    config: Path,
) -> None:
    row = judged_in_the_bad_hour(monitoring_resource(config))
    assert (row.unscored_reason, row.quality_mean is None) == (None, False)


def test_the_demo_s_judge_fails_in_its_bad_hours(config: Path) -> None:
    row = judged_in_the_bad_hour(simulated_monitoring(config))
    assert row.unscored_reason == "unavailable: the judge does not answer (simulated)"


def test_only_the_demo_has_a_clock_of_its_own(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CLOCK, START.isoformat())
    assert simulated_monitoring(config).now() == START
    assert monitoring_resource(config).now() > START


def test_a_model_is_probed_where_it_is_unless_it_is_make_believe(config: Path) -> None:
    real = ModelSettings(base_url="https://llm.example.com", model="m-2026-01-01")
    pretended = real.model_copy(update={"base_url": PROVIDER})
    for monitoring, there in (
        (monitoring_resource(config), PROVIDER),
        (simulated_monitoring(config), "http://127.0.0.1:"),
    ):
        with monitoring.reached(real, 20261005) as reached:
            assert reached == real
        with monitoring.reached(pretended, 20261005) as reached:
            assert reached.base_url.startswith(there)


def test_the_code_location_of_the_demo_is_the_product_s_but_for_the_resource() -> None:
    from llm_monitoring.definitions import defs as product

    ours, theirs = defs.get_repository_def(), product.get_repository_def()
    assert ours.get_top_level_resources().keys() == theirs.get_top_level_resources().keys()
    assert [job.name for job in ours.get_all_jobs()] == [job.name for job in theirs.get_all_jobs()]
