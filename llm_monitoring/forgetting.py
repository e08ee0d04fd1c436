"""Who is forgotten: recognised when they come again, by digests that do not tell who they are."""

import hmac
import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from llm_monitoring.records import Forgotten


class Memory:
    """The forgotten ids of a lake.

    The digests have nothing to do with `privacy.key_env`, which may change: whoever is forgotten
    stays forgotten. Who can read the lake and guess an id can see whether it was forgotten.

    Args:
        rows: what is stored.
    """

    def __init__(self, rows: Sequence[Forgotten]) -> None:
        rows = [row for row in rows if row.kind in KINDS]
        # Two that started at once may have begun with a salt each.
        self._salts = list(dict.fromkeys(row.salt for row in rows)) or [secrets.token_hex(16)]
        self._known = {(row.kind, row.digest) for row in rows}
        self._kinds = {row.kind for row in rows}
        self._asked_at = max((row.forgotten_at for row in rows), default=None)

    def __bool__(self) -> bool:
        return bool(self._known)

    def knows(self, kind: str, value: str | None) -> bool:
        """This id is to be forgotten."""
        if value is None or kind not in self._kinds:
            return False
        return any((kind, _digest(salt, kind, value)) in self._known for salt in self._salts)

    def is_about(self, request_id: str, session_id: str | None, user_id: str | None = None) -> bool:
        """A row with these ids is about somebody forgotten."""
        return (
            self.knows("user", user_id)
            or self.knows("session", session_id)
            or self.knows("request", request_id)
        )

    def is_in(self, text: str) -> bool:
        """A row that could not be read names somebody forgotten, as far as can be seen."""
        return any(self.knows(kind, word) for word in text.split('"') for kind in KINDS)

    def new(self, kind: str, values: Iterable[str], now: datetime | None = None) -> list[Forgotten]:
        """Rows for ids that are not known yet; without a time, that of those that are."""
        asked_at = now or self._asked_at
        if asked_at is None:
            raise ValueError("nobody is forgotten yet: say when this was asked for")
        salt = self._salts[0]
        return [
            Forgotten(
                kind=kind, digest=_digest(salt, kind, value), salt=salt, forgotten_at=asked_at
            )
            for value in sorted(set(values))
            if not self.knows(kind, value)
        ]


def _digest(salt: str, kind: str, value: str) -> str:
    return hmac.digest(b"", f"{salt}/{kind}/{value}".encode(), "sha256").hex()


def beginnings(texts: Iterable[str | None]) -> set[str]:
    """How texts begin that are long enough to be known again by their beginning."""
    return {text[:TOLD] for text in texts if text is not None and len(text) >= SHORTEST}


def quotes_any(text: str, needles: Collection[str]) -> bool:
    """One of the needles stands in the text."""
    return any(needle in text for needle in needles)


KINDS = ("user", "session", "request")
SHORTEST, TOLD = 20, 32  # characters
