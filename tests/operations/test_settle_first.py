"""The money is booked before the client has its last byte (decision 2).

The store's writer lock is held from outside, so that nothing can be booked;
the worker runs into it, and what it has given to the client by then is all
that the client has until the lock is free."""

import json
import select
import subprocess

import pytest

from configs import config, deployment
from harness.gateway import chat_body
from harness.client import build
from harness.paths import program
from harness.wait import wait_until

FUTEX = "202 "      # the system call, x86-64


class Lock:
    """Holds the writer lock of a gateway's store."""

    def __init__(self, gateway):
        self.helper = subprocess.Popen(
            [program("tests/operations/hold_writer"),
             str(gateway.state / "store")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=gateway.env)
        assert self.helper.stdout.readline() == b"held\n"

    def release(self):
        self.helper.stdin.close()
        self.helper.wait(10)
        self.helper.stdout.close()


def waits_for_lock(pid):
    try:
        with open(f"/proc/{pid}/syscall") as f:
            return f.read().startswith(FUTEX)
    except PermissionError:
        pytest.skip("not allowed to see what a process waits for")


def has_more(connection):
    return bool(select.select([connection.sock], [], [], 0)[0])


def held_back(gateway, sim, pid):
    """Waits until the provider is done and the worker wants to book it."""
    wait_until(lambda: [r for r in sim.log() if r["outcome"] == "served"], 10,
               "the provider has answered")
    wait_until(lambda: waits_for_lock(pid), 10, "the worker wants the lock")


def slow(make_gateway, make_sim, **settings):
    sim = make_sim(**settings)
    gateway = make_gateway(config(deployment("small", sim.base_url)))
    return gateway, sim, gateway.pid_of("worker")


def test_a_plain_answer_waits_until_it_is_booked(make_gateway, make_sim):
    gateway, sim, pid = slow(make_gateway, make_sim, latency_ms=400)
    connection = gateway.connect()
    connection.send(build("POST", "/v1/chat/completions",
                          [("content-type", "application/json")],
                          json.dumps(chat_body("small")).encode()))
    wait_until(lambda: gateway.ctl("status", "--json").json()["store"]["holds"]
               == 1, 5, "it is held for")
    lock = Lock(gateway)
    held_back(gateway, sim, pid)
    assert not has_more(connection)
    lock.release()
    answer = connection.read("POST")
    assert answer.status == 200 and answer.complete, answer.describe()
    connection.close()


def test_a_stream_s_last_event_waits_until_it_is_booked(make_gateway,
                                                        make_sim):
    gateway, sim, pid = slow(make_gateway, make_sim, tokens_per_second=20,
                             completion_tokens=12)
    stream = gateway.open_stream("small")
    stream.events(1)
    lock = Lock(gateway)
    held_back(gateway, sim, pid)
    got = b""
    while has_more(stream.connection):
        piece = stream.connection.sock.recv(65536)
        assert piece, "the connection was closed"
        got += piece
    assert b"[DONE]" not in got, got
    lock.release()
    # What the test has read itself is missing, the end is not.
    while b"[DONE]" not in got:
        piece = stream.connection.sock.recv(65536)
        assert piece, got
        got += piece
    stream.close()
