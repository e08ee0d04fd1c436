"""The heartbeat: a GET of a secret address; whoever watches it misses it when we are dead."""

import httpx
import stamina

from llm_monitoring.adapters.addresses import addresses_unlogged
from llm_monitoring.settings.notifying import HeartbeatSettings
from llm_monitoring.settings.strict import secret

TIMEOUT_SECONDS = 10


class _NotTakenError(Exception):
    """The reason, without the address."""


class _PassingError(_NotTakenError):
    """Worth another try at once."""


def beat(settings: HeartbeatSettings, *, failed: bool = False) -> str | None:
    """Tell the outside watcher that all is well, or not; nothing that happens here is raised.

    Args:
        settings: names the variable that holds the address; it is read now.
        failed: /fail is added to the address.

    Returns:
        None: it was heard, or none is configured. Else why not, without the address.
    """
    if settings.url_env is None:
        return None
    try:
        address = httpx.URL(secret(settings.url_env) or "")
        if failed:
            address = address.copy_with(path=address.path.rstrip("/") + "/fail")
        with addresses_unlogged():
            _get(address)
    except (LookupError, _NotTakenError) as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - the run that tells people must not fail of it
        return f"heartbeat not sent: {type(error).__name__}"
    return None


def _get(address: httpx.URL) -> None:
    for attempt in stamina.retry_context(on=_PassingError, attempts=3, timeout=20, wait_max=2):
        with attempt:
            _get_once(address)


def _get_once(address: httpx.URL) -> None:
    try:
        # The body is not read: it says nothing, and might never end.
        with httpx.stream("GET", address, timeout=TIMEOUT_SECONDS) as response:
            status = response.status_code
    except httpx.UnsupportedProtocol:
        raise _NotTakenError("heartbeat address is not a http(s) URL") from None
    except httpx.HTTPError as error:
        # The name only: messages of httpx may hold the address.
        raise _PassingError(f"heartbeat not heard: {type(error).__name__}") from None
    if not 200 <= status < 300:
        passing = status in (408, 425, 429) or status >= 500
        raise (_PassingError if passing else _NotTakenError)(f"heartbeat was answered {status}")
