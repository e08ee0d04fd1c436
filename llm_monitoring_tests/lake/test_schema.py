"""Every text column of the lake is either declared as words or ids of users, or known not to be."""

import pyarrow as pa
import pytest

from llm_monitoring.lake import TABLES, Table
from llm_monitoring.lake.schema import KEPT

# Names, versions, hashes and what the team itself wrote. A new text column belongs here or in
# `words`, `people`, `request` or `mentions` of its table: who adds it decides.
NAMES = {
    "raw_requests": """
        feature_id model_id requested_model provider price_version finish_reason error
        prompt_version system_fingerprint source file
    """,
    "user_signals": "signal_type source file",
    "rejected_rows": "table source file reason",
    "source_reads": "table source",
    "log_files": "table source path rows contents stored",
    "changes": "change_id kind feature_id model_id description author",
    "sampled_requests": "feature_id model_id salt",
    "judgements": "feature_id model_id epoch judge",
    "input_features": "feature_id model_id embedder language",
    "input_references": "feature_id embedder split",
    "window_metrics": "feature_id segment epoch metric",
    "baselines": "chart_id baseline_id status parameters diagnostics",
    "rebaselines": "rebaseline_id feature_id metric segment reason author",
    "control_charts": """
        chart_id feature_id segment epoch metric chart status direction baseline_id failure
    """,
    "probe_results": """
        run probe_id probe_version family requested_model response_model system_fingerprint
        output_text output_sha256 finish_reason check check_detail error
    """,
    "provider_drift": "requested_model test verdict detail",
    "alerts": """
        fingerprint layer subject feature_id segment metric severity status direction summary
        incident_id proposal
    """,
    "deliveries": "delivery_id channel topics kind severity standing status error claimed_by text",
    "alert_readings": "table",
    "silences": "silence_id incident_id feature_id segment metric layer who why",
    "missed_incidents": "missed_id feature_id what who",
    "failures": "failure_id kind name partition reason",
    "heartbeats": "outcome reason",
    "incidents": """
        incident_id title severity status step feature_id segment alerts acknowledged_by
        verdict verdict_by verdict_note resolved_by report_path
    """,
    "regression_cases": "case_id incident_id feature_id model_id",
    "forgotten": "kind digest salt",
}


TEXTS = (pa.string(), pa.list_(pa.string()), pa.map_(pa.string(), pa.string()))


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_text_column_is_declared(table: Table) -> None:
    texts = {column.name for column in table.schema if column.type in TEXTS}
    declared = {*table.words, *table.people, *table.mentions, table.request} - {None}
    names = set(NAMES[table.name].split())
    assert declared | names == texts
    assert not declared & names
    assert set(table.people) <= set(table.words)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_table_with_words_of_users_does_not_keep_them_for_ever(table: Table) -> None:
    assert table.kept in KEPT
    assert (table.kept != "always") >= bool(table.words)
    assert (table.kept == "raw") == (table.partition == "hour")


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_no_text_column_has_statistics(table: Table) -> None:
    counted = table.configuration["delta.dataSkippingStatsColumns"].split(",")
    for name in filter(None, counted):
        assert table.stored_schema.field(name).type not in TEXTS
    assert table.partition not in counted
