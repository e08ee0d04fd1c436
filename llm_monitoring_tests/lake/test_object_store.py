"""The lake on S3: the same tables by configuration alone, against a local S3 server."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from deltalake import DeltaTable, write_deltalake
from moto.server import ThreadedMotoServer

from llm_monitoring.defs.resources import monitoring_resource
from llm_monitoring.hours import hour_range, shift
from llm_monitoring.lake import Lake
from llm_monitoring.lake.layout import LayoutError
from llm_monitoring.records import Baseline
from llm_monitoring_tests.lake.examples import FIRST, request, signal, window
from llm_monitoring_tests.lake.migrations.old_lakes import unpack

SETTINGS = """
product: Shop
start: 2026-10-05T00:00:00Z
features:
  - feature_id: search
lake:
  uri: s3://bucket/some/prefix
  storage_options:
    AWS_ENDPOINT_URL: {endpoint}
    AWS_REGION: us-east-1
    AWS_ALLOW_HTTP: "true"
  storage_options_env:
    AWS_ACCESS_KEY_ID: LAKE_ID
    AWS_SECRET_ACCESS_KEY: LAKE_SECRET
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket="bucket")
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def lake(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """The lake as the pipeline gets it: from a monitoring.yaml, secrets from the environment."""
    monkeypatch.setenv("LAKE_ID", "test")
    monkeypatch.setenv("LAKE_SECRET", "test")
    path = tmp_path / "monitoring.yaml"
    path.write_text(SETTINGS.format(endpoint=endpoint))
    return monitoring_resource(path).lake


def test_a_lake_on_s3_does_what_a_local_one_does(lake: Lake) -> None:
    assert not lake.is_local
    assert lake.rows("raw_requests") == []
    hours = list(hour_range(FIRST, shift(FIRST, 3)))
    rows = [request(f"r{hour}", hour, input_text="it's ünïcode") for hour in hours]
    lake.replace_hours("raw_requests", rows, hours[0], hours[-1])
    lake.replace_hours("raw_requests", [request("new", hours[1])], hours[1], hours[1])
    found = {row.hour: row.request_id for row in lake.rows("raw_requests")}
    assert found == {hour: "new" if hour == hours[1] else f"r{hour}" for hour in hours}
    assert lake.rows("raw_requests", hours=(hours[0], hours[0])) == rows[:1]

    for value in (0.1, 0.2):
        lake.replace_hours("window_metrics", [window(h, value) for h in hours], *hours[::3])
    assert [row.value for row in lake.rows("window_metrics", hours=(hours[2], hours[3]))] == [
        0.2
    ] * 2

    row = Baseline(
        chart_id="c", baseline_id="b", status="provisional", first_hour=FIRST, last_hour=FIRST,
        windows=48, parameters="{}", diagnostics="{}",
    )  # fmt: skip
    lake.upsert("baselines", [row])
    lake.upsert("baselines", [row])
    assert lake.rows("baselines") == [row]

    before = lake.rows("window_metrics")
    assert lake.maintain(keep_hours=0)["window_metrics"]["deleted"] >= 1
    assert lake.rows("window_metrics") == before
    lake.expire(hours[2])
    assert [row.hour for row in lake.rows("raw_requests")] == hours[2:]


def test_on_s3_too_only_the_hours_asked_for_are_offered_to_a_query(lake: Lake) -> None:
    """A statement without a condition of its own shows what the lake handed it."""
    hours = list(hour_range(FIRST, shift(FIRST, 3)))
    rows = [signal("r", "thumbs_up", hour) for hour in hours]
    lake.replace_hours("user_signals", rows, hours[0], hours[-1])
    read = lake.run("select hour from user_signals order by hour", hours=(hours[1], hours[2]))
    assert read["hour"].to_pylist() == hours[1:3]


def test_secrets_of_the_store_come_from_the_environment_only(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert lake.storage_options is not None
    assert lake.storage_options["AWS_SECRET_ACCESS_KEY"] == "test"
    monkeypatch.delenv("LAKE_SECRET")
    resource = monitoring_resource(tmp_path / "monitoring.yaml")
    with pytest.raises(LookupError, match="LAKE_SECRET is not set"):
        _ = resource.lake


def test_a_lake_of_an_older_layout_on_s3_is_refused_and_migrated(
    lake: Lake, endpoint: str, tmp_path: Path
) -> None:
    unpack(tmp_path)
    old = Lake(f"{lake.uri}/old", lake.storage_options)
    for name in ("alerts", "baselines", "control_charts"):
        table = DeltaTable(str(tmp_path / "lake" / name))
        write_deltalake(
            old.location(name), table.to_pyarrow_table(), storage_options=old.storage_options,
            partition_by=table.metadata().partition_columns,
        )  # fmt: skip
    with pytest.raises(LayoutError, match="run llm-monitoring migrate"):
        old.version("alerts")
    config = tmp_path / "monitoring.yaml"
    config.write_text(SETTINGS.format(endpoint=endpoint).replace(lake.uri, old.uri))
    # In a process of its own: deltalake does not let this one's server answer meanwhile.
    command = "from llm_monitoring.cli import main; main()"
    words = [sys.executable, "-c", command, "migrate", "--config", str(config)]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert [line.partition(":")[0] for line in told.splitlines()[:-1]] == [
        "alerts", "control_charts", "baselines"
    ]  # fmt: skip
    old.check_layout()
    found = old.run("select distinct chart from control_charts order by chart")
    assert found["chart"].to_pylist() == ["missing", "single_window", "sr_mixture"]
