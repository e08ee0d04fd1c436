"""What strangers can write into the logs goes through the whole pipeline, and does nothing."""

import csv
import gzip
import io
import json
import os
from collections.abc import Iterator
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner
from markdown_it import MarkdownIt

from llm_monitoring.cli import main
from llm_monitoring.hours import shift
from llm_monitoring.plain_text import UNSAFE, is_formula
from llm_monitoring_tests.chromium import needs_chromium, opened
from llm_monitoring_tests.product import Product, open_product
from llm_monitoring_tests.simulated import HOURS, SETTINGS, START, faults

pytestmark = pytest.mark.slow

RAN = "IT" + "RAN"  # what a script would write; it stands nowhere in one piece
SCRIPT = "document.title='IT'+'RAN'"
HOSTILE = (
    f"<script>{SCRIPT}</script>",
    f'"><img src=x onerror="{SCRIPT}">',
    f"![x](x \"\\\" onerror={SCRIPT}\") [y](javascript:{SCRIPT})",
    f"`</code>`|<svg onload={SCRIPT}>|\n\n<iframe srcdoc='<script>parent.{SCRIPT}</script>'>",
    "../../../escaped/../../../../../../../../../../tmp/escaped-by-a-name",
    "/etc/passwd",
    "..",
    "CON",
    "con",
    "a/b\\c",
    "nul\x00byte",
    "x" * 300,
    "{{ 7 * 191 }} {% for x in ''.__class__.__mro__ %}{{ x }}{% endfor %} ${7*191} $\\frac$",
    "\x1b]0;owned\x07\x1b[31mred\x1b[2J\x9b31m",
    "\u202egnp.exe\u2066 \u200b\ufeff",
    "first\nok    forged line\rover",
    "=HYPERLINK(\"http://evil.example\")",
    " \t\uff1dcmd|' /C calc'!A0",
    "'; drop table raw_requests; --",
    "' or '1'='1",
    ":x: [bold]loud[/bold] @everyone <!channel> www.evil.example",
    "{date}-{hour}$name%s%n{0}",
)  # fmt: skip
# Those with most requests, which alarm: an outage and a dear prompt of the simulation.
FEATURES = {
    "support_chat": "".join(HOSTILE[:2]) + "/../../../tmp/escaped-by-a-name",
    "product_search": "".join(HOSTILE[2:4]) + "'\x1b[31m|" + HOSTILE[12],
    "order_summary": "x" * 300 + "\u202e=1+1",
}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product whose every logged text is hostile, monitored, with its incidents investigated."""
    folder = tmp_path_factory.mktemp("attacked") / "deep" / "er" / "product"
    folder.mkdir(parents=True)
    new_attacked_product(folder)
    with open_product(folder) as product:
        product.run("ledger")
        product.run_hours(0, HOURS - 1)
        product.run("reconcile_alerts")
        product.run("cost_check")
        names = [incident.incident_id for incident in product.monitoring.lake.rows("incidents")]
        product.instance.add_dynamic_partitions("incidents", names)
        for name in names:
            product.run("investigate_incident", partition_key=name)
        yield product


def new_attacked_product(folder: Path) -> None:
    """The simulation's logs, with every text replaced or added to."""
    from llm_monitoring.simulation import write_logs

    write_logs(folder / "logs", START, HOURS, seed=7, faults=faults())
    words = cycle(HOSTILE)
    for file in sorted((folder / "logs").glob("*.jsonl.gz")):
        lines = gzip.decompress(file.read_bytes()).decode().splitlines()
        rows = (poisoned(line, number, words) for number, line in enumerate(lines))
        text = "\n".join([*rows, *(f"{{{word!r}" for word in HOSTILE)] if lines else lines)
        # The pattern ends in a star: whoever names files writes what stands behind it.
        file.rename(file.with_name(f"{file.name}<b>\x1b[31m\n'")).write_bytes(
            gzip.compress(text.encode())
        )
    ledger = [
        {"changed_at": "2026-10-07T05:00Z", "kind": kind, "description": "".join(HOSTILE[:4]),
         "author": HOSTILE[13], "feature_id": FEATURES["support_chat"], "model_id": HOSTILE[0]}
        for kind in ("deployment", "prompt", "model", "index", "price", "other")
    ]  # fmt: skip
    (folder / "logs" / "changes.yaml").write_text(yaml.safe_dump(ledger))
    settings = {**SETTINGS, "features": [{"feature_id": "support_chat", "sample_rate": 0.015}]}
    settings["sampling"] = {"rate": 0.015}
    (folder / "monitoring.yaml").write_text(yaml.safe_dump(settings))


