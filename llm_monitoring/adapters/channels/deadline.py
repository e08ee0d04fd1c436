"""A time by which a call to the outside is given up, whatever it is doing."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T]) -> T:
    """The result of a call, or an error once the time is up.

    Timeouts of HTTP libraries begin anew with each byte, and plugins have none at all: only
    somebody who waits outside can stop waiting. The call is left behind in a thread that no
    process waits for at its end.

    Raises:
        TimeoutError: it took longer.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            outcome.set_exception(error)

    threading.Thread(target=run, name="channel", daemon=True).start()
    return outcome.result(timeout=seconds)
