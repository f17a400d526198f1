"""Load while every role is killed again and again; then the books.

25 seconds in check-operations, 300 in check-long (--duration)."""

import os
import random
import signal
import time

from configs import OTHER_PRICES, PRICES, config, deployment
from harness import books
from harness.load import Load
from harness.process import is_alive
from harness.wait import TooLate, wait_until
from test_money import body

ROLES = ("worker", "logger", "worker", "keeper", "worker", "logger",
         "supervisor")
RATE = 60
CLIENTS = 6


def strike(gateway, role, rng):
    """Kills one process of the role; what it was, or None when it is just
    being replaced."""
    if role == "supervisor":
        pids = [c["pid"] for c in gateway.children()]
        gateway.kill("supervisor")
        gateway.program.wait(5)
        if rng.random() < 0.5:
            # All at once: nobody is left to finish anything.
            for pid in pids:
                gateway.killed.add(pid)
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        gateway.await_gone(pids, 30)
        gateway.start()
        return "supervisor"
    ready = [c for c in gateway.children(role) if c["state"] == "ready"
             and is_alive(c["pid"])]
    if not ready:
        return None
    victim = rng.choice(ready)
    gateway.killed.add(victim["pid"])
    try:
        os.kill(victim["pid"], signal.SIGKILL)
    except ProcessLookupError:
        return None
    return role


def test_every_role_is_killed_under_load(make_gateway, make_sim, duration):
    seed = int(os.environ.get("TALLYGATE_TEST_SEED", time.time()))
    print(f"seed {seed}: set TALLYGATE_TEST_SEED to play it again")
    rng = random.Random(seed)
    sims = [make_sim("one", latency_ms=5),
            make_sim("two", tokens_per_second=2000)]
    prices = {"m1": PRICES, "m2": OTHER_PRICES}
    gateway = make_gateway(config(
        deployment("small", sims[0].base_url, "m1", prices["m1"]),
        deployment("other", sims[1].base_url, "m2", prices["m2"])),
        workers=3)
    ends = time.monotonic() + duration
    killed = {}
    with Load(gateway, "small", clients=CLIENTS, rate=RATE, make=body) as load:
        turn = 0
        while time.monotonic() < ends:
            done = load.done()
            try:
                wait_until(lambda: load.done() >= done + 25, 20, "")
            except TooLate:
                raise AssertionError(
                    f"requests stopped after {killed}: {load.summary()}"
                ) from None
            role = strike(gateway, ROLES[turn % len(ROLES)], rng)
            turn += 1
            if role is not None:
                killed[role] = killed.get(role, 0) + 1
    print(f"killed: {killed}; {load.summary()}")
    assert set(killed) == {"worker", "logger", "keeper", "supervisor"}, killed
    settle(gateway, load)
    served = [r for sim in sims for r in sim.log()]
    result = books.Reckoning(gateway.traces(), served, prices)
    print(result.summary())
    for line in result.flagged:
        print(f"flagged {line['outcome']}: {line['run_id']} "
              f"{line['cost_usd']} USD")
    assert not result.problems, "\n".join(result.problems[:20])
    ok = [r for r in load.results if r.ok]
    assert len(ok) > len(load.results) * 0.5, load.summary()
    # Only what was under way when somebody died may be flagged.
    deaths = sum(killed.values())
    assert len(result.flagged) <= deaths * CLIENTS, result.summary()
    agree(gateway, result, served, prices)


def settle(gateway, load):
    """Everybody lives again and every answer is on file."""
    wait_until(lambda: len([c for c in gateway.children()
                            if c["state"] == "ready"]) == 5, 70,
               "all children are ready again")
    ids = {r.id for r in load.results if r.ok}
    wait_until(lambda: ids <= set(books.run_ids(gateway.traces())), 20,
               lambda: "answers that are not on file: "
               f"{sorted(ids - set(books.run_ids(gateway.traces())))[:10]}")


def agree(gateway, result, served, prices):
    """spend = the traces' sum = what the simulators count, but for what is
    flagged."""
    lines = gateway.traces()
    _, total = gateway.spend("model")
    assert total["cost_usd"] == books.total(lines)
    flagged = {t["run_id"] for t in result.flagged}
    by_provider = sum(
        (books.cost(prices[r["model"]], r) for r in served
         if r["outcome"] == "served" and r["status"] == 200
         and r["id"] not in flagged), books.Decimal(0))
    assert total["cost_usd"] - books.total(result.flagged) == by_provider
