"""An EXPECT section against the answer that came.

Each directive has a method; the first one that does not fit raises Difference
with the directive's line, what was expected and what came.
"""

from harness import match, scenario
from harness.client import Gone, build
from harness.clock import NSECS, parse_duration
from harness.stage import Difference, bytes_difference, header_difference
from harness.wait import seconds

# Timers run on a coarse clock and may be early by a tick of some kernels.
TIMER_TICK = 0.011


class Expectation:
    """An EXPECT section against an answer."""

    def __init__(self, section, client, response, runner):
        self.section, self.client = section, client
        self.r, self.runner = response, runner

    def fail(self, d, text):
        raise Difference(d.line if d else self.section.line,
                         f"client {self.client.name}: {text}")

    def check(self):
        r, s = self.r, self.section
        if not r.status and not s.has("broken"):
            self.fail(None, f"no answer: {r.broken}")
        if r.broken and not s.has("broken"):
            self.fail(None, f"the answer ended early: {r.broken}")
        for d in s.directives:
            if d.word in ("event", "done"):
                continue
            getattr(self, "check_" + d.word.replace(" ", "_"))(
                d, self.runner.fill(d.rest))
        self._check_events()

    def equal(self, d, what, wanted, came):
        if wanted != came:
            self.fail(d, f"{what}: expected {wanted}, came {came}")

    def check_status(self, d, rest):
        if self.r.status != int(rest):
            self.fail(d, f"status: expected {rest}, came {self.r.status}: "
                         f"{self.r.body[:600].decode('utf-8', 'replace')}")

    def check_version(self, d, rest):
        self.equal(d, "version", rest, self.r.version)

    def check_framing(self, d, rest):
        self.equal(d, "framing", rest, self.r.framing)

    def check_header(self, d, rest):
        found = header_difference(rest, self.r.headers)
        if found:
            self.fail(d, found)

    def check_no_header(self, d, rest):
        if self.r.header(rest) is not None:
            self.fail(d, f"expected no header {rest}, came "
                         f"'{self.r.header(rest)}'")

    def check_json(self, d, rest):
        try:
            value = self.r.json()
        except ValueError as e:
            self.fail(d, f"the body is no JSON ({e}): {self.r.body[:500]!r}")
        found = match.difference(match.parse(rest), value)
        if found:
            self.fail(d, found)

    def check_body(self, d, rest):
        found = bytes_difference(rest.encode(), self.r.body)
        if found:
            self.fail(d, f"body: {found}")

    def check_bytes(self, d, rest):
        found = bytes_difference(scenario.read_bytes(rest), self.r.body)
        if found:
            self.fail(d, f"body: {found}")

    def check_text(self, d, rest):
        if rest.encode() not in self.r.body:
            self.fail(d, f"expected '{rest}' in {self.r.body[:1500]!r}")

    def check_no_text(self, d, rest):
        if rest.encode() in self.r.body:
            self.fail(d, f"expected no '{rest}' in {self.r.body[:1500]!r}")

    def check_content(self, d, rest):
        self.equal(d, "content", scenario.read_quoted(rest), self.r.text())

    def check_finish(self, d, rest):
        reasons = [c.get("finish_reason") for c in self.r._choices()
                   if c.get("finish_reason")]
        self.equal(d, "finish_reason", [rest], reasons)

    def check_broken(self, d, rest):
        if self.r.complete:
            self.fail(d, "the answer is complete")
        if rest and rest not in self.r.broken:
            self.fail(d, f"broken: expected {rest}, came {self.r.broken}")

    def check_closed(self, d, _rest):
        if not self.client.connection.is_closed_within(3):
            self.fail(d, "the connection was not closed")

    def _asks_again(self):
        """An answer to another request on the same connection, or None."""
        c = self.client.connection
        try:
            c.send(build("GET", "/health/liveliness", [], None))
            r = c.read("GET", timeout=5)
        except Gone:
            return None
        return r if r.status else None

    def check_open(self, d, _rest):
        r = self._asks_again()
        if r is None or r.status != 200:
            self.fail(d, "the connection cannot be used again: "
                         f"{r.describe() if r else 'closed'}")

    def check_usable(self, d, _rest):
        """Usable, or cleanly closed."""
        says_close = (self.r.header("connection") or "").lower() == "close"
        if says_close:
            self.check_closed(d, "")
        else:
            self.check_open(d, "")

    def check_within(self, d, rest):
        limit = seconds(parse_duration(rest) / NSECS)
        if self.r.took > limit:
            self.fail(d, f"took {self.r.took:.3f} s, more than {limit:g} s")

    def check_not_before(self, d, rest):
        limit = parse_duration(rest) / NSECS
        if self.r.took < limit - TIMER_TICK:
            self.fail(d, f"took {self.r.took:.3f} s, less than {limit:g} s")

    # ---- events ----

    def _check_events(self):
        wanted = [d for d in self.section.directives
                  if d.word in ("event", "done")]
        if not wanted:
            return
        matchers = []
        for d in wanted:
            rest = self.runner.fill(d.rest)
            if d.word == "done" or rest == "[DONE]":
                matchers.append(EventMatcher(d.line, "[DONE]"))
            elif rest == "...":
                matchers.append(match.ANYTHING)
            else:
                matchers.append(EventMatcher(d.line, match.parse(rest)))
        values = ["[DONE]" if e.is_done else e.json() for e in self.r.events]
        found = match.sequence_difference(
            matchers, values, "events",
            lambda m, value, at: m.difference(value, at))
        if found:
            self.fail(wanted[0], found)


class EventMatcher:
    """One `event` line of an EXPECT."""

    def __init__(self, line, matcher):
        self.line, self.matcher = line, matcher

    def __repr__(self):
        return f"{match.show(self.matcher)} (line {self.line})"

    def difference(self, value, at):
        if "[DONE]" not in (self.matcher, value):
            found = match.difference(self.matcher, value, f"event {at + 1}")
            return found and f"{found} (line {self.line})"
        if self.matcher == value:
            return None
        return f"event {at + 1}: expected {self}, came {match.short(value)}"
