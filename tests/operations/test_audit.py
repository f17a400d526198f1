"""tallyctl audit, snapshot and recover: the books prove themselves, and what
is broken in them is named."""

import hashlib
import json
import os
import shutil
import signal
import time

import pytest

from configs import OTHER_PRICES, PRICES, config, deployment, mock
from harness.load import Load
from harness.wait import wait_until
from test_money import body

BUDGETS = """tallygate:
  budgets:
    - {per: global, max_budget: 1000, budget_duration: 30d}
    - {per: user, max_budget: 500, budget_duration: 1d}
    - {per: key, max_budget: 900}
    - {per: model, max_budget: 800, budget_duration: 1h}
"""
DIMENSIONS = ("day", "model", "group", "provider", "deployment", "key", "user")


def audit(gateway, *args, status=0):
    """The answer of tallyctl audit, which ends with this status."""
    result = gateway.ctl("audit", *args, "--json", timeout=60)
    assert result.status == status, result
    answer = result.json()
    assert answer["balanced"] == (status == 0)
    return answer


def kinds(answer):
    return {d["kind"] for d in answer["differences"]}


def totals(gateway):
    return {by: gateway.spend(by) for by in DIMENSIONS}


def two_models(make_gateway, make_sim, **options):
    one = make_sim("one", latency_ms=5)
    two = make_sim("two", tokens_per_second=3000)
    return make_gateway(config(
        deployment("small", one.base_url, "m1", PRICES),
        deployment("other", two.base_url, "m2", OTHER_PRICES), more=BUDGETS),
        workers=3, **options)


def filled(make_gateway, count=12, more=BUDGETS):
    """A stopped gateway with some lines."""
    gateway = make_gateway(config(mock(), more=more))
    for i in range(count):
        gateway.chat("small", "x" * (i + 1), user=f"u{i % 3}")
    gateway.await_traces(count)
    gateway.stop()
    return gateway


# ---- balanced ---------------------------------------------------------------


def test_balanced_under_load_and_kills(make_gateway, make_sim):
    gateway = two_models(make_gateway, make_sim)
    roles = ["worker", "logger", "keeper", "worker", "logger"]
    with Load(gateway, "small", clients=6, rate=150, make=body) as load:
        for role in roles:
            done = load.done()
            wait_until(lambda: load.done() >= done + 60, 20, "load")
            # While requests are under way ...
            answer = audit(gateway)
            assert answer["attempts"] >= answer["charges"] > 0
            assert answer["sums"] > 5 and answer["windows"] >= 3
            pid = gateway.kill(role)
            # ... and right after a death.
            audit(gateway)
            gateway.await_replaced(role, pid, timeout=20)
    # All at once: what they left is told, and settled at the next start.
    with Load(gateway, "small", clients=6, rate=150, make=body) as load:
        wait_until(lambda: load.done() >= 30, 10, "load")
        pids = [gateway.program.pid] + [c["pid"] for c in gateway.children()]
        for pid in pids:
            gateway.killed.add(pid)
            os.kill(pid, signal.SIGKILL)
    gateway.program.wait(5)
    gateway.await_gone(pids)
    answer = audit(gateway)
    assert answer["dead_holds"] == answer["holds"]
    gateway.start()
    wait_until(lambda: audit(gateway)["holds"] == 0, 10, "orphans are settled")
    gateway.chat("small")
    gateway.stop()
    answer = audit(gateway)
    assert answer["holds"] == answer["waiting"] == answer["later"] == 0
    assert answer["lines"] == len(gateway.traces())
    assert answer["cost_usd"] == gateway.spend("model")[1]["cost_usd"]
    assert gateway.ctl("audit").out.endswith("balanced\n")


def test_records_that_wait_for_the_logger_are_counted(make_gateway):
    gateway = make_gateway(config(mock(), more=BUDGETS))
    gateway.chat("small")
    gateway.await_traces(1)
    gateway.kill("logger", signo=signal.SIGSTOP)
    for _ in range(5):
        assert gateway.chat("small").status == 200
    answer = audit(gateway)
    assert (answer["lines"], answer["waiting"]) == (1, 5)
    gateway.kill("logger", signo=signal.SIGCONT)
    gateway.await_traces(6)
    assert audit(gateway)["cost_usd"] == answer["cost_usd"]


# ---- broken -----------------------------------------------------------------


def lines_of(gateway):
    return gateway.trace_file.read_text("utf-8").splitlines()


def write_lines(gateway, lines):
    gateway.trace_file.write_text("".join(x + "\n" for x in lines), "utf-8")


