"""Hard caps: exactly as many as fit, over processes that run in parallel and
die at any moment; and what each kind of ending is charged.

20 seconds of killing in check-operations, 60 in check-long (--duration)."""

import asyncio
import json
import os
import random
import signal
import threading
import time
from decimal import Decimal

import pytest

from configs import config, deployment
from harness import books
from harness.answers import DONE, delta_chunk, event, role_chunk, start_stream
from harness.gateway import chat_body
from harness.load import Load
from harness.process import is_alive
from harness.wait import wait_until

# One nano-dollar a token in, ten out: amounts are easy to follow.
PRICE = {"input_cost_per_token": "0.000000001",
         "output_cost_per_token": "0.00000001"}
NANO = Decimal("0.000000001")
CLIENTS = 1000
FIT = 137


def tallygate(*budgets, more=""):
    lines = ["tallygate:", more, "  budgets:"] if more \
        else ["tallygate:", "  budgets:"]
    return "\n".join(lines + [f"    - {{{b}}}" for b in budgets]) + "\n"


def usd(nanos):
    return format(Decimal(nanos) * NANO, "f")


def budgets(gateway):
    """{(scope, id): row} of tallyctl budget list."""
    result = gateway.ctl("budget", "list", "--json")
    assert result.status == 0, result
    return {(b["scope"], b["id"]): b for b in result.json()["budgets"]}


def in_cap(row):
    return row["spent_usd"] + row["held_usd"] <= row["max_budget_usd"]


def nanos(amount):
    return int(Decimal(amount) / NANO)


# ---- many clients at once ----------------------------------------------------


async def one(address, body, results, gate):
    payload = json.dumps(body).encode()
    head = (b"POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\n"
            b"content-type: application/json\r\nconnection: close\r\n"
            b"content-length: " + str(len(payload)).encode() + b"\r\n\r\n")
    reader, writer = await asyncio.open_connection(*address)
    await gate.wait()
    writer.write(head + payload)
    answer = await reader.read()
    writer.close()
    results.append((int(answer.split(b" ", 2)[1]), answer))


def burst(gateway, bodies):
    """All at the same moment; [(status, answer)]."""
    async def run():
        results, gate = [], asyncio.Event()
        tasks = [asyncio.ensure_future(one(gateway.address, b, results, gate))
                 for b in bodies]
        await asyncio.sleep(0.5)
        gate.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 60)
        return results
    return asyncio.run(run())


def worst_of_one(make_gateway_started, body):
    """The price that is held for this body: the trace's held_usd."""
    answer = make_gateway_started.request("POST", "/v1/chat/completions", body,
                                          {"x-request-id": "probe"})
    assert answer.status == 200, answer.describe()
    trace = make_gateway_started.trace("probe")
    return trace["attempts"][0]["held_usd"], trace["cost_usd"]


def fixed_body(**more):
    return chat_body("small", "The same for all of them.", max_tokens=20,
                     **more)


def held_price(tmp_sim, make):
    """The worst price of fixed_body, asked of a gateway with a large cap."""
    gateway = make(config(deployment("small", tmp_sim.base_url, "m", PRICE),
                          more=tallygate("per: global, max_budget: 1000")))
    held, _ = worst_of_one(gateway, fixed_body())
    gateway.stop()
    return nanos(held)


@pytest.fixture
def exact_sim(make_sim):
    """A simulator whose answers cost exactly what is held: the prompt's
    bound (which the test tells it) and all of max_tokens."""
    return make_sim(completion_tokens=20)


def prompt_bound(held):
    return held - 20 * 10


