"""One POST, and what the answer means. No address is in any message."""

import email.utils
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import httpx

from llm_monitoring.adapters.channels.messages import OF_MESSAGE, Refusal

LONGEST_RETRY_AFTER_SECONDS = 86_400.0
LAST_PORT = 65_535
NO_NAME = "its host is not a name"


def url_mistake(address: str) -> str | None:
    """Why nothing could ever be sent to an http(s) address; None: it could."""
    if not address.startswith(("http://", "https://")):
        return "no http:// or https:// at its beginning"
    if any(sign.isspace() for sign in address):
        return "a blank in it"
    try:
        url = httpx.URL(address)
        # Sockets do this to a name, and refuse empty and overlong labels.
        url.raw_host.decode("ascii").rstrip(".").encode("idna")
        return _part_mistake(url)
    except httpx.InvalidURL as error:
        return "its port is no number" if "port" in str(error) else NO_NAME
    except ValueError:
        return NO_NAME


def _part_mistake(url: httpx.URL) -> str | None:
    if not url.host:
        return "no host"
    if not url.host.strip("."):
        return NO_NAME
    if url.port is not None and not 0 < url.port <= LAST_PORT:
        return f"its port is not between 1 and {LAST_PORT}"
    return None


def post(
    who: str, address: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float
) -> Refusal | None:
    """POST of JSON.

    Args:
        who: begins the reason of a refusal.
        address: a URL in which `url_mistake` found nothing.
        body: JSON.
        headers: beside the type of the content.
        timeout_seconds: of each step; somebody else watches the whole.

    Returns:
        None: it was taken, with any 2xx. The body of an answer is not read: it says nothing to us,
        and might never end.
    """
    headers = {"content-type": "application/json", **headers}
    try:
        with httpx.stream(
            "POST", address, content=body, headers=headers, timeout=timeout_seconds
        ) as response:
            return _refusal(who, response)
    except httpx.HTTPError as error:
        return Refusal(reason=f"{who} not reached: {why(error)}")


def _refusal(who: str, response: httpx.Response) -> Refusal | None:
    if response.is_success:
        return None
    status = response.status_code
    more = ": redirects are not followed" if response.is_redirect else ""
    return Refusal(
        reason=f"{who} answered {status}{more}",
        retry_after_seconds=retry_after(response.headers) if status in (429, 503) else None,
        of_message=status in OF_MESSAGE,
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as an answer asks, between none and a day; None: it does not ask."""
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdecimal():
        return min(float(asked[:9]), LONGEST_RETRY_AFTER_SECONDS)
    moment = _moment(asked)
    if moment is None:
        return None
    # By the clock of whoever set the date, if it says what time it is there.
    answered = _moment(headers.get("date", "")) or datetime.now(UTC)
    return min(max((moment - answered).total_seconds(), 0.0), LONGEST_RETRY_AFTER_SECONDS)


def _moment(text: str) -> datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def why(error: BaseException) -> str:
    """What went wrong on the way: never the library's own message, which may hold the address."""
    for cause in _causes(error):
        for kind, words in CAUSES.items():
            if isinstance(cause, kind):
                return words
    return type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


CAUSES: dict[type[BaseException], str] = {
    socket.gaierror: "its host was not found",
    ssl.SSLCertVerificationError: "its certificate is not to be trusted",
    ssl.SSLError: "its TLS and ours do not fit",
    ConnectionRefusedError: "connection refused",
    httpx.ProxyError: "the proxy refused",
    httpx.TimeoutException: "no answer in time",
    httpx.RemoteProtocolError: "its answer is not HTTP, or broke off",
}