def forge(lines, first):
    """Makes the chain anew from a line on, as one would who knows how."""
    for i in range(first, len(lines)):
        head = lines[i][:lines[i].rindex(',"prev":"')]
        prev = lines[i - 1][-66:-2] if i else ""
        covered = f'{head},"prev":"{prev}"'
        digest = hashlib.sha256(covered.encode()).hexdigest()
        lines[i] = f'{covered},"hash":"{digest}"}}'


def change_a_byte(lines):
    lines[4] = lines[4].replace('"user":"u1"', '"user":"u9"')


def drop_a_line(lines):
    del lines[5]


def drop_the_last(lines):
    del lines[-1]


def double_a_line(lines):
    lines.insert(5, lines[4])


def swap_two(lines):
    lines[4], lines[5] = lines[5], lines[4]


def cheapen(lines):
    at = lines[3].rindex('"cost_usd":')
    end = lines[3].index(",", at)
    lines[3] = lines[3][:at] + '"cost_usd":0.000000001' + lines[3][end:]
    forge(lines, 3)


def use_fewer_tokens(lines):
    lines[3] = lines[3].replace('"prompt_tokens":', '"prompt_tokens":1')
    forge(lines, 3)


def forge_a_drop(lines):
    del lines[5]
    forge(lines, 5)


def garble(lines):
    lines[6] = lines[6][:100]


@pytest.mark.parametrize("change, expected", [
    (change_a_byte, {"hash"}),
    (drop_a_line, {"chain", "sequence"}),
    (drop_the_last, {"rollup", "spent"}),
    (double_a_line, {"chain", "sequence", "rollup", "spent"}),
    (swap_two, {"chain", "sequence"}),
    (cheapen, {"charge", "cost", "rollup"}),
    (use_fewer_tokens, {"charge", "rollup"}),
    (forge_a_drop, {"sequence", "rollup", "spent"}),
    (garble, {"line"}),
])
def test_what_was_changed_is_named(make_gateway, change, expected):
    gateway = filled(make_gateway)
    audit(gateway)
    lines = lines_of(gateway)
    change(lines)
    write_lines(gateway, lines)
    answer = audit(gateway, status=1)
    assert expected <= kinds(answer), answer["differences"]
    for d in answer["differences"]:
        assert d["found"] != d["right"], d
    text = gateway.ctl("audit")
    assert text.status == 1 and "balanced" not in text.out
    # And nothing is built on it.
    if kinds(answer) & {"hash", "chain", "sequence", "line"}:
        result = gateway.ctl("recover")
        assert result.status == 1 and "not whole" in result.err, result


# ---- recover ----------------------------------------------------------------


def lose_live(gateway):
    shutil.rmtree(gateway.state / "store" / "live")


def windows(gateway):
    """What is left of each budget: the same before and after."""
    answer = audit(gateway)
    return answer["windows"], answer["windows_not_compared"]


def test_recover_from_nothing(make_gateway, make_sim):
    gateway = two_models(make_gateway, make_sim)
    with Load(gateway, "small", clients=6, rate=200, count=200,
              make=body) as load:
        wait_until(lambda: load.done() >= 60, 20, "load")
        gateway.await_replaced("worker", gateway.kill("worker"), timeout=20)
        load.join()
    wait_until(lambda: audit(gateway)["holds"] == 0, 10, "orphans are settled")
    gateway.stop()
    before, open_windows = totals(gateway), windows(gateway)
    lose_live(gateway)
    result = gateway.ctl("recover")
    assert result.status == 0, result
    assert totals(gateway) == before
    assert windows(gateway) == open_windows
    # It goes on from there.
    gateway.start()
    assert gateway.chat("small").status == 200
    gateway.stop()
    assert audit(gateway)["lines"] == len(gateway.traces())


def test_recover_from_a_snapshot_with_files_removed(make_gateway):
    gateway = make_gateway(config(mock(), more=BUDGETS + (
        "  traces: {rotate_bytes: 64K, keep: 2}\n")))
    gateway.complete_chain = False
    with Load(gateway, "small", clients=4, rate=2000, count=150) as load:
        load.join()
    gateway.await_traces(1)
    snapshot = gateway.ctl("snapshot")
    assert snapshot.status == 0, snapshot
    assert snapshot.out.startswith(str(gateway.state / "snapshots"))
    with Load(gateway, "small", clients=4, rate=2000, count=60,
              prefix="later") as load:
        load.join()
    gateway.stop()
    # The first file is gone: sums from before cannot be proven, and it says
    # from when on they can.
    answer = audit(gateway)
    assert answer["compared"] and answer["since"] is not None
    assert answer["windows_not_compared"] >= 3
    before = totals(gateway)
    assert before["day"][1]["requests"] == 210
    lose_live(gateway)
    result = gateway.ctl("recover", "--json")
    assert result.status == 0, result
    facts = result.json()
    assert facts["snapshot"] == snapshot.out.strip()
    assert facts["booked"] >= 60
    assert totals(gateway) == before
    audit(gateway)
    # Without the snapshot it is not done in silence.
    shutil.rmtree(gateway.state / "snapshots")
    lose_live(gateway)
    result = gateway.ctl("recover")
    assert result.status == 1 and "--partial" in result.err, result
    result = gateway.ctl("recover", "--partial")
    assert result.status == 0, result
    audit(gateway)