@pytest.mark.parametrize("scopes", [
    ("per: global",),
    ("per: key", "per: global", "per: provider, match: openai"),
], ids=["one cap", "three caps"])
def test_exactly_as_many_pass_as_fit(make_gateway, exact_sim, tmp_path,
                                     scopes):
    held = held_price(exact_sim, make_gateway)
    exact_sim.set(prompt_tokens=prompt_bound(held))
    cap = usd(held * FIT + held - 1)
    # A roomy one in front of them changes nothing.
    room = ["per: model, match: small, max_budget: 100"]
    room += [f"{s}, max_budget: {cap}, on_exhaust: refuse" for s in scopes]
    gateway = make_gateway(
        config(deployment("small", exact_sim.base_url, "m", PRICE),
               more=tallygate(*room)), workers=4, state=tmp_path / "s")
    results = burst(gateway, [fixed_body() for _ in range(CLIENTS)])
    passed = [r for r in results if r[0] == 200]
    refused = [r for r in results if r[0] == 429]
    assert len(passed) + len(refused) == CLIENTS, results[0]
    assert len(passed) == FIT
    assert b"budget_exceeded" in refused[0][1]
    assert b"x-should-retry: false" in refused[0][1].lower()
    gateway.await_traces(CLIENTS, 30)
    for row in budgets(gateway).values():
        assert row["spent_usd"] == held * FIT * NANO, row
        assert row["held_usd"] == 0, row
    assert len([r for r in exact_sim.log() if r["status"] == 200]) == FIT + 1


def test_a_cap_is_used_up_and_never_passed(make_gateway, make_sim):
    """Answers of any length below the worst; all of the room is usable, and
    no sample of the books is above the cap."""
    sim = make_sim(latency_ms=3)
    cap = 400_000
    gateway = make_gateway(
        config(deployment("small", sim.base_url, "m", PRICE),
               more=tallygate(f"per: global, max_budget: {usd(cap)}")),
        workers=4)
    rng = random.Random(1)

    def make(number):
        return chat_body("small", "word " * rng.randint(1, 40),
                         max_tokens=rng.randint(20, 60),
                         x_sim={"completion_tokens": rng.randint(1, 20)})
    samples = []
    with Load(gateway, "small", clients=16, rate=900, count=3000,
              make=make) as load:
        while load.done() < 2900 and len(samples) < 400:
            samples.append(budgets(gateway)[("global", None)])
            time.sleep(0.02)
        load.join()
    assert all(in_cap(s) for s in samples)
    assert {r.status for r in load.results} == {200, 429}
    last = budgets(gateway)[("global", None)]
    assert last["held_usd"] == 0 and in_cap(last)
    assert last["spent_usd"] > cap * NANO * Decimal("0.9"), last
    gateway.await_traces(3000, 30)
    assert last["spent_usd"] == books.total(gateway.traces())


# ---- processes that die ------------------------------------------------------


class Killer(threading.Thread):
    """Kills a worker every 200 ms and the logger every second."""

    def __init__(self, gateway):
        super().__init__(daemon=True)
        self.gateway, self.over = gateway, threading.Event()
        self.rng, self.deaths = random.Random(2), 0

    def run(self):
        turn = 0
        while not self.over.wait(0.2):
            turn += 1
            self.strike("worker")
            if turn % 5 == 0:
                self.strike("logger")

    def strike(self, role):
        ready = [c for c in self.gateway.children(role)
                 if c["state"] == "ready" and is_alive(c["pid"])]
        if role == "worker" and len(ready) < 2:
            return
        if not ready:
            return
        pid = self.rng.choice(ready)["pid"]
        self.gateway.killed.add(pid)
        try:
            os.kill(pid, signal.SIGKILL)
            self.deaths += 1
        except ProcessLookupError:
            pass

    def stop(self):
        self.over.set()
        self.join()


