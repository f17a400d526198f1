"""The provider's side of a scenario: PROVIDER sections as scripts.

A section is one request and its answer. The lines before `answers` say what
must be received (and what happens before the answer begins), those after it
what is sent, in order. A script that finds a difference tells it to the
runner and cuts the connection.
"""

import json
import re
import threading

from harness import answers, match, scenario
from harness.clock import NSECS, parse_duration
from harness.provider import FakeProvider, PeerGone, refusing_port
from harness.wait import seconds

STALL_SECONDS = 60
GONE_SECONDS = 5
MARK_SECONDS = 20


class Difference(Exception):
    """What came is not what the scenario says."""

    def __init__(self, line, text):
        super().__init__(text)
        self.line, self.text = line, text


def secs(text):
    return parse_duration(text) / NSECS


class Marks:
    """Named moments that providers, clients and sections wait for."""

    def __init__(self):
        self.lock = threading.Lock()
        self.events = {}

    def _event(self, name):
        with self.lock:
            return self.events.setdefault(name, threading.Event())

    def set(self, name):
        self._event(name).set()

    def wait(self, name):
        return self._event(name).wait(seconds(MARK_SECONDS))


class Script:
    """One PROVIDER section."""

    def __init__(self, section, runner, repeats=1):
        self.section, self.runner = section, runner
        self.left = repeats         # None: any number
        self.used = 0

    # ---- what must have come ----

    def check(self, d, request):
        word, rest = d.word, self.runner.fill(d.rest)
        found = None
        if word == "receives":
            came = f"{request.method} {request.target}"
            found = None if came == rest else f"expected {rest}, came {came}"
        elif word == "header":
            found = header_difference(rest, request.headers)
        elif word == "no header":
            value = request.header(rest)
            found = None if value is None else \
                f"expected no header {rest}, came '{value}'"
        elif word == "json":
            try:
                found = match.difference(match.parse(rest), request.json())
            except ValueError as e:
                found = f"the body is no JSON ({e}): {request.body[:300]!r}"
        elif word in ("body", "bytes"):
            wanted = rest.encode() if word == "body" \
                else scenario.read_bytes(rest)
            found = bytes_difference(wanted, request.body)
        elif word == "text":
            found = None if rest.encode() in request.body else \
                f"expected '{rest}' in {request.body[:500]!r}"
        elif word == "no text":
            found = None if rest.encode() not in request.body else \
                f"expected no '{rest}' in {request.body[:500]!r}"
        else:
            return False
        if found:
            raise Difference(d.line, f"received: {found}")
        return True

    # ---- playing ----

    def play(self, request, talk):
        answer = None
        for d in self.section.directives:
            if d.word == "answers":
                answer = Answer(*scenario.read_answers(d.rest), talk, request,
                                self.section, self.runner)
            elif answer is None:
                if not self.check(d, request):
                    self.act(d, talk)
            elif not answer.take(d):
                answer.begin()
                self.act(d, talk)
            if talk.over:
                return
        if answer is not None:
            answer.finish()

    def act(self, d, talk):
        """Timing and violence: at any place of the script."""
        word = d.word
        if word == "raw":
            talk.send(scenario.read_bytes(d.rest))
        elif word == "wait":
            talk.provider.stopping.wait(secs(d.rest))
        elif word == "cut":
            talk.cut()
        elif word == "reset":
            talk.reset()
        elif word == "half close":
            talk.half_close()
        elif word == "stall":
            talk.stays(secs(d.rest) if d.rest else STALL_SECONDS)
            talk.cut()
        elif word == "await gone":
            limit = secs(d.rest) if d.rest else GONE_SECONDS
            if not talk.stays(seconds(limit)):
                raise Difference(d.line, "the gateway kept the connection for "
                                         f"{limit:g} s")
        elif word == "mark":
            self.runner.marks.set(d.rest)
        elif word == "await":
            if not self.runner.marks.wait(d.rest):
                raise Difference(d.line, f"nobody set the mark {d.rest}")
        else:
            raise Difference(d.line, f"'{word}' has no place here")


