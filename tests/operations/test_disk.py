"""A disk that is full or cannot be written, a store that is full: requests are
served or refused, nothing is lost or counted twice, and it goes on when there
is room."""

import ctypes
import os
import pathlib
import signal
import subprocess

import pytest

from configs import config, deployment, mock
from harness import books, paths
from harness.load import Load
from harness.process import environment
from harness.wait import seconds, wait_until

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x20000
MS_RDONLY, MS_REMOUNT, MS_REC_PRIVATE = 1, 32, 0x4000 | 0x40000

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="a disk of its own can only be mounted by root")


def mounted(where, size, read_only=False):
    """A preexec function: the gateway's tree sees a small disk at `where`,
    nobody else does."""
    def mount(kind, target, flags, data):
        if LIBC.mount(b"none", os.fsencode(target), kind, flags, data) != 0:
            os._exit(99)

    def prepare():
        if LIBC.unshare(CLONE_NEWNS) != 0:
            os._exit(99)
        mount(None, "/", MS_REC_PRIVATE, None)
        mount(b"tmpfs", where, 0, f"size={size}".encode())
        os.chmod(where, 0o700)
        if read_only:
            mount(b"tmpfs", where, MS_REMOUNT | MS_RDONLY,
                  f"size={size}".encode())
    return prepare


