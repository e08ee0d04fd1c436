"""Who is forgotten: recognised when they come again, by digests that do not tell who they are."""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from llm_monitoring.records import Forgotten, RejectedRow, Request, UserSignal


class Memory:
    """The forgotten ids of a lake.

    Args:
        rows: what is stored.
        key: of `privacy.key_env`; b'': none. With another key nobody is recognised.
    """

    def __init__(self, rows: Sequence[Forgotten], key: bytes = b"") -> None:
        self.salt = rows[0].salt if rows else secrets.token_hex(16)
        self._key = key
        self._known = {(row.kind, row.digest) for row in rows}
        self._kinds = {row.kind for row in rows}
        self._asked_at = max((row.forgotten_at for row in rows), default=None)

    def __bool__(self) -> bool:
        return bool(self._known)

    def knows(self, kind: str, value: str | None) -> bool:
        """This id is to be forgotten."""
        if value is None or kind not in self._kinds:
            return False
        return (kind, self._digest(kind, value)) in self._known

    def is_about(self, row: Request | UserSignal) -> bool:
        """The row is about somebody forgotten."""
        user = row.user_id if isinstance(row, Request) else None
        return (
            self.knows("user", user)
            or self.knows("session", row.session_id)
            or self.knows("request", row.request_id)
        )

    def is_in(self, rejected: RejectedRow) -> bool:
        """The excerpt of a rejected row names somebody forgotten, as far as it can be read."""
        quoted = rejected.excerpt.split('"')
        return any(self.knows(kind, text) for text in quoted for kind in KINDS)

    def new(self, kind: str, values: Iterable[str], now: datetime | None = None) -> list[Forgotten]:
        """Rows for ids that are not known yet; without a time, that of those that are."""
        asked_at = now or self._asked_at
        if asked_at is None:
            raise ValueError("nobody is forgotten yet: say when this was asked for")
        return [
            Forgotten(
                kind=kind, digest=self._digest(kind, value), salt=self.salt, forgotten_at=asked_at
            )
            for value in sorted(set(values))
            if not self.knows(kind, value)
        ]

    def _digest(self, kind: str, value: str) -> str:
        said = f"{self.salt}/{kind}/{value}".encode()
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()


def beginnings(texts: Iterable[str | None]) -> set[str]:
    """How texts begin that are long enough to be known again by their beginning."""
    return {text[:TOLD] for text in texts if text is not None and len(text) >= SHORTEST}


def quotes_any(text: str, needles: Collection[str]) -> bool:
    """One of the needles stands in the text."""
    return any(needle in text for needle in needles)


KINDS = ("user", "session", "request")
SHORTEST, TOLD = 20, 32  # characters
