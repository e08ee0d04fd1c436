import base64
import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from llm_monitoring.incidents.evidence import from_json, to_json
from llm_monitoring.incidents.steps import (
    acknowledge,
    open_incident,
    record_verdict,
    regression_cases,
    resolve,
)
from llm_monitoring.inputs.description import NovelGroup, Query, inputs_change
from llm_monitoring.records import Silence
from llm_monitoring.reports.incident_page import Picture, incident_page, logged, span
from llm_monitoring.reports.pictures import chart_picture
from llm_monitoring_tests.incidents.examples import NOW, alert, inputs, request
from llm_monitoring_tests.reports.examples import chart, sample

HOSTILE = (
    '<script>alert(1)</script><img src=x onerror=alert(2)> "\'> =HYPERLINK("http://evil") '
    "[md](javascript:alert(3)) {{ 7 * 7 }} {% raw %} \u202etxet desrever\u202c שלום \x00\x1b[31m"
)
CHART = chart_picture(chart(), title="quality")


class Page(HTMLParser):
    """Tags, attributes and the text between them."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.text += data


def page(hostile: str | None = None, minutes: int = 10, simulated: bool = True) -> bytes:
    incident, alerts = sample(hostile)
    picture = Picture(description=hostile or "quality", light=CHART, dark=CHART)
    return incident_page(
        incident, alerts, [picture], [], product=hostile or "Larkspur Outfitters",
        now=NOW + timedelta(minutes=minutes), simulated=simulated,
    )  # fmt: skip


def test_a_picture_that_could_not_be_drawn_is_its_description() -> None:
    incident, alerts = sample(None)
    undrawn = Picture(description="quality cannot be drawn", light=b"", dark=b"")
    shown = incident_page(incident, alerts, [undrawn], [], product="Shop", now=NOW, simulated=False)
    assert b"quality cannot be drawn" in shown
    assert b"<img" not in shown


def test_hostile_text_is_shown_as_text_and_makes_no_tag() -> None:
    plain, hostile = Page(page("hello")), Page(page(HOSTILE))
    assert hostile.tags == plain.tags
    assert "<script>alert(1)</script><img src=x onerror=alert(2)>" in hostile.text
    assert '=HYPERLINK("http://evil") [md](javascript:alert(3)) {{ 7 * 7 }}' in hostile.text
    assert "script" not in hostile.tags
    assert not [name for name, _ in hostile.attributes if name.startswith("on")]


def test_marks_that_turn_the_writing_direction_and_control_characters_are_visible() -> None:
    html = page(HOSTILE).decode()
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", html)
    assert "[U+202E]txet desrever[U+202C]" in Page(html.encode()).text
    assert "␀␛[31m" in Page(html.encode()).text


def test_nothing_comes_from_elsewhere() -> None:
    shown = Page(page(HOSTILE))
    addresses = [v or "" for n, v in shown.attributes if n in ("src", "srcset", "href", "action")]
    assert addresses
    assert all(a.startswith("data:image/svg+xml;base64,") for a in addresses)


def test_the_policy_forbids_scripts_and_admits_only_the_pages_own_style() -> None:
    html = page().decode()
    policy = dict(Page(html.encode()).attributes)["content"] or ""
    contents = [v for n, v in Page(html.encode()).attributes if n == "content" and v]
    policy = next(v for v in contents if "default-src" in v)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert 'style="' not in html


def test_simulated_data_and_the_heuristic_judge_are_named() -> None:
    assert "Simulated data" in Page(page()).text
    assert "All data are simulated." in Page(page()).text
    real = Page(page(simulated=False)).text
    assert "imulated" not in real
    assert "judge: heuristic" in real
    assert "scores breakage" in real


def test_the_page_tells_the_whole_incident() -> None:
    text = Page(page()).text
    for told in (
        "Quality of support_chat fell: mean 4.2 → 3.0 since Tue 20 Oct 10:00 UTC; the provider",
        "20 of 58 candidates shown.",
        "the verdict is a person's",
        "support_chat: system fingerprint fp_a → fp_b",
        "not in the ledger",
        "in the ledger",
        "pin the model",
        "It coincides with system_fingerprint fp_b, which is new.",
    ):
        assert told in text


def test_the_topics_of_novel_queries_and_the_languages_are_shown_as_text() -> None:
    incident, alerts = sample()
    queries = (Query(request_id="q1", text=HOSTILE), Query(request_id="q2", text="visa for Peru"))
    group = NovelGroup(share=0.4, queries=1_200, examples=queries)
    before = [inputs(request(f"b{i}", NOW)) for i in range(40)]
    after = [inputs(request(f"a{i}", NOW), "de" if i < 10 else "en") for i in range(40)]
    change = inputs_change("chat", before, after, [group])
    evidence = replace(from_json(incident.evidence), inputs=(change,))
    shown = Page(
        incident_page(
            replace(incident, evidence=to_json(evidence)), alerts, [], [],
            product="p", now=NOW, simulated=False,
        )
    )  # fmt: skip
    assert "script" not in shown.tags
    for words in (
        "Inputs: what do users ask now?",
        "1,200 novel queries about one thing (40% of the novel ones), such as",
        "<script>alert(1)</script>",
        "visa for Peru",
        "languages de 0% → 25%",
        "by permutation: p = 0.00",
    ):
        assert words in shown.text


def test_clocks_that_ran_out_are_overdue() -> None:
    assert "overdue" not in Page(page(minutes=10)).text
    assert "overdue by 1 min" in Page(page(minutes=31)).text
    assert Page(page(minutes=300)).text.count("overdue by") == 3


def test_a_worked_incident_shows_who_did_what_and_when() -> None:
    incident, alerts = sample()
    taken = acknowledge(incident, "bob", NOW + timedelta(minutes=3))
    judged = record_verdict(
        taken, "real_regression", "ada", "refusals <b>", NOW + timedelta(minutes=40)
    )
    cases = regression_cases(judged, NOW)
    closed = resolve(judged, "ada", NOW + timedelta(hours=4), len(cases))
    html = incident_page(
        closed, alerts, [], cases, product="p", now=NOW + timedelta(hours=9), simulated=False
    )
    text = Page(html).text
    assert "ada, 2026-10-20 15:40 UTC, 10 min late" in text
    assert "bob, 2026-10-20 15:03 UTC" in text
    assert "refusals <b>" in text
    assert "20 failing cases are stored" in text
    assert "overdue" not in text


def test_an_incident_without_evidence_has_a_page() -> None:
    bare = open_incident([alert("a")], set(), NOW)
    text = Page(incident_page(bare, [], [], [], product="p", now=NOW, simulated=False)).text
    assert "No sample has been drawn yet." in text
    assert "No alert is stored" in text


def test_the_page_is_the_same_bytes_every_time() -> None:
    assert page() == page()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, "(not logged)"),
        ("a\tb\nc", "a\tb\nc"),
        ("x" * 12, "xxxxxxxxxx … (2 more characters)"),
    ],
)
def test_long_and_missing_texts_say_so(text: str | None, shown: str) -> None:
    assert logged(text, 10) == shown


def test_durations_are_told_in_two_units() -> None:
    assert span(timedelta(minutes=59)) == "59 min"
    assert span(timedelta(hours=25, minutes=3)) == "1 d 1 h"


def test_a_silence_is_told_with_who_and_why() -> None:
    incident, alerts = sample(None)
    silence = Silence(
        silence_id="s", incident_id=None, feature_id=None, segment="{}", metric=None, layer=None,
        starts_at=NOW, until=NOW + timedelta(hours=4), who="Ada", why=HOSTILE * 1000,
        decided_at=NOW,
    )  # fmt: skip
    html = incident_page(
        incident, alerts, [], [], product="p", now=NOW, simulated=False, silences=[silence]
    )
    shown = Page(html)
    assert "Silent until2026-10-20 19:00 UTC: Ada, <script>" in shown.text
    assert "more characters" in shown.text
    assert not {"script", "a"} & set(shown.tags)
    bare = Page(incident_page(incident, alerts, [], [], product="p", now=NOW, simulated=False))
    assert "Silent" not in bare.text
