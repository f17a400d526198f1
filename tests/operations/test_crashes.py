"""kill -9 of each role under load: the others go on, nothing is lost, nothing
is counted twice."""

import signal
import threading
import time

from configs import PRICES, config, deployment
from harness import books
from harness.load import Load
from harness.process import is_alive
from harness.wait import seconds, wait_until
from test_start_stop import held_stream

CLIENTS = 6


def reckon(gateway, sims, prices=None):
    """Every served request has one right record; the flagged ones."""
    served = [r for sim in sims for r in sim.log()]
    result = books.Reckoning(gateway.traces(), served,
                             prices or {"m": PRICES})
    assert not result.problems, "\n".join(result.problems[:20])
    return result


def await_on_file(gateway, load, timeout=10):
    """Every answer that a client has seen whole is on file."""
    ids = {r.id for r in load.results if r.ok}

    def missing():
        return ids - {t["run_id"] for t in gateway.traces()}
    wait_until(lambda: not missing(), timeout,
               lambda: f"{len(missing())} answers are not on file: "
                       f"{sorted(missing())[:5]}")


def test_a_worker(make_gateway, make_sim):
    sim = make_sim(latency_ms=20)
    gateway = make_gateway(config(deployment("small", sim.base_url)),
                           workers=2)
    kills = 3
    with Load(gateway, "small", clients=CLIENTS, rate=100) as load:
        for _ in range(kills):
            done = load.done()
            wait_until(lambda: load.done() >= done + 60, 10, "load")
            pid = gateway.kill("worker", 0)
            # The other one serves meanwhile.
            done = load.done()
            wait_until(lambda: load.done() >= done + 20, 5, "requests go on")
            gateway.await_replaced("worker", pid, 0, timeout=20)
    # What it had open is broken off, no more.
    assert len(load.failed()) <= kills * CLIENTS, load.failed()
    assert all(r.status == 0 or r.stream for r in load.failed()), \
        load.failed()
    await_on_file(gateway, load)
    result = reckon(gateway, [sim])
    lost = [t for t in result.flagged if t["outcome"] == "lost"]
    assert len(lost) <= kills * CLIENTS
    assert not books.doubles(books.run_ids(gateway.traces()))


def test_an_orphan_is_settled_once_within_2_seconds(make_gateway,
                                                    make_provider):
    release = threading.Event()
    provider = make_provider(held_stream(release))
    gateway = make_gateway(config(deployment("small", provider.base_url)))
    stream = gateway.open_stream("small", headers={"x-request-id": "orphan"},
                                 max_tokens=50, user="u-9")
    stream.events(2)
    begun = time.monotonic()
    pid = gateway.kill("worker", 0)
    record = gateway.trace("orphan", timeout=2)
    assert time.monotonic() - begun < seconds(2)
    assert record["outcome"] == "lost"
    assert record["model"] == "m" and record["user"] == "u-9"
    assert record["stream"] is True
    # The prompt is charged by its bound, as an estimate; the output is not.
    assert record["cost_usd"] > 0 and record["usage_source"] == "estimated"
    rows, total = gateway.spend("deployment")
    assert total["cost_usd"] == record["cost_usd"] == total["estimated_usd"]
    answer = stream.rest()
    assert not answer.complete
    provider.await_requests(1)
    wait_until(lambda: provider.open_connections() == 0, 5,
               "the provider is not left talking to nobody")
    release.set()
    gateway.await_replaced("worker", pid, 0)
    # Not again when the keeper is another one.
    keeper = gateway.kill("keeper")
    gateway.await_replaced("keeper", keeper)
    assert gateway.spend("model")[1]["cost_usd"] == record["cost_usd"]
    assert len(gateway.traces()) == 1


def test_an_orphan_without_a_keeper_waits_for_it(make_gateway, make_provider):
    release = threading.Event()
    provider = make_provider(held_stream(release))
    gateway = make_gateway(config(deployment("small", provider.base_url)),
                           workers=2)
    stream = gateway.open_stream("small", headers={"x-request-id": "orphan"})
    stream.events(2)
    keeper = gateway.kill("keeper")
    slots = [c["slot"] for c in gateway.children("worker")]
    for slot in slots:
        gateway.kill("worker", slot)
    gateway.await_replaced("keeper", keeper)
    assert gateway.trace("orphan")["outcome"] == "lost"
    assert not stream.rest().complete
    release.set()


