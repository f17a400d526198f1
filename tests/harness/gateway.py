"""One gateway: a supervised process tree with its own state directory.

Owns the temporary directory, the processes and the log. When it is stopped it
checks what must hold after every run: no process is left, no hold is left, the
trace file's chain is whole, the sum of its costs is what `tallyctl spend` says
to the nano-dollar, no sanitizer complained, nobody crashed. `check_after`
raises AssertionError with all that is wrong.
"""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import time

from harness import books, match, paths
from harness.client import Connection, Gone, Response, build
from harness.process import Program, command_line, environment, is_alive
from harness.wait import TooLate, seconds, wait_until

COMPLAINTS = re.compile(
    r"ERROR: (Address|Leak|Memory|Thread)Sanitizer|runtime error:"
    r"|AddressSanitizer:DEADLYSIGNAL|Assertion .* failed")
CRASH = re.compile(r"(\w+)(?:\[\d+\])? \(pid (\d+)\): killed by signal (\d+)")
READY_SECONDS = 60
STOP_SECONDS = 20


class CtlResult:
    def __init__(self, argv, done):
        self.argv = argv
        self.status = done.returncode
        self.out, self.err = done.stdout, done.stderr

    @property
    def text(self):
        return self.out + self.err

    def json(self):
        return match.load(self.out)

    def __repr__(self):
        return (f"tallyctl {' '.join(self.argv)}: exit {self.status}\n"
                f"{self.out}{self.err}")


