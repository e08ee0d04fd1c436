"""Python's logging, and a file of our own that no configuration of logging can close."""

import logging
import os
from datetime import UTC
from pathlib import Path

from llm_monitoring.adapters.channels.messages import Message, Refusal
from llm_monitoring.private_files import OTHERS
from llm_monitoring.settings.notifying import ChannelSettings

LOGGER = logging.getLogger("llm_monitoring.alerts")


def mistake(channel: ChannelSettings) -> str | None:
    """What can be said against the file before it is written."""
    return "its file is a folder" if channel.file is not None and channel.file.is_dir() else None


def send(channel: ChannelSettings, message: Message) -> Refusal | None:
    """Log at a level that follows the severity, and append to the file."""
    LOGGER.log(LEVELS.get(message.severity, logging.WARNING), "%s", message.text)
    if channel.file is None:
        return None
    try:
        _append(channel.file, message)
    except OSError as error:
        return Refusal(reason=f"log file not written: {error.strerror}")
    return None


def _append(path: Path, message: Message) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # O_NONBLOCK: a pipe that nobody reads is an error, not a reason to wait.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o600)
    with os.fdopen(file, "wb") as opened:
        found = os.fstat(file)
        if found.st_mode & OTHERS and found.st_uid == os.getuid():
            os.fchmod(file, 0o600)
        # In one piece: two processes may write at once.
        at = message.sent_at.astimezone(UTC)
        opened.write(f"{at:%Y-%m-%d %H:%M:%S} UTC\n{message.text}\n\n".encode())


LEVELS = {"info": logging.INFO, "ticket": logging.WARNING, "page": logging.ERROR}
