"""Who starts, replaces and outlives whom: the supervisor and its children in
the orders that happen rarely."""

import os
import re
import signal
import threading
import time

from configs import config, deployment, mock
from harness import books
from harness.process import is_alive
from harness.wait import wait_until
from test_start_stop import held_stream


def slot_pids(gateway, role="worker"):
    return {c["slot"]: c["pid"] for c in gateway.children(role)}


def test_a_new_start_beside_workers_of_a_killed_one(make_gateway,
                                                    make_provider):
    """Nobody waits: the old worker has its stream to finish, and the old
    logger serves it; the new logger takes over when it is gone."""
    release = threading.Event()
    provider = make_provider(held_stream(release))
    gateway = make_gateway(config(deployment("small", provider.base_url),
                                  mock("mock")), workers=2)
    stream = gateway.open_stream("small", headers={"x-request-id": "open"})
    stream.events(2)
    gateway.chat("mock", headers={"x-request-id": "before"})
    old = [c["pid"] for c in gateway.children()]
    gateway.kill("supervisor")
    gateway.program.wait(5)
    gateway.start()
    assert [pid for pid in old if is_alive(pid)], "the stream is open"
    gateway.await_log("still written by another logger")
    ids = [f"during-{i}" for i in range(20)]
    for request_id in ids:
        answer = gateway.chat("mock", headers={"x-request-id": request_id})
        assert answer.status == 200
    release.set()
    answer = stream.rest()
    assert answer.complete and answer.text() == "one two", answer.describe()
    gateway.await_gone(old, 15)
    lines = gateway.await_traces(len(ids) + 2)
    assert sorted(books.run_ids(lines)) == sorted(ids + ["open", "before"])
    assert not books.chain_problems(lines)


def test_a_reload_that_fails_leaves_the_old_generation_whole(make_gateway,
                                                             directory):
    """The supervisor accepts the file, the new workers do not: their price
    table cannot be read."""
    gateway = make_gateway(config(mock("small", "Old.")), workers=2)
    old = slot_pids(gateway)
    (directory / "prices.json").write_text("{ no json")
    gateway.write_config(config(
        mock("small", "New."),
        more=f"tallygate: {{prices: [{directory}/prices.json]}}\n"))
    gateway.program.signal(signal.SIGHUP)
    gateway.await_log("the old generation stays")
    assert gateway.chat("small").text() == "Old."
    wait_until(lambda: len(gateway.children("worker")) == 2, 5,
               "the new workers are gone")
    assert slot_pids(gateway) == old
    # One of the old that dies comes back with what it had.
    pid = gateway.kill("worker", 1)
    gateway.await_replaced("worker", pid, 1)
    for _ in range(10):
        assert gateway.chat("small").text() == "Old."
    assert gateway.supervisor()["generation"] == 1
    # Mended, it is taken; numbers are not given out twice.
    (directory / "prices.json").write_text(
        '{"m": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}}')
    gateway.program.signal(signal.SIGHUP)
    gateway.await_log("generation 3 serves")
    wait_until(lambda: gateway.chat("small").text() == "New.", 5, "new")
    wait_until(lambda: not set(old.values()) & set(slot_pids(gateway).values()),
               10, "the old workers left")
    assert sorted(slot_pids(gateway)) == [0, 1]


def test_a_reload_during_a_reload_is_done_afterwards(make_gateway):
    gateway = make_gateway(config(mock("small", "One.")), workers=2)
    gateway.write_config(config(mock("small", "Two.")))
    gateway.program.signal(signal.SIGHUP)
    gateway.await_log("generation 2 starts")
    gateway.write_config(config(mock("small", "Three.")))
    gateway.program.signal(signal.SIGHUP)
    wait_until(lambda: gateway.chat("small").text() == "Three.", 10,
               "the second file is read")
    wait_until(lambda: len(gateway.children("worker")) == 2, 10,
               "the old generations left")


