"""What the ready-made rules find, what they leave, and how ids are stored."""

import json
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.adapters import presidio
from llm_monitoring.adapters.personal_data import PRESETS
from llm_monitoring.adapters.redaction import Redactor
from llm_monitoring.settings.keeping import PrivacySettings, Redaction
from llm_monitoring_tests.adapters.source_examples import settings

EVERY = [Redaction(preset=name) for name in ("email", "keys", "iban", "card", "phone")]


def redacted(text: str) -> str:
    return Redactor(EVERY).text(text)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("write to jane.o'hara+x@mail.example.co.uk.", "write to [email]."),
        ("jürgen@bücher.de!", "[email]!"),
        ("call +49 170 1234567 now", "call [phone] now"),
        ("(555) 123-4567, 555-123-4567, 555.123.4567", "[phone], [phone], [phone]"),
        ("020 7946 0958; 0170 1234567; 06 12 34 56 78", "[phone]; [phone]; [phone]"),
        ("0049 170 1234567", "[phone]"),
        ("4111 1111 1111 1111 12/27", "[card] 12/27"),
        ("4111-1111-1111-1111 4111111111111111", "[card] [card]"),
        ("amex 378282246310005, diners 3056 930902 5904", "amex [card], diners [card]"),
        ("DE89 3704 0044 0532 0130 00 PAY ME", "[iban] PAY ME"),
        ("GB82WEST12345698765432 de89370400440532013000", "[iban] [iban]"),
        ("key sk-proj-abcDEF1234567890abcdef", "key [key]"),
        ("AKIAIOSFODNN7EXAMPLE", "[key]"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[key]"),
        ("Authorization: Bearer abcdef1234567890abcdef==", "Authorization: [key]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3In0.dozjgNryP4J3jVmNHl0w5N", "[key]"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4\nMI+/=\n-----END RSA PRIVATE KEY-----",
            "[key]",
        ),
        (
            r'"-----BEGIN PRIVATE KEY-----\nMIIEvQ+/=\nAb\r\nCd\n-----END PRIVATE KEY-----\n", "x"',
            r'"[key]\n", "x"',
        ),
        ("a -----BEGIN EC PRIVATE KEY-----\nMHcCAQ+/\nAbCd", "a [key]"),
        (r'{"a": "-----BEGIN PRIVATE KEY-----\nMHcC\\nAbCd", "b": 1}', '{"a": "[key]", "b": 1}'),
        ("-----BEGIN PRIVATE KEY-----\nMHcCAQ\n-----END PRI", "[key]-----END PRI"),
        (
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 2.0 (x)\n\nlQ=\n=a\n"
            "-----END PGP PRIVATE KEY BLOCK-----",
            "[key]",
        ),
    ],
)
def test_personal_data_and_secrets_are_replaced(text: str, stored: str) -> None:
    assert redacted(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        "order LK-2041, order 1234567890, order 20261005-000123, ticket 000123456789",
        "2026-10-05T08:30:00Z, 2026-10-05 08:30:00.123, 05.10.2026 12:30, 05/10/2026, 10-2026",
        "1796342400, 1796342400123, 1796342400123456, 1796342400123456789",
        "550e8400-e29b-41d4-a716-446655440000, af65fa0f-0039-4009-8714-55967861bdd6",
        "d41d8cd98f00b204e9800998ecf8427e, DA39A3EE5E6B4B0D3255BFEF95601890AFD80709",
        "192.168.100.200, 0.4111111111111111, v1.2.3, 1,234,567.89, ISBN 978-3-16-148410-0",
        "4111 1111 1111 1112 is no card, DE88370400440532013000 no IBAN",
        "the bearer of internationalization, sk-learn-is-a-nice-library, me @ home",
    ],
)
def test_numbers_that_only_look_like_personal_data_stay(text: str) -> None:
    assert redacted(text) == text


