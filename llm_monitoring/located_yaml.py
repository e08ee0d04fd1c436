"""YAML with line numbers: what people write by hand, each value with the line it stands in."""

from collections.abc import Iterator
from typing import Any

import yaml


class YamlError(ValueError):
    """A text that is no YAML, or says one thing twice.

    Args:
        line: where, from 1.
    """

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


class Located:
    """A value of a YAML document: where it stands, how it is written, what it means.

    Args:
        node: as YAML composes it.
        document: the whole text.
        line: of its key where it has one, else of itself, from 1.
    """

    def __init__(self, node: yaml.Node, document: str, line: int) -> None:
        self._node, self._document, self.line = node, document, line

    @property
    def is_list(self) -> bool:
        """It is a list, whose values are its `items`."""
        return isinstance(self._node, yaml.SequenceNode)

    @property
    def is_mapping(self) -> bool:
        """It is a mapping, whose values are its `entries`."""
        return isinstance(self._node, yaml.MappingNode)

    @property
    def written(self) -> str:
        """As it stands in the text."""
        return self._document[self._node.start_mark.index : self._node.end_mark.index]

    @property
    def word(self) -> str:
        """A single value without its quotes, before YAML makes a number or a date of it.

        Empty: null.

        Raises:
            YamlError: it is a list or a mapping.
        """
        if not isinstance(self._node, yaml.ScalarNode):
            raise YamlError(self.line, "expected a text or a time")
        is_null = self._node.tag == "tag:yaml.org,2002:null"
        return "" if is_null else str(self._node.value).strip()

    def items(self) -> Iterator["Located"]:
        """Values of a list, in order; of anything else none."""
        for node in self._node.value if self.is_list else ():
            yield Located(node, self._document, node.start_mark.line + 1)

    def entries(self) -> Iterator[tuple[str, "Located"]]:
        """Keys and values of a mapping, in order; of anything else none. Ask before `value`.

        Raises:
            YamlError: a key stands there twice, or is no single word.
        """
        seen = set()
        for key, node in self._node.value if self.is_mapping else ():
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise YamlError(line, "expected a word before the colon")
            if key.value in seen:
                raise YamlError(line, f"{key.value}: stands here a second time")
            seen.add(key.value)
            yield key.value, Located(node, self._document, line)

    def value(self) -> Any:
        """What it means to YAML: texts, numbers, dates, lists, mappings.

        Raises:
            YamlError: nothing, such as the 31st of February.
        """
        try:
            return yaml.constructor.SafeConstructor().construct_document(self._node)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise _mistake(error, self._document, self.line) from error


def read_yaml(text: str) -> Located | None:
    """The value of a document; None: there is nothing in it.

    Raises:
        YamlError: it is not YAML.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise _mistake(error, text, 1) from error
    return None if node is None else Located(node, text, node.start_mark.line + 1)


def _mistake(error: Exception, text: str, line: int) -> YamlError:
    if isinstance(error, yaml.reader.ReaderError):
        return YamlError(text.count("\n", 0, error.position) + 1, f"not YAML: {error.reason}")
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error) or type(error).__name__
    return YamlError(mark.line + 1 if mark else line, f"not YAML: {problem}")
