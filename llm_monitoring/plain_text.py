"""Logged text on its way to a reader: a terminal, a page, Markdown, a spreadsheet.

Whoever may ask the product something writes what stands in its logs.
"""

import re
import string
import unicodedata
from decimal import Decimal

WORD_JOINER = "\u2060"  # has no width, and parts nothing but what would be read as an address
# Control characters, lone surrogates, what turns the direction of writing, what is not to be seen.
# Joiners stay: scripts and emoji are written with them.
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
UNSEEN = set("CMZ")  # Unicode categories: signs of control and format, marks, blanks
_PUNCTUATION = re.compile(f"([{re.escape(string.punctuation)}])")
_ADDRESS = re.compile(r"(?<=www)(?=\\\.)|(?<=:)(?=\\/)|(?<=@)", re.IGNORECASE)


def visible(text: str) -> str:
    """Text in which nothing acts: what is unsafe has become a picture or its code.

    Line feeds and tabs stay.
    """
    return UNSAFE.sub(_picture, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """As `visible`; it cannot pretend to be two lines."""
    return re.sub(r"[\n\t]+", " ", visible(text)).strip()


def markdown(text: str) -> str:
    """Text that Markdown shows as it stands: no markup, table cell, address or mention in it."""
    return _ADDRESS.sub(WORD_JOINER, _PUNCTUATION.sub(r"\\\1", one_line(text)))


def spreadsheet_cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if value is None or isinstance(value, int | float | Decimal):
        return value
    # A carriage return is data to a program that reads the file; quoted, it does no harm.
    parts = [UNSAFE.sub(_picture, part) for part in str(value).split("\r")]
    return "'" * is_formula(str(value)) + "\r".join(parts)


def is_formula(text: str) -> bool:
    """Some spreadsheet would run a cell of this text, or run it once it is pasted.

    They skip blanks and what is not to be seen, and read wide signs as plain ones.
    """
    start = next((sign for sign in text if unicodedata.category(sign)[0] not in UNSEEN), "")
    return text[:1] in ("\t", "\r") or unicodedata.normalize("NFKC", start) in set("=+-@|;%")


def safe_json(text: str) -> str:
    r"""The same JSON, with what is unsafe written as \uXXXX."""
    return UNSAFE.sub(_escape, text)


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else f"[U+{code:04X}]"


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
