"""Starting, stopping, and what stands in the way of either."""

import os
import signal
import socket
import subprocess
import threading
import time

from configs import config, deployment, mock
from harness import answers, paths
from harness.client import build
from harness.process import environment, is_alive
from harness.wait import seconds, wait_until


def held_stream(release):
    """A handler that streams two words and ends when `release` is set."""
    def handler(_request, talk):
        answers.start_stream(talk)
        talk.chunk(answers.event(answers.role_chunk()))
        talk.chunk(answers.event(answers.delta_chunk("one ")))
        while not release.wait(0.05):
            if talk.provider.stopping.is_set() or talk.peer_left():
                talk.over = True
                return
        for event in answers.stream(["two"])[1:]:
            talk.chunk(event)
        talk.last_chunk()
    return handler


def test_a_quick_start_and_a_clean_stop(make_gateway):
    begun = time.monotonic()
    gateway = make_gateway(config(mock()), workers=2)
    assert time.monotonic() - begun < seconds(10)
    roles = sorted((c["role"], c["slot"]) for c in gateway.children())
    assert roles == [("keeper", 0), ("logger", 0), ("worker", 0),
                     ("worker", 1)]
    assert gateway.chat("small").status == 200
    assert gateway.log_contains(f"ready: {gateway.base_url}, 2 workers")
    begun = time.monotonic()
    gateway.stop()
    assert time.monotonic() - begun < seconds(10)
    assert gateway.ctl("status", "--json").json()["running"] is False


def test_int_stops_as_term_does(make_gateway):
    gateway = make_gateway(config(mock()))
    gateway.program.signal(signal.SIGINT)
    gateway.program.wait(5)
    gateway.stop()


def test_idle_connections_do_not_hold_up_a_stop(make_gateway):
    gateway = make_gateway(config(mock()))
    connections = [gateway.connect() for _ in range(20)]
    begun = time.monotonic()
    gateway.stop()
    assert time.monotonic() - begun < seconds(10)
    for connection in connections:
        connection.close()


def test_term_drains_an_open_stream_then_exits_0(make_gateway, make_provider):
    release = threading.Event()
    provider = make_provider(held_stream(release))
    gateway = make_gateway(config(deployment("small", provider.base_url)),
                           workers=2)
    stream = gateway.open_stream("small")
    stream.events(2)
    gateway.program.signal(signal.SIGTERM)
    gateway.await_log("stopping")
    # It is told and waits; the stream is alive.
    gateway.await_log("retiring: 1 requests to finish")
    assert gateway.program.is_running()
    release.set()
    answer = stream.rest()
    assert answer.complete and answer.text() == "one two", answer.describe()
    assert answer.events[-1].is_done
    assert gateway.program.wait(5) == 0
    gateway.stop()
    assert [t["outcome"] for t in gateway.traces()] == ["ok"]


def test_a_stop_closes_the_port_and_answers_who_waits_there(
        make_gateway, make_provider):
    release = threading.Event()
    provider = make_provider(held_stream(release))
    gateway = make_gateway(config(deployment("small", provider.base_url)),
                           workers=2)
    stream = gateway.open_stream("small")
    stream.events(2)
    workers = [c["pid"] for c in gateway.children("worker")]
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    waiting = [gateway.connect() for _ in range(20)]
    for connection in waiting:
        connection.send(build("GET", "/health/liveliness", [], None))
    gateway.program.signal(signal.SIGTERM)
    gateway.await_log("stopping")
    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    for connection in waiting:
        answer = connection.read("GET")
        assert answer.status == 200, answer.describe()
        assert answer.header("connection") == "close"
        connection.close()
    # A stream is still open, but nobody new waits for nothing.
    def is_refused():
        try:
            gateway.connect().close()
        except ConnectionRefusedError:
            return True
        return False
    wait_until(is_refused, 10, "the port is closed")
    assert not release.is_set() and gateway.program.is_running()
    release.set()
    assert stream.rest().complete
    assert gateway.program.wait(5) == 0
    gateway.stop()


def test_a_second_term_stops_at_once(make_gateway, make_provider):
    release = threading.Event()
    provider = make_provider(held_stream(release))
    gateway = make_gateway(config(deployment("small", provider.base_url)))
    stream = gateway.open_stream("small")
    stream.events(2)
    gateway.killed.update(c["pid"] for c in gateway.children())
    gateway.program.signal(signal.SIGTERM)
    gateway.await_log("stopping")
    gateway.program.signal(signal.SIGTERM)
    gateway.program.wait(3, "stop at once")
    answer = stream.rest()
    assert not answer.complete, "a cut stream must not look whole"
    release.set()
    # What was open is settled by the next start.
    assert not gateway.program.await_no_leftovers(3)
    gateway.start()
    record = gateway.await_traces(1)[0]
    assert record["outcome"] == "lost"


def test_the_drain_deadline_cuts_what_is_left(make_gateway, make_provider):
    release = threading.Event()
    provider = make_provider(held_stream(release))
    gateway = make_gateway(config(
        deployment("small", provider.base_url),
        more="tallygate: {limits: {drain_timeout: 500ms}}\n"))
    stream = gateway.open_stream("small")
    stream.events(2)
    begun = time.monotonic()
    gateway.program.signal(signal.SIGTERM)
    assert not stream.rest().complete
    assert gateway.program.wait(8) == 0
    assert time.monotonic() - begun >= 0.5
    release.set()
    gateway.stop()