@given(st.uuids(version=4))
def test_a_uuid_stays(value: uuid.UUID) -> None:
    assert redacted(str(value)) == str(value)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    "piece",
    [
        "a", "1", "1 ", "a@", "a.", "sk-", "eyJ-", "eyJaaaaaaaa.", "+1", "AA11", "AA11 ", "4111 ",
        "-----BEGIN PRIVATE KEY-----", "bearer aaaaaaaaaaaaaaaaaa", "020 7946 ", "(", "0",
    ],
)  # fmt: skip
def test_no_text_keeps_a_rule_busy(preset: str, piece: str) -> None:
    # With a rule that backtracks, one of these would run for years.
    hostile = ("x@" if piece == "a." else "") + piece * (300_000 // len(piece))
    assert len(PRESETS[preset].sub("", hostile)) <= len(hostile)


def test_a_preset_may_have_a_replacement_of_its_own() -> None:
    redactor = Redactor([Redaction(preset="email", replacement=r"<\1>")])
    assert redactor.text("to jo@x.org") == r"to <\1>"


def test_rules_are_applied_in_their_order() -> None:
    redactor = Redactor([Redaction(pattern="@x"), Redaction(preset="email")])
    assert redactor.text("jo@x.org jo@y.org") == "jo[redacted].org [email]"


# --------------------------------------------------------- numbers, escapes


def test_a_number_is_replaced_like_a_text_and_others_stay_numbers() -> None:
    redactor = Redactor([*EVERY, Redaction(pattern=r"^1555\d{7}$"), Redaction(pattern=r"^9{30}$")])
    tree = {
        "card": 4111111111111111, "as_float": 4111111111111111.0, "phone": [15551234567],
        "long": int("9" * 30), "longest": 10**5000,
        "stars": 5, "share": 0.25, "yes": True, "at": 1796342400123, "none": None,
        "odd": [float("inf"), 1e300],
    }  # fmt: skip
    assert redactor.tree(tree) == tree | {
        "card": "[card]", "as_float": "[card]", "phone": ["[redacted]"],
        "long": "[redacted]", "longest": hex(10**5000)[:20],
    }  # fmt: skip


@pytest.mark.parametrize("escape", [r"\n", r"\t", r"\r", r"\"", r"\/", r"\b", r"\u000a", r"\\n"])
@pytest.mark.parametrize(
    "secret",
    [
        "4111111111111111", "+491701234567", "DE89370400440532013000",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789", "jo@x.org",
    ],
)  # fmt: skip
def test_no_escape_hides_anything_in_a_line_that_is_cut_off(escape: str, secret: str) -> None:
    line = f'{{"input_text": "pay{escape}{secret}{escape}now", "mod'.encode()
    assert secret not in Redactor(EVERY).excerpt(line)


ANCHORED = [
    Redaction(pattern=r"^CUST-\d{6}"),
    Redaction(pattern=r"\Amember \w+\Z"),
    Redaction(pattern=r"^7777\d{4}$"),
]


@pytest.mark.parametrize("ending", ["}", ', "mod', ""], ids=["whole", "torn", "torn at the value"])
@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ('"CUST-123456 asks"', "[redacted] asks"),
        ('"member jane"', "[redacted]"),
        ('["no", "member jane"]', "[redacted]"),
        ('"\\u006dember jane"', "[redacted]"),
        ("77771234", "[redacted]"),
    ],
)
def test_an_anchored_pattern_finds_in_an_excerpt_what_it_finds_in_the_value(
    value: str, stored: str, ending: str
) -> None:
    excerpt = Redactor(ANCHORED).excerpt(f'{{"n": 1, "input_text": {value}{ending}'.encode())
    assert stored in excerpt
    assert excerpt.startswith('{"n": 1, "input_text": ')
    for secret in ("123456", "jane", "7777"):
        assert secret not in excerpt


