"""monitoring.yaml: mistakes name file and line, secrets stay secret, and the shipped file loads."""

import re
from datetime import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from llm_monitoring import settings as room
from llm_monitoring.configuration import load_settings
from llm_monitoring.settings import (
    ConfigurationError,
    EndpointJudgeSettings,
    HeuristicJudgeSettings,
    ModelSettings,
)
from llm_monitoring.settings.strict import Strict, secret

ROOT = Path(__file__).resolve().parents[2]
SMALL = """\
product: Shop
start: 2026-10-05T00:00:00Z
features:
  - feature_id: chat
"""
ENDPOINT = """\
judge:
  kind: endpoint
  base_url: http://127.0.0.1:1
  model: judge-2026-06-01
"""


def write(folder: Path, text: str, name: str = "monitoring.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def mistake(folder: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        load_settings(write(folder, text))
    return str(raised.value).replace(str(folder.resolve()) + "/", "")


def test_the_shipped_file_loads_with_probes_in_five_families() -> None:
    settings = load_settings(ROOT / "monitoring.yaml")
    assert len(settings.probes.probes) >= 12
    assert len({probe.family for probe in settings.probes.probes}) == 5
    assert isinstance(settings.judge, HeuristicJudgeSettings)
    assert not settings.simulated


def test_the_commented_examples_of_the_shipped_file_are_right(tmp_path: Path) -> None:
    """Uncommented, the file still loads, with an endpoint judge and more of the rest."""
    text = (ROOT / "monitoring.yaml").read_text(encoding="utf-8")
    text = text.replace("  kind: heuristic\n", "")
    for emptied in ("models: []", "prices: []"):
        text = text.replace(emptied, emptied.removesuffix(" []"))
    example = re.compile(r"^(\s*)# ((?:- )?[a-z_]+: .*[^.?]|  [a-z_]+: .+)$", re.MULTILINE)
    settings = load_settings(write(tmp_path, example.sub(r"\1\2", text)))
    assert isinstance(settings.judge, EndpointJudgeSettings)
    assert (len(settings.probes.models), len(settings.prices), len(settings.channels)) == (1, 1, 5)
    assert settings.sources.requests[0].feature_id == "support_chat"


def test_the_shipped_file_shows_every_key_but_those_a_probe_can_leave_out() -> None:
    text = (ROOT / "monitoring.yaml").read_text(encoding="utf-8")
    shown = set(re.findall(r"([a-z_]+):", text))
    missing = {key for model in _models() for key in model.model_fields} - shown
    assert missing == {"below", "max_output_tokens"} - shown


def test_a_small_file_is_enough(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, SMALL))
    assert settings.sample_rate("chat") == 0.05
    assert settings.sample_rate("a feature only the logs know") == 0.05
    assert settings.start.isoformat() == "2026-10-05T00:00:00+00:00"


def test_what_the_file_does_not_name_lies_beside_it_wherever_a_process_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = write(tmp_path / "product", SMALL)
    child = write(tmp_path / "other", "extends: ../product/monitoring.yaml\nlake: {}\n")
    monkeypatch.chdir(tmp_path)
    for file in (small, child):
        settings = load_settings(file)
        assert settings.lake.uri == str(file.parent / "lake")
        assert settings.reports == file.parent / "reports"


def test_an_unknown_key_is_told_with_its_line(tmp_path: Path) -> None:
    told = mistake(tmp_path, SMALL + "sampling:\n  rte: 0.1\n")
    assert told.startswith("monitoring.yaml:6: sampling.rte: Extra inputs are not permitted")


def test_a_wrong_type_is_told_with_its_line_and_what_came(tmp_path: Path) -> None:
    told = mistake(tmp_path, SMALL + "sampling:\n  rate: often\n")
    assert told.startswith("monitoring.yaml:6: sampling.rate: Input should be a valid number")
    assert told.endswith("got 'often'")


def test_a_mistake_in_a_list_is_told_with_its_place(tmp_path: Path) -> None:
    told = mistake(tmp_path, SMALL + "  - feature_id: search\n    sample_rate: 2\n")
    assert told.startswith("monitoring.yaml:6: features.1.sample_rate: ")


def test_a_missing_key_is_told_at_what_should_hold_it(tmp_path: Path) -> None:
    told = mistake(tmp_path, SMALL + "probes:\n  probes:\n  - probe_id: x\n")
    assert told.splitlines()[0] == "monitoring.yaml:7: probes.probes.0.family: Field required"


