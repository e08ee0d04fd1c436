"""Which language a text is in, offline (py3langid; the model is inside the wheel)."""

import functools
from collections.abc import Sequence

from py3langid.langid import MODEL_FILE, LanguageIdentifier

MAXIMUM_CHARACTERS = 500  # of a text are read
MINIMUM_LETTERS = 4  # fewer in a row of Latin letters could be any language

# Short queries are mistaken for small languages and creoles far more often than those are
# written, so what is not expected is looked for among the languages most written on the web.
WIDELY_WRITTEN = (
    "ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi",
    "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl",
    "sr", "sv", "ta", "te", "th", "tr", "uk", "ur", "vi", "zh",
)  # fmt: skip


def identify_languages(texts: Sequence[str], expected: Sequence[str]) -> list[str | None]:
    """ISO 639-1 code of each text, in order; None: too short to tell.

    Args:
        texts: queries; the first `MAXIMUM_CHARACTERS` of each are read.
        expected: languages of the feature's users, ISO 639-1.

    Raises:
        ValueError: an expected language is not known.
    """
    identify = _identifier(tuple(sorted(set(expected))))
    return [identify(text[:MAXIMUM_CHARACTERS]) for text in texts]


@functools.cache
def _identifier(expected: tuple[str, ...]) -> "_Identifier":
    return _Identifier(expected)


class _Identifier:
    def __init__(self, expected: tuple[str, ...]) -> None:
        self._model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self._model.set_languages([*WIDELY_WRITTEN, *expected])
        self._cached = functools.lru_cache(maxsize=50_000)(self._identify)

    def __call__(self, text: str) -> str | None:
        return self._cached(text)

    def _identify(self, text: str) -> str | None:
        if sum(letter.isalpha() for letter in text) < MINIMUM_LETTERS:
            return None
        language: str = self._model.classify(text)[0]
        return language
