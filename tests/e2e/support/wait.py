"""Waiting for what must become true soon, and not a moment longer."""
import time


def until(condition, timeout=3.0, every=0.02):
    """The first true value of `condition()`, or its last value after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(every)