def test_every_mistake_is_told_on_its_own_line(tmp_path: Path) -> None:
    told = mistake(tmp_path, SMALL + "sampling: {rate: 0}\ncontrol: {chart: [1]}\n")
    assert [line.split(": ")[1] for line in told.splitlines()] == ["sampling.rate", "control.chart"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1\n", "monitoring.yaml:2: not YAML"),
        ("- a\n", "monitoring.yaml:1: expected a mapping"),
        ("", "monitoring.yaml:1: expected a mapping"),
        ("a: \x00\n", "monitoring.yaml:1: not YAML"),
        ("a: &a [*a]\n", "monitoring.yaml:1: a value is a part of itself"),
        (SMALL + "product: Other\n", "monitoring.yaml:5: product: stands here a second time"),
    ],
)
def test_what_is_no_settings_file_is_told(tmp_path: Path, text: str, told: str) -> None:
    assert mistake(tmp_path, text).startswith(told)


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        ("[tenant.id, region]", {"tenant.id": "tenant.id", "region": "region"}),
        ("{tenant: tenant.id}", {"tenant": "tenant.id"}),
    ],
)
def test_attributes_of_a_source_are_a_list_or_a_map(
    tmp_path: Path, asked: str, known: dict[str, str]
) -> None:
    source = f"{{name: app, path: app.log, attributes: {asked}}}"
    sources = f"sources: {{requests: [{source}]}}\n"
    assert load_settings(write(tmp_path, SMALL + sources)).sources.requests[0].attributes == known
    told = mistake(tmp_path, SMALL + sources.replace("requests", "signals"))
    assert "attributes are taken of requests, not of signals: app" in told


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        load_settings(tmp_path / "nowhere.yaml")