def test_after_a_checkpoint_sums_are_compared_again(make_gateway, clock):
    gateway = make_gateway(config(mock(), more=BUDGETS + (
        "  traces: {rotate_bytes: 64K, keep: 1}\n")), clock=clock)
    gateway.complete_chain = False
    with Load(gateway, "small", clients=4, rate=2000, count=150) as load:
        load.join()
    wait_until(lambda: gateway.trace_file.with_name(
        "traces.jsonl.checkpoint").exists(), 10, "a file was removed")
    clock.advance(2 * 3600)
    for _ in range(3):
        gateway.chat("small")
    wait_until(lambda: audit(gateway)["waiting"] == 0, 10, "all on file")
    answer = audit(gateway)
    assert answer["compared"] and answer["sums"] >= 5
    assert answer["windows"] >= 1 and answer["windows_not_compared"] >= 2
    gateway.stop()
    write_lines(gateway, lines_of(gateway)[:-1])
    assert {"rollup", "spent"} <= kinds(audit(gateway, status=1))
    # Without the checkpoint it compares nothing, and says so.
    gateway.trace_file.with_name("traces.jsonl.checkpoint").unlink()
    assert not audit(gateway)["compared"]


def beside(gateway, suffix):
    return gateway.trace_file.with_name(f"traces.jsonl.{suffix}")


def test_a_checkpoint_is_signed(make_gateway):
    gateway = make_gateway(config(mock(), more=BUDGETS + (
        "  traces: {rotate_bytes: 64K, keep: 1}\n")))
    gateway.complete_chain = False
    with Load(gateway, "small", clients=4, rate=2000, count=150) as load:
        load.join()
    wait_until(beside(gateway, "checkpoint").exists, 10, "a file was removed")
    gateway.stop()
    assert audit(gateway)["checkpoint"] == "signed"
    assert beside(gateway, "key").stat().st_mode & 0o777 == 0o600
    text = beside(gateway, "checkpoint").read_text()
    noted = json.loads(text)
    # Another moment under the same signature.
    forged = dict(noted, until="2020-01-01T00:00:00Z")
    beside(gateway, "checkpoint").write_text(json.dumps(forged))
    answer = audit(gateway, status=1)
    assert "forged" in kinds(answer) and not answer["balanced"]
    # Signed anew, by whoever could write here: the auditor's own copy of the
    # public key tells.
    beside(gateway, "checkpoint").write_text(text)
    copy = gateway.directory / "kept-elsewhere.pub"
    copy.write_text(beside(gateway, "pub").read_text())
    assert gateway.ctl("audit", "--public-key", copy).status == 0
    copy.write_text("ab" * 32 + "\n")
    result = gateway.ctl("audit", "--public-key", copy)
    assert result.status == 1 and "forged" in result.out, result
    # And one that is not signed says when nothing.
    del noted["signature"]
    beside(gateway, "checkpoint").write_text(json.dumps(noted))
    answer = audit(gateway)
    assert answer["checkpoint"] == "not signed" and not answer["compared"]


