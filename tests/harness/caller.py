"""The client's side of a scenario: a CLIENT section as a request under way.

It runs in a thread of its own and keeps every answer, whole or broken; what
the answers should be is expect.py's part.
"""

import threading

from harness import match, scenario
from harness.client import Connection, Gone, Response, build
from harness.stage import Difference
from harness.wait import seconds

CLIENT_SECONDS = 20
CHAT_PATH = "/v1/chat/completions"


class Client:
    """One CLIENT section under way."""

    def __init__(self, name, section, runner):
        self.name, self.section, self.runner = name, section, runner
        self.responses = []
        self.connection = None
        self.method = "POST"
        self.left = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def option(self, word):
        for d in self.section.directives:
            if d.word == word:
                return self.runner.fill(d.rest)
        return None

    def start(self, connection=None):
        self.connection = connection
        self.thread.start()

    def join(self):
        self.thread.join(seconds(CLIENT_SECONDS + 10))
        if self.thread.is_alive():
            self.runner.problem(self.section.line,
                                f"client {self.name} is still waiting")

    def _run(self):
        try:
            self._play()
        except Gone as e:
            self._no_answer(str(e))
        except OSError as e:
            self._no_answer(f"{type(e).__name__}: {e}")
        except Difference as e:
            self.runner.problem(e.line, f"client {self.name}: {e.text}")
        except Exception as e:      # a mistake of the harness must be seen
            self.runner.problem(self.section.line, f"client {self.name}: "
                                f"{type(e).__name__}: {e}")

    def _no_answer(self, why):
        r = Response()
        r.broken = why
        self.responses.append(r)

    # ---- the request ----

    def _chat_body(self, word, rest):
        model, _, text = rest.partition(" ")
        said = match.show(scenario.read_quoted(text) if text else "Hello.")
        stream = ', "stream": true' if word == "stream" else ""
        return (f'{{"model": "{model}", "messages": [{{"role": "user", '
                f'"content": {said}}}]{stream}}}')

    def request_bytes(self):
        fill = self.runner.fill
        headers, without, body = [], set(), None
        target, version = CHAT_PATH, "HTTP/1.1"
        for d in self.section.directives:
            if d.word in scenario.METHODS:
                self.method = d.word
                target, _, given = fill(d.rest).partition(" ")
                version = given or version
            elif d.word in ("chat", "stream"):
                body = self._chat_body(d.word, fill(d.rest)).encode()
                headers.append(("content-type", "application/json"))
            elif d.word == "json":
                body = fill(d.rest).encode()
                headers.append(("content-type", "application/json"))
            elif d.word == "body":
                body = fill(d.rest).encode()
            elif d.word == "bytes":
                body = scenario.read_bytes(fill(d.rest))
            elif d.word == "header":
                name, _, value = fill(d.rest).partition(":")
                headers.append((name.strip(), value.strip()))
            elif d.word == "no header":
                without.add(d.rest.lower())
            elif d.word == "raw":
                raw = scenario.read_bytes(fill(d.rest))
                self.method = raw.split(b" ", 1)[0].decode("latin-1")
                return raw
        names = {k.lower() for k, _ in headers}
        if "x-request-id" not in names | without:
            headers.append(("x-request-id", self.name))
        return build(self.method, target, headers, body, version)

    # ---- the talk ----

    def _play(self):
        data = self.request_bytes()
        c = self.connection
        if c is None:
            c = self.connection = Connection(
                self.runner.gateway.address, CLIENT_SECONDS,
                small_window=self.section.has("small window"))
        size = self.option("pieces")
        try:
            c.send(data, piece=int(size) if size else None)
            if self.section.has("half close"):
                c.half_close()
        except Gone:
            pass            # what it said before it closed is read below
        self._wait_for_marks()
        if self.option("leave") == "after sending":
            self._leave()
            return
        for i in range(int(self.option("responses") or 1)):
            # Known from the start: an EXPECT may look at what came so far.
            r = c.read(self.method, self._progress)
            self.responses.append(r)
            if self.left or r.broken:
                return

    def _wait_for_marks(self):
        for d in self.section.directives:
            if d.word == "await" and not self.runner.marks.wait(d.rest):
                raise Difference(d.line, f"nobody set the mark {d.rest}")
            if d.word == "await":
                self.connection.widen()

    def _progress(self, r):
        for d in self.section.directives:
            words = d.rest.split()
            if (d.word == "mark" and len(words) > 1
                    and len(r.events) >= int(words[2])):
                self.runner.marks.set(words[0])
        where = self.option("leave")
        if where == "after head" or (
                where and where.split()[1].isdigit()
                and len(r.events) >= int(where.split()[1])):
            self._leave()
            return True
        return False

    def _leave(self):
        self.left = True
        self.connection.close()
        for d in self.section.directives:
            if d.word == "mark":
                self.runner.marks.set(d.rest.split()[0])
