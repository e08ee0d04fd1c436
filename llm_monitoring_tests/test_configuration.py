"""Names in monitoring.yaml are held against every catalogue: a mistake has its line and a word."""

import contextlib
import logging
from pathlib import Path

import pytest

from llm_monitoring.configuration import load_settings, mistakes_in
from llm_monitoring.control import Series, chart_count, charts_of
from llm_monitoring.segments import segment_of
from llm_monitoring.settings import ConfigurationError, Settings
from llm_monitoring.stats.charts import CHARTS, ChartKind, single_window

SHOP = """\
product: Shop
start: 2026-10-05T00:00:00Z
features:
  - feature_id: chat
    owner: support
  - feature_id: search
"""
LINE = "control:\n  thresholds:\n  - {{metric: {metric}, {side}: {at}{more}}}\n"
PROBE = (
    "probes:\n  probes:\n  - {{probe_id: a, family: {family}, input: b,\n     check: {check}}}\n"
)


def load(folder: Path, more: str) -> Settings:
    (folder / "monitoring.yaml").write_text(SHOP + more, encoding="utf-8")
    return load_settings(folder / "monitoring.yaml")


def told(folder: Path, more: str) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load(folder, more)
    return str(raised.value).replace(f"{folder.resolve()}/", "").splitlines()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            "control:\n  chart: outage\n",
            "8: control.chart: the chart 'outage' is called 'single_window' now",
        ),
        (
            "control:\n  chart: sr_mixtur\n",
            "8: control.chart: there is no chart 'sr_mixtur'; did you mean sr_mixture?",
        ),
        (
            "control:\n  chart: cusum\n",
            "8: control.chart: there is no chart 'cusum'; there are: sr_mixture, single_window, "
            "reference_ewma",
        ),
        (
            "breakdowns:\n- attributes: [category]\n  metrics: [eror_rate]\n",
            "9: breakdowns.0.metrics.0: there is no charted metric 'eror_rate'; did you mean "
            "error_rate",
        ),
        (
            "breakdowns:\n- attributes: [category]\n  metrics: [latency_p50_ms]\n",
            "9: breakdowns.0.metrics.0: there is no charted metric 'latency_p50_ms'; did you mean "
            "latency_p95_ms",
        ),
        (
            LINE.format(metric="eror_rate", side="above", at=0.1, more=""),
            "9: control.thresholds.0.metric: there is no metric 'eror_rate'; did you mean "
            "error_rate",
        ),
        (
            LINE.format(metric="error_rate", side="above", at=5, more=""),
            "9: control.thresholds.0.above: a share lies between 0 and 1 (0.05 is 5 %), so it is "
            "never above 5",
        ),
        (
            LINE.format(metric="error_rate", side="below", at=0, more=""),
            "9: control.thresholds.0.below: a share lies between 0 and 1 (0.05 is 5 %), so it is "
            "never below 0",
        ),
        (
            LINE.format(metric="error_rate", side="above", at=0.1, more=", feature_id: serach"),
            "9: control.thresholds.0.feature_id: there is no feature 'serach'; did you mean search",
        ),
        (
            "channels:\n- name: log\n  kind: log\n  features:\n  - chat\n  - serach\n",
            "12: channels.0.features.1: there is no feature 'serach'; did you mean search?",
        ),
        (
            "channels:\n- name: log\n  kind: log\n  owners: [suport]\n",
            "10: channels.0.owners.0: there is no owner 'suport'; did you mean support?",
        ),
        (
            "channels:\n- name: log\n  kind: log\n  layers: [costs]\n",
            "10: channels.0.layers.0: Input should be",
        ),
        (
            PROBE.format(family="format", check="json_key"),
            "10: probes.probes.0.check: there is no check 'json_key'; did you mean json_keys",
        ),
        (
            PROBE.format(family="format", check="json_keys"),
            "9: probes.probes.0.expected.keys: Field required (check json_keys)",
        ),
        (
            PROBE.format(family="language", check="language, expected: {language: EN}"),
            "9: probes.probes.0.family: Input should be",
        ),
        (
            PROBE.format(family="format", check="language, expected: {language: EN}"),
            "10: probes.probes.0.expected.language: there is no language 'EN'; did you mean en?",
        ),
    ],
)
def test_a_name_that_stands_for_nothing_is_told_with_its_line_and_the_nearest_word(
    tmp_path: Path, more: str, expected: str
) -> None:
    (line,) = told(tmp_path, more)
    assert line.startswith(f"monitoring.yaml:{expected}")


