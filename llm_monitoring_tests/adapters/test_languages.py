import csv
import json
from pathlib import Path

import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from llm_monitoring.adapters.languages import identify_languages
from llm_monitoring.settings.languages import LANGUAGES

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "intents"
with_intents = pytest.mark.skipif(not DATA.exists(), reason="CLINC150 and BANKING77 are not here")
QUERIES: dict[str, list[str]] = json.loads(
    Path(__file__).with_name("queries_by_language.json").read_text(encoding="utf-8")
)
FOREIGN = [query for queries in QUERIES.values() for query in queries]


def clinc() -> list[str]:
    rows = json.loads((DATA / "clinc150_full.json").read_text(encoding="utf-8"))["test"]
    return [text for text, _ in rows]


def banking() -> list[str]:
    with (DATA / "banking77_test.csv").open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


@with_intents
def test_hardly_an_english_query_is_called_another_language() -> None:
    queries = [*clinc(), *banking()]
    found = identify_languages(queries, ["en"])
    assert found.count("en") / len(queries) > 0.99
    assert sum(language not in ("en", None) for language in found) / len(queries) < 0.001


def test_other_languages_are_not_taken_for_the_expected_one() -> None:
    found = identify_languages(FOREIGN, ["en"])
    assert found.count("en") <= 1
    assert found.count(None) / len(found) < 0.05


def test_the_language_is_named_rightly_for_nine_short_queries_in_ten() -> None:
    right = sum(
        found == language
        for language, queries in QUERIES.items()
        for found in identify_languages(queries, ["en"])
    )
    assert right / len(FOREIGN) > 0.9


@pytest.mark.parametrize("language", ["de", "fr", "es", "it", "pl"])
def test_an_expected_language_is_told_from_english(language: str) -> None:
    found = identify_languages(QUERIES[language], ["en", language])
    assert found.count(language) >= 0.9 * len(found)


@pytest.mark.parametrize(
    "text",
    ["", "   ", "ok", "yes", "12345678", "AB-12345-XK", "😀😀", "user@example.com",
     "https://shop.example/p/1", "xphhzfph", "\ud800"],
)  # fmt: skip
def test_what_is_in_no_language_is_none(text: str) -> None:
    assert identify_languages([text], ["en"]) == [None]


def test_two_chinese_characters_are_enough() -> None:
    assert identify_languages(["退款"], ["en"]) == ["zh"]


def test_a_language_outside_the_widely_written_ones_can_be_expected() -> None:
    afrikaans = "Waar is my pakkie, ek wag al drie weke daarvoor"
    assert identify_languages([afrikaans], ["af"]) == ["af"]


def test_a_language_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="xx"):
        identify_languages(["hello"], ["en", "xx"])


def test_no_texts_have_no_languages() -> None:
    assert identify_languages([], ["en"]) == []


def test_the_languages_that_settings_accept_are_those_the_detector_can_answer() -> None:
    model = LanguageIdentifier.from_model_file(MODEL_FILE)
    # zxx stands for no language at all.
    assert set(LANGUAGES) == set(model.nb_classes) - {"zxx"}
    assert len(set(LANGUAGES)) == len(LANGUAGES)
    assert identify_languages(["ok"], LANGUAGES) == [None]