class Answer:
    """The answer of a script under way: framing, head, events."""

    def __init__(self, kind, value, talk, request, section, runner):
        self.talk, self.request, self.runner = talk, request, runner
        self.section = section
        self.status = value if kind == "status" else 200
        self.is_stream = kind == "stream"
        self.headers, self.began = [], False
        self.framing = "chunked" if self.is_stream else "length"
        self.length = self.chunks = self.pieces = None
        self.pause = 0.0
        self.body = self._fixed_body(kind, value)

    def _fixed_body(self, kind, value):
        """All of a plain answer's body; None for a stream, whose parts come
        one by one."""
        if self.is_stream:
            return None
        own = [d for d in self._own() if d.word in ("json", "body", "bytes",
                                                    "event")]
        if own:
            return None
        if kind == "chat":
            said, used = value
            return answers.dumps(answers.completion(
                said, used=used and answers.usage(used[0], used[1],
                                                  **used[2])))
        if self.status < 400:
            return b""
        return answers.dumps(answers.error(self.status))

    def _own(self):
        """Directives behind `answers`."""
        words = [d.word for d in self.section.directives]
        return self.section.directives[words.index("answers") + 1:]

    def _part(self, d):
        """The bytes of a body directive; None when it is none."""
        rest = self.runner.fill(d.rest)
        if d.word in ("json", "body"):
            return rest.encode()
        if d.word == "bytes":
            return scenario.read_bytes(rest)
        if d.word == "event":
            return b"data: " + " ".join(rest.split("\n")).encode() + b"\n\n"
        if d.word == "role":
            return answers.event(answers.role_chunk())
        if d.word == "delta":
            return answers.event(answers.delta_chunk(json.loads(rest)))
        if d.word == "finish":
            return answers.event(answers.finish_chunk(rest))
        if d.word == "usage":
            p, c, details = scenario.read_usage(rest)
            return answers.event(answers.usage_chunk(
                answers.usage(p, c, **details)))
        if d.word == "done":
            return answers.DONE
        return None

    def take(self, d):
        """True when the directive belongs to the answer."""
        if d.word == "header":
            name, _, value = self.runner.fill(d.rest).partition(":")
            self.headers.append((name.strip(), value.strip()))
        elif d.word == "framing":
            if d.rest not in ("chunked", "length", "close"):
                raise Difference(d.line, "framing is chunked, length or close")
            self.framing = d.rest
        elif d.word == "length":
            self.length = int(d.rest)
        elif d.word == "chunks":
            self.framing, self.chunks = "chunked", int(d.rest)
        elif d.word == "pieces":
            size, _, pause = d.rest.partition(" every ")
            self.pieces, self.pause = int(size), secs(pause) if pause else 0.0
        elif d.word == "flood":
            self.begin()
            self._flood(d)
        else:
            part = self._part(d)
            if part is None:
                return False
            self.begin()
            self._send_part(part)
        return True

    def _flood(self, d):
        block = answers.event(answers.delta_chunk("x" * 4000))
        framed = b"%x\r\n%s\r\n" % (len(block), block)
        out = self.talk.flood(framed, 4 * int(d.rest))
        self.runner.note(f"flood: the gateway took {out} bytes")
        if out > int(d.rest):
            raise Difference(d.line, f"the gateway took {out} bytes for a "
                                     f"client that reads nothing, more than "
                                     f"{d.rest}")

    def _all_bytes(self):
        if self.body:
            return len(self.body)
        # A `cut` comes after less than was promised.
        short = any(d.word in ("cut", "reset", "stall", "await gone")
                    for d in self._own())
        return sum(len(self._part(d) or b"") for d in self._own()) + \
            (1000 if short else 0)

    def begin(self):
        if self.began:
            return
        self.began = True
        names = {k.lower() for k, _ in self.headers}
        head = list(self.headers)
        if "content-type" not in names:
            head.append(("content-type",
                         "text/event-stream; charset=utf-8" if self.is_stream
                         else "application/json"))
        if "x-request-id" not in names:
            head.append(("x-request-id", "req_upstream"))
        if self.framing == "chunked":
            head.append(("transfer-encoding", "chunked"))
        elif self.framing == "length":
            n = self._all_bytes() if self.length is None else self.length
            head.append(("content-length", n))
        else:
            head.append(("connection", "close"))
        self._send(answers.head(self.status, head))
        if self.body:
            self._send_part(self.body)

    def _send(self, data):
        if self.pieces:
            self.talk.send_pieces(data, self.pieces, self.pause)
        else:
            self.talk.send(data)

    def _send_part(self, data):
        if self.framing != "chunked":
            self._send(data)
            return
        size = self.chunks or max(1, len(data))
        for i in range(0, len(data), size):
            part = data[i:i + size]
            self._send(b"%x\r\n%s\r\n" % (len(part), part))

    def finish(self):
        self.begin()
        if self.talk.over:
            return
        if self.framing == "chunked":
            self._send(b"0\r\n\r\n")
        elif self.framing == "close":
            self.talk.cut()


