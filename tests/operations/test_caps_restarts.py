"""Hard caps under parallel load: exactly as many pass as fit."""

from decimal import Decimal

from configs import config, deployment
from harness import books
from harness.gateway import chat_body
from harness.load import Load
from harness.wait import wait_until

# Only the output costs: a request's worst price is its max_tokens.
ONE_PER_TOKEN = {"input_cost_per_token": "0",
                 "output_cost_per_token": "0.001"}


def capped(base_url, cap, on_exhaust="refuse"):
    return config(
        deployment("small", base_url, prices=ONE_PER_TOKEN),
        more="tallygate:\n  budgets:\n"
             f"    - {{per: global, max_budget: {cap}, budget_duration: 30d, "
             f"on_exhaust: {on_exhaust}}}\n"
             f"    - {{per: model, match: small, max_budget: {cap}, "
             f"on_exhaust: {on_exhaust}}}\n")


def one_token(number):
    value = chat_body("small", f"Question {number}", max_tokens=1)
    if number % 5 == 0:
        value["stream"] = True
    return value


def test_exactly_as_many_pass_as_fit(make_gateway, make_sim):
    """Over several workers, plain and streamed, none too many, none too
    few."""
    sim = make_sim(latency_ms=3, completion_tokens=1)
    gateway = make_gateway(capped(sim.base_url, "0.137"), workers=4)
    with Load(gateway, "small", clients=16, rate=1000, count=400,
              make=one_token) as load:
        load.join()
    passed = [r for r in load.results if r.ok]
    refused = [r for r in load.results if r.status == 429]
    assert len(passed) == 137, load.summary()
    assert len(passed) + len(refused) == 400, load.failed()[:5]
    assert gateway.spend()[1]["cost_usd"] == Decimal("0.137")
    served = [r for r in sim.log() if r["status"] == 200]
    assert len(served) == 137, "a refused request never goes upstream"
    outcomes = [t["outcome"] for t in gateway.await_traces(400)]
    assert outcomes.count("ok") == 137
    assert outcomes.count("refused") == 263


def test_the_cap_holds_while_workers_are_killed(make_gateway, make_sim):
    sim = make_sim(latency_ms=10, completion_tokens=1)
    gateway = make_gateway(capped(sim.base_url, "0.200"), workers=3)
    with Load(gateway, "small", clients=8, rate=150, make=one_token) as load:
        for slot in (0, 1, 2):
            done = load.done()
            wait_until(lambda: load.done() >= done + 50, 10, "load")
            assert gateway.spend()[1]["cost_usd"] <= Decimal("0.200")
            pid = gateway.kill("worker", slot)
            gateway.await_replaced("worker", pid, slot, timeout=20)
        wait_until(lambda: any(r.status == 429 for r in load.results), 20,
                   "the cap is reached")
    spent = gateway.spend()[1]["cost_usd"]
    assert spent <= Decimal("0.200"), spent
    # What died on the way had nothing to pay for but its prompt, which is
    # free here: the rest of the cap was usable.
    assert spent >= Decimal("0.190"), spent
    wait_until(lambda: {r.id for r in load.results if r.ok}
               <= set(books.run_ids(gateway.traces())), 10, "all on file")


def test_spend_counts_on_after_a_restart(make_gateway, make_sim):
    sim = make_sim(completion_tokens=1)
    gateway = make_gateway(capped(sim.base_url, "0.010"))
    for _ in range(6):
        assert gateway.request("POST", "/v1/chat/completions",
                               one_token(1)).status == 200
    gateway.stop()
    gateway.start()
    statuses = [gateway.request("POST", "/v1/chat/completions",
                                one_token(1)).status for _ in range(6)]
    assert statuses == [200] * 4 + [429] * 2


def test_a_new_budget_of_the_configuration_counts_what_was_spent(
        make_gateway, make_sim):
    """It comes with a reload; a restart does not make it new."""
    sim = make_sim(completion_tokens=1)
    entry = deployment("small", sim.base_url, prices=ONE_PER_TOKEN)
    gateway = make_gateway(config(entry), workers=2)

    def ask():
        return gateway.request("POST", "/v1/chat/completions",
                               one_token(1)).status
    assert [ask() for _ in range(6)] == [200] * 6
    gateway.write_config(capped(sim.base_url, "0.008"))
    gateway.reload()
    assert [ask() for _ in range(3)] == [200, 200, 429]
    rows = gateway.ctl("budget", "list", "--json").json()["budgets"]
    assert [(r["spent_usd"], r["carried_usd"]) for r in rows] == \
        [(Decimal("0.008"), Decimal("0.006"))] * 2
    gateway.stop()
    gateway.write_config(capped(sim.base_url, "0.009"))
    gateway.start()
    assert [ask() for _ in range(2)] == [200, 429]
    assert gateway.ctl("audit").status == 0
