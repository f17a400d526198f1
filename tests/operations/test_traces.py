"""The trace file: rotation, reopening, a full disk."""

import ctypes
import os
import pathlib
import signal

import pytest

from configs import config, deployment, mock
from harness import books
from harness.load import Load
from harness.wait import wait_until

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x20000
MS_REC_PRIVATE = 0x4000 | 0x40000


def test_reopen_after_an_outside_rename(make_gateway):
    gateway = make_gateway(config(mock()))
    for _ in range(5):
        gateway.chat("small")
    gateway.await_traces(5)
    gateway.trace_file.rename(gateway.trace_file.with_suffix(".jsonl.1"))
    # Until it is told, it writes on into the renamed file.
    gateway.chat("small")
    gateway.await_traces(6)
    assert not gateway.trace_file.exists()
    gateway.program.signal(signal.SIGUSR1)
    gateway.await_log("reopened")
    for _ in range(5):
        gateway.chat("small")
    lines = gateway.await_traces(11)
    assert len(books.read_lines([gateway.trace_file])[0]) == 5
    assert not books.chain_problems(lines), "the chain runs over both files"


def test_rotation_by_size_keeps_one_chain(make_gateway):
    gateway = make_gateway(config(
        mock(), more="tallygate: {traces: {rotate_bytes: 64K, keep: 20}}\n"))
    with Load(gateway, "small", clients=4, rate=400, count=300) as load:
        load.join()
    assert not load.failed()
    lines = gateway.await_traces(300)
    files = gateway.trace_files()
    assert len(files) >= 4, files
    sizes = [f.stat().st_size for f in files[:-1]]
    assert all(64 << 10 <= s < 256 << 10 for s in sizes), sizes
    assert len(lines) == 300 and not books.chain_problems(lines)


def test_rotation_removes_the_eldest(make_gateway):
    gateway = make_gateway(config(
        mock(), more="tallygate: {traces: {rotate_bytes: 64K, keep: 2}}\n"))
    gateway.complete_chain = False
    with Load(gateway, "small", clients=4, rate=400, count=400) as load:
        load.join()
    assert not load.failed()
    ids = {r.id for r in load.results}
    wait_until(lambda: f"load-{len(ids)}" in books.run_ids(gateway.traces())
               and len(gateway.trace_files()) == 3, 10, "three files are kept")
    assert not books.chain_problems(gateway.traces(), from_start=False)
    # The books are whole, whatever files are still there.
    assert gateway.spend()[1]["requests"] == 400


def test_rotation_goes_on_after_a_killed_logger(make_gateway):
    gateway = make_gateway(config(
        mock(), more="tallygate: {traces: {rotate_bytes: 64K, keep: 20}}\n"))
    with Load(gateway, "small", clients=4, rate=200) as load:
        for _ in range(3):
            done = load.done()
            wait_until(lambda: load.done() >= done + 80, 10, "load")
            pid = gateway.kill("logger")
            gateway.await_replaced("logger", pid, timeout=20)
    assert not load.failed()
    ids = [r.id for r in load.results]
    lines = gateway.await_traces(len(ids))
    assert sorted(books.run_ids(lines)) == sorted(ids)
    assert gateway.has_rotated()


def test_a_torn_last_line_is_cut_off(make_gateway):
    """As a machine that lost its power leaves it."""
    gateway = make_gateway(config(mock()))
    gateway.chat("small")
    gateway.await_traces(1)
    gateway.stop()
    with open(gateway.trace_file, "ab") as file:
        file.write(b'{"run_id":"torn","cost')
    gateway.start()
    gateway.chat("small")
    lines = gateway.await_traces(2)
    assert not books.chain_problems(lines)
    assert b"torn" not in gateway.trace_file.read_bytes()


def test_the_state_file_is_only_a_short_cut(make_gateway):
    """Without traces.jsonl.state the file itself says what is in it."""
    gateway = make_gateway(config(mock()))
    for _ in range(5):
        gateway.chat("small")
    gateway.await_traces(5)
    gateway.stop()
    state = gateway.trace_file.with_suffix(".jsonl.state")
    assert state.exists()
    state.unlink()
    gateway.start()
    gateway.chat("small")
    lines = gateway.await_traces(6)
    assert not books.chain_problems(lines)


def in_a_small_disk(where, size):
    """A preexec function: the gateway's tree sees a small disk at `where`,
    nobody else does."""
    def prepare():
        if LIBC.unshare(CLONE_NEWNS) != 0:
            os._exit(99)
        if LIBC.mount(b"none", b"/", None, MS_REC_PRIVATE, None) != 0:
            os._exit(99)
        if LIBC.mount(b"tmpfs", os.fsencode(where), b"tmpfs", 0,
                      f"size={size}".encode()) != 0:
            os._exit(99)
        os.chmod(where, 0o700)
    return prepare


def test_a_full_disk_holds_no_request_up(make_gateway, make_sim, directory):
    """Requests go on, records wait in the store; when there is room again all
    of them are written, each once."""
    if os.geteuid() != 0:
        pytest.skip("a disk of its own can only be mounted by root")
    disk = directory / "disk"
    disk.mkdir()
    sim = make_sim()
    gateway = make_gateway(
        config(deployment("small", sim.base_url),
               more=f"tallygate: {{traces: {{path: {disk}/traces.jsonl}}}}\n"),
        start=False, preexec=in_a_small_disk(disk, "512k"))
    gateway.launch()
    if not wait_until(lambda: gateway.supervisor()
                      or not gateway.program.is_running(), 20, "start") \
            or gateway.program.popen.poll() == 99:
        gateway.stopped = True
        pytest.skip("no mount namespaces here")
    wait_until(gateway._is_ready, 10, "ready")
    inside = pathlib.Path(f"/proc/{gateway.program.pid}/root{disk}")
    gateway.trace_file = inside / "traces.jsonl"
    gateway.chat("small")
    gateway.await_traces(1)
    (inside / "filler").write_bytes(b"")
    with open(inside / "filler", "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            pass
    with Load(gateway, "small", clients=4, rate=200, count=200) as load:
        load.join()
    assert not load.failed(), load.failed()
    gateway.await_log("records wait in the store")
    assert len(gateway.traces()) < 100
    (inside / "filler").unlink()
    lines = gateway.await_traces(201, timeout=15)
    assert len(lines) == 201 and not books.chain_problems(lines)
    text = (inside / "traces.jsonl").read_bytes()
    # The mount goes with the processes: the last checks read a copy, in its
    # place.
    gateway.program.signal(signal.SIGTERM)
    gateway.program.wait(10)
    copy = disk / "traces.jsonl"
    copy.write_bytes(text)
    gateway.trace_file = copy