def header_difference(rest, headers):
    """`name: value` against the first header of that name. A value is exact,
    `...` or /regex/."""
    name, _, wanted = rest.partition(":")
    wanted = wanted.strip()
    values = [v for k, v in headers if k.lower() == name.strip().lower()]
    if not values:
        there = ", ".join(k for k, _ in headers)
        return f"expected a header {name}, there are {there}"
    if len(values) > 1:
        return f"header {name} came {len(values)} times: {values}"
    if wanted == "...":
        return None
    if len(wanted) > 1 and wanted.startswith("/") and wanted.endswith("/"):
        if re.search(wanted[1:-1], values[0]):
            return None
    elif wanted == values[0]:
        return None
    return f"header {name}: expected {wanted}, came {values[0]}"


def bytes_difference(wanted, came):
    """None when equal; else where they part."""
    if wanted == came:
        return None
    at = 0
    while at < min(len(wanted), len(came)) and wanted[at] == came[at]:
        at += 1
    frm = max(0, at - 40)
    return (f"{len(wanted)} bytes expected, {len(came)} came; from byte {at} "
            f"on they differ:\n    expected ...{wanted[frm:at + 80]!r}\n"
            f"    came     ...{came[frm:at + 80]!r}")


class StagedProvider:
    """A provider of a scenario: its scripts in order."""

    def __init__(self, name, runner, is_down):
        self.name, self.runner = name, runner
        self.scripts = []
        self.fallback = None
        self.lock = threading.Lock()
        self.port_holder = refusing_port() if is_down else None
        self.fake = None if is_down else FakeProvider(self._handle, name)

    @property
    def base_url(self):
        if self.fake is not None:
            return self.fake.base_url
        return f"http://127.0.0.1:{self.port_holder.getsockname()[1]}"

    def add(self, section):
        mode = section.args.partition(" ")[2]
        if mode == "down" or not section.directives:
            return
        if mode == "always":
            self.fallback = Script(section, self.runner, None)
            return
        times = int(mode.split()[1]) if mode.startswith("times") else 1
        with self.lock:
            self.scripts.append(Script(section, self.runner, times))

    def _next(self):
        with self.lock:
            for script in self.scripts:
                if script.left > 0:
                    script.left -= 1
                    script.used += 1
                    return script
            if self.fallback is not None:
                self.fallback.used += 1
            return self.fallback

    def _handle(self, request, talk):
        script = self._next()
        try:
            if script is None:
                raise Difference(0, "was asked once more than the scenario "
                                    f"has answers:\n{request.describe()}")
            script.play(request, talk)
        except Difference as e:
            self.runner.problem(e.line, f"provider {self.name} {e.text}")
            talk.cut()
        except PeerGone:
            raise

    def unused(self):
        """(line, text) of scripts that were not reached."""
        with self.lock:
            return [(s.section.line, f"provider {self.name} was not asked "
                                     f"({s.left} more requests expected)")
                    for s in self.scripts if s.left > 0]

    def close(self):
        if self.fake is not None:
            self.fake.close()
            for text in self.fake.problems:
                self.runner.problem(0, text)
        else:
            self.port_holder.close()