def test_no_sample_is_above_the_cap_while_processes_die(make_gateway, make_sim,
                                                        duration):
    sim = make_sim(latency_ms=5, tokens_per_second=3000)
    cap = 3_000_000
    gateway = make_gateway(
        config(deployment("small", sim.base_url, "m", PRICE),
               more=tallygate(
                   f"per: global, max_budget: {usd(cap)}",
                   f"per: provider, match: openai, max_budget: {usd(cap)}")),
        workers=4)
    rng = random.Random(3)

    def make(number):
        body = chat_body("small", "word " * rng.randint(1, 30),
                         max_tokens=rng.randint(20, 60))
        if number % 3 == 0:
            body["stream"] = True
        return body
    ends = time.monotonic() + min(duration * 0.8, 60)
    killer, samples = Killer(gateway), 0
    killer.start()
    with Load(gateway, "small", clients=8, rate=120, make=make) as load:
        while time.monotonic() < ends:
            for row in budgets(gateway).values():
                assert in_cap(row), row
            samples += 1
            time.sleep(0.03)
        killer.stop()
    assert killer.deaths > 5, killer.deaths
    wait_until(lambda: all(r["held_usd"] == 0
                           for r in budgets(gateway).values()), 30,
               lambda: f"holds of the dead are settled: {budgets(gateway)}")
    ids = {r.id for r in load.results if r.ok}
    wait_until(lambda: ids <= set(books.run_ids(gateway.traces())), 30,
               "every answer is on file")
    lines = gateway.traces()
    spent = books.total(lines)
    for row in budgets(gateway).values():
        assert row["spent_usd"] == spent and in_cap(row), row
    lost = [t for t in lines if t["outcome"] == "lost"]
    assert lost and all(t["orphan"] for t in lost)
    agree_but_for_the_flagged(spent, lines, sim.log())
    audit = gateway.ctl("audit", timeout=60)
    assert audit.status == 0 and audit.out.endswith("balanced\n"), audit
    print(audit.out)
    print(f"{killer.deaths} deaths, {len(lost)} orphans, {samples} samples, "
          f"{len(ids)} of {len(load.results)} answered, {spent} USD")


def agree_but_for_the_flagged(spent, lines, served):
    """Request by request, and as a sum: what is spent is what the provider
    served, but for what the traces flag, which is listed."""
    prices = {"m": PRICE}
    result = books.Reckoning(lines, served, prices)
    assert not result.problems, "\n".join(result.problems[:20])
    for line in result.flagged:
        print(f"flagged {line['outcome']}: {line['run_id']} "
              f"{line['cost_usd']} USD")
    flagged = {line["run_id"] for line in result.flagged}
    by_provider = sum((books.cost(prices["m"], r) for r in served
                       if r["outcome"] == "served" and r["status"] == 200
                       and r["id"] not in flagged), Decimal(0))
    assert spent - books.total(result.flagged) == by_provider
    print(f"{result.summary()}; {by_provider} USD agree, "
          f"{books.total(result.flagged)} USD are flagged")


def test_an_orphaned_stream_is_charged_for_what_it_delivered(make_gateway,
                                                             make_sim):
    sim = make_sim(tokens_per_second=20, completion_tokens=200)
    gateway = make_gateway(
        config(deployment("small", sim.base_url, "m", PRICE),
               more=tallygate("per: global, max_budget: 1")))
    stream = gateway.open_stream("small", max_tokens=300,
                                 headers={"x-request-id": "orphan"})
    stream.events(60)     # three seconds: one note at least
    gateway.kill("worker")
    stream.rest()
    trace = gateway.trace("orphan")
    assert trace["outcome"] == "lost" and trace["orphan"] is True
    assert 20 <= trace["completion_tokens"] <= 70, trace
    wait_until(lambda: budgets(gateway)[("global", None)]["held_usd"] == 0, 5,
               "nothing is held")
    assert budgets(gateway)[("global", None)]["spent_usd"] == trace["cost_usd"]


# ---- caps that are changed while it runs -------------------------------------


def test_a_budget_set_by_hand_counts_at_once_for_all_workers(make_gateway,
                                                             make_sim):
    sim = make_sim()
    gateway = make_gateway(
        config(deployment("small", sim.base_url, "m", PRICE),
               more=tallygate("per: global, max_budget: 1, budget_duration: 1d",
                              "per: key, max_budget: 1")), workers=3)
    statuses = lambda: {gateway.chat("small").status for _ in range(12)}
    assert statuses() == {200}
    assert gateway.ctl("budget", "set", "global", "0").status == 0
    assert statuses() == {429}
    row = budgets(gateway)[("global", None)]
    assert row["by_hand"] and row["max_budget_usd"] == 0
    assert row["overrun"] and row["window"] == "1d"
    gateway.stop()
    # It works with the gateway stopped, and stands over a restart.
    assert gateway.ctl("budget", "set", "key:anonymous", "0").status == 0
    assert gateway.ctl("budget", "unset", "global").status == 0
    gateway.start()
    assert statuses() == {429}
    assert gateway.ctl("budget", "set", "key:anonymous", "5").status == 0
    assert statuses() == {200}
    assert budgets(gateway)[("key", "anonymous")]["max_budget_usd"] == 5
    assert gateway.ctl("budget", "unset", "key:anonymous").status == 0
    assert gateway.ctl("budget", "unset", "key:anonymous").status == 1
    for wrong in (["planet", "1"], ["global", "much"], ["global:x", "1"],
                  ["key:anonymous", "1", "--duration", "soon"], ["global"]):
        assert gateway.ctl("budget", "set", *wrong).status == 2, wrong


