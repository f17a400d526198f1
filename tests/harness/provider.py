"""A scripted HTTP server: a provider that does exactly what a test says.

FakeProvider accepts connections and hands each whole request to its handler
together with a Talk, the raw side of the connection. The handler sends what it
wants, byte by byte if it likes, and may cut, reset, stall or wait for the
other side to leave. When it returns, the connection is kept for the next
request unless it ended it.
"""

import select
import socket
import struct
import threading
import time

from harness import match
from harness.wait import seconds, wait_until

PIECE = 65536
MOST_HEAD = 1 << 20
TLS_HANDSHAKE = b"\x16"


class PeerGone(Exception):
    """The gateway closed the connection while we were at it."""


class Received:
    """One request as it came."""

    def __init__(self, number, connection):
        self.number, self.connection = number, connection
        self.at = time.monotonic()
        self.method = self.target = self.version = ""
        self.headers = []
        self.body = b""

    def header(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def headers_named(self, name):
        return [v for k, v in self.headers if k.lower() == name.lower()]

    def json(self):
        return match.load(self.body)

    def describe(self):
        head = "\n".join(f"{k}: {v}" for k, v in self.headers)
        body = self.body[:4000].decode("utf-8", "replace")
        return f"{self.method} {self.target} {self.version}\n{head}\n\n{body}"


class Talk:
    """The provider's side of one connection."""

    def __init__(self, sock, provider):
        self.sock, self.provider = sock, provider
        self.buffer = b""
        self.over = False       # no further request on this connection
        self.sent = 0

    # ---- in ----

    def _more(self):
        """False at the end of what comes."""
        while not self.provider.stopping.is_set():
            if not select.select([self.sock], [], [], 0.2)[0]:
                continue
            try:
                data = self.sock.recv(PIECE)
            except OSError:
                return False
            self.buffer += data
            return bool(data)
        return False

    def read_request(self, number, connection):
        """The next request, or None when there is none."""
        while b"\r\n\r\n" not in self.buffer:
            if len(self.buffer) > MOST_HEAD or not self._more():
                return None
            if self.buffer[:1] == TLS_HANDSHAKE:
                return None     # closed, as by a server that has no TLS
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        r = Received(number, connection)
        r.method, r.target, r.version = lines[0].split(" ", 2)
        for line in lines[1:]:
            key, _, value = line.partition(":")
            r.headers.append((key, value.strip()))
        if "chunked" in (r.header("transfer-encoding") or ""):
            r.body = self._read_chunks()
        else:
            r.body = self._read(int(r.header("content-length") or 0))
        return None if r.body is None else r

    def _read(self, n):
        while len(self.buffer) < n:
            if not self._more():
                return None
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def _read_chunks(self):
        out = b""
        while True:
            while b"\r\n" not in self.buffer:
                if not self._more():
                    return None
            line, _, self.buffer = self.buffer.partition(b"\r\n")
            size = int(line.split(b";")[0], 16)
            data = self._read(size + 2)
            if data is None:
                return None
            if size == 0:
                return out
            out += data[:-2]

    # ---- out ----

    def send(self, data):
        """All of it, however slow the other side reads."""
        view = memoryview(data)
        while view:
            if self.provider.stopping.is_set():
                raise PeerGone("the provider is being stopped")
            try:
                if not select.select([], [self.sock], [], 0.2)[1]:
                    continue
                n = self.sock.send(view, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except OSError as e:
                self.over = True
                raise PeerGone(str(e)) from None
            self.sent += n
            view = view[n:]

    def send_pieces(self, data, size, pause=0.0):
        for i in range(0, len(data), size):
            self.send(data[i:i + size])
            if pause:
                self.provider.stopping.wait(pause)

    def chunk(self, data):
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def last_chunk(self):
        self.send(b"0\r\n\r\n")

    def flood(self, block, most, quiet=0.4):
        """Sends `block` again and again until the other side takes nothing
        for `quiet` seconds or `most` bytes are out; returns how many are."""
        out = 0
        while out < most and not self.provider.stopping.is_set():
            if not select.select([], [self.sock], [], seconds(quiet))[1]:
                return out
            try:
                # What is begun is finished: blocks stay whole.
                self.send(block)
            except PeerGone:
                return out
            out += len(block)
        return out

    # ---- ends ----

    def cut(self):
        """FIN now, whatever was promised."""
        self.over = True
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def reset(self):
        self.over = True
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()

    def half_close(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def peer_left(self):
        """True when the other side has closed (it sends nothing now)."""
        if not select.select([self.sock], [], [], 0)[0]:
            return False
        try:
            return self.sock.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True

    def stays(self, how_long):
        """Silent for so long, or until the other side leaves; True when it
        left."""
        self.over = True
        deadline = time.monotonic() + how_long
        while (time.monotonic() < deadline
               and not self.provider.stopping.is_set()):
            left = max(0.0, min(0.2, deadline - time.monotonic()))
            if not select.select([self.sock], [], [], left)[0]:
                continue
            try:
                data = self.sock.recv(PIECE)
            except OSError:
                return True
            if not data:
                return True
        return False


def refusing_port():
    """A bound socket that listens to nobody: connecting is refused. Keep it
    as long as the port must stay so."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


class FakeProvider:
    """handler(request, talk) is called in the connection's own thread."""

    def __init__(self, handler=None, name="provider", receive_buffer=None):
        self.name = name
        self.handler = handler
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.requests = []
        self.connections = 0
        self.problems = []
        self._talks = set()
        self._threads = []
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF,
                                 receive_buffer)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(512)
        self.port = self.sock.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}"
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        self._threads.append(thread)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while not self.stopping.is_set():
            try:
                if not select.select([self.sock], [], [], 0.2)[0]:
                    continue
                sock, _ = self.sock.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
                number = self.connections
            thread = threading.Thread(target=self._serve, args=(sock, number),
                                      daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, sock, connection):
        talk = Talk(sock, self)
        with self.lock:
            self._talks.add(talk)
        try:
            while not talk.over and not self.stopping.is_set():
                request = talk.read_request(0, connection)
                if request is None:
                    break
                with self.lock:
                    self.requests.append(request)
                    request.number = len(self.requests)
                self._handle(request, talk)
        finally:
            with self.lock:
                self._talks.discard(talk)
            sock.close()

    def _handle(self, request, talk):
        try:
            self.handler(request, talk)
        except PeerGone:
            talk.over = True
        except Exception as e:      # a test's own mistake must be seen
            self.problem(f"handler: {type(e).__name__}: {e}")
            talk.cut()

    def problem(self, text):
        with self.lock:
            self.problems.append(f"provider {self.name}: {text}")

    def count(self):
        with self.lock:
            return len(self.requests)

    def open_connections(self):
        with self.lock:
            return len(self._talks)

    def await_requests(self, n, timeout=10):
        wait_until(lambda: self.count() >= n, timeout,
                   lambda: f"provider {self.name} was asked {self.count()} "
                           f"times, not {n}")
        with self.lock:
            return list(self.requests)

    def close(self):
        self.stopping.set()
        self.sock.close()
        for thread in self._threads:
            thread.join(seconds(5))
