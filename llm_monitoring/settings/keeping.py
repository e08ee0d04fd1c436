"""Settings of what is kept, where, for how long, and what of it nobody may read."""

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from llm_monitoring.settings.strict import EnvironmentName, Strict, secret


class LakeSettings(Strict):
    """Where the tables are."""

    uri: str = "lake"  # folder beside monitoring.yaml, or s3://bucket/prefix
    storage_options: dict[str, str] = {}
    storage_options_env: dict[str, EnvironmentName] = {}  # option -> environment variable
    memory_limit: str | None = None  # DuckDB's, such as 2GB

    def all_options(self) -> dict[str, str]:
        """Storage options, with those that are read from the environment.

        Raises:
            LookupError: a variable is not set.
        """
        named = {option: secret(name) or "" for option, name in self.storage_options_env.items()}
        return {**self.storage_options, **named}


class RetentionSettings(Strict):
    """How long the lake and the reports keep what they hold, and Dagster its runs."""

    # Hours that may still run again by themselves need their rows and their texts.
    raw_days: int = Field(90, ge=9)  # requests, signals, samples, judgements, input features
    # Words and ids of users, wherever they stand; None: raw_days.
    text_days: int | None = Field(None, ge=9)
    regression_case_days: int | None = Field(None, ge=1)  # None: for ever
    replaced_files_hours: int = Field(48, ge=0)
    runs_days: int = Field(30, ge=1)  # Dagster's finished runs, with their events and logs

    @model_validator(mode="after")
    def _text_goes_first(self) -> "RetentionSettings":
        if self.text_days is not None and self.text_days > self.raw_days:
            raise ValueError("text_days is above raw_days")
        return self

    @property
    def words_days(self) -> int:
        """Days that words and ids of users are kept."""
        return self.raw_days if self.text_days is None else self.text_days


class Redaction(Strict):
    """Text that is found is replaced before anything is stored or sent to a judge.

    Exactly one of `preset`, `pattern` and `presidio` says what is looked for.
    """

    preset: Literal["email", "phone", "card", "iban", "keys"] | None = None
    pattern: str | None = None
    presidio: list[str] | None = None  # entities, such as PERSON; needs the extra `presidio`
    language: str = "en"  # of the texts presidio reads, ISO 639-1
    replacement: str | None = None  # None: the preset's word, [person] and so on, or [redacted]

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern

    @model_validator(mode="after")
    def _looks_for_one_thing(self) -> "Redaction":
        if [self.preset, self.pattern, self.presidio].count(None) != 2:
            raise ValueError("needs exactly one of 'preset', 'pattern' and 'presidio'")
        return self


class PrivacySettings(Strict):
    """How the ids of users and sessions are stored."""

    user_ids: Literal["keep", "hash", "drop"] = "keep"
    key_env: EnvironmentName | None = None  # variable with the key of every digest of an id

    @model_validator(mode="after")
    def _hashes_with_a_key(self) -> "PrivacySettings":
        if self.user_ids == "hash" and self.key_env is None:
            raise ValueError("user_ids: hash needs 'key_env': a bare hash of an id can be guessed")
        return self
