"""Waiting for a condition under a deadline.

TALLYGATE_TEST_PATIENCE (a factor, default 1) stretches every deadline: for
sanitizer builds and slow machines.
"""

import os
import time

PATIENCE = float(os.environ.get("TALLYGATE_TEST_PATIENCE", "1"))


class TooLate(AssertionError):
    """A condition did not come true in time."""


def seconds(limit):
    """A deadline's length on this machine."""
    return limit * PATIENCE


def wait_until(condition, timeout, what, interval=0.01):
    """The condition's first true value; TooLate with `what` otherwise.

    `what` is a text or a function that makes one (asked when it is late, so
    it can tell what was there instead).
    """
    deadline = time.monotonic() + seconds(timeout)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            text = what() if callable(what) else what
            raise TooLate(f"not within {seconds(timeout):g} s: {text}")
        time.sleep(interval)
