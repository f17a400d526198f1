"""tallyctl on a running and on a stopped gateway."""

import json
import subprocess
from decimal import Decimal

import pytest

from configs import config, deployment, mock
from harness import match, paths
from harness.process import environment
from harness.wait import seconds, wait_until

COMMANDS = (("status",), ("spend",), ("spend", "--by", "provider"),
            ("health",), ("models",), ("trace", "-n", "3"),
            ("explain", "small"), ("breaker", "list"))


@pytest.mark.parametrize("running", [True, False],
                         ids=["running", "stopped"])
def test_commands_answer(make_gateway, make_sim, running):
    sim = make_sim()
    gateway = make_gateway(config(deployment("small", sim.base_url)))
    for _ in range(3):
        assert gateway.chat("small").status == 200
    gateway.await_traces(3)
    if not running:
        gateway.stop()
    for command in COMMANDS:
        people = gateway.ctl(*command)
        assert people.status == 0 and people.out.strip(), people
        assert not people.err, people
        machine = gateway.ctl(*command, "--json")
        assert machine.status == 0, machine
        if command[0] != "trace":
            machine.json()
        else:
            assert [match.load(line) for line in machine.out.splitlines()]
    assert gateway.ctl("trace", "-n", "2", "--json").out.count("\n") == 2


def test_mistakes_are_one_clear_line_and_exit_2(make_gateway, directory):
    gateway = make_gateway(config(mock()))
    for args, text in ((("--state", directory / "none", "status"), "none"),
                       (("--state", directory / "none", "spend"), "none"),
                       (("spned",), "spend"), (("spend", "--by", "x"), "x"),
                       (("spend", "--since", "yesteryear"), "yesteryear"),
                       (("status", "extra"), "extra"),
                       (("explain",), "explain"),
                       (("breaker", "trip"), "breaker trip")):
        result = gateway.ctl(*args)
        assert result.status == 2, result
        assert text in result.err and not result.out, result
        assert len(result.err.strip().splitlines()) == 1, result


def test_what_changes_something_answers_programs_too(make_gateway):
    gateway = make_gateway(config(mock()))
    deployment_id = gateway.ctl("health", "--json").json()[0]["deployment"]
    told = gateway.ctl("budget", "set", "global", "0.50", "--json").json()
    assert told == {"scope": "global", "id": None, "window": None,
                    "max_budget_usd": Decimal("0.5")}
    told = gateway.ctl("budget", "unset", "global", "--json").json()
    assert told["max_budget_usd"] is None
    told = gateway.ctl("breaker", "trip", deployment_id, "--json").json()
    assert told == {"deployment": deployment_id, "breaker": "open"}
    told = gateway.ctl("breaker", "reset", deployment_id, "--json").json()
    assert told == {"deployment": deployment_id, "breaker": "closed"}
    assert gateway.ctl("reload", "--json").json() == {"asked": True}
    gateway.await_log("generation 2 serves")


def test_help_for_one_command_and_for_a_group(make_gateway):
    gateway = make_gateway(config(mock()))
    for args in (("budget", "set", "--help"), ("help", "budget", "set"),
                 ("budget", "set", "global", "5", "-h")):
        result = gateway.ctl(*args)
        assert result.status == 0 and not result.err, result
        assert "budget set SCOPE" in result.out, result
        assert "budget list" not in result.out, result
    for args in (("budget", "--help"), ("help", "budget")):
        result = gateway.ctl(*args)
        assert result.status == 0 and "budget list" in result.out, result
        assert "budget set" in result.out and "key list" not in result.out
    assert gateway.ctl("budget", "list").out.startswith("no budgets")
    for args, text in ((("budget",), "budget list, budget set, budget unset"),
                       (("team", "member"), "team member add"),
                       (("tag", "crate", "x"), "did you mean 'tag create'"),
                       (("help", "bugdet"), "unknown command"),
                       (("budget", "set"), "usage: tallyctl budget set")):
        result = gateway.ctl(*args)
        assert result.status == 2 and text in result.err, result


