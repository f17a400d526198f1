"""One worker, many clients: what one of them does costs the others little.

The bounds are wide, for a machine that has other work; what they catch is
work that grows with somebody else's body or waits for somebody else's peer,
which takes ten times as long.
"""

import contextlib
import json
import multiprocessing
import time

import pytest

from configs import config, deployment, mock
from harness.client import build
from harness.gateway import chat_body
from harness.process import has_sanitizer, resident_bytes
from harness.wait import seconds, wait_until
from large import (CHAT, HEAD, large_config, of_digits, of_messages, of_text,
                   send_one, thread_nsecs)

# What is in the body, who gets it: as it is, or translated; and whether that
# is so much more work than receiving it that it shows in the loop's time.
CASES = {
    "words": (of_text("The quick brown fox jumps over the lazy dog. "),
              "big", False),
    "escapes": (of_text(r'a line of code;\n\t\"and\" '), "big", False),
    "letters of two bytes": (of_text("быстрая бурая лиса "), "big", False),
    "digits": (of_digits, "big", True),
    "messages of a letter": (of_messages, "big", False),
    "messages of a letter, translated": (of_messages, "claude", True),
    "letters of two bytes, translated": (of_text("быстрая бурая лиса "),
                                         "claude", True),
}


def waits(gateway, count):
    """Seconds that each of `count` small requests took, one behind the
    other, sorted."""
    body = json.dumps(chat_body("small")).encode()
    connection, found = gateway.connect(), []
    try:
        for _ in range(count):
            begun = time.monotonic()
            connection.send(build("POST", CHAT, HEAD, body))
            assert connection.read("POST").status == 200
            found.append(time.monotonic() - begun)
    finally:
        connection.close()
    return sorted(found)


def p99(values):
    return values[len(values) * 99 // 100]


def send_big(address, body, stop, answered):
    """It, one behind the other, in a process of its own."""
    while not stop.is_set():
        if send_one(address, body).status == 200:
            answered.value += 1


@pytest.fixture
def big_gateway(make_gateway, make_sim):
    claude = make_sim(name="claude", dialect="anthropic")
    return make_gateway(large_config(make_sim(), claude))


@contextlib.contextmanager
def sending(gateway, body):
    """Large ones all the time; gives how many were answered."""
    stop, answered = multiprocessing.Event(), multiprocessing.Value("i")
    sender = multiprocessing.Process(
        target=send_big, args=(gateway.address, body, stop, answered))
    sender.start()
    try:
        yield answered
    finally:
        stop.set()
        sender.join()


@pytest.mark.parametrize("case", CASES)
def test_a_body_of_20_mb_does_not_stall_others(big_gateway, case):
    """Received, read, priced, translated, forwarded: beside it, small
    requests go on."""
    gateway = big_gateway
    make, model, is_work = CASES[case]
    body = make(model)
    pid = gateway.pid_of("worker")
    waits(gateway, 50)
    quiet = p99(waits(gateway, 300))
    with sending(gateway, body) as answered:
        wait_until(lambda: answered.value >= 1, 30, "a large answer")
        found = []
        while answered.value < 4:
            found += waits(gateway, 100)
    found.sort()
    loop, offload = thread_nsecs(pid)
    assert send_one(gateway.address, body).status == 200
    loop, offload = (now - then for now, then in
                     zip(thread_nsecs(pid), (loop, offload)))
    busy = p99(found)
    print(f"p99 of small requests: {quiet * 1e3:.2f} ms alone, "
          f"{busy * 1e3:.2f} ms beside {answered.value} large ones, "
          f"the longest {found[-1] * 1e3:.1f} ms; a large one took the loop "
          f"{loop / 1e6:.1f} ms of CPU, the second thread "
          f"{offload / 1e6:.1f} ms")
    assert busy < 10 * quiet + seconds(0.15)
    assert not is_work or loop < offload


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
