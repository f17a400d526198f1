"""One truth for all workers: limits that are never exceeded by one, counts that
survive the death of a worker, a breaker that is the host's."""

import concurrent.futures
import os
import signal
import threading
import time

import pytest

from configs import OTHER_PRICES, PRICES, config, deployment
from harness import answers
from harness.gateway import chat_body
from harness.load import Load
from harness.wait import wait_until
from test_caps import burst

CLIENTS = 500
FIT = 137


def ids(gateway):
    """The deployments' ids, in the order of the file."""
    return [m["deployment"] for m in gateway.ctl("models", "--json").json()]


def breaker(gateway, deployment_id):
    """tallyctl breaker list, one row."""
    result = gateway.ctl("breaker", "list", "--json")
    assert result.status == 0, result
    return {r["deployment"]: r for r in result.json()}[deployment_id]


def lasting(row):
    """What does not change with the mere passing of time."""
    return {k: v for k, v in row.items() if not k.endswith("last_minute")}


def served(sim):
    return len([r for r in sim.log() if r["status"] == 200])


# ---- limits ------------------------------------------------------------------


CHECKS = ("router_settings:\n"
          "  optional_pre_call_checks: [enforce_model_rate_limits]\n")


def test_exactly_rpm_requests_pass(make_gateway, make_sim):
    sim = make_sim()
    gateway = make_gateway(
        config(deployment("small", sim.base_url, rpm=FIT), more=CHECKS),
        workers=4)
    results = burst(gateway, [chat_body("small") for _ in range(CLIENTS)])
    passed = [r for r in results if r[0] == 200]
    refused = [r for r in results if r[0] == 429]
    assert len(passed) + len(refused) == CLIENTS, results[0]
    assert len(passed) == FIT
    assert b"no_deployments_available" in refused[0][1]
    gateway.await_traces(CLIENTS, 30)
    assert served(sim) == FIT


def test_parallel_requests_never_exceed_by_one(make_gateway, make_sim):
    most, now, lock = [0], [0], threading.Lock()
    sim = make_sim(latency_ms=30)
    gateway = make_gateway(
        config(deployment("small", sim.base_url, max_parallel_requests=7),
               more="router_settings: {num_retries: 0}\n"), workers=4)

    def watch(stop):
        while not stop.is_set():
            n = sim.control()["counters"]["in_flight"]
            with lock:
                most[0] = max(most[0], n)
    stop = threading.Event()
    watcher = threading.Thread(target=watch, args=(stop,))
    watcher.start()
    results = []
    for _ in range(4):
        results += burst(gateway, [chat_body("small") for _ in range(100)])
    stop.set()
    watcher.join()
    assert {r[0] for r in results} == {200, 429}
    assert 0 < most[0] <= 7, most
    assert len([r for r in results if r[0] == 200]) >= 7
    # All places are free again.
    assert gateway.chat("small").status == 200


def test_tokens_per_minute_are_not_exceeded(make_gateway, make_sim):
    """Each uses 25 tokens and holds its worst before; together they never use
    more than the limit."""
    sim = make_sim(prompt_tokens=5, completion_tokens=20)
    gateway = make_gateway(
        config(deployment("small", sim.base_url, tpm=20000), more=CHECKS),
        workers=4)
    burst(gateway, [chat_body("small", max_tokens=20) for _ in range(200)])
    gateway.await_traces(200, 30)
    used = sum(t["prompt_tokens"] + t["completion_tokens"]
               for t in gateway.traces())
    assert 0 < used <= 20000


def test_a_killed_worker_gives_its_places_back(make_gateway, make_sim):
    sim = make_sim(latency_ms=60000)
    gateway = make_gateway(
        config(deployment("small", sim.base_url, max_parallel_requests=3),
               more="router_settings: {num_retries: 0}\n"), workers=1)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(lambda: _quietly(gateway))
        wait_until(lambda: len(sim.last(10)) >= 3 or
                   sim.control()["counters"]["in_flight"] == 3, 10,
                   "three calls are under way")
        assert gateway.chat("small").status == 429
        pid = gateway.kill("worker")
        gateway.await_replaced("worker", pid)
    sim.set(latency_ms=0)
    wait_until(lambda: gateway.chat("small").status == 200, 10,
               "the keeper gives the dead worker's places back")


def _quietly(gateway):
    try:
        gateway.chat("small")
    except OSError:
        pass


# ---- the breaker -------------------------------------------------------------

ALLOWED = 3
COOLDOWN = 2