@pytest.mark.parametrize(
    ("code", "word"),
    [("EN", "did you mean en"), ("eng", "en"), ("zh-CN", "did you mean zh"), ("xx", "there are: ")],
)
def test_a_language_the_detector_does_not_know_is_refused(
    tmp_path: Path, code: str, word: str
) -> None:
    (line,) = told(tmp_path, f"  - feature_id: more\n    languages: [de, {code}]\n")
    start = f"monitoring.yaml:8: features.2.languages.1: there is no language '{code}'; "
    assert line.startswith(start)
    assert word in line.removeprefix(start)
    assert len(line) < 250


def test_a_layer_and_a_family_have_their_nearest_word_too(tmp_path: Path) -> None:
    (layer,) = told(tmp_path, "channels: [{name: log, kind: log, layers: [costs]}]\n")
    assert layer.endswith("got 'costs'; did you mean cost?")
    (family,) = told(tmp_path, PROBE.format(family="factul", check="exact"))
    assert family.endswith("got 'factul'; did you mean factual?")
    (key,) = told(tmp_path, "judge: {kind: endpoint, base_url: b, model: m, atempts: 3}\n")
    assert "Extra inputs are not permitted, got 3; did you mean attempts" in key


def test_every_mistake_is_told(tmp_path: Path) -> None:
    lines = LINE.format(metric="eror_rate", side="above", at=0.1, more=", feature_id: serach")
    assert len(told(tmp_path, lines + "  chart: cusum\n")) == 3


def test_a_name_of_a_base_is_told_in_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("control: {chart: magic}\n" + SHOP)
    (tmp_path / "m.yaml").write_text("extends: base.yaml\nproduct: Other\n")
    with pytest.raises(ConfigurationError, match=r"base\.yaml:1: control\.chart"):
        load_settings(tmp_path / "m.yaml")


def test_a_chart_that_is_added_to_the_catalogue_can_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CHARTS, "mine", ChartKind(build=single_window, share=1.0))
    assert load(tmp_path, "control: {chart: mine}\n").control.chart == "mine"


def test_a_chart_that_cannot_alarm_is_loaded_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        load(tmp_path, "control: {chart: sr_mixture}\n")
        assert not caplog.messages
        load(tmp_path, "control: {chart: reference_ewma}\n")
    (message,) = caplog.messages
    assert "control.chart: reference_ewma cannot alarm" in message


def test_a_metric_that_is_not_charted_of_these_segments_is_a_mistake_or_charted() -> None:
    """From three features on the volume of a feature is charted as its share of all."""
    plain = {
        "product": "Shop", "start": "2026-10-05T00:00Z",
        "features": [{"feature_id": name} for name in ("a", "b", "c")],
        "breakdowns": [{"attributes": ["tenant"], "metrics": ["request_count"]}],
    }  # fmt: skip
    settings = Settings.model_validate(plain)
    series = Series("a", segment_of({"tenant": "t"}), None, "request_count")
    assert charts_of(series, settings) or list(mistakes_in(settings))


def test_a_metric_named_twice_takes_its_part_of_the_budget_once_or_is_refused() -> None:
    plain = {
        "product": "Shop", "start": "2026-10-05T00:00Z", "features": [{"feature_id": "a"}],
        "breakdowns": [{"attributes": ["tenant"], "metrics": ["error_rate"]}],
    }  # fmt: skip
    once = Settings.model_validate(plain)
    plain["breakdowns"] = [{"attributes": ["tenant"], "metrics": ["error_rate", "error_rate"]}]
    with contextlib.suppress(ValueError):
        assert chart_count(Settings.model_validate(plain)) == chart_count(once)