def poisoned(line: str, number: int, words: Iterator[str]) -> str:
    """A line of the logs as a stranger would have written it."""
    try:
        row = json.loads(line)
    except ValueError:
        return line
    if not isinstance(row, dict) or "timestamp" not in row:
        return line
    for name in ("session_id", "user_id", "prompt_version", "system_fingerprint", "provider"):
        row[name] = next(words)
    if "signal_type" in row:
        row["metadata"] = {next(words): next(words)}
        return json.dumps(row)
    if number % 50 == 0:
        row["feature_id"] = row["model_id"] = next(words)
    row["feature_id"] = FEATURES.get(row.get("feature_id"), row.get("feature_id"))
    row["request_id"] = f"{next(words)}{row.get('request_id')}"
    row["model_id"] = f"{row.get('model_id')}{HOSTILE[1]}"
    row["input_text"] = f"{row.get('input_text') or ''} {next(words)}"
    for name in ("output_text", "error", "finish_reason"):
        if row.get(name):
            row[name] = f"{row[name]} {next(words)}"
    return json.dumps(row)


def test_hostile_rows_are_stored_as_they_were_logged_and_alarm_as_others_do(
    attacked: Product,
) -> None:
    lake = attacked.monitoring.lake
    found = lake.run("select distinct feature_id from raw_requests")
    features = set(found["feature_id"].to_pylist())
    stripped = {text.strip() for text in HOSTILE}  # a name's blanks at its ends are no part of it
    assert features == {*FEATURES.values(), *stripped}
    alerts = lake.rows("alerts")
    assert {FEATURES["support_chat"], FEATURES["product_search"]} <= {a.feature_id for a in alerts}
    assert lake.rows("incidents")
    rejected = lake.rows("rejected_rows")
    assert any("\x1b[31m\n'" in row.file for row in rejected)


def test_nothing_is_written_outside_of_its_folder(attacked: Product) -> None:
    allowed = {"logs", "lake", "reports", "home", "monitoring.yaml"}
    assert {path.name for path in attacked.folder.iterdir()} <= allowed
    root = attacked.folder.parents[2]
    outside = [
        path
        for path in root.rglob("*")
        if path.is_file() and not path.is_relative_to(attacked.folder)
    ]
    assert outside == []
    assert not os.path.exists("/tmp/escaped-by-a-name")
    reports = [path.name for path in (attacked.folder / "reports").iterdir()]
    assert all(name.isascii() and name.isprintable() and len(name) < 130 for name in reports)
    assert len({name.casefold() for name in reports}) == len(reports)


@needs_chromium
def test_a_browser_runs_nothing_of_a_report(attacked: Product, tmp_path: Path) -> None:
    bare = tmp_path / "bare.html"
    bare.write_text(f"<!doctype html>{''.join(HOSTILE[:2])}")
    assert RAN in opened(bare.as_uri(), tmp_path / "bare")  # the browser would tell
    reports = list((attacked.folder / "reports").glob("*.html"))
    assert reports
    for number, report in enumerate(reports):
        document = opened(report.as_uri(), tmp_path / str(number))
        assert RAN not in document
        assert "1337" not in document  # 7 * 191: no template of theirs was filled in
        assert "&lt;script&gt;" in document


def metadata_of(product: Product) -> Iterator[tuple[str, Any]]:
    """Label and value of all metadata that the runs left for Dagster's pages."""
    events = (
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    )
    for run in product.instance.get_runs():
        records = product.instance.get_records_for_run(run.run_id, of_type=set(events)).records
        for record in records:
            event = record.event_log_entry.dagster_event
            assert event is not None
            data: Any = event.event_specific_data
            found = data.materialization if hasattr(data, "materialization") else data
            yield from found.metadata.items()