def two(first, second, *, more=""):
    return config(
        deployment("small", first.base_url, "m1", order=1),
        deployment("small", second.base_url, "m2", order=2),
        more=f"router_settings: {{allowed_fails: {ALLOWED}, "
             f"cooldown_time: {COOLDOWN}, num_retries: 1}}\n{more}")


def asked(sim):
    return len(sim.log())


@pytest.mark.parametrize("clients", [1, 8])
def test_a_dead_provider_is_asked_little_by_the_whole_host(
        make_gateway, make_sim, clients):
    first, second = make_sim("one", error_status=503), make_sim("two")
    gateway = make_gateway(two(first, second), workers=4)
    began = time.monotonic()
    with Load(gateway, "small", clients=clients, rate=400, duration=1.2) as load:
        load.join()
    assert not load.failed()
    lasted = time.monotonic() - began
    # allowed_fails + 1 open it; those under way then may come on top; and a
    # probe for each cooldown that has passed.
    assert asked(first) <= ALLOWED + clients + int(lasted / COOLDOWN), \
        asked(first)
    row = breaker(gateway, ids(gateway)[0])
    assert row["breaker"] == "open"
    # One probe per cooldown, host-wide, while it stays down.
    before, began = asked(first), time.monotonic()
    with Load(gateway, "small", clients=8, rate=200,
              duration=2.5 * COOLDOWN) as load:
        load.join()
    lasted = time.monotonic() - began
    probes = asked(first) - before
    assert 1 <= probes <= int(lasted / COOLDOWN) + 1, probes
    # Well again: back within one cooldown.
    first.reset()
    first.set(error_status=None)
    mended = time.monotonic()
    wait_until(lambda: (gateway.chat("small"),
                        breaker(gateway, ids(gateway)[0]))[1]["breaker"] ==
               "closed", COOLDOWN + 1, "the breaker closes")
    assert time.monotonic() - mended <= COOLDOWN + 1
    text = gateway.log_text()
    assert text.count("breaker closed: deployment " + ids(gateway)[0]) == 1


def test_the_breaker_survives_the_death_of_everything(make_gateway, make_sim):
    first, second = make_sim("one", error_status=503), make_sim("two")
    text = two(first, second).replace(f"cooldown_time: {COOLDOWN}",
                                      "cooldown_time: 60")
    gateway = make_gateway(text, workers=4)
    for _ in range(ALLOWED + 4):
        assert gateway.chat("small").status == 200
    first_id = ids(gateway)[0]
    before = breaker(gateway, first_id)
    assert before["breaker"] == "open"
    count = asked(first)
    for pid in gateway.processes():
        gateway.killed.add(pid)
        os.kill(pid, signal.SIGKILL)
    gateway.program.popen.wait()
    # Read with nobody running, the same.
    assert lasting(breaker(gateway, first_id)) == lasting(before)
    gateway.start()
    for _ in range(8):
        assert gateway.chat("small").header("x-tallygate-model") == "m2"
    assert asked(first) == count
    assert lasting(breaker(gateway, first_id)) == lasting(before)
    gateway.expected_exit = 0


def test_every_change_is_told_once(make_gateway, make_sim, make_provider):
    told = []

    def hook(request, talk):
        told.append(request.json())
        talk.send(b"HTTP/1.1 204 Yes\r\ncontent-length: 0\r\n\r\n")
    address = make_provider(hook).base_url
    first, second = make_sim("one", error_status=503), make_sim("two")
    gateway = make_gateway(two(
        first, second,
        more=f"tallygate:\n  webhooks: [{{url: '{address}/hook'}}]\n"),
        workers=3)
    first_id = ids(gateway)[0]
    for _ in range(ALLOWED + 3):
        gateway.chat("small")
    first.set(error_status=None)
    wait_until(lambda: (gateway.chat("small"),
                        breaker(gateway, first_id))[1]["breaker"] == "closed",
               COOLDOWN + 2, "the breaker closes")
    assert gateway.ctl("breaker", "trip", first_id, "1h").status == 0
    assert gateway.ctl("breaker", "trip", first_id, "2h").status == 0
    assert gateway.ctl("breaker", "reset", first_id).status == 0
    want = ["breaker_open", "breaker_half_open", "breaker_closed",
            "breaker_open", "breaker_closed"]
    wait_until(lambda: len(told) >= len(want), 10, lambda: f"{told}")
    time.sleep(1.5)
    told.sort(key=lambda t: t["time"])
    assert [t["event"] for t in told] == want
    assert [t["by"] for t in told] == ["gateway"] * 3 + ["hand"] * 2
    assert all(t["deployment"] == first_id and t["model"] == "small"
               for t in told)
    log = gateway.log_text()
    assert log.count("breaker open for") == 1
    assert log.count("breaker half-open: deployment") == 1
    assert log.count("breaker closed: deployment") == 1
    assert log.count("breaker_open by hand") == 1
    assert log.count("breaker_closed by hand") == 1


