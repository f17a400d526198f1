"""The books against what the providers say they served, request by request."""

import json
import subprocess

import pytest

from configs import OTHER_PRICES, PRICES, config, deployment
from harness import books
from harness.client import build
from harness.gateway import chat_body
from harness.load import Load
from harness.wait import wait_until


def body(number):
    """A mix: sizes, streams, limits, two groups."""
    value = chat_body("small" if number % 3 else "other",
                      "word " * (number * 7 % 50 + 1))
    if number % 4 == 1:
        value["stream"] = True
    if number % 5 == 2:
        value["max_tokens"] = number % 11 + 1
    if number % 7 == 3:
        value["x_sim"] = {"cached_tokens": number % 9}
    if number % 6 == 4:
        value["user"] = f"user-{number % 3}"
    return value


def test_every_request_has_one_record_with_its_exact_price(
        make_gateway, make_sim):
    first, second = make_sim("one"), make_sim("two")
    prices = {"m1": PRICES, "m2": OTHER_PRICES}
    gateway = make_gateway(config(
        deployment("small", first.base_url, "m1", prices["m1"]),
        deployment("other", second.base_url, "m2", prices["m2"])), workers=3)
    with Load(gateway, "small", clients=8, rate=250, count=600,
              make=body) as load:
        load.join()
    assert not load.failed(), load.failed()
    lines = gateway.await_traces(600)
    served = first.log() + second.log()
    result = books.Reckoning(lines, served, prices)
    assert not result.problems, "\n".join(result.problems[:20])
    assert result.counted == 600 and not result.flagged
    # The header of a plain answer is the record's amount.
    costs = {t["run_id"]: t["cost_usd"] for t in lines}
    for r in load.results:
        if not r.stream:
            assert books.Decimal(r.cost) == costs[r.id], r
    # What the providers counted, priced as a whole, is the ledger's total.
    by_model, total = gateway.spend("model")
    for model, sim in (("m1", first), ("m2", second)):
        mine = [r for r in sim.log() if r["outcome"] == "served"]
        assert by_model[model]["requests"] == len(mine)
        for field in ("prompt_tokens", "completion_tokens", "cached_tokens"):
            assert by_model[model][field] == sum(r[field] for r in mine)
    assert total["cost_usd"] == books.total(lines)


def test_failures_and_retries_are_charged_once(make_gateway, make_sim):
    """A third of the first provider's answers fail; the second one stands
    in."""
    first = make_sim("one", error_status=500, error_rate=0.33)
    second = make_sim("two")
    prices = {"m1": PRICES, "m2": OTHER_PRICES}
    gateway = make_gateway(config(
        deployment("small", first.base_url, "m1", prices["m1"], order=1),
        deployment("small", second.base_url, "m2", prices["m2"], order=2),
        more="router_settings: {disable_cooldowns: true}\n"), workers=2)
    with Load(gateway, "small", clients=6, rate=200, count=300) as load:
        load.join()
    assert not load.failed(), load.failed()
    lines = gateway.await_traces(300)
    result = books.Reckoning(lines, first.log() + second.log(), prices)
    assert not result.problems, "\n".join(result.problems[:20])
    assert result.counted == 300
    retried = [t for t in lines if len(t["attempts"]) == 2]
    assert 40 < len(retried) < 200, len(retried)
    assert all(t["attempts"][0]["cost_usd"] == 0 for t in retried)
    rows, _ = gateway.spend("model")
    assert rows["m1"]["failures"] == len(retried)
    assert rows["m1"]["requests"] + rows["m2"]["requests"] == 300


def test_cuts_and_leaving_clients_are_flagged_and_counted(make_gateway,
                                                          make_sim):
    sim = make_sim(tokens_per_second=400, completion_tokens=40)
    gateway = make_gateway(config(deployment("small", sim.base_url)),
                           workers=2)
    for i in range(12):
        stream = gateway.open_stream("small",
                                     headers={"x-request-id": f"gone-{i}"})
        stream.events(2 + i % 4)
        stream.close()
    sim.set(cut_after_chunks=5)
    for i in range(6):
        answer = gateway.open_stream(
            "small", headers={"x-request-id": f"cut-{i}"}).rest()
        assert b"[DONE]" not in answer.body and b'"error"' in answer.body
    sim.set(cut_after_chunks=None)
    assert gateway.chat("small").status == 200
    lines = gateway.await_traces(19)
    outcomes = {t["run_id"].split("-")[0]: t["outcome"] for t in lines}
    assert outcomes["gone"] == "client_gone" and outcomes["cut"] == "cut"
    for t in lines:
        if t["outcome"] != "ok":
            assert t["cost_usd"] > 0 and t["usage_source"] == "estimated", t
    _, total = gateway.spend()
    assert total["estimated_usd"] == sum(
        t["cost_usd"] for t in lines if t["usage_source"] == "estimated")


def test_clients_that_left_are_booked_by_their_names(make_gateway, make_sim):
    """The body they sent is gone when the money is booked, and its memory
    with it."""
    sim = make_sim()
    # What is freed is overwritten at once.
    gateway = make_gateway(config(deployment("small", sim.base_url)),
                           env={"MALLOC_PERTURB_": "85"})
    request = build(
        "POST", "/v1/chat/completions",
        [("content-type", "application/json"), ("x-litellm-tags", "late")],
        json.dumps(chat_body("small", "word " * 20_000, user="u-that-left",
                             metadata={"tags": ["early"]})).encode())
    for _ in range(8):
        connections = [gateway.connect() for _ in range(25)]
        for connection in connections:
            connection.send(request)
        # Some answers are on their way, some are being booked.
        connections[0].read("POST")
        for connection in connections:
            connection.close()
    for line in gateway.await_traces(200):
        assert (line["user"], line["tags"]) == ("u-that-left",
                                                ["early", "late"])
    assert set(gateway.spend("user")[0]) == {"u-that-left"}
    assert set(gateway.spend("tag")[0]) == {"early", "late"}


def test_jq_and_the_ledger_agree(make_gateway, make_sim):
    """The one-liner of the README, with the tool people use."""
    sim = make_sim(prompt_tokens=1000, completion_tokens=10)
    gateway = make_gateway(config(deployment("small", sim.base_url)))
    with Load(gateway, "small", clients=4, rate=200, count=50) as load:
        load.join()
    gateway.await_traces(50)
    try:
        done = subprocess.run(
            ["jq", "-s", "[.[] | .cost_usd] | add", gateway.trace_file],
            capture_output=True, text=True, timeout=20)
    except FileNotFoundError:
        pytest.skip("jq is not installed")
    _, total = gateway.spend()
    assert abs(float(done.stdout) - float(total["cost_usd"])) < 1e-9


def test_spend_survives_a_restart(make_gateway, make_sim):
    sim = make_sim()
    gateway = make_gateway(config(deployment("small", sim.base_url)))
    for _ in range(20):
        assert gateway.chat("small").status == 200
    before = gateway.spend()
    gateway.stop()
    assert gateway.spend() == before
    gateway.start()
    assert gateway.spend() == before
    gateway.chat("small")
    wait_until(lambda: gateway.spend()[1]["requests"] == 21, 5, "the 21st")