# ---- alerts ------------------------------------------------------------------


def test_alerts_go_out_once_and_signed(make_gateway, make_sim, make_provider,
                                       clock):
    import hashlib
    import hmac
    told, refuse = [], [2]

    def hook(request, talk):
        sign = request.header("x-tallygate-signature")
        want = hmac.new(b"shared", request.body, hashlib.sha256).hexdigest()
        if refuse[0] > 0:
            refuse[0] -= 1
            status = "500 No"
        else:
            assert sign == f"sha256={want}", sign
            told.append(request.json())
            status = "204 Yes"
        talk.send(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode())
    address = make_provider(hook).base_url
    sim = make_sim(prompt_tokens=100, completion_tokens=20)
    gateway = make_gateway(
        config(deployment("small", sim.base_url, "m", PRICE),
               more=tallygate(
                   "per: global, max_budget: 0.000003, budget_duration: 1h",
                   more=f"  webhooks: [{{url: '{address}/hook', "
                        "secret: shared}]")), workers=3, clock=clock)
    for _ in range(30):
        gateway.chat("small", max_tokens=20)
    wait_until(lambda: len(told) >= 2, 20, lambda: f"two alerts: {told}")
    clock.advance(3600)
    wait_until(lambda: len(told) >= 3, 20, lambda: f"three alerts: {told}")
    time.sleep(1.5)
    assert sorted(t["event"] for t in told) == [
        "budget_exhausted", "budget_reset", "budget_soft"]
    assert all(t["scope"] == "global" for t in told)
    assert gateway.log_text().count("alert budget_soft") == 1
    assert gateway.log_text().count("alert budget_exhausted") == 1
    assert gateway.log_text().count("alert budget_reset") == 1
    assert "shared" not in gateway.log_text()


# ---- endings -----------------------------------------------------------------


def last_trace(gateway, run_id):
    trace = gateway.trace(run_id)
    assert trace["cost_usd"] <= trace["attempts"][0]["held_usd"] or \
        trace.get("overrun"), trace
    return trace


def capped(base_url):
    return config(deployment("small", base_url, "m", PRICE),
                  more=tallygate("per: global, max_budget: 1"))


def test_streams_are_charged_for_what_was_delivered(make_gateway, make_sim):
    sim = make_sim(tokens_per_second=200, completion_tokens=40)
    gateway = make_gateway(capped(sim.base_url))
    # The client leaves after k chunks.
    stream = gateway.open_stream("small", max_tokens=60,
                                 headers={"x-request-id": "gone"})
    stream.events(11)
    stream.close()
    gone = last_trace(gateway, "gone")
    assert gone["outcome"] == "client_gone"
    assert gone["usage_source"] == "estimated" and gone["prompt_tokens"] > 0
    assert 10 <= gone["completion_tokens"] <= 25, gone
    # The upstream is cut after k chunks.
    sim.set(cut_after_chunks=9)
    gateway.open_stream("small", max_tokens=60,
                        headers={"x-request-id": "cut"}).rest()
    cut = last_trace(gateway, "cut")
    assert cut["outcome"] == "cut" and cut["usage_source"] == "estimated"
    assert 8 <= cut["completion_tokens"] <= 12, cut
    # No usage at all.
    sim.reset()
    sim.set(no_usage=True)
    gateway.open_stream("small", max_tokens=60,
                        headers={"x-request-id": "none"}).rest()
    none = last_trace(gateway, "none")
    assert none["outcome"] == "ok" and none["usage_source"] == "estimated"
    assert 40 <= none["completion_tokens"] <= 60, none
    # An honest provider is not ended early, and its own count is charged.
    sim.reset()
    gateway.open_stream("small", max_tokens=12,
                        headers={"x-request-id": "honest"}).rest()
    honest = last_trace(gateway, "honest")
    assert honest["usage_source"] == "provider"
    assert honest["completion_tokens"] == 12
    spent = sum((t["cost_usd"] for t in (gone, cut, none, honest)), Decimal(0))
    assert budgets(gateway)[("global", None)]["spent_usd"] == spent