def test_a_value_that_is_cut_off_is_redacted_as_far_as_it_goes() -> None:
    redactor = Redactor(ANCHORED)
    assert "123456" not in redactor.excerpt(b'{"input_text": "CUST-123456 ask')
    assert "123456" not in redactor.excerpt(b"CUST-123456 without any JSON")


@pytest.mark.parametrize("escape", ["", "\\n", '\\"'])
def test_a_value_within_json_in_a_line_that_is_cut_off_is_redacted(escape: str) -> None:
    inner = json.dumps({"customer": "CUST-123456" + escape})
    line = json.dumps({"body": inner})[:-1].encode()
    assert "123456" not in Redactor(ANCHORED).excerpt(line)


# ------------------------------------------------------------------- ids


def test_an_id_in_which_something_is_found_becomes_a_digest_so_that_joins_survive() -> None:
    redactor = Redactor(EVERY)
    jane, joe = redactor.user_id("jane@x.org"), redactor.user_id("joe@x.org")
    assert jane != joe
    assert jane == redactor.request_id("jane@x.org")
    assert "@" not in f"{jane}{joe}"
    assert redactor.user_id("u-17") == "u-17"


def test_ids_are_hashed_with_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    hashing = PrivacySettings(user_ids="hash", key_env="PRIVACY_KEY")
    monkeypatch.setenv("PRIVACY_KEY", "one")
    one = Redactor([], hashing)
    monkeypatch.setenv("PRIVACY_KEY", "two")
    two = Redactor([], hashing)
    assert one.user_id("u-17") != two.user_id("u-17")
    assert one.user_id("u-17") == one.user_id("u-17")
    assert one.request_id("r-1") == "r-1"


def test_without_the_key_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRIVACY_KEY", raising=False)
    with pytest.raises(LookupError, match="PRIVACY_KEY"):
        Redactor([], PrivacySettings(user_ids="hash", key_env="PRIVACY_KEY"))


def test_ids_can_be_dropped() -> None:
    redactor = Redactor([], PrivacySettings(user_ids="drop"))
    assert redactor.user_id("u-17") is None
    assert redactor.request_id("r-1") == "r-1"


# -------------------------------------------------------------- presidio


class FakeEngine:
    """Finds Jane, and Jane Doe as well."""

    def analyze(self, *, text: str, entities: list[str], language: str) -> list[Any]:
        assert (entities, language) == (["PERSON"], "de")
        return [
            SimpleNamespace(entity_type="PERSON", start=at, end=at + len(name))
            for name in ("Jane", "Jane Doe")
            if (at := text.find(name)) >= 0
        ]


@pytest.fixture
def no_engine() -> Any:
    presidio._engine.cache_clear()
    yield
    presidio._engine.cache_clear()


def test_presidio_replaces_what_it_recognises_and_of_two_that_overlap_the_longer(
    monkeypatch: pytest.MonkeyPatch, no_engine: None
) -> None:
    module = SimpleNamespace(AnalyzerEngine=FakeEngine)
    monkeypatch.setitem(sys.modules, "presidio_analyzer", module)
    redactor = Redactor([Redaction(presidio=["PERSON"], language="de")])
    assert redactor.text("for Jane Doe, please") == "for [person], please"


def test_presidio_that_is_not_installed_is_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, no_engine: None
) -> None:
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(RuntimeError, match=r"llm-monitoring\[presidio\]"):
        Redactor([Redaction(presidio=["PERSON"])])


def test_check_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, no_engine: None, tmp_path: Path
) -> None:
    from llm_monitoring.cli.query import open_lake
    from llm_monitoring.pipeline.upkeep.check import findings

    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    asked = settings(tmp_path / "log", redaction=[{"presidio": ["PERSON"]}])
    told = findings(open_lake, asked, datetime.now(UTC), offline=True)
    errors = [found.text for found in told if found.mark == "error"]
    assert [text for text in errors if "llm-monitoring[presidio]" in text]
