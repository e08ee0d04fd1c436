"""Logged text does nothing where it is shown."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.plain_text import (
    UNSAFE,
    is_formula,
    markdown,
    one_line,
    safe_json,
    spreadsheet_cell,
    visible,
)

SIGNS = "=+-@|;%"
WIDE = [chr(ord(sign) + 0xFEE0) for sign in SIGNS]
ANY_TEXT = st.text(st.characters())  # lone surrogates too


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x9b31m", "[U+009B]31m"),
        ("a\u202eb", "a[U+202E]b"),
        ("\ud800", "[U+D800]"),
        ("a\r\nb\rc\td", "a\nb␍c\td"),
        ("Grüße, 日本, שלום, 👩‍💻, نمی‌دانم", "Grüße, 日本, שלום, 👩‍💻, نمی‌دانم"),
    ],
)
def test_what_would_act_is_to_be_seen(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(ANY_TEXT)
def test_whatever_was_logged_can_be_printed_and_acts_nowhere(text: str) -> None:
    shown = visible(text)
    assert not UNSAFE.search(shown)
    shown.encode()
    assert one_line(text).splitlines() in ([], [one_line(text)])


@given(ANY_TEXT)
def test_safe_json_means_what_it_meant(text: str) -> None:
    written = safe_json(json.dumps({text: text}, ensure_ascii=False))
    assert not UNSAFE.search(written)
    assert json.loads(written) == {text: text}


@pytest.mark.parametrize(
    "before",
    [
        "",
        " ",
        "\n",
        "\t",
        "\r\n ",
        "\ufeff",
        "\u00a0",
        "\u3000",
        "\x00",
        "\u200b\u200e",
        "\u200d",
        "\u00ad",
        "\ufe0f",
    ],
)
@pytest.mark.parametrize("sign", [*SIGNS, *WIDE, *"\ufe62\ufe63\ufe66\ufe6b"])
def test_a_cell_that_begins_like_a_formula_is_quoted(before: str, sign: str) -> None:
    cell = str(spreadsheet_cell(f"{before}{sign}1"))
    assert cell[0] == "'"
    assert cell.endswith(f"{sign}1")


@given(ANY_TEXT)
def test_no_cell_is_a_formula(text: str) -> None:
    cell = str(spreadsheet_cell(text))
    assert not is_formula(cell)
    assert not UNSAFE.search(cell.replace("\r", ""))


def test_numbers_stay_numbers_and_the_rest_is_text() -> None:
    for value in (-3, -0.5, Decimal("-1.5"), True, None):
        assert spreadsheet_cell(value) is value
    assert spreadsheet_cell(timedelta(hours=-1)) == "'-1 day, 23:00:00"
    assert spreadsheet_cell("a=b; c|d") == "a=b; c|d"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b\nc", r"a\|b c"),
        ("<img src=x onerror=alert(1)>", r"\<img src\=x onerror\=alert\(1\)\>"),
        ("`x` **b** [l](javascript:x)", r"\`x\` \*\*b\*\* \[l\]\(javascript\:x\)"),
        ("https://evil.example", "https\\:\u2060\\/\\/evil\\.example"),
        ("WWW.evil.example", "WWW\u2060\\.evil\\.example"),
        ("me@evil.example", "me\\@\u2060evil\\.example"),
    ],
)
def test_markdown_shows_text_as_it_stands(text: str, shown: str) -> None:
    assert markdown(text) == shown
