"""Reading monitoring.yaml: line numbers for mistakes, `extends`, paths relative to the file."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from llm_monitoring.located_yaml import Located, YamlError, read_yaml
from llm_monitoring.settings.keeping import LakeSettings
from llm_monitoring.settings.models import Settings
from llm_monitoring.written import did_you_mean

Location = tuple[str | int, ...]
Places = dict[Location, tuple[Path, int]]

PORTS = {"dagster_url": "LLM_MONITORING_PORT", "reports_url": "LLM_MONITORING_REPORTS_PORT"}
# Values under such keys are never repeated in a message: someone may have pasted the secret itself.
SECRET = re.compile("key|token(?!s)|secret|password|url|_env$|storage_options", re.IGNORECASE)


class ConfigurationError(ValueError):
    """monitoring.yaml cannot be used; the message has one `file:line: problem` a line."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A value that has the right form and the wrong meaning.

    Args:
        location: keys and positions that lead to it.
        text: what is wrong, and what was expected.
    """

    location: Location
    text: str


def read_settings(path: str | Path, check: Callable[[Settings], Iterable[Mistake]]) -> Settings:
    """Settings from a file, paths in it made absolute.

    A file may say `extends: other.yaml`: it then only holds what differs. Mappings are merged,
    lists are replaced.

    Args:
        check: finds names in them that stand for nothing; the catalogues lie above this room.

    Raises:
        ConfigurationError: the file is missing, is not YAML, or holds a mistake.
    """
    path = Path(path).resolve()
    tree, places = _read_extended(path)
    _default_paths(tree, path.parent)
    _default_addresses(tree)
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        raise _refusal([_explained(each) for each in error.errors()], places, path) from error
    mistakes = list(check(settings))
    if mistakes:
        raise _refusal(mistakes, places, path)
    return settings


def _default_addresses(tree: dict[str, Any]) -> None:
    """Links that nobody set follow the ports that `dev` serves; 0, any that is free, is none."""
    for key, variable in PORTS.items():
        if os.environ.get(variable, "").strip("0"):
            tree.setdefault(key, f"http://127.0.0.1:{os.environ[variable]}")


def _read_extended(path: Path, readers: tuple[Path, ...] = ()) -> tuple[dict[str, Any], Places]:
    if path in readers:
        raise ConfigurationError(f"{path}: extends itself, by way of {readers[-1]}")
    tree, places = _read(path)
    parent = tree.pop("extends", None)
    if parent is None:
        return tree, places
    base, base_places = _read_extended((path.parent / str(parent)).resolve(), (*readers, path))
    return _merge(base, tree), _merge_places(base_places, places, tree)


def _read(path: Path) -> tuple[dict[str, Any], Places]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8: {error.reason}") from error
    places: Places = {}
    try:
        root = read_yaml(text)
        if root is None or not root.is_mapping:
            raise YamlError(1, "expected a mapping of settings")
        _locate(root, (), path, places)
        tree = root.value()
    except YamlError as error:
        raise ConfigurationError(f"{path}:{error.line}: {error}") from error
    except RecursionError as error:
        raise ConfigurationError(f"{path}:1: a value is a part of itself") from error
    _absolute_paths(tree, path.parent)
    return tree, places


def _locate(value: Located, location: Location, path: Path, places: Places) -> None:
    places[location] = (path, value.line)
    for key, part in value.entries():
        _locate(part, (*location, key), path, places)
    for index, part in enumerate(value.items()):
        _locate(part, (*location, index), path, places)


def _absolute_paths(tree: dict[str, Any], folder: Path) -> None:
    """Paths are relative to the file that names them, wherever it is read from."""
    lake = tree.get("lake")
    if isinstance(lake, dict) and isinstance(lake.get("uri"), str) and "://" not in lake["uri"]:
        lake["uri"] = str(folder / lake["uri"])
    if isinstance(tree.get("reports"), str):
        tree["reports"] = str(folder / tree["reports"])
    for channel in tree.get("channels") or []:
        if isinstance(channel, dict) and isinstance(channel.get("file"), str):
            channel["file"] = str(folder / channel["file"])
    sources = tree.get("sources")
    if not isinstance(sources, dict):
        return
    for source in [*(sources.get("requests") or []), *(sources.get("signals") or [])]:
        if isinstance(source, dict) and isinstance(source.get("path"), str):
            source["path"] = str(folder / source["path"])
    if isinstance(sources.get("changes"), list):
        sources["changes"] = [str(folder / str(file)) for file in sources["changes"]]


def _default_paths(tree: dict[str, Any], folder: Path) -> None:
    """What no file names lies beside the file that was asked for, wherever a process runs."""
    lake = tree.setdefault("lake", {})
    if isinstance(lake, dict):
        lake.setdefault("uri", str(folder / LakeSettings().uri))
    tree.setdefault("reports", str(folder / Settings.model_fields["reports"].default))


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _merge_places(base: Places, over: Places, tree: Mapping[str, Any]) -> Places:
    """Where a merged value stands; a replaced list has no places left in the base."""
    replaced = [place for place in over if place and not isinstance(_at(tree, place), dict)]
    kept = {
        place: where
        for place, where in base.items()
        if not any(place[: len(prefix)] == prefix for prefix in replaced)
    }
    return kept | over


def _at(tree: Any, location: Location) -> Any:
    for step in location:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return None
    return tree


def _refusal(mistakes: Iterable[Mistake], places: Places, path: Path) -> ConfigurationError:
    lines = []
    for mistake in mistakes:
        file, line = _nearest(mistake.location, places, path)
        where = ".".join(str(step) for step in mistake.location) or "settings"
        lines.append(f"{file}:{line}: {where}: {mistake.text}")
    return ConfigurationError("\n".join(lines))


def _explained(error: ErrorDetails) -> Mistake:
    """What pydantic found, with what came, unless it may be a secret, and with the right word."""
    location, value = error["loc"], error["input"]
    is_secret = any(SECRET.search(str(step)) for step in location)
    got = "" if isinstance(value, dict) or is_secret else f", got {_short(value)}"
    asked, words = "", []
    if error["type"] == "extra_forbidden":
        asked, words = str(location[-1]), _keys_at(location[:-1])
    elif error["type"] == "literal_error":
        asked, words = str(value), re.findall("'(.*?)'", error["ctx"]["expected"])
    hint = did_you_mean(asked, words)
    message = error["msg"].removeprefix("Value error, ")
    return Mistake(location, f"{message}{got}{f'; {hint}' if hint else ''}")


def _keys_at(location: Location) -> list[str]:
    """Keys there are at a place of the file."""
    models: list[type[BaseModel]] = [Settings]
    for step in location:
        inner = [m.model_fields[step].annotation for m in models if step in m.model_fields]
        models = [model for each in inner for model in _models_in(each)] or models
    return sorted({key for model in models for key in model.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _nearest(location: Location, places: Places, path: Path) -> tuple[Path, int]:
    """Line of a value, or of the nearest thing around it that stands in the file."""
    # pydantic adds the tag of a discriminated union to the location; the file has no such step.
    known = tuple(step for step in location if step not in ("heuristic", "endpoint"))
    for length in range(len(known), 0, -1):
        if known[:length] in places:
            return places[known[:length]]
    return places.get((), (path, 1))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
