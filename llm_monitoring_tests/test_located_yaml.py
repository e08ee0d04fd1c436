from datetime import date

import pytest

from llm_monitoring.located_yaml import Located, YamlError, read_yaml

TEXT = """\
# a comment
features:
  - {id: "chat", since: 2026-10-05, end: }
  - id: search
    share: 0.5
"""


def features() -> list[Located]:
    root = read_yaml(TEXT)
    assert root is not None
    ((_, listed),) = root.entries()
    return list(listed.items())


def test_a_value_of_a_mapping_stands_where_its_key_does_and_one_of_a_list_where_it_begins() -> None:
    root = read_yaml(TEXT)
    assert root is not None
    assert [(key, part.line) for key, part in root.entries()] == [("features", 2)]
    assert [item.line for item in features()] == [3, 4]
    assert [(key, part.line) for key, part in features()[1].entries()] == [("id", 4), ("share", 5)]


def test_a_value_is_read_as_written_as_a_word_and_as_yaml_means_it() -> None:
    first = features()[0]
    assert first.written == '{id: "chat", since: 2026-10-05, end: }'
    assert [part.word for _, part in first.entries()] == ["chat", "2026-10-05", ""]
    assert first.value() == {"id": "chat", "since": date(2026, 10, 5), "end": None}
    with pytest.raises(YamlError, match="expected a text or a time"):
        _ = first.word


def test_lists_and_mappings_are_told_apart_and_others_hold_nothing() -> None:
    first = features()[0]
    assert (first.is_mapping, first.is_list, list(first.items())) == (True, False, [])
    (_, scalar), *_ = first.entries()
    assert (scalar.is_mapping, scalar.is_list, list(scalar.entries())) == (False, False, [])


def test_an_empty_document_is_nothing() -> None:
    assert read_yaml("# only a comment\n") is None


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("a: [1\n", 2, "not YAML: "),
        ("a: 1\nb: \x00\n", 2, "not YAML: special characters"),
        ("a: 1\n---\nb: 1\n", 2, "not YAML: but found another document"),
        ("[" * 5000, 1, "not YAML: "),
        ("a: 1\nb: 2\na: 3\n", 3, "a: stands here a second time"),
        ("a: 1\n? [b]\n: 2\n", 2, "expected a word"),
        ("a: 1\nb: 2026-02-31\n", 1, "not YAML: day is out of range"),
        ("a: !!python/object:os.system x\n", 1, "not YAML: could not determine a constructor"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, told: str) -> None:
    with pytest.raises(YamlError, match=told) as raised:
        everything(text)
    assert raised.value.line == line


def everything(text: str) -> object:
    root = read_yaml(text)
    assert root is not None
    list(root.entries())
    return root.value()
