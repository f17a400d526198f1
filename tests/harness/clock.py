"""The gateway's wall clock, moved by a test.

The gateway adds to its wall clock what the file named by TALLYGATE_TEST_CLOCK
holds: 8 bytes, nanoseconds, signed. It maps the file, so a change is seen at
once by every process. Timers run on the monotonic clock and are not moved.
"""

import mmap
import pathlib
import re
import struct
import time

NSECS = 1_000_000_000
UNITS = {"ms": 10**6, "s": NSECS, "m": 60 * NSECS, "h": 3600 * NSECS,
         "d": 86400 * NSECS}


def parse_duration(text):
    """"+31s", "200ms", "2h" → nanoseconds."""
    found = re.fullmatch(r"([+-]?)(\d+(?:\.\d+)?)(ms|s|m|h|d)", text.strip())
    if not found:
        raise ValueError(f"'{text}' is no duration (+31s, 200ms, 2h, 1d)")
    sign = -1 if found[1] == "-" else 1
    return sign * round(float(found[2]) * UNITS[found[3]])


class TestClock:
    __test__ = False    # no test class, whatever its name says to pytest

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.write_bytes(struct.pack("=q", 0))
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 8)

    @property
    def environment(self):
        return {"TALLYGATE_TEST_CLOCK": str(self.path)}

    def offset_nsecs(self):
        return struct.unpack("=q", self.map[:8])[0]

    def advance(self, seconds):
        self.advance_nsecs(round(seconds * NSECS))

    def advance_nsecs(self, nsecs):
        # One aligned store of 8 bytes: no reader sees half of it.
        memoryview(self.map).cast("q")[0] = self.offset_nsecs() + nsecs

    def now(self):
        """Seconds since the epoch, as the gateway sees them."""
        return time.time() + self.offset_nsecs() / NSECS