class Gateway:
    """config: the configuration's text. clock: a TestClock. args: further
    options. preexec: called in the child before exec (limits). trace_file:
    where the test finds the traces, when that is not the state directory."""

    def __init__(self, directory, config, *, workers=1, env=None, clock=None,
                 args=(), preexec=None, state=None, trace_file=None,
                 name="gateway"):
        self.directory = pathlib.Path(directory)
        self.state = pathlib.Path(state or self.directory / "state")
        self.trace_file = pathlib.Path(trace_file or
                                       self.state / "traces.jsonl")
        self.config = self.directory / f"{name}.yaml"
        self.write_config(config)
        self.log = self.directory / f"{name}.log"
        self.workers, self.args, self.preexec = workers, list(args), preexec
        self.env = dict(env or {})
        self.env.setdefault("XDG_STATE_HOME", str(self.directory / "xdg"))
        if clock is not None:
            self.env.update(clock.environment)
        self.program = None
        self.address = None
        self.killed = set()     # pids the test killed
        self.expected_exit = 0
        self.checks_books = True
        self.complete_chain = True
        self.stopped = False

    # ---- life ----------------------------------------------------------------

    def write_config(self, text):
        self.config.write_text(text, encoding="utf-8")

    def argv(self):
        return [paths.program("tallygate"), "--config", self.config,
                "--host", "127.0.0.1", "--port", "0",
                "--num_workers", str(self.workers),
                "--state", self.state, *self.args]

    def launch(self):
        """Starts it without waiting for readiness."""
        self.stopped = False
        self.program = Program(self.argv(), self.log, self.env,
                               preexec=self.preexec)
        return self

    def start(self):
        self.launch()
        try:
            wait_until(self._is_ready, READY_SECONDS, "the gateway is ready")
        except AssertionError as e:
            self.destroy()
            raise AssertionError(f"{e}\n{self.report()}") from None
        return self

    def _is_ready(self):
        assert self.program.is_running(), \
            f"the gateway ended with {self.program.popen.returncode}"
        facts = self.supervisor()
        if not facts or facts["pid"] != self.program.pid:
            return False
        host, _, port = facts["address"].rpartition(":")
        self.address = (host.strip("[]"), int(port))
        return True

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, _value, _traceback):
        if kind is not None:
            print(self.report())
            self.destroy()
            return
        try:
            self.stop()
        except AssertionError:
            print(self.report())
            raise
        finally:
            self.destroy()

    def stop(self, timeout=STOP_SECONDS):
        """TERM, wait, then all the checks."""
        if self.stopped or self.program is None:
            return
        if self.program.is_running():
            self.program.signal(signal.SIGTERM)
        status = self.program.wait(timeout, "stop on TERM")
        self.stopped = True
        self.check_after(status)

    def destroy(self):
        if self.program is not None:
            self.program.destroy()

    def supervisor(self):
        """run/supervisor.json, or None while it is not there."""
        try:
            text = self.run_file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            return json.loads(text)
        except ValueError:
            return None

    @property
    def run_file(self):
        return self.state / "run" / "supervisor.json"

    def children(self, role=None, generation=None):
        """[{role, slot, generation, pid, state}] of living children."""
        facts = self.supervisor() or {"children": []}
        return [c for c in facts["children"]
                if c["pid"] > 0 and (role is None or c["role"] == role)
                and (generation is None or c["generation"] == generation)]

    def pid_of(self, role, slot=0):
        if role == "supervisor":
            return self.program.pid
        for child in self.children(role):
            if child["slot"] == slot and child["state"] != "retiring":
                return child["pid"]
        raise AssertionError(f"no {role}[{slot}] in {self.supervisor()}")

    def kill(self, role, slot=0, signo=signal.SIGKILL):
        """Signals one process; its pid."""
        pid = self.pid_of(role, slot)
        self.killed.add(pid)
        os.kill(pid, signo)
        return pid

    def await_replaced(self, role, pid, slot=0, timeout=10):
        """Waits until a READY child stands in the place of a dead one."""
        def replaced():
            return [c for c in self.children(role)
                    if c["slot"] == slot and c["pid"] != pid
                    and c["state"] == "ready"]
        return wait_until(replaced, timeout,
                          f"{role}[{slot}] was started again")[0]["pid"]

    def reload(self, timeout=15):
        """HUP and wait until the new generation serves (old workers may still
        drain)."""
        before = self.supervisor()["generation"]
        self.program.signal(signal.SIGHUP)
        wait_until(lambda: self.supervisor()["generation"] > before
                   and self.log_contains(f"generation {before + 1} serves"),
                   timeout, f"generation {before + 1} serves")

    # ---- asking --------------------------------------------------------------

    @property
    def base_url(self):
        return f"http://{self.address[0]}:{self.address[1]}"

    def connect(self, **options):
        return Connection(self.address, **options)

    def http(self):
        return http.client.HTTPConnection(*self.address, timeout=seconds(20))

    def request(self, method, target, value=None, headers=(), body=None,
                timeout=20):
        """One request on a connection of its own; the Response."""
        headers = list(headers.items() if isinstance(headers, dict)
                       else headers)
        if value is not None:
            body = json.dumps(value).encode()
            headers.append(("content-type", "application/json"))
        connection = self.connect(timeout=timeout)
        try:
            connection.send(build(method, target, headers, body))
            return connection.read(method)
        finally:
            connection.close()

    def chat(self, model, text="Hello.", headers=(), **more):
        return self.request("POST", "/v1/chat/completions",
                            chat_body(model, text, **more), headers)

    def open_stream(self, model, text="Hello.", headers=(), **more):
        """Sends a streaming request; a Stream that has not read anything."""
        return Stream(self, chat_body(model, text, stream=True, **more),
                      list(dict(headers).items()))

    def ctl(self, *args, timeout=20):
        argv = [str(a) for a in args]
        done = subprocess.run(
            [paths.program("tallyctl"), "--state", self.state, *argv],
            capture_output=True, text=True, encoding="utf-8",
            errors="replace", env=environment(self.env),
            timeout=seconds(timeout))
        return CtlResult(argv, done)

    def spend(self, by="model", *more):
        """({name: row}, total) of `tallyctl spend --json`."""
        result = self.ctl("spend", "--by", by, *more, "--json")
        assert result.status == 0, result
        facts = result.json()
        return {row[by]: row for row in facts["rows"]}, facts["total"]

    # ---- the log and the traces ----------------------------------------------

    def log_text(self):
        return self.program.output() if self.program else ""

    def log_contains(self, text):
        if isinstance(text, re.Pattern):
            return text.search(self.log_text()) is not None
        return text in self.log_text()

    def await_log(self, text, timeout=10):
        wait_until(lambda: self.log_contains(text), timeout,
                   f"the log says {text!r}")

    def trace_files(self):
        return books.trace_paths(self.trace_file)

    def has_rotated(self):
        """Its trace file was: just behind that there may be no current one."""
        return any(path != self.trace_file for path in self.trace_files())

    def traces(self):
        """All lines on file, eldest first."""
        lines, problems = books.read_lines(self.trace_files())
        assert not problems, "\n".join(problems)
        return lines

    def trace(self, run_id, timeout=10):
        """The one line of this request, as soon as it is on file."""
        found = wait_until(
            lambda: [t for t in self.traces() if t["run_id"] == run_id],
            timeout, f"a trace record of {run_id}")
        assert len(found) == 1, found
        return found[0]

    def await_traces(self, n, timeout=10):
        return wait_until(
            lambda: (lambda t: t if len(t) >= n else None)(self.traces()),
            timeout, lambda: f"{len(self.traces())} trace records, not {n}")

    # ---- checks --------------------------------------------------------------

    def check_after(self, status):
        problems = []
        if status != self.expected_exit:
            problems.append(f"the gateway ended with {status}, not "
                            f"{self.expected_exit}")
        left = self.program.await_no_leftovers(10)
        problems += [f"left over: {p}" for p in left]
        problems += self.log_problems()
        if self.checks_books:
            problems += self.book_problems()
        assert not problems, "after the gateway stopped:\n" + \
            "\n".join(f"- {p}" for p in problems)

    def log_problems(self):
        """Sanitizer reports and crashes the test did not cause."""
        found = []
        text = self.log_text()
        for complaint in COMPLAINTS.finditer(text):
            found.append("sanitizer: " +
                         text[complaint.start():complaint.start() + 1500])
            break
        for crash in CRASH.finditer(text):
            if int(crash[2]) not in self.killed:
                found.append(f"{crash[1]} (pid {crash[2]}) was killed by "
                             f"signal {crash[3]}")
        return found

    def book_problems(self):
        """The chain, the sum of the costs and the tokens, open holds."""
        if not self.trace_file.exists():
            return []
        lines, problems = books.read_lines(self.trace_files())
        problems += books.chain_problems(lines, self.complete_chain)
        twice = books.doubles([(t["owner"], t["seq"]) for t in lines])
        problems += [f"twice on file: owner, seq {t}" for t in twice]
        status = self.ctl("status", "--json")
        store = status.json()["store"] if status.status == 0 else {}
        if store.get("holds") != 0 or store.get("outbox") != 0:
            problems.append(f"holds or records are left: {status}")
        if self.complete_chain:
            problems += self.sum_problems(lines)
            # The same and more, to the nano-dollar, by the gateway's own word.
            audit = self.ctl("audit", timeout=60)
            if audit.status != 0:
                problems.append(repr(audit))
        return problems

    def sum_problems(self, lines):
        found = []
        for by in ("model", "day", "deployment"):
            _, all_of_it = self.spend(by)
            sums = {"cost_usd": books.total(lines)}
            for field in ("prompt_tokens", "completion_tokens",
                          "cached_tokens", "reasoning_tokens"):
                sums[field] = books.total(lines, field)
            for field, value in sums.items():
                if all_of_it[field] != value:
                    found.append(f"{field}: spend --by {by} says "
                                 f"{all_of_it[field]}, the traces {value}")
        return found

    # ---- what to show when something failed ----------------------------------

    def report(self, lines=60):
        if self.program is None:
            return "(the gateway was not started)"
        text = [f"--- {self.log} (last {lines} lines)",
                self.program.tail(lines)]
        if self.trace_file.exists():
            last = self.trace_file.read_text("utf-8", "replace").splitlines()
            text += [f"--- last of {len(last)} trace records", *last[-5:]]
        return "\n".join(text)

    def processes(self):
        """{pid: command line} of the whole tree."""
        pids = [self.program.pid] + [c["pid"] for c in self.children()]
        return {p: command_line(p) for p in pids if is_alive(p)}

    def await_gone(self, pids, timeout=10):
        try:
            wait_until(lambda: not any(is_alive(p) for p in pids), timeout, "")
        except TooLate:
            left = [f"{p} {command_line(p)}" for p in pids if is_alive(p)]
            raise AssertionError(f"still there: {left}") from None


def chat_body(model, text="Hello.", **more):
    return {"model": model,
            "messages": [{"role": "user", "content": text}], **more}


class Stream:
    """A streaming request on a connection of its own, read step by step."""

    def __init__(self, gateway, value, headers=()):
        self.connection = gateway.connect()
        self.connection.send(build(
            "POST", "/v1/chat/completions",
            [("content-type", "application/json"), *headers],
            json.dumps(value).encode()))
        self.response = Response()
        self._reader = None

    def _advance(self, stop):
        """Reads until stop(response) or the end."""
        connection, r = self.connection, self.response
        connection.deadline = time.monotonic() + seconds(20)
        try:
            if self._reader is None:
                connection.read_head(r)
                r.head_at = time.monotonic()
                self._reader = connection.body_of(r, "POST")
            while not stop(r):
                piece = next(self._reader, None)
                if piece is None:
                    r.complete = True
                    break
                r.add(piece)
        except Gone as e:
            r.broken = str(e)
        return r

    def events(self, n):
        """Reads until n events are here (or the end)."""
        self._advance(lambda r: len(r.events) >= n)
        return self.response.events

    def rest(self):
        """Reads to the end; the Response."""
        return self._advance(lambda r: False)

    def close(self):
        self.connection.close()
