"""One worker, many clients: what one of them does costs the others little.

The bounds are wide, for a machine that has other work; what they catch is
work that grows with somebody else's body or waits for somebody else's peer,
which takes ten times as long.
"""

import json
import multiprocessing
import time

import pytest

from configs import config, deployment, mock
from harness.client import Connection, build
from harness.gateway import chat_body
from harness.process import has_sanitizer, resident_bytes
from harness.wait import seconds, wait_until

MB = 1 << 20
BIG_BYTES = 20 * MB
TEXTS = {"words": "The quick brown fox jumps over the lazy dog. ",
         "escapes": 'a line of code;\n\t"and" ',
         "letters of two bytes": "быстрая бурая лиса "}
HEAD = [("content-type", "application/json")]


def waits(gateway, count):
    """Seconds that each of `count` small requests took, one behind the
    other, sorted."""
    body = json.dumps(chat_body("small")).encode()
    connection, found = gateway.connect(), []
    try:
        for _ in range(count):
            begun = time.monotonic()
            connection.send(build("POST", "/v1/chat/completions", HEAD,
                                  body))
            assert connection.read("POST").status == 200
            found.append(time.monotonic() - begun)
    finally:
        connection.close()
    return sorted(found)


def p99(values):
    return values[len(values) * 99 // 100]


def send_big(address, text, stop, answered):
    """Bodies of 20 MB, one behind the other, in a process of its own."""
    body = json.dumps(
        chat_body("big", text * (BIG_BYTES // len(text.encode()))),
        ensure_ascii=False).encode()
    request = build("POST", "/v1/chat/completions", HEAD, body)
    while not stop.is_set():
        connection = Connection(address, timeout=seconds(30))
        connection.send(request)
        if connection.read("POST").status == 200:
            answered.value += 1
        connection.close()


@pytest.mark.parametrize("text", TEXTS)
def test_a_body_of_20_mb_does_not_stall_others(make_gateway, make_sim, text):
    """Received, read, priced, forwarded: beside it, small requests go on."""
    sim = make_sim()
    gateway = make_gateway(config(deployment("big", sim.base_url), mock(),
                                  more="tallygate:\n  budgets:\n"
                                  "    - {per: global, max_budget: 9000}\n"))
    waits(gateway, 50)
    quiet = p99(waits(gateway, 300))
    stop, answered = multiprocessing.Event(), multiprocessing.Value("i")
    sender = multiprocessing.Process(
        target=send_big, args=(gateway.address, TEXTS[text], stop, answered))
    sender.start()
    try:
        wait_until(lambda: answered.value >= 1, 30, "a large answer")
        found = []
        while answered.value < 4:
            found += waits(gateway, 100)
    finally:
        stop.set()
        sender.join()
    busy = p99(sorted(found))
    print(f"p99 of small requests: {quiet * 1e3:.2f} ms alone, "
          f"{busy * 1e3:.2f} ms beside {answered.value} large ones")
    assert busy < 10 * quiet + seconds(0.15)


def test_stalled_clients_cost_their_memory_only(make_gateway):
    """Half a head, half a body: nobody waits for the rest but themselves."""
    gateway = make_gateway(config(mock()))
    waits(gateway, 50)
    quiet = p99(waits(gateway, 300))
    pid = gateway.pid_of("worker")
    before = resident_bytes(pid)
    body = json.dumps(chat_body("small", "x" * 2000)).encode()
    whole = build("POST", "/v1/chat/completions", HEAD, body)
    stalled = []
    try:
        for number in range(300):
            stalled.append(gateway.connect())
            stalled[-1].send(whole[:40] if number % 2 else whole[:-1000])
        busy = p99(waits(gateway, 300))
        grown = resident_bytes(pid) - before
    finally:
        for connection in stalled:
            connection.close()
    print(f"p99 {quiet * 1e3:.2f} → {busy * 1e3:.2f} ms, "
          f"{grown / 300 / 1024:.1f} KB a client")
    assert busy < 10 * quiet + seconds(0.05)
    if not has_sanitizer(pid):
        assert grown < 300 * 32 * 1024


def test_a_stalled_provider_costs_its_memory_only(make_gateway, make_sim):
    """Streams that have begun and fall silent, and answers that never
    begin."""
    sim = make_sim(stall_after_chunks=2)
    gateway = make_gateway(config(deployment("big", sim.base_url), mock()))
    waits(gateway, 50)
    quiet = p99(waits(gateway, 300))
    pid = gateway.pid_of("worker")
    before = resident_bytes(pid)
    streams = []
    try:
        for number in range(200):
            value = chat_body("big", "one two three four five six",
                              stream=number % 2 == 0)
            streams.append(gateway.connect())
            streams[-1].send(build("POST", "/v1/chat/completions", HEAD,
                                   json.dumps(value).encode()))
        wait_until(lambda: sim.control()["counters"]["in_flight"] == 200, 20,
                   "200 requests at the provider")
        busy = p99(waits(gateway, 300))
        grown = resident_bytes(pid) - before
    finally:
        for connection in streams:
            connection.close()
    print(f"p99 {quiet * 1e3:.2f} → {busy * 1e3:.2f} ms, "
          f"{grown / 200 / 1024:.1f} KB a request")
    assert busy < 10 * quiet + seconds(0.05)
    if not has_sanitizer(pid):
        assert grown < 200 * 96 * 1024
