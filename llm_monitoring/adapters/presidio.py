"""Names, places and whatever else presidio recognises; an extra, loaded only where it is asked for.

Its models are slow beside the patterns: tens of milliseconds a text.
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

INSTALL = (
    "presidio is named in `redaction` and not installed: pip install 'llm-monitoring[presidio]', "
    "and a spaCy model of the language, such as python -m spacy download en_core_web_lg"
)


def recogniser(
    entities: Sequence[str], language: str, replacement: str | None
) -> Callable[[str], str]:
    """A rule that replaces what presidio recognises.

    Args:
        entities: presidio's names, such as PERSON.
        language: ISO 639-1, of the texts.
        replacement: what stands in its place; None: the entity's name, such as [person].

    Raises:
        RuntimeError: presidio, or a model it needs, is not installed.
    """
    engine = _engine()

    def redacted(text: str) -> str:
        found = engine.analyze(text=text, entities=list(entities), language=language)
        # From the end, so that earlier places stay right; of two that overlap the longer goes.
        free = len(text)
        for place in sorted(found, key=lambda place: (place.end, -place.start), reverse=True):
            if place.end <= free:
                word = f"[{place.entity_type.lower()}]" if replacement is None else replacement
                text = text[: place.start] + word + text[place.end :]
                free = place.start
        return text

    return redacted


@cache
def _engine() -> Any:
    try:
        return import_module("presidio_analyzer").AnalyzerEngine()
    except (ImportError, OSError, SystemExit) as error:
        # spaCy ends the process where it cannot load the model.
        raise RuntimeError(INSTALL) from error
