"""The load generator: wrk for throughput and latency, and our own client
for what wrk cannot see (a stream's first byte, streams held open)."""

import json
import pathlib
import re
import selectors
import socket
import subprocess
import time

import messages
from program import Trouble, find

HERE = pathlib.Path(__file__).resolve().parent
PATH = "/v1/chat/completions"
# A direct client of the Anthropic upstream asks the same path: it answers all.
RESULT = re.compile(r"^result: (\{.*\})$", re.MULTILINE)


def result_of(text):
    """What wrk.lua printed, as a dict; Trouble when it is not there or the
    run had errors."""
    found = RESULT.search(text)
    if not found:
        raise Trouble(f"wrk said: {text.strip()[-300:]}")
    result = json.loads(found[1])
    if result["requests"] == 0:
        raise Trouble("no request was answered")
    if result["status_errors"] or result["socket_errors"]:
        raise Trouble(f"{result['status_errors']} error answers and "
                      f"{result['socket_errors']} broken connections in "
                      f"{result['requests']} requests")
    return result


class Load:
    """Requests of one shape at one gateway."""

    def __init__(self, directory, target, case, cores):
        self.port, model, self.headers = target
        self.body = messages.request(model, case.body_bytes, case.stream)
        self.connections = case.connections
        self.cores = cores
        self.body_file = pathlib.Path(directory) / "body"
        self.body_file.write_text(self.body, encoding="utf-8")

    def run(self, seconds, during=None):
        """wrk for so long; `during` is called once in the middle."""
        argv = [find("wrk"), "-t1", f"-c{self.connections}",
                f"-d{seconds}s", "--timeout", "10s", "-s", HERE / "wrk.lua",
                f"http://127.0.0.1:{self.port}{PATH}", "--", self.body_file,
                *self.headers]
        if self.cores:
            cores = ",".join(map(str, sorted(self.cores)))
            argv = [find("taskset"), "-c", cores, *argv]
        with subprocess.Popen([str(a) for a in argv], text=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as wrk:
            if during:
                time.sleep(seconds * 0.7)
                during()
            text = wrk.communicate()[0]
        return result_of(text)

    def bytes_of_one(self):
        head = [f"POST {PATH} HTTP/1.1", "Host: 127.0.0.1",
                "Content-Type: application/json", *self.headers,
                f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(head).encode() + self.body.encode()

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port), 10)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    # ---- one at a time --------------------------------------------------------

    def first_byte_usecs(self, count):
        """From the last byte of a request to the first byte of the body of
        its answer, `count` times over one connection, in microseconds."""
        request, found = self.bytes_of_one(), []
        with self.connect() as s:
            for _ in range(count):
                s.sendall(request)
                begun = time.perf_counter_ns()
                got = b""
                while body_begin(got) is None:
                    got += receive(s)
                found.append((time.perf_counter_ns() - begun) / 1000)
                check_status(got)
                while not is_whole(got):
                    got += receive(s)
        return found

    def first_answer(self, deadline_seconds=20):
        """Asks until it is answered with 200; for cold starts."""
        end = time.monotonic() + deadline_seconds
        while time.monotonic() < end:
            try:
                with self.connect() as s:
                    s.sendall(self.bytes_of_one())
                    got = b""
                    while body_begin(got) is None:
                        got += receive(s)
                    check_status(got)
                    return
            except (OSError, Trouble):
                time.sleep(0.0005)
        raise Trouble("no answer after the start")

    # ---- many at once ---------------------------------------------------------

    def open_streams(self, count):
        """Opens `count` streams and waits until each has brought a byte of
        its body; the sockets. Those must be closed by the caller."""
        request = self.bytes_of_one()
        sockets, waiting = [], selectors.DefaultSelector()
        try:
            for _ in range(count):
                s = self.connect()
                sockets.append(s)
                s.sendall(request)
                s.setblocking(False)
                waiting.register(s, selectors.EVENT_READ, bytearray())
            await_bodies(waiting, time.monotonic() + 30)
        except (OSError, Trouble):
            for s in sockets:
                s.close()
            raise
        finally:
            waiting.close()
        return sockets


def await_bodies(waiting, deadline):
    left = len(waiting.get_map())
    while left > 0:
        if time.monotonic() > deadline:
            raise Trouble(f"{left} streams have not begun after 30 s")
        for key, _ in waiting.select(1):
            key.data.extend(receive(key.fileobj))
            if body_begin(key.data) is not None:
                check_status(key.data)
                waiting.unregister(key.fileobj)
                left -= 1


def receive(s):
    data = s.recv(65536)
    if not data:
        raise Trouble("the connection was closed within an answer")
    return data


def body_begin(got):
    """Where the body's first byte stands, once it is here."""
    at = got.find(b"\r\n\r\n")
    return at + 4 if at >= 0 and len(got) > at + 4 else None


def check_status(got):
    if not got.startswith(b"HTTP/1.1 200"):
        raise Trouble(f"answered: {bytes(got[:200])!r}")


def is_whole(got):
    """Whether an answer with a length, or in chunks, has ended."""
    begin = body_begin(got)
    if begin is None:
        return False
    head = bytes(got[:begin]).lower()
    found = re.search(rb"\r\ncontent-length: *(\d+)", head)
    if found:
        return len(got) >= begin + int(found[1])
    return got.endswith(b"0\r\n\r\n")
