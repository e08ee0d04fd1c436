"""What every part of the settings is made of: words, rates, secrets, unknown keys refused."""

import os
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$")]
Rate = Annotated[float, Field(gt=0, le=1)]
AttributeName = Annotated[str, StringConstraints(min_length=1, max_length=256)]
EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]


class Strict(BaseModel):
    """Unknown keys are mistakes; settings never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def secret(name: str | None) -> str | None:
    """Value of an environment variable that holds a secret.

    Raises:
        LookupError: the variable is named in monitoring.yaml but not set.
    """
    if name is None:
        return None
    value = os.environ.get(name)
    if not value:
        raise LookupError(f"environment variable {name} is not set (monitoring.yaml names it)")
    return value


def refuse_twins(where: str, names: list[str]) -> None:
    """Raise a ValueError where a name comes twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{where}: {', '.join(twice)} named twice")
