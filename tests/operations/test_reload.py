"""SIGHUP: a new configuration while streams are open."""

import os
import pathlib
import signal
import threading
import time

from configs import config, deployment, mock
from harness import answers
from harness.client import build
from harness.process import is_alive
from harness.wait import wait_until
from test_start_stop import held_stream


def old_workers(gateway):
    generation = gateway.supervisor()["generation"]
    return [c for c in gateway.children("worker")
            if c["generation"] < generation]


def test_open_streams_go_on_and_new_requests_see_the_new_file(
        make_gateway, make_provider):
    release = threading.Event()
    provider = make_provider(held_stream(release))
    gateway = make_gateway(config(deployment("small", provider.base_url)),
                           workers=2)
    before = gateway.program.pid
    stream = gateway.open_stream("small")
    stream.events(2)
    gateway.write_config(config(mock("small", "New."),
                                mock("added", "Added.")))
    gateway.reload()
    assert gateway.chat("small").text() == "New."
    assert gateway.chat("added").text() == "Added."
    assert len(old_workers(gateway)) >= 1, "the old worker has a stream"
    release.set()
    answer = stream.rest()
    assert answer.complete and answer.text() == "one two", answer.describe()
    wait_until(lambda: not old_workers(gateway), 10, "the old workers left")
    assert gateway.program.pid == before
    assert len(gateway.children("worker")) == 2
    lines = gateway.await_traces(3)
    assert sorted(t["model"] for t in lines) == ["m", "mock-added",
                                                 "mock-small"]


def test_a_kept_connection_is_served_by_the_new_generation(make_gateway):
    """An idle connection of an old worker is closed, not left to it."""
    gateway = make_gateway(config(mock("small", "Old.")))
    connection = gateway.http()
    connection.request("GET", "/health/liveliness")
    assert connection.getresponse().read()
    gateway.write_config(config(mock("small", "New.")))
    gateway.reload()
    wait_until(lambda: not old_workers(gateway), 10, "the old workers left")
    connection.close()
    assert gateway.chat("small").text() == "New."


def test_a_refused_file_leaves_the_old_generation(make_gateway):
    gateway = make_gateway(config(mock("small", "Old.")))
    children = gateway.children()
    for broken, text in (("model_list: [\n", "gateway.yaml:"),
                         ("model_list: []\n", "no models available"),
                         (config(mock(), more="router_settings: 5\n"),
                          "router_settings")):
        gateway.write_config(broken)
        at = len(gateway.log_text())
        gateway.program.signal(signal.SIGHUP)
        wait_until(lambda: "the old configuration stays"
                   in gateway.log_text()[at:], 10, "the reload is refused")
        assert text in gateway.log_text()[at:]
        assert gateway.chat("small").text() == "Old."
    assert gateway.children() == children
    # A good one afterwards is taken.
    gateway.write_config(config(mock("small", "New.")))
    gateway.reload()
    assert gateway.chat("small").text() == "New."


def test_reload_under_load_fails_nobody(make_gateway, make_sim):
    from harness.load import Load
    sim = make_sim()
    text = config(deployment("small", sim.base_url))
    gateway = make_gateway(text, workers=2)
    with Load(gateway, "small", clients=6, rate=120) as load:
        for _ in range(3):
            done = load.done()
            wait_until(lambda: load.done() >= done + 40, 10, "load")
            gateway.reload()
    # A kept connection may be closed by a retiring worker just when the
    # client sends on it: nothing was taken then, the provider never saw it.
    served = {r["id"] for r in sim.log()}
    lost = [r for r in load.failed() if r.status or r.id in served]
    assert not lost, lost
    assert len(load.failed()) <= 3 * 6, load.failed()
    ids = [r.id for r in load.results if r.ok]
    wait_until(lambda: set(ids) <= {t["run_id"] for t in gateway.traces()},
               10, "all are on file")


def test_ctl_reload(make_gateway):
    gateway = make_gateway(config(mock("small", "Old.")))
    gateway.write_config(config(mock("small", "New.")))
    result = gateway.ctl("reload")
    assert result.status == 0, result
    gateway.await_log("generation 2 serves")
    assert gateway.chat("small").text() == "New."


def test_the_number_of_workers_and_prices_change(make_gateway, make_sim):
    sim = make_sim(prompt_tokens=10, completion_tokens=1)
    gateway = make_gateway(config(deployment("small", sim.base_url)))
    first = gateway.chat("small").header("x-tallygate-cost-usd")
    gateway.write_config(config(deployment(
        "small", sim.base_url,
        prices={"input_cost_per_token": "0.001",
                "output_cost_per_token": "0.001"})))
    gateway.reload()
    second = gateway.chat("small").header("x-tallygate-cost-usd")
    assert (first, second) == ("0.0000021", "0.011")
    versions = {t["attempts"][0]["price_version"]
                for t in gateway.await_traces(2)}
    assert len(versions) == 2, "each line says by which price it was charged"


def test_a_waiting_request_is_finished(make_gateway, make_provider):
    """A reload while a plain request waits upstream finishes that request."""
    release = threading.Event()

    def slow(request, talk):
        release.wait(10)
        answers.polite(request, talk)
    provider = make_provider(slow)
    gateway = make_gateway(config(deployment("small", provider.base_url)))
    got = []
    thread = threading.Thread(target=lambda: got.append(gateway.chat("small")))
    thread.start()
    provider.await_requests(1)
    gateway.write_config(config(mock("small", "New.")))
    gateway.reload()
    release.set()
    thread.join(20)
    assert got and got[0].status == 200 and got[0].text() == "Hello."