def test_bytes_that_are_no_utf8_are_told(tmp_path: Path) -> None:
    (tmp_path / "monitoring.yaml").write_bytes(b"product: \xff\n")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load_settings(tmp_path / "monitoring.yaml")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("control: {thresholds: [{metric: error_rate}]}", "exactly one of 'above' and 'below'"),
        ("control: {thresholds: [{metric: a, above: 1, below: 0}]}", "exactly one of"),
        ("control: {thresholds: [{metric: a, above: .nan}]}", "finite number"),
        (
            "control: {thresholds: [{metric: a, above: 1}, {metric: a, above: 1, feature_id: b}]}",
            "the line above 1 of a is drawn twice for one feature",
        ),
        ("control: {false_tickets_per_week: 0.5}", "is below false_alarms_per_week"),
        ("control: {false_tickets_per_week: 21}", "above 20 times false_alarms_per_week"),
        ("channels: [{name: call, kind: webhook}]", "needs 'url_env'"),
        ("channels: [{name: a, kind: log}, {name: a, kind: log}]", "channels: a named twice"),
        ("channels: [{name: a, kind: log, secret_env: A}]", "only a webhook channel has a 'secret"),
        ("channels: [{name: a, kind: webhook, url_env: A, file: f}]", "only a log channel has a"),
        ("notifications: {digest: {timezone: Berlin}}", "not a time zone"),
        ("end: 2026-10-05T00:30:00Z", "whole hour"),
        ("redaction: [{pattern: '('}]", "not a regular expression"),
        ("redaction: [{replacement: x}]", "exactly one of 'preset', 'pattern' and 'presidio'"),
        ("redaction: [{preset: email, pattern: x}]", "exactly one of"),
        ("privacy: {user_ids: hash}", "needs 'key_env'"),
        ("retention: {raw_days: 10, text_days: 11}", "text_days is above raw_days"),
        ("probes: {probes: [{probe_id: a, family: magic, input: b, check: c}]}", "'format'"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(
    tmp_path: Path, more: str, told: str
) -> None:
    assert told in mistake(tmp_path, SMALL + more)


def test_the_kind_of_judge_decides_which_keys_it_has(tmp_path: Path) -> None:
    assert isinstance(load_settings(write(tmp_path, SMALL)).judge, HeuristicJudgeSettings)
    judge = load_settings(write(tmp_path, SMALL + ENDPOINT)).judge
    assert isinstance(judge, EndpointJudgeSettings)
    assert judge.model == "judge-2026-06-01"


def test_a_key_of_the_other_kind_of_judge_is_told_with_its_line(tmp_path: Path) -> None:
    told = mistake(tmp_path, SMALL + "judge:\n  kind: heuristic\n  model: m\n")
    assert told.startswith("monitoring.yaml:7: judge.heuristic.model: Extra inputs")
    assert mistake(tmp_path, SMALL + "judge:\n  kind: oracle\n").startswith("monitoring.yaml:5: ")


def test_a_file_that_extends_another_holds_only_what_differs(tmp_path: Path) -> None:
    write(tmp_path, SMALL + "sampling: {rate: 0.5, salt: pepper}\nreports: pages\n")
    child = write(
        tmp_path,
        "extends: ../monitoring.yaml\nsampling: {rate: 0.1}\nlake: {uri: l}\n",
        "demo/m.yaml",
    )
    settings = load_settings(child)
    assert (settings.sampling.rate, settings.sampling.salt) == (0.1, "pepper")
    assert settings.lake.uri == str(tmp_path.resolve() / "demo" / "l")
    assert settings.reports == tmp_path.resolve() / "pages"


def test_a_list_in_the_extending_file_replaces_the_other(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    child = write(tmp_path, "extends: monitoring.yaml\nfeatures: [{feature_id: b}]\n", "m.yaml")
    assert [feature.feature_id for feature in load_settings(child).features] == ["b"]


def test_a_mistake_is_told_in_the_file_that_made_it(tmp_path: Path) -> None:
    write(tmp_path, SMALL + "sampling:\n  rate: 7\n")
    child = write(tmp_path, "extends: monitoring.yaml\n\ncontrol:\n  chrt: x\n", "m.yaml")
    with pytest.raises(ConfigurationError) as raised:
        load_settings(child)
    told = [line.removeprefix(f"{tmp_path.resolve()}/") for line in str(raised.value).splitlines()]
    assert sorted(line.split(": ")[0] for line in told) == ["m.yaml:4", "monitoring.yaml:6"]


def test_a_file_that_extends_itself_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "extends: monitoring.yaml\n", "m.yaml")
    assert "extends itself" in mistake(tmp_path, "extends: m.yaml\n")


def test_paths_are_relative_to_the_file_and_buckets_stay_as_they_are(tmp_path: Path) -> None:
    more = (
        "lake: {uri: 's3://bucket/lake'}\nsources: {requests: [{name: r, path: 'l/{date}.jsonl'}]}"
    )
    settings = load_settings(write(tmp_path, SMALL + more))
    assert settings.lake.uri == "s3://bucket/lake"
    assert settings.sources.requests[0].path == str(tmp_path.resolve() / "l" / "{date}.jsonl")


@pytest.mark.parametrize(
    "pasted",
    [
        ENDPOINT + "  api_key_env: sk-very-secret\n",
        ENDPOINT + "  api_key: sk-very-secret\n",
        "lake: {storage_options_env: {AWS_SECRET_ACCESS_KEY: sk-very-secret}}",
        "channels: [{name: a, kind: webhook, url_env: 'https://sk-very-secret'}]",
    ],
)
def test_a_secret_pasted_into_the_file_is_refused_and_not_repeated(
    tmp_path: Path, pasted: str
) -> None:
    assert "sk-very-secret" not in mistake(tmp_path, SMALL + pasted)


def test_a_secret_comes_from_the_environment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_API_KEY", "sk-1")
    assert secret("JUDGE_API_KEY") == "sk-1"
    assert secret(None) is None
    monkeypatch.delenv("JUDGE_API_KEY")
    with pytest.raises(LookupError, match="JUDGE_API_KEY is not set"):
        secret("JUDGE_API_KEY")


def test_no_setting_holds_a_secret_itself() -> None:
    keys = {key for model in _models() for key in model.model_fields}
    holding = {key for key in keys if re.search("password|secret|api_key$|token$", key)}
    assert not {key for key in holding if not key.endswith("_env")}


DOCUMENTED = {
    "Top level": "Settings",
    "lake": "LakeSettings",
    "features": "FeatureSettings",
    "sources": "Sources",
    "sources.requests and sources.signals": "Source",
    "sampling": "SamplingSettings",
    "judge, kind heuristic": "HeuristicJudgeSettings",
    "judge, kind endpoint": "EndpointJudgeSettings",
    "rubric": "Rubric",
    "inputs": "InputSettings",
    "breakdowns": "Breakdown",
    "control": "ControlSettings",
    "control.thresholds": "Threshold",
    "probes": "ProbeSettings",
    "probes.models": "ModelSettings",
    "probes.probes": "Probe",
    "channels": "ChannelSettings",
    "notifications": "NotificationSettings",
    "notifications.quiet_hours": "QuietHours",
    "notifications.digest": "DigestSettings",
    "heartbeat": "HeartbeatSettings",
    "incidents": "IncidentSettings",
    "prices": "PriceOverride",
    "retention": "RetentionSettings",
    "redaction": "Redaction",
    "privacy": "PrivacySettings",
}


def _models() -> list[type[Strict]]:
    """All that are defined in the room of settings."""
    found, unseen = set(), list(Strict.__subclasses__())
    while unseen:
        model = unseen.pop()
        unseen += model.__subclasses__()
        if model.__module__.startswith(room.__name__):
            found.add(model)
    return sorted(found, key=lambda model: model.__name__)


def _documented() -> dict[str, dict[str, str]]:
    """Section -> key -> default, as docs/configuration.md says."""
    sections: dict[str, dict[str, str]] = {}
    for section in (ROOT / "docs/configuration.md").read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", body, re.MULTILINE)
        sections[title.strip()] = dict(rows)
    return sections


def test_every_model_of_the_settings_has_its_section_in_the_documentation() -> None:
    assert set(DOCUMENTED.values()) == {model.__name__ for model in _models()}
    assert DOCUMENTED.keys() <= _documented().keys()


@pytest.mark.parametrize("section", DOCUMENTED)
def test_every_key_is_documented_with_its_default(section: str) -> None:
    (model,) = (model for model in _models() if model.__name__ == DOCUMENTED[section])
    documented = _documented()[section]
    # An endpoint judge has the keys of any model, which stand in one place.
    inherited = set(ModelSettings.model_fields) if model is EndpointJudgeSettings else set()
    assert documented.keys() == model.model_fields.keys() - inherited
    for key, told in documented.items():
        field = model.model_fields[key]
        if field.is_required():
            assert told == "required", key
        elif told != "see below":
            assert yaml.safe_load(told.strip("`")) == _plain(field.default), key


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def test_the_mistake_shown_in_the_documentation_is_the_one_that_is_told(tmp_path: Path) -> None:
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    wrong, told = re.findall(r"```(?:yaml|text)\n(.*?)```", text, re.DOTALL)[:2]
    assert mistake(tmp_path, wrong) == told.strip()


def test_the_table_of_checks_in_the_documentation_is_complete() -> None:
    from llm_monitoring.probes import CHECKS

    text = (ROOT / "docs/probes.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", text, re.MULTILINE))
    assert rows.keys() == CHECKS.keys()
    for name, check in CHECKS.items():
        keys = {field.alias or key for key, field in check.model_fields.items()}
        assert set(re.findall(r"`(\w+)`", rows[name])) == keys