class Disk:
    """A small disk as the gateway sees it, filled and emptied from outside."""

    def __init__(self, directory, size):
        self.path = directory / "disk"
        self.path.mkdir()
        self.prepare = mounted(self.path, size)

    def start(self, gateway):
        gateway.launch()
        wait_until(lambda: self._is_up(gateway), 20, "ready")
        self.inside = pathlib.Path(
            f"/proc/{gateway.program.pid}/root{self.path}")

    def _is_up(self, gateway):
        if gateway.program.popen.poll() == 99:
            gateway.stopped = True
            pytest.skip("no mount namespaces here")
        return gateway._is_ready()

    def fill(self):
        with open(self.inside / "filler", "ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                pass

    def empty(self):
        (self.inside / "filler").unlink()


def served_by(sim):
    return sum(r["outcome"] == "served" for r in sim.log())


def statuses(load):
    return {r.status for r in load.results}


def test_a_full_store_refuses_and_goes_on(make_gateway, make_sim, directory):
    """The trace file's disk is full for so long that the records which wait
    fill the store: then a request that cannot be booked is not sent."""
    disk = Disk(directory, "8m")
    sim = make_sim()
    gateway = make_gateway(
        config(deployment("small", sim.base_url),
               more="tallygate: {store: {map_size: 1M}, "
                    f"traces: {{path: {disk.path}/traces.jsonl}}}}\n"),
        start=False, preexec=disk.prepare)
    disk.start(gateway)
    gateway.trace_file = disk.inside / "traces.jsonl"
    gateway.chat("small")
    gateway.await_traces(1)
    disk.fill()

    with Load(gateway, "small", clients=8, rate=2000, count=1200) as load:
        wait_until(lambda: 503 in statuses(load) or load.done() == 1200, 30,
                   "the store is full")
    assert statuses(load) <= {200, 503}, statuses(load)
    refused = gateway.chat("small")
    error = refused.json()["error"]
    assert error["code"] == "store_unavailable", error
    gateway.await_log("is kept for deletions")
    before = served_by(sim)
    for _ in range(3):
        assert gateway.chat("small").status == 503
    assert served_by(sim) == before, "refused, yet sent"
    status = gateway.ctl("status")
    assert "waiting for the trace file" in status.out, status
    disk.empty()
    wait_until(lambda: gateway.chat("small").status == 200, 20,
               "it serves again")
    wait_until(lambda: gateway.ctl("status", "--json").json()
               ["store"]["outbox"] == 0, 20, "all is on file")
    lines = gateway.traces()
    assert not books.chain_problems(lines)
    served = [t for t in lines if t["outcome"] == "ok"]
    assert len(served) == served_by(sim)
    # The disk goes with the processes: the last checks read a copy, in its
    # place.
    text = gateway.trace_file.read_bytes()
    gateway.program.signal(signal.SIGTERM)
    gateway.program.wait(10)
    gateway.trace_file = disk.path / "traces.jsonl"
    gateway.trace_file.write_bytes(text)


def test_a_reload_enlarges_a_full_store(make_gateway, make_sim, directory):
    disk = Disk(directory, "8m")
    text = config(deployment("small", make_sim().base_url), more=(
        "tallygate: {store: {map_size: 1M}, traces: {path: %s}}\n"
        % (disk.path / "traces.jsonl")))
    gateway = make_gateway(text, start=False, preexec=disk.prepare)
    gateway.checks_books = False    # the disk goes with the processes
    disk.start(gateway)
    disk.fill()
    with Load(gateway, "small", clients=8, rate=2000, count=1200) as load:
        wait_until(lambda: 503 in statuses(load) or load.done() == 1200, 30,
                   "it is full")
    assert 503 in statuses(load)
    gateway.write_config(text.replace("map_size: 1M", "map_size: 16M"))
    gateway.reload()
    for _ in range(20):
        assert gateway.chat("small").status == 200
    disk.empty()
    wait_until(lambda: gateway.ctl("status", "--json").json()
               ["store"]["outbox"] == 0, 20, "all is on file")


def test_a_full_state_disk_crashes_nobody(make_gateway, make_sim, directory):
    """Store, traces and run files on one full disk."""
    disk = Disk(directory, "16m")
    sim = make_sim()
    gateway = make_gateway(
        config(deployment("small", sim.base_url),
               more="tallygate: {store: {map_size: 64M}}\n"),
        start=False, workers=2, preexec=disk.prepare,
        state=disk.path / "state")
    outside = gateway.state
    gateway.launch()
    inside = pathlib.Path(f"/proc/{gateway.program.pid}/root{disk.path}")
    gateway.state = inside / "state"
    gateway.trace_file = gateway.state / "traces.jsonl"
    wait_until(lambda: disk._is_up(gateway), 20, "ready")
    disk.inside = inside
    with Load(gateway, "small", clients=2, rate=200, count=40) as load:
        load.join()
    assert not load.failed()
    gateway.await_traces(40)
    disk.fill()
    with Load(gateway, "small", clients=4, rate=400, count=600,
              prefix="full") as load:
        load.join()
    assert statuses(load) <= {200, 503}, statuses(load)
    assert 200 in statuses(load), "what the store has reserved is used"
    disk.empty()
    wait_until(lambda: gateway.chat("small").status == 200, 20, "served")
    wait_until(lambda: gateway.ctl("status", "--json").json()
               ["store"]["outbox"] == 0, 20, "all is on file")
    lines = gateway.traces()
    assert not books.chain_problems(lines)
    assert len([t for t in lines if t["outcome"] == "ok"]) == \
        served_by(sim)
    audit = subprocess.run(
        ["nsenter", "-t", str(gateway.program.pid), "-m",
         paths.program("tallyctl"), "--state", outside, "audit"],
        env=environment(gateway.env), capture_output=True, text=True,
        timeout=seconds(20))
    assert audit.returncode == 0, audit
    assert "killed by signal" not in gateway.log_text()
    gateway.program.signal(signal.SIGTERM)
    assert gateway.program.wait(10) == 0
    gateway.stopped = True
    gateway.state = outside


def test_a_read_only_state_directory_is_said(directory):
    state = directory / "state"
    state.mkdir()
    (directory / "c.yaml").write_text(config(mock()))
    done = subprocess.run(
        [paths.program("tallygate"), "--config", directory / "c.yaml",
         "--port", "0", "--host", "127.0.0.1", "--state", state],
        env=environment(), capture_output=True, text=True,
        timeout=seconds(10), preexec_fn=mounted(state, "1m", read_only=True))
    if done.returncode == 99:
        pytest.skip("no mount namespaces here")
    assert done.returncode == 1, done
    assert "Read-only file system" in done.stderr, done
    assert str(state) in done.stderr and "--state" in done.stderr, done


def test_ctl_reads_a_store_that_cannot_be_written(make_gateway, directory):
    """A backup, mounted read-only."""
    gateway = make_gateway(config(mock()))
    for _ in range(3):
        gateway.chat("small")
    gateway.await_traces(3)
    gateway.stop()
    bind = ctypes.c_ulong(4096)

    def prepare():
        if LIBC.unshare(CLONE_NEWNS) != 0 or \
                LIBC.mount(b"none", b"/", None, MS_REC_PRIVATE, None) != 0:
            os._exit(99)
        state = os.fsencode(gateway.state)
        if LIBC.mount(state, state, None, bind, None) != 0 or \
                LIBC.mount(b"none", state, None, 4096 | MS_REMOUNT | MS_RDONLY,
                           None) != 0:
            os._exit(99)
    for command in (["status"], ["spend"], ["audit"], ["trace", "-n", "2"],
                    ["key", "list"], ["budget", "list"]):
        done = subprocess.run(
            [paths.program("tallyctl"), "--state", gateway.state, *command],
            env=environment(gateway.env), capture_output=True, text=True,
            timeout=seconds(10), preexec_fn=prepare)
        if done.returncode == 99:
            pytest.skip("no mount namespaces here")
        assert done.returncode == 0, (command, done)
    done = subprocess.run(
        [paths.program("tallyctl"), "--state", gateway.state, "key", "create"],
        env=environment(gateway.env), capture_output=True, text=True,
        timeout=seconds(10), preexec_fn=prepare)
    assert done.returncode == 1 and "Read-only" in done.stderr, done