# ---- what it costs -----------------------------------------------------------


def median(values):
    return sorted(values)[len(values) // 2]


def test_failover_and_skip_cost_little(make_gateway, make_sim):
    """Over the attempts' own time, as the traces have it; printed, and held to
    bounds that a busy machine keeps too."""
    first, second = make_sim("one", error_status=503), make_sim("two")
    gateway = make_gateway(config(
        deployment("failover", first.base_url, "m1", order=1),
        deployment("failover", second.base_url, "m2", order=2),
        deployment("skip", first.base_url, "m3", order=1),
        deployment("skip", second.base_url, "m4", order=2),
        deployment("alone", second.base_url, "m5"),
        more="router_settings: {disable_cooldowns: true, num_retries: 1}\n"))
    assert gateway.ctl("breaker", "trip", ids(gateway)[2], "1h").status == 0
    rest = {"failover": [], "skip": [], "alone": []}
    for _ in range(300):
        for model in rest:
            assert gateway.chat(model).status == 200
    gateway.await_traces(900, 30)
    for trace in gateway.traces():
        spent = sum(a["latency_s"] for a in trace["attempts"])
        model = trace["requested_model"]
        assert len(trace["attempts"]) == (2 if model == "failover" else 1)
        rest[model].append(float(trace["latency_s"] - spent) * 1e6)
    cost = {model: median(values) for model, values in rest.items()}
    print("\nus beside the attempts' own time, medians of 300: "
          + ", ".join(f"{m} {us:.0f}" for m, us in cost.items()))
    assert cost["failover"] - cost["alone"] < 1000
    assert cost["skip"] - cost["alone"] < 200


def test_a_worker_that_dies_in_a_race_leaves_two_orphans(make_gateway,
                                                         make_provider):
    """Both holds of a hedged request are settled by the keeper, once."""
    asked = threading.Semaphore(0)

    def silent(_request, talk):
        answers.start_stream(talk)
        asked.release()
        talk.stays(30)
    one, two = make_provider(silent), make_provider(silent)
    gateway = make_gateway(config(
        deployment("small", one.base_url, "m", PRICES, order=1),
        deployment("small", two.base_url, "m", OTHER_PRICES, order=2),
        more="tallygate:\n  budgets: [{per: global, max_budget: 5}]\n"
             "  groups: {small: {hedge: {after: 100ms}}}\n"))
    stream = gateway.open_stream("small", max_tokens=100)
    assert asked.acquire(timeout=10) and asked.acquire(timeout=10)
    pid = gateway.kill("worker")
    gateway.await_replaced("worker", pid)
    lines = gateway.await_traces(2)
    assert {t["outcome"] for t in lines} == {"lost"}
    assert len({t["run_id"] for t in lines}) == 1
    assert {t["deployment"] for t in lines} == \
        {a["deployment"] for t in lines for a in t["attempts"]}
    stream.close()
    assert gateway.ctl("audit").status == 0


def test_a_hedge_by_percentile(make_gateway, make_sim):
    """Nobody hedges before enough is known; then what is later than 95 % of
    the answers is."""
    one, two = make_sim("one"), make_sim("two")
    gateway = make_gateway(config(
        deployment("small", one.base_url, "m1", PRICES, order=1),
        deployment("small", two.base_url, "m2", PRICES, order=2),
        more="tallygate:\n  groups: {small: {hedge: {after: p95}}}\n"))
    one.set(latency_ms=300)
    first = gateway.chat("small", headers={"x-request-id": "unknown"})
    assert first.header("x-tallygate-attempts") == "1", first.describe()
    one.set(latency_ms=20)
    for _ in range(60):
        assert gateway.chat("small").status == 200
    one.set(latency_ms=2000)
    late = gateway.chat("small", headers={"x-request-id": "late"})
    assert late.header("x-tallygate-model") == "m2", late.describe()
    assert [a["error"] for a in gateway.trace("late")["attempts"]] == \
        ["hedged", None]