def test_a_stream_that_ignores_max_tokens_is_ended(make_gateway, make_sim):
    sim = make_sim(tokens_per_second=500, completion_tokens=400,
                   ignore_max_tokens=True)
    gateway = make_gateway(capped(sim.base_url))
    answer = gateway.open_stream("small", max_tokens=15,
                                 headers={"x-request-id": "over"}).rest()
    assert answer.complete and answer.events[-1].is_done
    finish = [c["finish_reason"] for e in answer.events[:-1]
              for c in e.json()["choices"] if c["finish_reason"]]
    assert finish == ["length"]
    assert len(answer.text().split()) <= 15
    trace = last_trace(gateway, "over")
    assert trace["outcome"] == "ok" and "overrun" not in trace.record
    assert trace["completion_tokens"] <= 15
    assert trace["cost_usd"] <= trace["attempts"][0]["held_usd"]
    wait_until(lambda: sim.log(), 5, "the provider sees that we left")
    assert sim.log()[-1]["outcome"] != "served"


def test_a_stream_of_few_large_chunks_is_ended_too(make_gateway,
                                                   make_provider):
    def handler(_request, talk):
        start_stream(talk)
        talk.chunk(event(role_chunk()))
        for _ in range(400):
            talk.chunk(event(delta_chunk("many tokens in one delta " * 40)))
            time.sleep(0.005)
        talk.chunk(DONE)
        talk.last_chunk()
    provider = make_provider(handler)
    gateway = make_gateway(capped(provider.base_url))
    answer = gateway.open_stream("small", max_tokens=100,
                                 headers={"x-request-id": "packed"}).rest()
    assert answer.complete and answer.events[-1].is_done
    trace = last_trace(gateway, "packed")
    assert trace["completion_tokens"] <= 100
    assert len(answer.text()) < 100 * 8 + 256 + 1000


def test_a_plain_answer_that_outran_its_hold_is_charged_and_flagged(
        make_gateway, make_sim):
    sim = make_sim(completion_tokens=5000, ignore_max_tokens=True)
    gateway = make_gateway(config(
        deployment("small", sim.base_url, "m", PRICE),
        deployment("free", sim.base_url, "f", {k: "0" for k in PRICE}),
        more=tallygate("per: global, max_budget: 0.000002")))
    gateway.chat("small", max_tokens=5, headers={"x-request-id": "plain"})
    trace = gateway.trace("plain")
    assert trace["overrun"] is True
    assert trace["completion_tokens"] == 5000
    assert trace["cost_usd"] > trace["attempts"][0]["held_usd"]
    assert "overrun" in gateway.ctl("trace").out
    row = budgets(gateway)[("global", None)]
    assert row["spent_usd"] == trace["cost_usd"] and row["room_usd"] < 0
    assert row["overrun"] is True
    assert gateway.chat("small", max_tokens=5).status == 429
    assert gateway.chat("free").status == 200     # costs nothing, needs no room