def test_a_cap_by_hand_finds_its_key(make_gateway):
    """A key is counted by its hash; an alias, or the key, is looked up. One
    that is not there would cap nobody: refused."""
    gateway = make_gateway(config(mock(), more="general_settings: "
                                  "{master_key: sk-master}\n"))
    made = gateway.ctl("key", "create", "--alias", "anna", "--json").json()
    for name in ("anna", made["key"], made["token"]):
        result = gateway.ctl("budget", "set", f"key:{name}", "0")
        assert result.status == 0, result
        shown = gateway.ctl("budget", "list").out
        assert f"anna ({made['token'][:12]}...)" in shown, shown
        assert [(b["id"], b["alias"]) for b in gateway.ctl(
            "budget", "list", "--json").json()["budgets"]] == \
            [(made["token"], "anna")]
        assert made["token"] in result.out and made["key"] not in result.out
        answer = gateway.chat("small", headers={
            "authorization": f"Bearer {made['key']}"})
        assert answer.status == 429, answer.describe()
        assert gateway.ctl("budget", "unset", f"key:{name}").status == 0
    for name in ("nobody", "sk-nobody"):
        result = gateway.ctl("budget", "set", f"key:{name}", "0")
        assert result.status == 1 and "no such key" in result.err, result
        assert "sk-nobody" not in result.err
    gateway.ctl("budget", "set", "key:anna", "1")
    gateway.ctl("key", "delete", "anna")
    assert gateway.ctl("budget", "unset",
                       f"key:{made['token']}").status == 0
    result = gateway.ctl("key", "show", "nobody")
    assert result.status == 1 and "nobody" in result.err, result


def test_money_reads_as_money(make_gateway):
    gateway = make_gateway(config(mock()))
    made = gateway.ctl("team", "create", "t", "--spend", "0.00001305")
    assert made.status == 0 and "0.00001305" in made.out, made
    assert "e-05" not in gateway.ctl("team", "show", "t").out


def test_status_tells_what_runs(make_gateway):
    gateway = make_gateway(config(mock()), workers=2)
    facts = gateway.ctl("status", "--json").json()
    text = json.dumps(facts, default=str)
    assert str(gateway.program.pid) in text
    for child in gateway.children():
        assert str(child["pid"]) in text, (child, text)
    gateway.stop()
    result = gateway.ctl("status")
    assert result.status == 0 and "not running" in result.out, result
    assert gateway.ctl("status", "--json").json()["running"] is False


def test_trace_follows(make_gateway):
    gateway = make_gateway(config(mock()))
    gateway.chat("small", headers={"x-request-id": "before"})
    gateway.await_traces(1)
    out = gateway.directory / "followed"
    with open(out, "wb") as file:
        follower = subprocess.Popen(
            [paths.program("tallyctl"), "--state", gateway.state, "trace",
             "-f", "--json"], stdout=file, stderr=file,
            env=environment(gateway.env))
    try:
        wait_until(lambda: b"before" in out.read_bytes(), 5, "the last line")
        gateway.chat("small", headers={"x-request-id": "after"})
        wait_until(lambda: b"after" in out.read_bytes(), 5, "the new line")
        # A rotation does not lose it.
        gateway.trace_file.rename(gateway.trace_file.with_suffix(".jsonl.1"))
        gateway.program.signal(10)
        gateway.await_log("reopened")
        gateway.chat("small", headers={"x-request-id": "rotated"})
        wait_until(lambda: b"rotated" in out.read_bytes(), 5,
                   "a line of the new file")
    finally:
        follower.terminate()
        follower.wait(seconds(5))


def test_breaker_by_hand_is_seen_by_all_workers(make_gateway, make_sim):
    first, second = make_sim("one"), make_sim("two")
    gateway = make_gateway(config(
        deployment("small", first.base_url, "m1", order=1),
        deployment("small", second.base_url, "m2", order=2)), workers=3)
    row = gateway.ctl("explain", "small", "--json").json()
    text = json.dumps(row, default=str)
    ids = [d["id"] for d in gateway.ctl("models", "--json").json()
           and deployments(gateway)]
    assert len(ids) == 2 and all(i in text for i in ids)
    assert gateway.chat("small").header("x-tallygate-model") == "m1"
    assert gateway.ctl("breaker", "trip", ids[0], "1h").status == 0
    for _ in range(12):
        assert gateway.chat("small").header("x-tallygate-model") == "m2"
    assert gateway.ctl("breaker", "reset", ids[0]).status == 0
    for _ in range(6):
        assert gateway.chat("small").status == 200
    assert gateway.ctl("breaker", "trip", "nobody").status != 0


def deployments(gateway):
    """[{id, ...}] in the order of the file."""
    data = gateway.request("GET", "/model/info").json()["data"]
    return [d["model_info"] for d in data]


def test_health_counts(make_gateway, make_sim):
    sim = make_sim(error_status=500)
    gateway = make_gateway(config(
        deployment("small", sim.base_url), mock("good"),
        more="router_settings: {num_retries: 0}\n"))
    for _ in range(2):
        assert gateway.chat("small").status == 500
    assert gateway.chat("good").status == 200
    text = gateway.ctl("health").out
    assert "mock-good" in text or "good" in text
    facts = gateway.ctl("health", "--json").out
    assert '"failures":2' in facts.replace(" ", ""), facts
