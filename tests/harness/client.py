"""A raw HTTP/1.x client: what came, in which order, framed how, and when.

It reads strictly: bytes that are no HTTP answer are an error, an answer that
ends early is marked `broken` and keeps what came.
"""

import re
import select
import socket
import struct
import time

from harness import match
from harness.wait import seconds

PIECE = 65536
LARGE = 256 * 1024


class Gone(Exception):
    """The other side closed or reset the connection, or fell silent."""


class Event:
    """One server-sent event."""

    def __init__(self, block, at):
        self.raw, self.at = block, at
        self.name, data = "", []
        for line in re.split(rb"\r\n|\n|\r", block):
            field, _, value = line.partition(b":")
            value = value[1:] if value.startswith(b" ") else value
            if field == b"data":
                data.append(value)
            elif field == b"event":
                self.name = value.decode()
        self.data = b"\n".join(data) if data else None

    @property
    def is_done(self):
        return self.data == b"[DONE]"

    def json(self):
        return match.load(self.data)

    def __repr__(self):
        return f"Event({self.raw!r})"


class Response:
    def __init__(self):
        self.started = time.monotonic()
        self.head_at = self.first_at = self.ended_at = None
        self.version = self.reason = ""
        self.status = 0
        self.headers = []
        self.body = b""
        self.events = []
        self.framing = ""
        self.complete = False
        self.broken = ""        # how it ended early; "" when it did not
        self._pending = b""

    def header(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def headers_named(self, name):
        return [v for k, v in self.headers if k.lower() == name.lower()]

    @property
    def is_stream(self):
        return "event-stream" in (self.header("content-type") or "")

    def json(self):
        return match.load(self.body)

    @property
    def took(self):
        return (self.ended_at or time.monotonic()) - self.started

    def add(self, data):
        if self.first_at is None and data:
            self.first_at = time.monotonic()
        self.body += data
        if not self.is_stream:
            return
        self._pending += data
        while True:
            found = re.search(rb"\r\n\r\n|\n\n|\r\r", self._pending)
            if not found:
                return
            block = self._pending[:found.start()]
            self._pending = self._pending[found.end():]
            event = Event(block, time.monotonic())
            if event.data is not None:
                self.events.append(event)

    def text(self):
        """All that the answer says: contents of every choice, joined."""
        out = []
        for choice in self._choices():
            part = choice.get("delta") or choice.get("message") or {}
            out.append(part.get("content") or "")
        return "".join(out)

    def _choices(self):
        if self.is_stream:
            for event in self.events:
                if not event.is_done:
                    yield from event.json().get("choices") or []
        else:
            yield from self.json().get("choices") or []

    def describe(self):
        """For messages: the head and the body, shortened."""
        if not self.status:
            return f"no answer ({self.broken or 'still waiting'})"
        head = "\n".join(f"{k}: {v}" for k, v in self.headers)
        body = self.body.decode("utf-8", "replace")
        if len(body) > 4000:
            body = f"{body[:2000]}\n... {len(body)} bytes ...\n{body[-2000:]}"
        end = f"\n(broken: {self.broken})" if self.broken else ""
        return (f"{self.version} {self.status} {self.reason}\n{head}\n\n"
                f"{body}{end}")


class Connection:
    """One TCP connection to host:port."""

    def __init__(self, address, timeout=20, small_window=False):
        self.timeout = timeout
        self.sock = socket.socket(
            socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        if small_window:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.settimeout(seconds(timeout))
        self.sock.connect(address)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.at_end = False
        self.deadline = None
        self.sent_at = None     # when the last sending began

    # ---- out ----

    def send(self, data, piece=None):
        """Gone when the other side has closed; what it said can be read."""
        self.sent_at = time.monotonic()
        try:
            if piece is not None:
                for i in range(0, len(data), piece):
                    self.sock.sendall(data[i:i + piece])
            elif len(data) <= LARGE:
                self.sock.sendall(data)
            else:
                self._send_large(memoryview(data))
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Gone(f"sending: {e}") from None

    def _send_large(self, view):
        """As curl does: stops when the answer comes before all is sent."""
        deadline = time.monotonic() + seconds(self.timeout)
        while view:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Gone("sending: the other side takes nothing")
            can_read, can_write, _ = select.select([self.sock], [self.sock],
                                                   [], left)
            if can_read:
                return
            if can_write:
                try:
                    view = view[self.sock.send(view, socket.MSG_DONTWAIT):]
                except BlockingIOError:
                    pass

    def widen(self):
        """Ends a small receive window."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()

    # ---- in ----

    def _receive(self):
        """More bytes into the buffer; Gone at the end."""
        left = self.deadline - time.monotonic()
        if left <= 0 or not select.select([self.sock], [], [], left)[0]:
            raise Gone("silence: nothing came in time")
        try:
            data = self.sock.recv(PIECE)
        except ConnectionResetError:
            raise Gone("reset") from None
        if not data:
            self.at_end = True
            raise Gone("closed")
        self.buffer += data

    def _until(self, mark):
        while mark not in self.buffer:
            self._receive()
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def _exactly(self, n):
        """Pieces that make n bytes, as they come."""
        while n > 0:
            if not self.buffer:
                self._receive()
            piece, self.buffer = self.buffer[:n], self.buffer[n:]
            n -= len(piece)
            yield piece

    def _chunks(self):
        while True:
            line = self._until(b"\r\n").split(b";")[0].strip()
            size = int(line, 16)
            if size == 0:
                while self._until(b"\r\n"):
                    pass
                return
            yield from self._exactly(size)
            if self._until(b"\r\n"):
                raise Gone("a chunk is longer than it says")

    def _to_end(self):
        if self.buffer:
            piece, self.buffer = self.buffer, b""
            yield piece
        while True:
            try:
                self._receive()
            except Gone as e:
                if str(e) == "closed":
                    return
                raise
            piece, self.buffer = self.buffer, b""
            yield piece

    def body_of(self, response, method):
        length = response.header("content-length")
        if (method == "HEAD" or response.status in (204, 304)
                or response.status < 200):
            response.framing = "none"
            return iter(())
        if "chunked" in (response.header("transfer-encoding") or "").lower():
            response.framing = "chunked"
            return self._chunks()
        if length is not None:
            response.framing = "length"
            return self._exactly(int(length))
        response.framing = "close"
        return self._to_end()

    def read_head(self, response):
        lines = self._until(b"\r\n\r\n").split(b"\r\n")
        first = lines[0].decode("latin-1")
        if not re.fullmatch(r"HTTP/1\.[01] \d\d\d( .*)?", first):
            raise Gone(f"no HTTP answer: {first!r}")
        response.version, response.status = first[:8], int(first[9:12])
        response.reason = first[13:]
        for line in lines[1:]:
            key, _, value = line.decode("latin-1").partition(":")
            response.headers.append((key, value.strip()))

    def read(self, method="POST", on_progress=None, timeout=None):
        """The next answer. on_progress(response) after the head and every
        piece; when it returns True reading stops there."""
        r = Response()
        r.started = self.sent_at or r.started
        self.deadline = time.monotonic() + seconds(timeout or self.timeout)
        try:
            while r.status < 200:
                r.headers = []
                self.read_head(r)
            r.head_at = time.monotonic()
            if on_progress and on_progress(r):
                return r
            for piece in self.body_of(r, method):
                r.add(piece)
                if on_progress and on_progress(r):
                    return r
            r.complete = True
        except Gone as e:
            r.broken = str(e)
        except ValueError as e:
            r.broken = f"bad framing: {e}"
        r.ended_at = time.monotonic()
        return r

    def is_closed_within(self, timeout):
        """True when the other side closes (nothing more comes) in time."""
        self.deadline = time.monotonic() + seconds(timeout)
        try:
            self._receive()
        except Gone as e:
            return not str(e).startswith("silence")
        return False


def build(method, target, headers, body, version="HTTP/1.1"):
    """The bytes of a request. Content-Length is added when there is a body
    and no framing was given."""
    names = {k.lower() for k, _ in headers}
    lines = [f"{method} {target} {version}"]
    if "host" not in names and version == "HTTP/1.1":
        lines.append("host: gateway.test")
    lines += [f"{k}: {v}" for k, v in headers]
    if body is not None and not names & {"content-length",
                                         "transfer-encoding"}:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + (body or b"")