def test_limits_that_never_reach_the_provider_bound_nothing(make_gateway,
                                                            make_sim):
    """A client cannot make the hold small and the answer large."""
    sim = make_sim(completion_tokens=3000)
    gateway = make_gateway(
        config(deployment("small", sim.base_url, "m",
                          PRICE, extra_body="{max_tokens: 900}"),
               deployment("plain", sim.base_url, "m", PRICE),
               more=tallygate("per: global, max_budget: 1")))
    gateway.chat("small", max_tokens=1, headers={"x-request-id": "extra"})
    trace = gateway.trace("extra")
    assert trace["completion_tokens"] == 900 and "overrun" not in trace.record
    # Two names for the limit: the provider may read either.
    gateway.chat("plain", max_completion_tokens=1, max_tokens=800,
                 headers={"x-request-id": "two"})
    assert gateway.trace("two")["attempts"][0]["held_usd"] >= 8000 * NANO
    # Dropped on the way, and the model's own maximum is not known.
    answer = gateway.chat("plain", max_tokens=1,
                          additional_drop_params=["max_tokens"])
    assert answer.status == 400, answer.describe()
    # Larger than any number: held as such, lowered, not wrapped around.
    answer = gateway.chat("plain", max_tokens=2**63 - 1, n=2,
                          headers={"x-request-id": "huge"})
    assert answer.header("x-tallygate-max-tokens"), answer.describe()
    assert "overrun" not in gateway.trace("huge").record


def test_a_record_that_would_be_too_long_is_settled_in_fewer_words(
        make_gateway, make_sim):
    """Sixteen attempts under eight budgets with names that grow in JSON."""
    sim = make_sim(error_status=500)
    gateway = make_gateway(config(
        *[deployment("small", sim.base_url, f"m{i}", PRICE)
          for i in range(16)],
        more="router_settings: {num_retries: 15}\n"
        + tallygate("per: tag, max_budget: 1",
                    more="  limits: {max_attempts: 16}")))
    tags = [chr(1 + i) * 200 for i in range(8)]
    answer = gateway.chat("small", metadata={"tags": tags},
                          headers={"x-request-id": "long"})
    assert answer.status == 500, answer.describe()
    trace = gateway.trace("long")
    assert len(trace["attempts"]) == 16 and trace["outcome"] == "failed"
    assert all(b["held_usd"] == 0 for b in budgets(gateway).values())


# ---- windows -----------------------------------------------------------------

# The clocks go forward in Paris on 2027-03-28 at 01:00 UTC: that day has 23
# hours and ends at 22:00 UTC, the day before ended at 23:00.
SHORT_DAY_ENDS = 1806271200     # 2027-03-28T22:00:00Z


def test_a_day_ends_at_local_midnight_also_when_the_clocks_change(
        make_gateway, make_sim, clock):
    sim = make_sim(prompt_tokens=500, completion_tokens=20)
    clock.advance(SHORT_DAY_ENDS - 22 * 3600 - clock.now())
    gateway = make_gateway(
        config(deployment("small", sim.base_url, "m", PRICE),
               more="litellm_settings: {timezone: Europe/Paris}\n"
               + tallygate("per: global, max_budget: 0.000001, "
                           "budget_duration: 1d, on_exhaust: refuse")),
        clock=clock)

    def ask():
        return gateway.chat("small", max_tokens=20)

    def window():
        row = budgets(gateway)[("global", None)]
        return row["window_start"], row["resets_at"], row["spent_usd"]
    assert ask().status == 200
    assert ask().status == 429
    first = ("2027-03-27T23:00:00.000000Z", "2027-03-28T22:00:00.000000Z",
             Decimal("0.0000007"))
    assert window() == first
    # Ten seconds before its end, over a restart.
    gateway.stop()
    gateway.start()
    clock.advance(SHORT_DAY_ENDS - 10 - clock.now())
    answer = ask()
    assert answer.status == 429 and window() == first
    assert 1 <= int(answer.header("retry-after")) <= 10
    # A stream that began in the old window settles there.
    sim.set(tokens_per_second=10)
    assert gateway.ctl("budget", "set", "global", "0.00001").status == 0
    stream = gateway.open_stream("small", max_tokens=20)
    stream.events(2)
    clock.advance(SHORT_DAY_ENDS - clock.now() + 0.01)
    sim.reset()
    assert stream.rest().complete
    assert window() == ("2027-03-28T22:00:00.000000Z",
                        "2027-03-29T22:00:00.000000Z", 0)
    assert ask().status == 200
    assert window()[2] == Decimal("0.0000007")
