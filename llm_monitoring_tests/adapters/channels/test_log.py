"""The log channel: Python's logging, and a file that is there whatever becomes of logging."""

import logging
import logging.config
import os
import re
from pathlib import Path

import pytest

from llm_monitoring.adapters.channels import Refusal, deliver, mistake_in
from llm_monitoring_tests.adapters.channels.examples import channel, message


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("severity", "level"), [("page", "ERROR"), ("ticket", "WARNING"), ("info", "INFO")]
)
def test_messages_are_logged_at_the_level_of_their_severity(
    caplog: pytest.LogCaptureFixture, severity: str, level: str
) -> None:
    caplog.set_level(logging.INFO, "llm_monitoring.alerts")
    assert deliver(channel("log"), message(severity=severity, text="100 % of it")) is None
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [(level, "100 % of it")]


def test_a_file_gets_one_message_after_another_even_when_logging_is_set_up_anew(
    tmp_path: Path,
) -> None:
    file = tmp_path / "new" / "folder" / "alerts.log"
    log = channel("log", file=file)
    assert deliver(log, message(text="first\nits second line")) is None
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
    assert deliver(log, message(text="second \x1b[2J")) is None
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n"
    told = f"{moment}first\nits second line\n\n{moment}second \u241b\\[2J\n\n"
    assert re.fullmatch(told, file.read_text())
    assert (mode(file), mode(file.parent)) == (0o600, 0o700)


def test_a_file_that_others_may_read_is_shut_and_one_for_a_group_is_not(tmp_path: Path) -> None:
    for before, after in ((0o644, 0o600), (0o640, 0o640)):
        file = tmp_path / f"{before:o}.log"
        file.touch()
        file.chmod(before)
        assert deliver(channel("log", file=file), message()) is None
        assert mode(file) == after


def test_a_file_that_cannot_be_written_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    below = channel("log", file=tmp_path / "file" / "alerts.log")
    assert deliver(below, message()) == Refusal(reason="log file not written: File exists")
    pipe = deliver(channel("log", file=tmp_path / "pipe"), message())
    assert pipe == Refusal(reason="log file not written: No such device or address")
    folder = channel("log", file=tmp_path)
    assert mistake_in(folder) == "its file is a folder"
    assert deliver(folder, message()) == Refusal(reason="log: its file is a folder")
