"""What many clients, or slow ones, may cost."""

import json
import pathlib
import socket
import threading
import time

import pytest

from configs import config, deployment, mock
from harness import answers
from harness.client import Connection, build
from harness.gateway import Gateway, chat_body
from harness.process import has_sanitizer, is_alive, resident_bytes
from harness.wait import wait_until

MIB = 1 << 20


def test_slow_clients_cost_bounded_memory(make_gateway, make_provider):
    """20 clients that read nothing, each with a provider that would send
    8 MB."""
    block = answers.event(answers.delta_chunk("x" * 4000))
    blocked = threading.Semaphore(0)

    def handler(_request, talk):
        answers.start_stream(talk)
        talk.chunk(answers.event(answers.role_chunk()))
        framed = b"%x\r\n%s\r\n" % (len(block), block)
        talk.flood(framed, 8 * MIB, quiet=0.3)
        blocked.release()
        talk.stays(10)
    provider = make_provider(handler)
    gateway = make_gateway(config(deployment("small", provider.base_url)))
    worker = gateway.pid_of("worker")
    if has_sanitizer(worker):
        pytest.skip("a sanitizer's memory is its own")
    assert gateway.request("GET", "/health/liveliness").status == 200
    before = resident_bytes(worker)
    clients = []
    for _ in range(20):
        connection = Connection(gateway.address, small_window=True)
        connection.send(build("POST", "/v1/chat/completions", [],
                              b'{"model": "small", "stream": true, "messages":'
                              b' [{"role": "user", "content": "x"}]}'))
        clients.append(connection)
    for _ in clients:
        assert blocked.acquire(timeout=30)
    grown = resident_bytes(worker) - before
    assert grown < 20 * MIB, f"{grown / MIB:.1f} MiB for 20 slow clients"
    # The others do not feel them.
    assert gateway.request("GET", "/health/liveliness",
                           timeout=2).status == 200
    for connection in clients:
        connection.close()
    wait_until(lambda: provider.open_connections() == 0, 10,
               "their streams are cancelled upstream")
    lines = gateway.await_traces(20)
    assert {t["outcome"] for t in lines} == {"client_gone"}


def test_a_large_body_costs_its_memory_once(make_gateway, make_sim):
    sim = make_sim()
    gateway = make_gateway(config(deployment("small", sim.base_url)))
    worker = gateway.pid_of("worker")
    if has_sanitizer(worker):
        pytest.skip("a sanitizer's memory is its own")
    for _ in range(3):
        answer = gateway.chat("small", "word " * 2_000_000)     # 10 MB
        assert answer.status == 200
    peak = 0
    for line in pathlib.Path(f"/proc/{worker}/status").read_text().split("\n"):
        if line.startswith("VmHWM:"):
            peak = int(line.split()[1]) << 10
    assert peak < 64 * MIB, f"{peak / MIB:.0f} MiB for a body of 10 MB"


def test_many_idle_connections_and_a_burst(make_gateway):
    gateway = make_gateway(config(mock()), workers=2)
    idle = [gateway.connect() for _ in range(300)]
    assert gateway.chat("small").status == 200
    body = b'{"model":"small","messages":[{"role":"user","content":"x"}]}'
    for connection in idle:
        connection.send(build("POST", "/v1/chat/completions", [], body))
    assert all(c.read().status == 200 for c in idle)
    for connection in idle:
        connection.close()
    assert len(gateway.await_traces(301)) == 301


def test_more_connections_than_allowed(make_gateway):
    """They are turned away or wait; those that are served are not harmed, and
    there is room again afterwards."""
    gateway = make_gateway(config(
        mock(), more="tallygate: {limits: {max_connections: 10}}\n"))
    worker = gateway.pid_of("worker")
    held = [gateway.connect(timeout=2) for _ in range(16)]
    for connection in held[:10]:
        connection.send(build("GET", "/health/liveliness", [], None))
        assert connection.read("GET").status == 200
    statuses = []
    for connection in held[10:]:
        try:
            connection.send(build("GET", "/health/liveliness", [], None))
            statuses.append(connection.read("GET", timeout=0.2).status)
        except Exception as e:      # reset: turned away
            statuses.append(type(e).__name__)
    assert 200 not in statuses, statuses
    for connection in held:
        connection.close()
    wait_until(lambda: answered(gateway), 5, "there is room again")
    assert is_alive(worker)


def answered(gateway):
    try:
        return gateway.request("GET", "/health/liveliness",
                               timeout=1).status == 200
    except OSError:
        return False


def test_ipv6(directory):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    gateway = Gateway(directory, config(mock()), args=["--host", "::1"])
    with gateway:
        assert gateway.address[0] == "::1"
        assert gateway.log_contains("http://[::1]:")
        assert gateway.chat("small").status == 200


def test_a_burst_beyond_the_workers_is_served(make_gateway, make_sim):
    """200 requests at once to a provider that takes 50 ms each: they run side
    by side, not one after another."""
    sim = make_sim(latency_ms=50)
    gateway = make_gateway(config(deployment("small", sim.base_url)),
                           workers=2)
    connections = [gateway.connect() for _ in range(200)]
    body = json.dumps(chat_body("small")).encode()
    begun = time.monotonic()
    for connection in connections:
        connection.send(build("POST", "/v1/chat/completions", [], body))
    assert all(c.read().status == 200 for c in connections)
    took = time.monotonic() - begun
    assert took < 5, f"{took:.1f} s for what takes 50 ms side by side"
    for connection in connections:
        connection.close()