def test_many_reloads_do_not_pile_up_workers(make_gateway, make_provider):
    """Each generation keeps a stream open. Past the fourth a reload waits,
    and is done when one of them is gone."""
    release = threading.Event()
    provider = make_provider(held_stream(release))
    gateway = make_gateway(config(deployment("small", provider.base_url)))
    streams = []
    for _ in range(4):
        streams.append(gateway.open_stream("small"))
        streams[-1].events(2)
        before = gateway.supervisor()["generation"]
        gateway.program.signal(signal.SIGHUP)
        if len(streams) < 4:
            gateway.await_log(f"generation {before + 1} serves")
    gateway.await_log("reload waits")
    assert len(gateway.children("worker")) == 4
    release.set()
    for stream in streams:
        assert stream.rest().complete
    gateway.await_log("generation 5 serves")
    wait_until(lambda: len(gateway.children("worker")) == 1, 10,
               "the old generations left")


def test_new_trace_settings_reach_the_logger(make_gateway):
    gateway = make_gateway(config(mock()))
    for _ in range(100):
        gateway.chat("small")
    gateway.await_traces(100)
    before = gateway.pid_of("logger")
    gateway.write_config(config(
        mock(), more="tallygate: {traces: {rotate_bytes: 64K, keep: 20}}\n"))
    gateway.reload()
    gateway.await_replaced("logger", before)
    for _ in range(100):
        gateway.chat("small")
    lines = gateway.await_traces(200)
    assert gateway.has_rotated()
    assert len(lines) == 200 and not books.chain_problems(lines)


def test_term_to_the_whole_group_drains_too(make_gateway, make_provider):
    """As `kill -- -PGID` or an init system that signals every process."""
    release = threading.Event()
    provider = make_provider(held_stream(release))
    gateway = make_gateway(config(deployment("small", provider.base_url)),
                           workers=2)
    stream = gateway.open_stream("small")
    stream.events(2)
    for pid in [c["pid"] for c in gateway.children()]:
        os.kill(pid, signal.SIGTERM)
    gateway.program.signal(signal.SIGTERM)
    gateway.await_log("retiring: 1 requests to finish")
    # The other worker has heard it too, and left.
    gateway.await_log(re.compile(r"worker\[\d\] \(pid \d+\) left"))
    assert gateway.program.is_running()
    release.set()
    answer = stream.rest()
    assert answer.complete and answer.text() == "one two", answer.describe()
    assert gateway.program.wait(10) == 0
    gateway.stop()
    assert [t["outcome"] for t in gateway.traces()] == ["ok"]


def test_logger_and_keeper_killed_during_a_drain(make_gateway, make_provider):
    """They are replaced until the last request is on file."""
    release = threading.Event()
    provider = make_provider(held_stream(release))
    gateway = make_gateway(config(deployment("small", provider.base_url)),
                           workers=2)
    stream = gateway.open_stream("small")
    stream.events(2)
    pids = {role: gateway.pid_of(role) for role in ("logger", "keeper")}
    gateway.program.signal(signal.SIGTERM)
    gateway.await_log("retiring: 1 requests to finish")
    for pid in pids.values():
        gateway.killed.add(pid)
        os.kill(pid, signal.SIGKILL)
    for role, pid in pids.items():
        gateway.await_log(f"{role} (pid {pid}): killed by signal 9")
    release.set()
    assert stream.rest().complete
    assert gateway.program.wait(15) == 0
    gateway.stop()
    assert [t["outcome"] for t in gateway.traces()] == ["ok"]


def test_usr1_while_the_logger_starts_does_not_kill_it(make_gateway):
    gateway = make_gateway(config(mock()))
    for i in range(5):
        pid = gateway.kill("logger")
        for _ in range(40):
            gateway.program.signal(signal.SIGUSR1)
            time.sleep(0.003)
        gateway.await_replaced("logger", pid, timeout=30)
        gateway.chat("small")
        if i == 2:
            break
    gateway.await_traces(3)
    assert "killed by signal 10" not in gateway.log_text()


def test_a_removed_trace_file_is_begun_anew(make_gateway):
    gateway = make_gateway(config(mock()))
    gateway.complete_chain = False
    gateway.checks_books = False
    for _ in range(3):
        gateway.chat("small")
    gateway.await_traces(3)
    gateway.trace_file.unlink()
    for _ in range(4):
        gateway.chat("small")
    lines = gateway.await_traces(4)
    assert len(lines) == 4
    assert lines[0]["prev"], "the first line names what was removed"