def rendered(product: Product) -> list[str]:
    """Markdown of the metadata as HTML, by a renderer that lets every tag through."""
    renderer = MarkdownIt("commonmark", {"html": True}).enable("table")
    values = [value for _, value in metadata_of(product)]
    markdown = [v.value for v in values if isinstance(v, dg.MarkdownMetadataValue)]
    assert any("| feature |" in text for text in markdown)  # the table of costs
    assert any("data:image" in text for text in markdown)  # the charts
    return [renderer.render(text) for text in markdown if text]


OURS = ("http://127.0.0.1:3000/", "http://127.0.0.1:3001/")


def test_metadata_makes_no_tag_but_ours(attacked: Product) -> None:
    from llm_monitoring_tests.reports.test_incident_page import Page

    for html in rendered(attacked):
        page = Page(html.encode())
        ours = {"p", "ul", "li", "strong", "pre", "code", "img", "a",
                "table", "thead", "tbody", "tr", "th", "td"}  # fmt: skip
        assert set(page.tags) <= ours
        for name, value in page.attributes:
            assert name in ("src", "alt", "class", "href")
            # Links lead to our own pages, whatever was logged.
            assert name != "href" or (value or "").startswith(OURS), value
            assert name != "src" or str(value).startswith("data:image/svg+xml;base64,")


@needs_chromium
def test_a_browser_runs_nothing_of_the_metadata(attacked: Product, tmp_path: Path) -> None:
    page = tmp_path / "metadata.html"
    page.write_text(f"<!doctype html><meta charset=utf-8>{''.join(rendered(attacked))}")
    assert RAN not in opened(page.as_uri(), tmp_path / "profile")


def commands(config: str) -> Iterator[list[str]]:
    """Every command that prints what was logged, in every format it has."""
    yield ["check", "--config", config]
    hours = ["--from", "2026-10-05", "--to", "2026-10-07"]
    for style in ("table", "json", "csv"):
        how = ["--config", config, "--format", style]
        yield ["power", *how]
        yield ["backtest", *how, *hours]
        yield ["backtest", *how, *hours, "--rule", "error_rate>0.05@20"]
        for table in ("raw_requests", "alerts", "incidents", "changes", "rejected_rows"):
            yield ["sql", *how, f"from {table} order by all limit 40"]
    yield ["backtest", "--config", config, *hours, "--feature", "\x1b[31mno such"]
    yield ["sql", "--config", config, "select feature_id::int from raw_requests"]


def test_no_output_acts_on_a_terminal_and_no_cell_in_a_spreadsheet(attacked: Product) -> None:
    config = str(attacked.folder / "monitoring.yaml")
    for command in commands(config):
        result = CliRunner().invoke(main, command)
        assert result.exception is None or isinstance(result.exception, SystemExit), command
        # In CSV a carriage return is data, inside of quotes.
        shown = result.output.replace("\r", "") if "csv" in command else result.output
        assert not UNSAFE.search(shown), command
        if "csv" in command and result.exit_code == 0:
            cells = chain.from_iterable(csv.reader(io.StringIO(result.stdout, newline="")))
            assert not [cell for cell in cells if is_formula(cell) and not is_number(cell)]
        elif "json" in command and result.exit_code == 0:
            json.loads(result.stdout)


def is_number(cell: str) -> bool:
    """Negative numbers begin like formulas, and are none."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_a_window_of_hostile_rows_is_replaced_and_read_by_name(attacked: Product) -> None:
    lake = attacked.monitoring.lake
    for chart_id in islice({row.chart_id for row in lake.rows("control_charts")}, 50):
        found = lake.rows("control_charts", chart_id=chart_id)
        assert {row.chart_id for row in found} == {chart_id}
    before = lake.rows("control_charts")
    last = shift(START, HOURS - 1)
    charts = sorted({row.chart_id for row in before})
    again = [row for row in before if row.hour == last]
    lake.replace_hours("control_charts", again, last, last, {"chart_id": charts})
    assert lake.rows("control_charts") == before
