"""What may happen while the second thread has a large body: its client
leaves, the gateway is reloaded or stopped, the worker is killed.

Each test waits until that thread spends CPU time before it goes on.
"""

import threading

import pytest

from configs import config, deployment
from harness.client import Connection, build
from harness.process import has_sanitizer, resident_bytes
from harness.wait import seconds, wait_until
from large import (CHAT, HEAD, large_config, of_messages, send_one,
                   thread_nsecs)


ROUNDS = 12


@pytest.fixture
def gateway(make_gateway, make_sim):
    claude = make_sim(name="claude", dialect="anthropic")
    return make_gateway(large_config(make_sim(), claude))


class Sender(threading.Thread):
    """Sends a body; `connection` until it has an answer, `answer` then."""

    def __init__(self, gateway, body):
        super().__init__()
        self.connection = Connection(gateway.address, timeout=seconds(30))
        self.request = build("POST", CHAT, HEAD, body)
        self.answer = None
        self.start()

    def run(self):
        try:
            self.connection.send(self.request)
            self.answer = self.connection.read("POST")
        except OSError:
            pass

    def leave(self):
        """As a client that is killed."""
        self.connection.sock.shutdown(2)
        self.join()
        self.connection.reset()


def await_work(pid, before, msecs=1):
    wait_until(lambda: thread_nsecs(pid)[1] - before > msecs * 1e6, 20,
               "the second thread works", interval=0.001)


def in_flight(gateway):
    """Requests that are whole and not answered."""
    text = gateway.request("GET", "/metrics").body.decode()
    return int(text.split("\ntallygate_requests_in_flight ")[1].split()[0])


def await_in_flight(gateway, n):
    wait_until(lambda: in_flight(gateway) == n, 20, f"{n} requests are whole")


@pytest.mark.parametrize("model", ["big", "claude"])
def test_a_client_leaves_while_its_body_is_worked_on(gateway, model):
    """At another point of the work each time: it is read, then written."""
    pid, body = gateway.pid_of("worker"), of_messages(model)
    assert send_one(gateway.address, body).status == 200
    for number in range(ROUNDS):
        before = thread_nsecs(pid)[1]
        sender = Sender(gateway, body)
        await_work(pid, before, 1 + number * (12 if model == "claude" else 2))
        sender.leave()
        assert gateway.chat("small").status == 200
        lines = gateway.await_traces(3 + 2 * number)
    left = [t for t in lines if t["outcome"] == "client_gone"]
    assert len(left) >= ROUNDS / 2
    assert all(t["cost_usd"] == 0 for t in left if not t["attempts"])
    assert gateway.pid_of("worker") == pid
    if not has_sanitizer(pid):
        wait_until(lambda: resident_bytes(pid) < 64 << 20, 10,
                   "the bodies' memory is given back")


def test_bodies_whose_clients_left_are_not_worked_on(gateway):
    """Ten wait behind one; they cost nothing when nobody waits for them."""
    pid, body = gateway.pid_of("worker"), of_messages("claude")
    before = thread_nsecs(pid)[1]
    assert send_one(gateway.address, body).status == 200
    one = thread_nsecs(pid)[1] - before
    senders = [Sender(gateway, body) for _ in range(10)]
    await_in_flight(gateway, 10)
    before = thread_nsecs(pid)[1]
    for sender in senders:
        sender.leave()
    gateway.await_traces(11)
    spent = thread_nsecs(pid)[1] - before
    print(f"one: {one / 1e6:.1f} ms, those that left: {spent / 1e6:.1f} ms")
    assert spent < 2 * one


def test_a_reload_loses_none_of_them(gateway):
    pid, body = gateway.pid_of("worker"), of_messages("claude")
    senders = [Sender(gateway, body) for _ in range(3)]
    await_in_flight(gateway, 3)
    await_work(pid, 0)
    gateway.reload()
    assert gateway.supervisor()["generation"] == 2
    for sender in senders:
        sender.join()
        assert sender.answer.status == 200 and sender.answer.complete
    assert [t["outcome"] for t in gateway.await_traces(3)] == ["ok"] * 3


def test_a_stop_waits_for_them(gateway):
    pid, body = gateway.pid_of("worker"), of_messages("claude")
    senders = [Sender(gateway, body) for _ in range(3)]
    await_in_flight(gateway, 3)
    await_work(pid, 0)
    gateway.stop()
    for sender in senders:
        sender.join()
        assert sender.answer.status == 200 and sender.answer.complete
    assert [t["outcome"] for t in gateway.traces()] == ["ok"] * 3


def test_the_drain_deadline_begins_no_more_of_them(make_gateway, make_sim):
    """What runs is waited for, what waits is taken back, and the books are
    even."""
    claude = make_sim(name="claude", dialect="anthropic")
    gateway = make_gateway(large_config(
        make_sim(), claude, "  limits: {drain_timeout: 100ms}\n"))
    body = of_messages("claude")
    senders = [Sender(gateway, body) for _ in range(5)]
    await_in_flight(gateway, 5)
    gateway.stop()
    for sender in senders:
        sender.join()
    cut = [s for s in senders if s.answer is None or s.answer.broken]
    assert cut
    lines = gateway.traces()
    assert len(lines) == 5
    assert sum(t["outcome"] == "client_gone" for t in lines) >= len(cut)


def test_a_worker_is_killed_with_one(gateway):
    pid, body = gateway.pid_of("worker"), of_messages("claude")
    sender = Sender(gateway, body)
    await_work(pid, 0)
    gateway.kill("worker")
    sender.join()
    assert sender.answer is None or sender.answer.broken
    gateway.await_replaced("worker", pid)
    assert send_one(gateway.address, body).status == 200


def embeddings(_request, talk):
    """20 MB of numbers, whatever form was asked for."""
    vector = (b'{"object":"embedding","index":0,"embedding":['
              + b"-0.01234567," * 1023 + b"1]}")
    body = (b'{"object":"list","model":"m","usage":{"prompt_tokens":1,'
            b'"total_tokens":1},"data":['
            + b",".join([vector] * ((20 << 20) // len(vector))) + b"]}")
    talk.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
              b"content-length: %d\r\n\r\n" % len(body) + body)


def test_a_large_answer_is_not_the_loops_work(make_gateway, make_provider):
    gateway = make_gateway(config(deployment(
        "m", make_provider(embeddings).base_url)))
    pid = gateway.pid_of("worker")
    before = thread_nsecs(pid)
    answer = gateway.request("POST", "/v1/embeddings", {
        "model": "m", "input": "a", "encoding_format": "base64"})
    loop, offload = (now - then for now, then in
                     zip(thread_nsecs(pid), before))
    assert answer.complete, answer.describe()
    assert answer.body.endswith(b'"}]}')
    assert b"-0.01234567" not in answer.body
    print(f"the loop {loop / 1e6:.1f} ms, "
          f"the second thread {offload / 1e6:.1f} ms")
    assert loop < offload
