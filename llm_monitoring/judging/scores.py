"""What a judgement can come to: scores, or unscored with a reason. Never a default score."""

from dataclasses import dataclass

LOWEST, HIGHEST = 1, 5
FLAGGED_AT = 2  # a quality score or a correctness this low is flagged


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One answer's dimensions, each 1 (poor) to 5 (excellent); 3 is adequate."""

    correctness: float
    completeness: float
    tone: float
    reason: str | None = None

    @property
    def quality_mean(self) -> float:
        """Mean of the dimensions, unrounded."""
        return (self.correctness + self.completeness + self.tone) / len(DIMENSIONS)

    @property
    def quality_score(self) -> int:
        """The mean, rounded as Python rounds (half to even)."""
        return round(self.quality_mean)

    @property
    def flagged(self) -> bool:
        """A person should look at this answer."""
        return self.quality_score <= FLAGGED_AT or self.correctness <= FLAGGED_AT


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """Why there are no scores; `cause` is one of `CAUSES`."""

    cause: str
    detail: str

    def __str__(self) -> str:
        return f"{self.cause}: {self.detail}"


def cause_of(unscored_reason: str) -> str:
    """The cause a stored reason begins with."""
    return unscored_reason.partition(":")[0]


DIMENSIONS: tuple[str, ...] = ("correctness", "completeness", "tone")

# Nothing was asked, or nothing came back: the same question may well be answered next time.
UNASKED_CAUSES: tuple[str, ...] = (
    "no_answer",  # the request failed or ended in a tool call
    "no_text",  # the log holds no input or no answer
    "budget",  # the run may spend no more
    "unavailable",  # the judge could not be reached
)
# The judge replied, and was paid, but the reply cannot be used.
UNUSABLE_CAUSES: tuple[str, ...] = (
    "refusal",
    "truncated",
    "empty_reply",
    "prose",
    "broken_json",
    "missing_dimension",
    "not_an_integer",
    "out_of_range",
)
CAUSES: tuple[str, ...] = UNASKED_CAUSES + UNUSABLE_CAUSES