def test_two_gateways_on_one_state_directory(make_gateway, directory):
    first = make_gateway(config(mock()))
    second = make_gateway(config(mock()), start=False, name="second",
                          state=first.state)
    second.launch()
    assert second.program.wait(10) == 1
    assert "in use by another tallygate" in second.log_text()
    assert str(first.state) in second.log_text()
    second.stopped = True
    assert first.chat("small").status == 200
    assert first.supervisor()["pid"] == first.program.pid


def test_a_taken_port_is_said(make_gateway, directory):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        gateway = make_gateway(config(mock()), start=False,
                               args=["--port", str(port)])
        gateway.launch()
        assert gateway.program.wait(10) == 1
        assert str(port) in gateway.log_text()
        gateway.stopped = True


def test_a_state_directory_that_cannot_be_made(directory):
    (directory / "file").write_text("")
    (directory / "c.yaml").write_text(config(mock()))
    done = subprocess.run(
        [paths.program("tallygate"), "--config", directory / "c.yaml",
         "--port", "0", "--host", "127.0.0.1", "--state",
         directory / "file" / "state"],
        env=environment(), capture_output=True, text=True,
        timeout=seconds(10))
    assert done.returncode == 1
    assert "--state" in done.stderr and str(directory / "file") in done.stderr


def test_wrong_usage_is_exit_2(directory):
    for args in ([], ["--config"], ["--config", "x", "--port", "x"],
                 ["--nonsense"], ["stray"],
                 ["--config", str(directory / "nowhere.yaml")]):
        done = subprocess.run([paths.program("tallygate"), *args],
                              env=environment(), capture_output=True,
                              text=True, timeout=seconds(10))
        assert done.returncode == 2, (args, done)
        assert done.stderr.strip(), args


def test_litellm_flags_are_swallowed(make_gateway):
    gateway = make_gateway(config(mock()), args=[
        "--detailed_debug", "--drop_params", "--telemetry", "False",
        "--request_timeout", "30"])
    assert gateway.chat("small").status == 200


def test_a_configuration_as_large_as_allowed_is_read_and_a_larger_refused(
        make_gateway):
    entries = "\n".join(mock(f"model-{i}") for i in range(2000))
    gateway = make_gateway(config(entries))
    assert len(gateway.request("GET", "/v1/models").json()["data"]) == 2000
    gateway.stop()
    huge = make_gateway(config(mock(), more="# " + "x" * (2 << 20) + "\n"),
                        start=False, name="huge")
    huge.launch()
    assert huge.program.wait(10) == 2
    assert "huge.yaml" in huge.log_text()
    huge.stopped = True


def test_a_killed_supervisor_takes_its_children_along(make_gateway,
                                                      make_provider):
    """They finish what is open, then leave; the next start finds the books
    in order."""
    release = threading.Event()
    provider = make_provider(held_stream(release))
    gateway = make_gateway(config(deployment("small", provider.base_url),
                                  mock("mock")), workers=2)
    stream = gateway.open_stream("small")
    stream.events(2)
    assert gateway.chat("mock").status == 200
    children = [c["pid"] for c in gateway.children()]
    gateway.kill("supervisor")
    gateway.program.wait(5)
    release.set()
    answer = stream.rest()
    assert answer.complete and answer.text() == "one two", answer.describe()
    gateway.await_gone(children, 15)
    gateway.start()
    assert gateway.chat("mock").status == 200
    assert len(gateway.await_traces(3)) == 3


def test_everything_killed_at_once(make_gateway, make_provider):
    release = threading.Event()
    provider = make_provider(held_stream(release))
    gateway = make_gateway(config(deployment("small", provider.base_url),
                                  mock("mock")), workers=2)
    stream = gateway.open_stream("small", headers={"x-request-id": "open"})
    stream.events(2)
    ids = [gateway.chat("mock", headers={"x-request-id": f"m{i}"})
           .header("x-request-id") for i in range(10)]
    pids = [gateway.program.pid] + [c["pid"] for c in gateway.children()]
    for pid in pids:
        gateway.killed.add(pid)
        os.kill(pid, signal.SIGKILL)
    gateway.program.wait(5)
    assert not stream.rest().complete
    release.set()
    gateway.start()
    lines = gateway.await_traces(len(ids) + 1)
    assert sorted(t["run_id"] for t in lines) == sorted(ids + ["open"])
    assert gateway.trace("open")["outcome"] == "lost"


def test_a_worker_that_dies_again_and_again_is_started_slower(make_gateway):
    gateway = make_gateway(config(mock()), workers=2)
    for _ in range(3):
        pid = gateway.kill("worker", 0)
        wait_until(lambda: not is_alive(pid), 5, "the worker is dead")
        assert gateway.chat("small").status == 200   # the other one serves
        gateway.await_replaced("worker", pid, 0, timeout=20)
    gateway.await_log("starts again in")


def test_version_and_help():
    for name in ("tallygate", "tallyctl", "tallysim"):
        for flag, text in (("--version", name), ("--help", "--")):
            done = subprocess.run([paths.program(name), flag],
                                  env=environment(), capture_output=True,
                                  text=True, timeout=seconds(10))
            assert done.returncode == 0 and text in done.stdout, done


def test_a_relative_state_directory(make_gateway, directory, monkeypatch):
    monkeypatch.chdir(directory)
    gateway = make_gateway(config(mock()), state="here")
    assert gateway.chat("small").status == 200
    assert (directory / "here" / "store").is_dir()
