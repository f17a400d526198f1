"""Child processes of a run: pinned, with their output in a file, ended with
the run."""

import ctypes
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class Trouble(Exception):
    """Something outside this program did not do what it should; its text is
    for the user."""


def find(name):
    """The program's path, or None. Servers are often outside of PATH."""
    return shutil.which(name) or shutil.which(
        name, path="/usr/sbin:/usr/local/sbin:/sbin")


GIVEN_PORTS = set()


def free_ports(n):
    """n ports that nobody listens on now and that were not given before:
    two programs of a run must not meet on one."""
    ports = []
    while len(ports) < n:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port not in GIVEN_PORTS:
            GIVEN_PORTS.add(port)
            ports.append(port)
    return ports


class Cores:
    """Who runs where. The gateway has a core for itself; load and upstream
    share the next one, or have one each when there are more. With a single
    core nothing is pinned."""

    def __init__(self, allowed=None):
        cores = sorted(allowed or os.sched_getaffinity(0))
        self.pinned = len(cores) > 1
        self.gateway = {cores[0]}
        self.upstream = {cores[1]} if self.pinned else set(cores)
        self.load = {cores[2]} if len(cores) > 2 else self.upstream
        # Two workers get two cores; with only two there are, they share
        # the second one with load and upstream.
        self.pair = set(cores[:1] + cores[3:4]) if len(cores) > 3 else \
            set(cores[:2])

    def describe(self):
        if not self.pinned:
            return "not pinned: one core"
        return (f"gateway on core {min(self.gateway)}, upstream on "
                f"{min(self.upstream)}, load on {min(self.load)}; "
                f"two workers on {sorted(self.pair)}")


class Program:
    """A running child, at the head of a process group of its own."""

    def __init__(self, argv, directory, cores=None, name=None, more_env=()):
        self.argv = [str(a) for a in argv]
        self.name = name or pathlib.Path(self.argv[0]).name
        self.log = pathlib.Path(directory) / f"{self.name}.log"
        self.started = time.monotonic()

        def prepare():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            if cores:
                os.sched_setaffinity(0, cores)

        with open(self.log, "wb") as out:
            try:
                self.popen = subprocess.Popen(
                    self.argv, stdin=subprocess.DEVNULL, stdout=out,
                    stderr=out, start_new_session=True, preexec_fn=prepare,
                    env={**os.environ, **dict(more_env)})
            except OSError as e:
                raise Trouble(f"{self.argv[0]}: {e.strerror}") from None
        self.pid = self.popen.pid

    def tail(self, lines=8):
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def await_port(self, port, seconds=10):
        """Until somebody listens there."""
        deadline = time.monotonic() + seconds
        while True:
            if self.popen.poll() is not None:
                raise Trouble(f"{self.name} ended with "
                              f"{self.popen.returncode}:\n{self.tail()}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise Trouble(f"{self.name} does not listen on {port}:\n"
                              f"{self.tail()}")
            time.sleep(0.001)

    def stop(self, seconds=10):
        """TERM, then KILL to what is left of its group."""
        if self.popen.poll() is None:
            self.popen.terminate()
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait()
