"""Plays a scenario: its sections in the order of the file.

The gateway starts when a section first needs it. A CLIENT waits for its
answer before the next section, unless it is `background`; then the EXPECT of
that client waits. At the end: every provider's script was used, nothing of NOT
is anywhere, the gateway stops cleanly and its books balance.

Fails with Failure: file, line, what was expected and what came; report()
tells what all sides saw.
"""

import pathlib
import re
import subprocess
import threading

from harness import match, paths, scenario
from harness.caller import Client
from harness.clock import TestClock, parse_duration
from harness.expect import Expectation
from harness.gateway import Gateway
from harness.process import environment
from harness.stage import Difference, Marks, StagedProvider
from harness.wait import seconds, wait_until


class Failure(AssertionError):
    def __init__(self, problems):
        super().__init__("\n".join(problems))
        self.problems = problems


class Runner:
    def __init__(self, script, directory):
        self.script = script
        self.directory = pathlib.Path(directory)
        self.lock = threading.Lock()
        self.problems, self.notes = [], []
        self.marks = Marks()
        self.providers, self.clients, self.files = {}, {}, {}
        self.last_client = None
        self.env = {}
        self.config, self.workers = None, 1
        self.gateway = None
        self.clock = TestClock(self.directory / "clock")
        self.seen = []          # (what, bytes): outputs, for NOT
        self.not_texts = []
        self.count = 0

    # ---- what other threads say ----

    def problem(self, line, text):
        with self.lock:
            where = f"{self.script.path.name}:{line}: " if line else ""
            self.problems.append(where + text)

    def note(self, text):
        with self.lock:
            self.notes.append(text)

    def raise_problems(self):
        with self.lock:
            if self.problems:
                raise Failure(list(self.problems))

    def fill(self, text):
        """{{provider:a}}, {{port:a}}, {{file:x}}, {{config}}, {{state}}."""
        def value(found):
            kind, _, name = found[1].partition(":")
            if kind == "provider":
                return self.providers[name].base_url
            if kind == "port":
                return self.providers[name].base_url.rpartition(":")[2]
            if kind == "file":
                return str(self.files[name])
            if kind == "config":
                return str(self.config_path)
            if kind == "state":
                return str(self.directory / "state")
            raise Failure([f"{self.script.path.name}: {{{{{found[1]}}}}} is "
                           "not known"])
        return re.sub(r"\{\{([\w:.-]+)\}\}", value, text)

    @property
    def config_path(self):
        return self.directory / "gateway.yaml"

    # ---- the play ----

    def run(self):
        try:
            self._open_providers()
            for section in self.script.sections:
                self._run_section(section)
            self._finish()
        finally:
            self._close()

    def _run_section(self, section):
        try:
            getattr(self, "play_" + section.kind.lower())(section)
        except Difference as e:
            self.problem(e.line, e.text)
        except AssertionError as e:
            if isinstance(e, Failure):
                raise
            self.problem(section.line, str(e))
        self.raise_problems()

    def _open_providers(self):
        for s in self.script.sections:
            if s.kind == "PROVIDER":
                name, _, mode = s.args.partition(" ")
                if name not in self.providers:
                    self.providers[name] = StagedProvider(name, self,
                                                          mode == "down")

    def _finish(self):
        for client in self.clients.values():
            client.join()
        self.raise_problems()
        for provider in self.providers.values():
            for line, text in provider.unused():
                self.problem(line, text)
        self.raise_problems()
        self._look_for_secrets()
        self._stop()
        self._look_for_secrets()
        self.raise_problems()

    def _stop(self):
        for client in self.clients.values():
            if client.connection is not None:
                client.connection.close()
        if self.gateway is None:
            return
        try:
            self.gateway.stop()
        except AssertionError as e:
            self.problem(0, str(e))

    def _close(self):
        if self.gateway is not None:
            self.gateway.destroy()
        for provider in self.providers.values():
            provider.close()

    def _need_gateway(self):
        if self.gateway is not None:
            return
        self._make_gateway()
        self.gateway.start()

    def _make_gateway(self):
        if self.config is None:
            raise Failure([f"{self.script.path.name}: no CONFIG section"])
        self.gateway = Gateway(self.directory, self.config,
                               workers=self.workers, env=self.env,
                               clock=self.clock)

    # ---- sections: what is there ----

    def play_config(self, s):
        if self.gateway is not None:
            raise Difference(s.line, "the gateway runs already")
        if s.args:
            self.workers = int(s.args.partition("=")[2])
        self.config = self.fill(s.text)
        self.config_path.write_text(self.config, encoding="utf-8")

    def play_file(self, s):
        path = self.directory / s.args
        self.files[s.args] = path
        path.write_text(self.fill(s.text), encoding="utf-8")

    def play_env(self, s):
        for d in s.directives:
            name, equals, value = self.fill(d.rest).partition("=")
            self.env[name] = value if equals else None

    def play_provider(self, s):
        self.providers[s.args.split()[0]].add(s)

    def play_time(self, s):
        self.clock.advance_nsecs(parse_duration(s.args))

    def play_mark(self, s):
        self.marks.set(s.args)

    def play_await(self, s):
        self._need_gateway()
        if not self.marks.wait(s.args):
            self.raise_problems()
            raise Difference(s.line, f"nobody set the mark {s.args}")

    def play_stop(self, s):
        self._need_gateway()
        self._stop()

    # ---- CLIENT and EXPECT ----

    def play_client(self, s):
        self._need_gateway()
        self.count += 1
        name = scenario.client_name(s, self.count)
        client = Client(name, s, self)
        connection = None
        found = re.search(r" on ([\w-]+)", s.args)
        if found:
            connection = self.clients[found[1]].connection
        self.clients[name] = self.last_client = client
        client.start(connection)
        if not s.args.endswith("background"):
            client.join()

    def _client_of(self, args):
        name = re.sub(r"( none| ?#\d+)$", "", args).strip()
        if name in ("", "none"):
            return self.last_client
        return self.clients[name]

    def play_expect(self, s):
        client = self._client_of(s.args)
        client.join()
        self.raise_problems()
        number = int((re.search(r"#(\d+)", s.args) or ["", "1"])[1])
        if len(client.responses) < number:
            raise Difference(s.line, f"client {client.name} has "
                                     f"{len(client.responses)} answers")
        Expectation(s, client, client.responses[number - 1], self).check()

    # ---- TRACE, LEDGER, LOG, NOT ----

    def play_trace(self, s):
        client = self._client_of(s.args)
        run_id = client.name
        for r in client.responses:
            run_id = r.header("x-request-id") or run_id
        if s.args.endswith("none"):
            found = [t for t in self.gateway.traces()
                     if t["run_id"] == run_id]
            if found:
                raise Difference(s.line, f"a record is there: {found[0]}")
            return
        record = self.gateway.trace(run_id).record
        for d in s.directives:
            if d.word.startswith("no "):
                if d.word[3:] in record:
                    raise Difference(d.line, f"trace: {d.word[3:]} is there: "
                                     + match.short(record[d.word[3:]]))
                continue
            if d.word not in record:
                raise Difference(d.line, f"trace: no {d.word} in "
                                 + match.short(record, 2000))
            found = match.difference(match.parse(self.fill(d.rest)),
                                     record[d.word], d.word)
            if found:
                raise Difference(d.line, f"trace: {found}")

    def play_ledger(self, s):
        rows, everything = self.gateway.spend(s.args)
        wanted = {d.word: d for d in s.directives}
        for name, d in wanted.items():
            row = everything if name == "total" else rows.get(name)
            if row is None:
                raise Difference(d.line, f"spend --by {s.args}: no row {name} "
                                         f"in {match.short(rows)}")
            found = match.difference(match.parse(self.fill(d.rest)), row,
                                     name)
            if found:
                raise Difference(d.line, f"spend --by {s.args}: {found}")
        more = set(rows) - set(wanted)
        if more:
            raise Difference(s.line, f"spend --by {s.args}: unexpected rows "
                                     f"{', '.join(sorted(more))}")

    def play_log(self, s):
        self._need_gateway()
        for d in s.directives:
            text = self.fill(d.rest)
            if len(text) > 1 and text[0] == text[-1] == "/":
                text = re.compile(text[1:-1])
            try:
                wait_until(lambda: self.gateway.log_contains(text), 5,
                           f"the log says {d.rest}")
            except AssertionError as e:
                raise Difference(d.line, str(e)) from None

    def play_not(self, s):
        self.not_texts += [(d.line, self.fill(d.rest)) for d in s.directives]

    def _everywhere(self):
        """(where, bytes) of all that leaves the gateway or stays behind."""
        yield from self.seen
        for client in self.clients.values():
            for r in client.responses:
                head = "".join(f"{k}: {v}\n" for k, v in r.headers)
                yield (f"the answer to {client.name}",
                       head.encode() + r.body)
        if self.gateway is None:
            return
        yield "the log", self.gateway.log_text().encode()
        for pid, line in self.gateway.processes().items():
            yield f"the arguments of process {pid}", line.encode()
        for child in self.gateway.children("logger"):
            try:
                env = pathlib.Path(f"/proc/{child['pid']}/environ")
                yield "the logger's environment", env.read_bytes()
            except OSError:
                pass
        for path in sorted(self.gateway.state.rglob("*")):
            if path.is_file():
                yield f"{path.relative_to(self.directory)}", path.read_bytes()

    def _look_for_secrets(self):
        if not self.not_texts:
            return
        for where, data in self._everywhere():
            for line, text in self.not_texts:
                if text.encode() in data:
                    self.problem(line, f"'{text}' is in {where}")

    # ---- programs ----

    def _check_run(self, s, status, output, name):
        self.seen.append((name, output.encode()))
        wanted = 0
        for d in s.directives:
            text = self.fill(d.rest)
            if d.word == "exit":
                wanted = int(text)
            elif d.word == "text" and text not in output:
                raise Difference(d.line, f"{name}: expected '{text}' in\n"
                                         f"{output}")
            elif d.word == "no text" and text in output:
                raise Difference(d.line, f"{name}: expected no '{text}' in\n"
                                         f"{output}")
            elif d.word == "line" and text not in output.splitlines():
                raise Difference(d.line, f"{name}: expected the line '{text}' "
                                         f"in\n{output}")
        if status != wanted:
            raise Difference(s.line, f"{name}: exit {status}, not {wanted}\n"
                                     f"{output}")

    def play_ctl(self, s):
        self._need_gateway()
        result = self.gateway.ctl(*self.fill(s.args).split())
        name = f"tallyctl {s.args}"
        self._check_run(s, result.status, result.text, name)
        for d in s.directives:
            if d.word == "json":
                found = match.difference(match.parse(self.fill(d.rest)),
                                         result.json())
                if found:
                    raise Difference(d.line, f"{name}: {found}")

    def play_check(self, s):
        done = subprocess.run(
            [paths.program("tallygate"), "--config", self.config_path,
             "--check"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=environment(self.env), timeout=seconds(20))
        self._check_run(s, done.returncode, done.stdout, "tallygate --check")

    def play_start(self, s):
        """Without directives: just starts. With `exit`: it must refuse."""
        if not s.directives:
            self._need_gateway()
            return
        self._make_gateway()
        self.gateway.launch()
        status = self.gateway.program.wait(15, "refuse to start")
        left = self.gateway.program.await_no_leftovers(5)
        self.gateway.stopped = True
        self._check_run(s, status, self.gateway.log_text(), "tallygate")
        if left:
            raise Difference(s.line, f"left over: {left}")

    # ---- for failures ----

    def report(self):
        out = []
        for note in self.notes:
            out.append(f"note: {note}")
        for client in self.clients.values():
            for r in client.responses:
                out += [f"--- answer to client {client.name}", r.describe()]
        for provider in self.providers.values():
            if provider.fake is None:
                continue
            for request in provider.fake.requests[-5:]:
                out += [f"--- provider {provider.name} received (request "
                        f"{request.number})", request.describe()]
        if self.gateway is not None:
            out.append(self.gateway.report())
        return "\n".join(out)
