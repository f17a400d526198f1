"""Child processes: started in a session of their own, output in a file.

The session is how leftovers are found: whatever a program starts stays in it,
also when its parent is dead.
"""

import ctypes
import os
import pathlib
import signal
import subprocess

from harness.wait import TooLate, seconds, wait_until

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)

# What a program under test may see of our environment; a key for a real
# provider must not reach it.
KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR",
                    "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS",
                    "LSAN_OPTIONS",
                    "ASAN_SYMBOLIZER_PATH", "TZ", "GCOV_PREFIX",
                    "LLVM_PROFILE_FILE")


def environment(extra=None):
    env = {k: os.environ[k] for k in KEPT_ENVIRONMENT if k in os.environ}
    for name, value in (extra or {}).items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = str(value)
    return env


def _die_with_us():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _stat(pid):
    """Fields of /proc/PID/stat behind the name; None when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2:].split()


def is_alive(pid):
    fields = _stat(pid)
    return fields is not None and fields[0] not in "ZX"


def parent_of(pid):
    fields = _stat(pid)
    return None if fields is None else int(fields[1])


def session_members(session):
    """Living processes of a session, zombies left out."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        fields = _stat(entry)
        if fields and int(fields[3]) == session and fields[0] not in "ZX":
            found.append(int(entry))
    return sorted(found)


def resident_bytes(pid):
    """Memory of a process; 0 when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    return 0


def has_sanitizer(pid):
    """Whose memory is its own."""
    return "libasan" in pathlib.Path(f"/proc/{pid}/maps").read_text()


def command_line(pid):
    try:
        data = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return data.replace(b"\0", b" ").decode("utf-8", "replace").strip()


class Program:
    """A running program; its output is appended to `log`."""

    def __init__(self, argv, log, env=None, cwd=None, preexec=None):
        self.argv = [str(a) for a in argv]
        self.log = pathlib.Path(log)

        def prepare():
            _die_with_us()
            if preexec is not None:
                preexec()

        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=environment(env), cwd=cwd, start_new_session=True,
                preexec_fn=prepare)
        self.pid = self.popen.pid

    def output(self):
        try:
            return self.log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def tail(self, lines=40):
        return "\n".join(self.output().splitlines()[-lines:])

    def is_running(self):
        return self.popen.poll() is None

    def signal(self, signo):
        self.popen.send_signal(signo)

    def wait(self, timeout, what="exit"):
        try:
            return self.popen.wait(seconds(timeout))
        except subprocess.TimeoutExpired:
            raise TooLate(f"{self.argv[0]} did not {what} within "
                          f"{seconds(timeout):g} s") from None

    def leftovers(self):
        return [p for p in session_members(self.pid) if p != self.pid]

    def await_no_leftovers(self, timeout):
        """Waits until nothing of its session lives; the ones that do."""
        try:
            wait_until(lambda: not session_members(self.pid), timeout, "")
        except TooLate:
            pass
        return [f"{p} ({command_line(p)})" for p in session_members(self.pid)]

    def destroy(self):
        """Ends the whole session at once. Safe to call at any time."""
        for pid in session_members(self.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.popen.poll() is None:
            self.popen.kill()
        try:
            self.popen.wait(seconds(5))
        except subprocess.TimeoutExpired:
            pass
