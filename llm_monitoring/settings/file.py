"""Reading monitoring.yaml: line numbers for mistakes, `extends`, paths relative to the file."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llm_monitoring.located_yaml import Located, YamlError, read_yaml
from llm_monitoring.settings.keeping import LakeSettings
from llm_monitoring.settings.models import Settings

Location = tuple[str | int, ...]
Places = dict[Location, tuple[Path, int]]

PORTS = {"dagster_url": "LLM_MONITORING_PORT", "reports_url": "LLM_MONITORING_REPORTS_PORT"}
# Values under such keys are never repeated in a message: someone may have pasted the secret itself.
SECRET = re.compile("key|token(?!s)|secret|password|url|_env$|storage_options", re.IGNORECASE)


class ConfigurationError(ValueError):
    """monitoring.yaml cannot be used; the message has one `file:line: problem` a line."""


def load_settings(path: str | Path) -> Settings:
    """Settings from a file, paths in it made absolute.

    A file may say `extends: other.yaml`: it then only holds what differs. Mappings are merged,
    lists are replaced.

    Raises:
        ConfigurationError: the file is missing, is not YAML, or holds a mistake.
    """
    path = Path(path).resolve()
    tree, places = _read_extended(path)
    _default_paths(tree, path.parent)
    _default_addresses(tree)
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise ConfigurationError(_explain(error, places, path)) from error


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


def _explain(error: ValidationError, places: Places, path: Path) -> str:
    lines = []
    for mistake in error.errors(include_url=False):
        location = mistake["loc"]
        file, line = _nearest(location, places, path)
        where = ".".join(str(step) for step in location) or "settings"
        value = mistake["input"]
        got = "" if isinstance(value, dict) or SECRET.search(where) else f", got {_short(value)}"
        lines.append(f"{file}:{line}: {where}: {mistake['msg']}{got}")
    return "\n".join(lines)


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
