"""tallysim as a child process."""

import http.client
import json
import re

from harness import match, paths
from harness.process import Program
from harness.wait import seconds, wait_until

READY = re.compile(r"^tallysim \S+ listening on (\S+):(\d+)$", re.MULTILINE)


class Sim:
    """A simulator on a free port; `settings` are its flags (latency_ms=50)."""

    def __init__(self, directory, name="sim", dialect="openai", **settings):
        self.name = name
        self.request_log = directory / f"{name}.requests.jsonl"
        self.request_log.touch()
        argv = [paths.program("tallysim"), "--port", "0", "--name", name,
                "--dialect", dialect, "--log", self.request_log]
        for key, value in settings.items():
            argv += [f"--{key.replace('_', '-')}={value}"]
        self.program = Program(argv, directory / f"{name}.log")
        found = wait_until(self._ready_line, 10,
                           lambda: f"tallysim is ready: {self.program.tail()}")
        self.host, self.port = found[1], int(found[2])
        self.base_url = f"http://{self.host}:{self.port}"

    def _ready_line(self):
        assert self.program.is_running(), self.program.tail()
        return READY.search(self.program.output())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _call(self, method, path, value=None):
        conn = http.client.HTTPConnection(self.host, self.port,
                                          timeout=seconds(10))
        body = None if value is None else json.dumps(value)
        try:
            conn.request(method, path, body,
                         {"content-type": "application/json"} if body else {})
            answer = conn.getresponse()
            text = answer.read()
        finally:
            conn.close()
        assert answer.status == 200, (method, path, answer.status, text)
        return match.load(text)

    def set(self, times=None, **settings):
        """Changes settings; None sets one back. `times`: for so many requests
        only."""
        order = {"set": settings}
        if times is not None:
            order["times"] = times
        return self._call("POST", "/control", order)

    def reset(self):
        return self._call("POST", "/control", {"reset": "settings"})

    def control(self):
        return self._call("GET", "/control")

    def last(self, n=1):
        return self._call("GET", f"/control/last?n={n}")["requests"]

    def log(self):
        """A record for each request that ended: id, model, status, outcome,
        tokens."""
        text = self.request_log.read_text(encoding="utf-8")
        # A line that is just being written has no newline yet.
        whole = text[:text.rfind("\n") + 1]
        return [match.load(line) for line in whole.splitlines()]

    def stop(self):
        if self.program.is_running():
            self.program.signal(15)
            self.program.wait(10)
        left = self.program.await_no_leftovers(2)
        self.program.destroy()
        assert not left, left
