"""Ready-made rules: what personal data and secrets look like, and which numbers only look like it.

Every expression runs in time linear in the text, whatever it says: no repetition can be divided up
in two ways, and a long one starts only where none is under way.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """One kind of personal data.

    Args:
        pattern: what it looks like.
        replacement: what stands in its place, unless monitoring.yaml says otherwise.
        length: how many characters of a match are really it; 0: none. None: all of them.
        clue: a quick look that finds something wherever the pattern can; None: there is none.
    """

    pattern: re.Pattern[str]
    replacement: str
    length: Callable[[str], int] | None = None
    clue: re.Pattern[str] | None = None

    def sub(self, replacement: str, text: str) -> str:
        """The text with every match replaced."""
        if self.clue is not None and self.clue.search(text) is None:
            return text
        length = self.length

        def replaced(match: re.Match[str]) -> str:
            found = match[0]
            of_it = len(found) if length is None else length(found)
            return replacement + found[of_it:] if of_it else found

        return self.pattern.sub(replaced, text)


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _card(found: str) -> int:
    """Luhn's sum: of ten numbers that look like a card, nine are not."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(_digits(found)))]
    valid = sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
    return len(found) if valid else 0


def _iban(found: str) -> int:
    """ISO 13616: mod 97 is 1; words in capitals may follow, so shorter ends are tried too."""
    end = len(found)
    while end > 0:
        compact = "".join(found[:end].split()).upper()
        if len(compact) >= SHORTEST_IBAN and _mod_97(compact) == 1:
            return end
        end = max(found.rfind(space, 0, end) for space in " \u00a0")
    return 0


def _mod_97(iban: str) -> int:
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97


def _phone(found: str) -> int:
    return len(found) if SHORTEST_PHONE <= len(_digits(found)) <= LONGEST_PHONE else 0


SHORTEST_IBAN = 15  # characters, Norway's
SHORTEST_PHONE, LONGEST_PHONE = 8, 15  # digits, E.164
_DIGITS = re.compile(r"\d(?:\D{0,4}\d){7}")  # eight digits, not far apart
_GAP = "[ \u00a0.-]?"

_EMAIL = r"(?<![\w.%+'-])[\w.%+'-]++@(?:[\w-]++\.)+[^\W\d_]{2,24}"
_PHONE = r"""(?x)
    (?: (?<![\w+]) \+ | (?<![\w+.-]) 00 ) [1-9] (?: [ ().\-/\u00a0]{0,3} \d ){6,14} (?!\w|-\w)  # international
  | (?<![\w.-]) (?: \(\d{3}\)\ ? | \d{3}[ .-] ) \d{3} [ .-] \d{4} (?![\w-]|\.\d)   # 555-123-4567
  | (?<![\w.:,/-]) 0\d (?: [ .-]\d\d ){4} (?![\w.-]\d|\w)                              # 06 12 34 56 78
  | (?<![\w.:,/-]) \(?0\d{2,4}\)? [ /-] \d{3,4} (?: [ -]? \d{2,4} ){1,2} (?![\w.:/-]\d|\w)  # 020 7946 0958
"""  # noqa: E501
# No issuer's number begins with 1, so seconds, ms and microseconds since 1970 never match.
_CARD = rf"""
    (?<![\w]) (?<!\d[.]) (?<![0-9A-Fa-f]{{4}}-) (?:
        (?: 4\d{{3}} | 5[1-5]\d\d | 2[2-7]\d\d | 35\d\d | 6(?: 011 | 4[4-9]\d | 5\d\d | 2\d\d ) )
            (?P<a>{_GAP}) \d{{4}} (?P=a) \d{{4}} (?P=a) \d{{4}} (?: (?P=a) \d{{3}} )?
      | 3[47]\d\d (?P<b>{_GAP}) \d{{6}} (?P=b) \d{{5}}
      | 3(?: 0[0-5] | [689]\d ) \d (?P<c>{_GAP}) \d{{6}} (?P=c) \d{{4}}
    ) (?! \w | [.-]\d )
""".replace(_GAP, _GAP.replace(" ", "\\ "))
_IBAN = (
    "(?<![0-9A-Za-z])(?:"
    "[A-Z]{2}[0-9]{2}(?:[ \u00a0]?[A-Z0-9]{4}){2,7}(?:[ \u00a0]?[A-Z0-9]{1,3})?"
    "|[a-z]{2}[0-9]{2}(?:[ \u00a0]?[0-9]{4}){2,7}(?:[ \u00a0]?[0-9]{1,3})?"
    ")(?![0-9A-Za-z])"
)
_KEYS = r"""(?x)
    (?<![\w-]) (?:
        (?: sk | rk | pk ) [-_] (?=[\w-]{0,200}?\d) [\w-]{16,}+        # OpenAI, Anthropic, Stripe
      | (?: AKIA | ASIA | AROA | AIDA ) [A-Z0-9]{16} (?!\w)            # AWS
      | gh[pousr]_ [A-Za-z0-9]{30,}+ | github_pat_ \w{22,}+ | glpat- [\w-]{20,}+
      | xox[abeprs]- [\w-]{10,}+                                       # Slack
      | AIza [\w-]{35} | hf_ [A-Za-z0-9]{30,}+ | ya29\. [\w-]{20,}+
      | eyJ [\w-]{8,}+ \. [\w-]{8,}+ (?: \. [\w-]*+ )?                 # JWT
    )
  | (?<!\w) (?i:bearer) [ ]+ (?=[\w.~+/-]{0,200}?\d) [\w.~+/-]{16,}+ =*
  | -----BEGIN[ A-Z]{0,40}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----
      (?: (?: [^-] | -(?!-) )*+ -----END[ A-Z]{0,40}KEY(?:[ ]BLOCK)?-----
        | (?: [\w\s+/=:,] | \\+[nr] | -(?!-) )*+                   # cut off
      )
"""

PRESETS: dict[str, Preset] = {
    "email": Preset(re.compile(_EMAIL), "[email]", clue=re.compile("@")),
    "phone": Preset(re.compile(_PHONE), "[phone]", _phone, _DIGITS),
    "card": Preset(re.compile(_CARD, re.VERBOSE), "[card]", _card, _DIGITS),
    "iban": Preset(re.compile(_IBAN), "[iban]", _iban, _DIGITS),
    "keys": Preset(re.compile(_KEYS), "[key]"),
}