def kill_under_load(gateway, role, times):
    """Kills it again and again; no request fails, every line is on file."""
    with Load(gateway, "small", clients=CLIENTS, rate=150) as load:
        for _ in range(times):
            done = load.done()
            wait_until(lambda: load.done() >= done + 60, 10, "load")
            pid = gateway.kill(role)
            gateway.await_replaced(role, pid, timeout=20)
    assert not load.failed(), load.failed()
    await_on_file(gateway, load)
    return load


def test_the_logger(make_gateway, make_sim):
    """No line lost, none twice, no request fails, the chain is whole."""
    sim = make_sim()
    gateway = make_gateway(config(deployment("small", sim.base_url)),
                           workers=2)
    load = kill_under_load(gateway, "logger", times=4)
    ids = [r.id for r in load.results]
    assert sorted(books.run_ids(gateway.traces())) == sorted(ids)
    result = reckon(gateway, [sim])
    assert result.counted == len(ids) and not result.flagged


def test_a_logger_killed_with_records_in_its_socket(make_gateway, make_sim):
    """What was sent to it and not written is sent again to the next one."""
    sim = make_sim()
    gateway = make_gateway(config(deployment("small", sim.base_url)),
                           workers=2)
    ids = []
    for turn in range(3):
        gateway.kill("logger", signo=signal.SIGSTOP)
        with Load(gateway, "small", clients=4, rate=300, count=60,
                  prefix=f"turn-{turn}") as load:
            load.join()
        assert not load.failed(), load.failed()
        ids += [r.id for r in load.results]
        pid = gateway.kill("logger")
        gateway.await_replaced("logger", pid, timeout=20)
        await_on_file(gateway, load)
    assert sorted(books.run_ids(gateway.traces())) == sorted(ids)
    assert not reckon(gateway, [sim]).flagged


def test_a_stopped_logger_holds_nobody_up(make_gateway, make_sim):
    """SIGSTOP: it is alive and does nothing. Records wait in the store."""
    sim = make_sim()
    gateway = make_gateway(config(deployment("small", sim.base_url)))
    pid = gateway.kill("logger", signo=signal.SIGSTOP)
    with Load(gateway, "small", clients=4, rate=150, count=200) as load:
        load.join()
    assert not load.failed(), load.failed()
    assert len(gateway.traces()) < 200
    gateway.kill("logger", signo=signal.SIGCONT)
    await_on_file(gateway, load)
    assert is_alive(pid), "a stop of a second is no reason to be killed"
    assert reckon(gateway, [sim]).counted == 200


def test_the_keeper(make_gateway, make_sim):
    sim = make_sim()
    gateway = make_gateway(config(deployment("small", sim.base_url)),
                           workers=2)
    kill_under_load(gateway, "keeper", times=3)
    assert not reckon(gateway, [sim]).flagged


def test_the_supervisor(make_gateway, make_sim):
    """Its children finish what they have and leave; the next start works and
    the books balance."""
    sim = make_sim(latency_ms=10)
    gateway = make_gateway(config(deployment("small", sim.base_url)),
                           workers=2)
    with Load(gateway, "small", clients=CLIENTS, rate=100) as load:
        wait_until(lambda: load.done() >= 80, 10, "load")
        children = [c["pid"] for c in gateway.children()]
        gateway.kill("supervisor")
        gateway.program.wait(5)
        gateway.await_gone(children, 15)
        gateway.start()
        done = load.done()
        wait_until(lambda: load.done() >= done + 80, 20, "load after it")
    await_on_file(gateway, load)
    result = reckon(gateway, [sim])
    # Those under way were finished, not lost.
    assert not [t for t in result.flagged if t["outcome"] == "lost"]


def test_a_worker_that_hangs_is_replaced(make_gateway, make_sim):
    """Stopped, not dead: the other one serves; after the stall deadline it is
    killed and what it had is settled."""
    sim = make_sim()
    gateway = make_gateway(config(deployment("small", sim.base_url)),
                           workers=2)
    pid = gateway.kill("worker", 0, signal.SIGSTOP)
    for _ in range(10):
        assert gateway.request("GET", "/health/liveliness",
                               timeout=2).status == 200
    gateway.await_log("has said nothing for", timeout=25)
    gateway.await_replaced("worker", pid, 0, timeout=20)
    assert gateway.chat("small").status == 200
