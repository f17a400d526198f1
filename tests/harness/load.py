"""Bounded load: some clients with keep-alive connections, a record of what
came of each request.

It never repeats a request, so an id that the provider served is one request of
ours. Rate and count are limits, not goals: the machine is shared.
"""

import http.client
import json
import threading
import time

from harness.gateway import chat_body
from harness.wait import seconds


class Result:
    """One request: its id, what came of it."""

    __slots__ = ("id", "stream", "status", "whole", "error", "cost", "at",
                 "took")

    def __init__(self, run_id, stream):
        self.id, self.stream = run_id, stream
        self.status, self.whole, self.error = 0, False, ""
        self.cost = None
        self.at = time.monotonic()
        self.took = 0.0

    @property
    def ok(self):
        return self.status == 200 and self.whole

    def __repr__(self):
        return (f"{self.id}{' (stream)' if self.stream else ''}: "
                f"{self.status} {'whole' if self.whole else 'not whole'} "
                f"{self.error}")


class Load:
    """clients threads, together at most `rate` requests a second, until
    stop(), `count` requests or `duration` seconds.

    make(number) → the request's body, as a value; default: every fourth
    request is a stream.
    """

    def __init__(self, gateway, model, *, clients=8, rate=150, count=None,
                 duration=None, make=None, prefix="load"):
        self.gateway = gateway
        self.model, self.rate, self.count = model, rate, count
        self.make = make or self._default_body
        self.prefix = prefix
        self.ends_at = None if duration is None \
            else time.monotonic() + duration
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.results = []
        self.begun = 0
        self.refused = 0        # nobody listened: no request was made
        self.started = time.monotonic()
        self.threads = [threading.Thread(target=self._run, daemon=True)
                        for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _default_body(self, number):
        body = chat_body(self.model, f"Question {number}: what is new?")
        if number % 4 == 3:
            body["stream"] = True
        return body

    # ---- the clients ----

    def _next_number(self):
        """A number when it is time for another request, None at the end."""
        while not self.stopping.is_set():
            now = time.monotonic()
            with self.lock:
                if self.count is not None and self.begun >= self.count:
                    return None
                if self.ends_at is not None and now >= self.ends_at:
                    return None
                if self.begun <= (now - self.started) * self.rate:
                    self.begun += 1
                    return self.begun
            self.stopping.wait(0.5 / self.rate)
        return None

    def _run(self):
        conn = None
        while (number := self._next_number()) is not None:
            body = self.make(number)
            result = Result(f"{self.prefix}-{number}",
                            bool(body.get("stream")))
            if conn is None:
                conn = http.client.HTTPConnection(*self.gateway.address,
                                                  timeout=seconds(30))
            try:
                if conn.sock is None:
                    conn.connect()
            except OSError:
                conn = None
                self.refused += 1
                self.stopping.wait(0.1)
                continue
            keep = self._ask(conn, body, result)
            result.took = time.monotonic() - result.at
            with self.lock:
                self.results.append(result)
            if not keep:
                conn.close()
                conn = None
        if conn is not None:
            conn.close()

    def _ask(self, conn, body, result):
        """Fills the result; True when the connection can be used again."""
        try:
            conn.request("POST", "/v1/chat/completions", json.dumps(body),
                         {"content-type": "application/json",
                          "x-request-id": result.id})
            answer = conn.getresponse()
            result.status = answer.status
            text = answer.read()
            result.cost = answer.getheader("x-tallygate-cost-usd")
            result.whole = (b"data: [DONE]" in text
                            if result.stream and answer.status == 200
                            else True)
            if answer.status != 200 or not result.whole:
                result.error = text[-300:].decode("utf-8", "replace")
            return not answer.will_close
        except (OSError, http.client.HTTPException) as e:
            result.error = f"{type(e).__name__}: {e}"
            return False

    # ---- the outside ----

    def done(self):
        with self.lock:
            return len(self.results)

    def stop(self):
        """No further requests; waits for those under way. The results."""
        self.stopping.set()
        return self.join()

    def join(self, timeout=60):
        deadline = time.monotonic() + seconds(timeout)
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        assert not any(t.is_alive() for t in self.threads), \
            "clients are still waiting for answers"
        return self.results

    def failed(self):
        with self.lock:
            return [r for r in self.results if not r.ok]

    def summary(self):
        with self.lock:
            results = list(self.results)
        failed = [r for r in results if not r.ok]
        took = sorted(r.took for r in results) or [0]
        return (f"{len(results)} requests, {len(failed)} failed, median "
                f"{took[len(took) // 2] * 1000:.1f} ms, slowest "
                f"{took[-1] * 1000:.0f} ms")
