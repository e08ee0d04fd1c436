"""An address is a secret: libraries that call one keep it out of the logs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

# These write the address, or the part of it that is the secret, into their logs
# (httpcore: the Location of a redirect).
ADDRESS_LOGGERS = ("httpx", "httpcore.http11", "apprise", "urllib3.connectionpool")


@contextmanager
def addresses_unlogged() -> Iterator[None]:
    """Within it these loggers are silent."""

    def drop(record: logging.LogRecord) -> bool:
        del record
        return False

    loggers = [logging.getLogger(name) for name in ADDRESS_LOGGERS]
    for logger in loggers:
        logger.addFilter(drop)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(drop)