def test_what_was_under_way_in_a_snapshot_is_settled_once(make_gateway,
                                                          make_sim):
    sim = make_sim(latency_ms=400)
    gateway = make_gateway(config(deployment("small", sim.base_url),
                                  more=BUDGETS))
    with Load(gateway, "small", clients=4, rate=1000, count=4) as load:
        wait_until(lambda: audit(gateway)["holds"] == 4, 5, "four holds")
        assert gateway.ctl("snapshot", gateway.directory / "s").status == 0
        load.join()
    gateway.stop()
    before = totals(gateway)
    result = gateway.ctl("recover", "--from", gateway.directory / "s",
                         "--json")
    assert result.status == 0, result
    assert result.json()["holds_released"] == 4
    assert result.json()["holds_left"] == 0
    assert totals(gateway) == before
    assert audit(gateway)["holds"] == 0
    # Lost with the machine, on the other hand: the keeper charges by rule.
    write_lines(gateway, [])
    (gateway.state / "traces.jsonl.state").unlink()
    result = gateway.ctl("recover", "--from", gateway.directory / "s",
                         "--json")
    assert result.status == 0 and result.json()["holds_left"] == 4, result
    gateway.start()
    wait_until(lambda: len(gateway.traces()) == 4, 10, "four orphans")
    assert {t["outcome"] for t in gateway.traces()} == {"lost"}
    gateway.stop()
    answer = audit(gateway, "--list")
    assert answer["by_rule"] == 4
    assert [f["why"] for f in answer["flagged"]] == ["lost"] * 4
    assert {f["run_id"] for f in answer["flagged"]} \
        == {t["run_id"] for t in gateway.traces()}
    assert sum(f["cost_usd"] for f in answer["flagged"]) \
        == answer["by_rule_usd"]


def test_recover_leaves_a_running_gateway_alone(make_gateway):
    gateway = make_gateway(config(mock(), more=BUDGETS))
    gateway.chat("small")
    gateway.await_traces(1)
    result = gateway.ctl("recover")
    assert result.status == 1 and "a gateway runs" in result.err, result
    audit(gateway)


def test_a_damaged_store_says_what_to_run(make_gateway):
    gateway = filled(make_gateway)
    before = totals(gateway)
    (gateway.state / "store" / "live" / "data.mdb").write_bytes(
        os.urandom(64 * 1024))
    gateway.launch()
    command = f"tallyctl --state {gateway.state} recover"
    gateway.await_log(command, timeout=15)
    gateway.program.signal(signal.SIGTERM)
    gateway.program.wait(20)
    result = gateway.ctl("recover")
    assert result.status == 0, result
    assert totals(gateway) == before
    audit(gateway)
    gateway.start()
    assert gateway.chat("small").status == 200


# ---- the command line -------------------------------------------------------


@pytest.mark.parametrize("args", [("audit", "--since", "never"),
                                  ("audit", "--sinc", "1h"),
                                  ("snapshot", "a", "b"),
                                  ("recover", "--frm", "x")])
def test_wrong_words_are_refused(make_gateway, args):
    gateway = filled(make_gateway, 1)
    result = gateway.ctl(*args)
    assert result.status == 2 and "usage: tallyctl" in result.err, result


def test_no_state_directory(make_gateway):
    gateway = filled(make_gateway, 1)
    gateway.state = gateway.directory / "nowhere"
    for command in ("audit", "snapshot", "recover"):
        result = gateway.ctl(command)
        assert result.status == 2, result
    assert not gateway.state.exists()


def test_since_compares_what_came_later(make_gateway, clock):
    gateway = make_gateway(config(mock(), more=BUDGETS), clock=clock)
    gateway.chat("small", "yesterday")
    gateway.await_traces(1)
    clock.advance(86400)
    gateway.chat("small", "today")
    gateway.await_traces(2)
    answer = audit(gateway, "--since", "2h")
    assert answer["since"] is not None and answer["lines"] == 2
    assert answer["sums"] < audit(gateway)["sums"]


# ---- durability: power ------------------------------------------------------

POWER = "tallygate:\n  store: {durability: power}\n"


def test_power_an_answer_that_ended_is_on_file(make_gateway, make_sim):
    sim = make_sim()
    gateway = make_gateway(config(deployment("small", sim.base_url),
                                  more=POWER), workers=2)
    for i in range(30):
        if i % 3:
            run = gateway.chat("small", headers={"x-request-id": f"r{i}"})
        else:
            run = gateway.open_stream("small",
                                      headers={"x-request-id": f"r{i}"}).rest()
        assert run.status == 200
        # At once: nothing is waited for.
        found = gateway.trace_file.read_text("utf-8")
        assert f'"run_id":"r{i}"' in found


def test_power_a_logger_that_hangs_holds_an_answer_up_for_a_second(
        make_gateway):
    gateway = make_gateway(config(mock(), more=POWER))
    gateway.chat("small")
    gateway.kill("logger", signo=signal.SIGSTOP)
    began = time.monotonic()
    assert gateway.chat("small").status == 200
    held_up = time.monotonic() - began
    assert held_up > 0.9
    gateway.await_log("before its record is on the disk")
    gateway.kill("logger", signo=signal.SIGCONT)
    gateway.await_traces(2)
    began = time.monotonic()
    assert gateway.chat("small").status == 200
    assert time.monotonic() - began < held_up