def test_a_storm_of_reloads_ends_in_the_last_file(make_gateway):
    gateway = make_gateway(config(mock("small", "Text 0.")), workers=2)
    for i in range(1, 9):
        gateway.write_config(config(mock("small", f"Text {i}.")))
        gateway.program.signal(signal.SIGHUP)
        assert gateway.chat("small").status == 200
    # The last ones may have come while one was under way: ask once more.
    wait_until(lambda: not old_workers(gateway), 10, "it is quiet")
    gateway.program.signal(signal.SIGHUP)
    wait_until(lambda: gateway.chat("small").text() == "Text 8.", 10,
               "the last file is in force")
    wait_until(lambda: not old_workers(gateway)
               and len(gateway.children("worker")) == 2, 10,
               "two workers are left")


def test_a_stop_during_a_reload(make_gateway):
    gateway = make_gateway(config(mock()), workers=3)
    gateway.program.signal(signal.SIGHUP)
    gateway.program.signal(signal.SIGTERM)
    gateway.stop(10)


def test_a_new_worker_that_is_killed_does_not_cost_the_service(make_gateway):
    """Killed while it starts, or right after: somebody always serves."""
    gateway = make_gateway(config(mock()), workers=2)
    for i in range(5):
        before = {c["pid"] for c in gateway.children()}
        gateway.program.signal(signal.SIGHUP)

        def fresh():
            return [pid for pid in children_of(gateway)
                    if pid not in before]
        pid = wait_until(fresh, 10, "a new child")[0]
        time.sleep(0.02 * i)    # at another moment of its start
        gateway.killed.add(pid)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        assert gateway.chat("small").status == 200
        wait_until(lambda: len([c for c in gateway.children("worker")
                                if c["state"] == "ready"]) == 2
                   and not old_workers(gateway)
                   and len(gateway.children("keeper")) == 1, 20,
                   lambda: f"two workers again: {gateway.supervisor()}")


def test_a_worker_that_goes_before_it_began_drops_nobody(make_gateway):
    """The others of a generation that is abandoned may have begun to serve
    without anybody having heard of it."""
    gateway = make_gateway(config(mock()), workers=2)
    one, other = two_new_workers_stopped(gateway)
    old = [c["pid"] for c in gateway.children("worker")
           if c["pid"] not in (one, other)]
    for pid in old:
        os.kill(pid, signal.SIGSTOP)
    at = len(gateway.log_text())
    gateway.killed.add(one)
    os.kill(one, signal.SIGKILL)
    wait_until(lambda: "the old generation stays" in gateway.log_text()[at:],
               10, "the new generation is abandoned")
    # It waits at the port when the one that is to go looks there first.
    connection = gateway.connect()
    connection.send(build("GET", "/health/liveliness", [], None))
    os.kill(other, signal.SIGCONT)
    wait_until(lambda: not is_alive(other), 10, "it has left")
    for pid in old:
        os.kill(pid, signal.SIGCONT)
    answer = connection.read("GET")
    assert answer.status == 200, answer.describe()
    connection.close()


def two_new_workers_stopped(gateway):
    """Two workers of a reload, stopped before they are ready."""
    for _ in range(20):
        before = set(children_of(gateway))
        gateway.program.signal(signal.SIGHUP)

        def fresh():
            found = [pid for pid in children_of(gateway)
                     if pid not in before and is_worker(pid)]
            for pid in found:
                os.kill(pid, signal.SIGSTOP)
            return len(found) == 2 and found
        generation = gateway.supervisor()["generation"]
        found = wait_until(fresh, 10, "two new workers", interval=0)
        if gateway.supervisor()["generation"] == generation:
            return found
        # Too late: they serve. Again.
        for pid in found:
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: not old_workers(gateway), 10, "it is quiet")
    raise AssertionError("the new workers are always faster")


def is_worker(pid):
    """By its command line: it has just begun."""
    try:
        line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"\0worker\0" in line


def children_of(gateway):
    """From the kernel: run/supervisor.json knows those that are ready."""
    pid = gateway.program.pid
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def test_mended_credentials_are_tried_at_once(make_gateway, make_provider):
    """401 opens the breaker for five minutes; a reload does not wait so long
    with the right key. What is open for another reason stays."""
    def handler(request, talk):
        if request.target.startswith("/down"):
            answers.send_json(talk, {"error": {"message": "down"}}, 500)
        elif request.header("authorization") == "Bearer sk-mended":
            answers.send_json(talk, answers.completion())
        else:
            answers.send_json(talk, {"error": {"message": "who?"}}, 401)
    provider = make_provider(handler)
    text = config(
        deployment("small", provider.base_url),
        deployment("down", provider.base_url + "/down", cooldown_time=300),
        deployment("down", provider.base_url + "/down", model="other",
                   cooldown_time=300),
        more="router_settings: {allowed_fails: 0, num_retries: 0}\n")
    gateway = make_gateway(text, workers=2)
    assert gateway.chat("small").status == 502
    gateway.chat("down")
    gateway.chat("down")
    for name in ("small", "down"):
        refused = gateway.chat(name)
        assert refused.status == 429 and b"breaker open" in refused.body
    gateway.write_config(text.replace("sk-upstream", "sk-mended"))
    gateway.reload()
    wait_until(lambda: gateway.chat("small").status == 200, 5,
               "the mended key is tried")
    assert gateway.chat("down").status == 429