def test_links_that_nobody_set_follow_the_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "monitoring.yaml"
    file.write_text(
        "product: p\nstart: 2026-01-01T00:00:00Z\nfeatures: [{feature_id: f}]\n"
        "dagster_url: https://ops.example\n"
    )
    monkeypatch.setenv("LLM_MONITORING_PORT", "4000")
    monkeypatch.setenv("LLM_MONITORING_REPORTS_PORT", "4001")
    settings = load_settings(file)
    assert settings.dagster_url == "https://ops.example"
    assert settings.reports_url == "http://127.0.0.1:4001"
    monkeypatch.setenv("LLM_MONITORING_REPORTS_PORT", "0")
    assert load_settings(file).reports_url == "http://127.0.0.1:3001"


QUIET = "notifications: {{quiet_hours: {{start: {start}, end: 07:00}}}}\n"


def test_quiet_hours_may_be_written_without_quotes(tmp_path: Path) -> None:
    for start in ("22:00", "'22:00'"):
        settings = load_settings(write(tmp_path, SMALL + QUIET.format(start=start)))
        quiet = settings.notifications.quiet_hours
        assert quiet is not None
        assert (quiet.start, quiet.end) == (time(22), time(7))


def test_quiet_hours_with_a_zone_of_their_own_are_refused(tmp_path: Path) -> None:
    for start in ("'22:00Z'", "'22:00+02:00'", "79200"):
        assert "expected a time such as 22:00" in mistake(
            tmp_path, SMALL + QUIET.format(start=start)
        )
