"""tallyctl top: on a real terminal of 80x24, and one frame without one."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time

import pytest

from configs import config, deployment, mock
from harness import paths
from harness.answers import completion, send_json
from harness.process import environment
from harness.wait import wait_until

SETTINGS = ("tallygate: {budgets: [{per: global, max_budget: 5, "
            "budget_duration: 1d}]}\n")
PRICES = {"input_cost_per_token": "0.001", "output_cost_per_token": "0.001"}


class Terminal:
    """A program on a pty, and what its screen shows: cursor addressing,
    erasing and text are followed, attributes are not."""

    def __init__(self, argv, env, width=80, height=24):
        self.width, self.height = width, height
        self.cells = {}
        self.at = [0, 0]
        self.rest = ""
        self.master, slave = pty.openpty()
        self.resize(width, height, tell=False)
        self.program = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave,
            env={**environment(env), "TERM": "vt100", "LC_ALL": "C.UTF-8"},
            start_new_session=True)
        os.close(slave)

    def resize(self, width, height, tell=True):
        self.width, self.height = width, height
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", height, width, 0, 0))
        if tell:
            self.program.send_signal(signal.SIGWINCH)

    def keys(self, text):
        os.write(self.master, text.encode())

    def read(self):
        while select.select([self.master], [], [], 0.05)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            if not data:
                return
            self.rest += data.decode("utf-8", "replace")
            self.play()

    def play(self):
        while self.rest:
            found = re.match(r"\x1b\[([?\d;]*)([A-Za-z])|\x1b[()][A-Z0-9]|"
                             r"\x1b[=>78M]|\x0e|\x0f", self.rest)
            if found:
                self.rest = self.rest[found.end():]
                if found.group(2):
                    self.order(found.group(2), found.group(1))
            elif self.rest[0] == "\x1b":
                return
            else:
                self.put(self.rest[0])
                self.rest = self.rest[1:]

    def order(self, letter, text):
        numbers = [int(n) for n in re.findall(r"\d+", text)]
        n = numbers[0] if numbers else 0
        if letter in "Hf":
            self.at = [(numbers + [1, 1])[0] - 1,
                       (numbers + [1, 1])[1] - 1 if len(numbers) > 1 else 0]
        elif letter in "ABCD":
            row, column = {"A": (-1, 0), "B": (1, 0), "C": (0, 1),
                           "D": (0, -1)}[letter]
            self.at[0] += row * max(n, 1)
            self.at[1] += column * max(n, 1)
        elif letter == "J":
            self.cells = {k: v for k, v in self.cells.items()
                          if n != 2 and k < tuple(self.at)}
        elif letter == "K":
            row, column = self.at
            for c in list(self.cells):
                if c[0] == row and (c[1] <= column if n == 1 else
                                    c[1] >= column):
                    del self.cells[c]

    def put(self, char):
        if char == "\r":
            self.at[1] = 0
        elif char == "\n":
            self.at[0] += 1
        elif char == "\b":
            self.at[1] -= 1
        elif char >= " ":
            assert self.at[1] < self.width, "text beyond the right edge"
            self.cells[tuple(self.at)] = char
            self.at[1] = min(self.at[1] + 1, self.width - 1)

    def lines(self):
        self.read()
        return ["".join(self.cells.get((y, x), " ")
                        for x in range(self.width)).rstrip()
                for y in range(self.height)]

    def shows(self, *texts):
        screen = "\n".join(self.lines())
        return all(re.search(text, screen) for text in texts)

    def wait(self, seconds=10):
        end = time.monotonic() + seconds
        while self.program.poll() is None and time.monotonic() < end:
            self.read()
        return self.program.poll()

    def close(self):
        if self.program.poll() is None:
            self.program.kill()
            self.program.wait()
        os.close(self.master)


@pytest.fixture(name="top")
def _top():
    opened = []

    def start(gateway, *args, **size):
        opened.append(Terminal(
            [paths.program("tallyctl"), "--state", str(gateway.state), "top",
             "--interval", "0.2", *args], gateway.env, **size))
        return opened[-1]
    yield start
    for terminal in opened:
        terminal.close()


def test_a_screen_of_80_by_24(make_gateway, make_sim, top):
    sim = make_sim()
    gateway = make_gateway(config(
        deployment("small", sim.base_url, prices=PRICES), mock("other"),
        more=SETTINGS), workers=2)
    gateway.ctl("key", "create", "--alias", "alice", "--key",
                "sk-alice-01234567")
    screen = top(gateway)
    wait_until(lambda: screen.shows(r"2 workers", "model", "deployment",
                                    "global +1d"), 10, "the first frame")
    assert gateway.chat("small", headers={
        "authorization": "Bearer sk-alice-01234567"}).status == 200
    wait_until(lambda: screen.shows("small", "alice", "hour 1 req"), 10,
               "the request")
    assert any(line.startswith("alice ") for line in screen.lines())
    assert gateway.ctl("breaker", "trip", gateway.ctl(
        "health", "--json").json()[0]["deployment"], "60s").status == 0
    wait_until(lambda: screen.shows(r"OPEN \d+s"), 10, "the breaker")
    # Pause, sorting, another size, and out.
    screen.keys("p")
    wait_until(lambda: screen.shows("PAUSED"), 10, "paused")
    screen.keys("pr")
    wait_until(lambda: screen.shows("by requests") and
               not screen.shows("PAUSED"), 10, "sorted by requests")
    screen.resize(132, 40)
    wait_until(lambda: max(len(line) for line in screen.lines()) > 90, 10,
               "the wide screen is used")
    screen.resize(40, 5)
    wait_until(lambda: screen.shows("60x12 at least"), 10, "too small")
    screen.keys("q")
    assert screen.wait() == 0


def test_it_goes_on_with_the_gateway_stopped(make_gateway, top):
    gateway = make_gateway(config(mock()))
    gateway.chat("small")
    gateway.await_traces(1)
    gateway.stop()
    screen = top(gateway)
    wait_until(lambda: screen.shows("0 workers", "hour 1 req"), 10, "a frame")
    screen.keys("q")
    assert screen.wait() == 0


def test_one_frame_for_programs(make_gateway, make_sim):
    sim = make_sim()
    gateway = make_gateway(config(
        deployment("small", sim.base_url, prices=PRICES), more=SETTINGS))
    for _ in range(3):
        assert gateway.chat("small").status == 200
    gateway.await_traces(3)
    frame = gateway.ctl("top", "--once", "--interval", "0.1", "--json").json()
    assert frame["workers"] == 1 and frame["total"]["requests"] == 3
    assert frame["models"][0]["name"] == "small"
    assert frame["models"][0]["requests"] == 3
    assert frame["deployments"][0]["breaker"] == "closed"
    budget = frame["budgets"][0]
    spent = gateway.ctl("spend", "--json").json()["total"]["cost_usd"]
    assert budget["scope"] == "global"
    assert float(budget["spent_usd"]) == float(spent) > 0
    text = gateway.ctl("top", "--once", "--interval", "0.1")
    assert text.status == 0 and "\x1b" not in text.out, text
    assert "hour 3 req" in text.out and "\1" not in text.out


def test_what_is_under_way(make_gateway, make_provider):
    """Without any cap too; at its model and its deployment."""
    go = threading.Event()

    def handler(_request, talk):
        go.wait(20)
        send_json(talk, completion())
    gateway = make_gateway(config(
        deployment("small", make_provider(handler).base_url)))
    client = threading.Thread(target=lambda: gateway.chat("small"))
    client.start()

    def frame():
        return gateway.ctl("top", "--once", "--interval", "0.1",
                           "--json").json()
    wait_until(lambda: frame()["under_way"] == 1, 10, "the call")
    seen = frame()
    assert [m["under_way"] for m in seen["models"]] == [1]
    assert [d["under_way"] for d in seen["deployments"]] == [1]
    go.set()
    client.join()
    gateway.await_traces(1)
    assert frame()["under_way"] == 0


def test_rates_are_those_of_the_span(make_gateway):
    """Requests between two readings, and only those, are the rate."""
    gateway = make_gateway(config(mock()))
    for _ in range(5):
        gateway.chat("small")
    reader = subprocess.Popen(
        [paths.program("tallyctl"), "--state", str(gateway.state), "top",
         "--once", "--interval", "3", "--json"], stdout=subprocess.PIPE,
        env=environment(gateway.env))
    # After its first reading it sleeps, and not before.
    wait_until(lambda: open(f"/proc/{reader.pid}/stat", encoding="ascii")
               .read().rsplit(")", 1)[1].split()[0] == "S" and
               len(os.listdir(f"/proc/{reader.pid}/fd")) > 5, 10,
               "the first reading")
    for _ in range(4):
        gateway.chat("small")
    frame = json.loads(reader.communicate()[0])
    assert frame["total"]["requests"] == 9
    assert round(frame["total"]["requests_per_s"] * frame["span_s"]) == 4


def test_how_long_requests_took(make_gateway, make_provider):
    """The median of those that went well, from the traces of the last minute."""
    waits = iter([0, 0.4, 0, 0.4, 0])

    def handler(_request, talk):
        time.sleep(next(waits))
        send_json(talk, completion())
    provider = make_provider(handler)
    gateway = make_gateway(config(deployment("small", provider.base_url)))

    def total():
        return gateway.ctl("top", "--once", "--interval", "0.1",
                           "--json").json()["total"]
    assert total()["p50_latency_s"] is None
    for _ in range(5):
        assert gateway.chat("small").status == 200
    assert gateway.chat("none").status == 400
    gateway.await_traces(6)
    seen = total()
    assert 0 < seen["p50_latency_s"] < 0.4 <= seen["p95_latency_s"]


def test_mistakes(make_gateway):
    gateway = make_gateway(config(mock()))
    for args, text in ((("top",), "--once"), (("top", "--interval", "0"), "0"),
                       (("top", "--sort", "name"), "--sort"),
                       (("top", "x"), "x")):
        result = gateway.ctl(*args)
        assert result.status == 2 and text in result.err, result
