"""The host goes down while the gateway works: what is left of store/live is
not to be trusted, and the trace file is the ledger. The same when nothing is
left of it.

A test cannot pull the plug. It kills all processes at once, puts an older,
torn copy of the file in the place of the one that was never synced, and gives
the next start another boot's id."""

import os
import shutil
import signal
from decimal import Decimal

from configs import config, mock
from harness import books
from harness.wait import wait_until

BUDGETS = """tallygate:
  budgets:
    - {per: global, max_budget: 1, budget_duration: 30d}
    - {per: end_user, max_budget: 0.5, budget_duration: 1d}
"""
BOOT = "TALLYGATE_TEST_BOOT_ID"


def budgets(gateway):
    result = gateway.ctl("budget", "list", "--json")
    assert result.status == 0, result
    return {(b["scope"], b["id"]): b["spent_usd"]
            for b in result.json()["budgets"]}


def ask(gateway, count):
    for i in range(count):
        assert gateway.chat("small", user=f"u{i % 2}").status == 200


def kill_all(gateway):
    """Nobody may live to see another die: he would leave in good order."""
    children = [c["pid"] for c in gateway.children()]
    pids = children + [gateway.program.pid]
    os.kill(gateway.program.pid, signal.SIGSTOP)
    for pid in pids:
        gateway.killed.add(pid)
        os.kill(pid, signal.SIGKILL)
    gateway.program.wait(5)
    gateway.await_gone(pids)


def tear(gateway):
    """A page of nothing, behind the two that LMDB looks at first."""
    with open(gateway.state / "store" / "live" / "data.mdb", "r+b") as f:
        f.seek(8 * 4096)
        f.write(bytes(4096))


def lose_power(gateway, before=3, after=6):
    """Requests, an old copy of live/, more requests, the end."""
    ask(gateway, before)
    gateway.await_traces(before)
    old = gateway.directory / "old.mdb"
    shutil.copy(gateway.state / "store" / "live" / "data.mdb", old)
    ask(gateway, after)
    gateway.await_traces(before + after)
    kill_all(gateway)
    shutil.copy(old, gateway.state / "store" / "live" / "data.mdb")
    tear(gateway)
    gateway.env[BOOT] = "the boot after"


def start(make_gateway, **options):
    return make_gateway(config(mock(), more=BUDGETS), workers=3,
                        env={BOOT: "the boot before"}, **options)


def test_a_start_builds_it_anew_from_the_lines(make_gateway):
    gateway = start(make_gateway)
    lose_power(gateway)
    # Until then nobody is told wrong figures.
    result = gateway.ctl("budget", "list")
    assert result.status == 1 and "not to be trusted" in result.err, result
    gateway.start()
    lines = gateway.traces()
    assert len(lines) == 9
    spent = books.total(lines)
    assert spent > 0 and budgets(gateway)[("global", None)] == spent
    per_user = {u: sum((Decimal(t["cost_usd"]) for t in lines
                        if t["user"] == u), Decimal(0)) for u in ("u0", "u1")}
    for user, amount in per_user.items():
        assert budgets(gateway)[("end_user", user)] == amount
    assert gateway.ctl("audit").status == 0
    # Once, by one of the four processes that opened it.
    assert gateway.log_text().count("is built anew from the trace files") == 1
    assert list((gateway.state / "store").glob("live.lost-*"))
    # And on from there.
    ask(gateway, 4)
    gateway.await_traces(13)
    assert budgets(gateway)[("global", None)] == books.total(gateway.traces())


def test_a_cap_that_was_used_up_is_used_up_after_it(make_gateway):
    gateway = start(make_gateway)
    ask(gateway, 4)
    gateway.await_traces(4)
    spent = books.total(gateway.traces())
    assert gateway.ctl("budget", "set", "global", format(spent, "f"),
                       "--duration", "30d").status == 0
    assert gateway.chat("small").status == 429
    gateway.await_traces(5)
    kill_all(gateway)
    tear(gateway)
    gateway.env[BOOT] = "the boot after"
    gateway.start()
    assert {gateway.chat("small").status for _ in range(6)} == {429}


def test_without_all_lines_it_does_not_start_but_says_what_to_do(make_gateway):
    gateway = start(make_gateway)
    lose_power(gateway)
    text = gateway.trace_file.read_text().splitlines(keepends=True)
    gateway.trace_file.write_text("".join(text[2:]))
    gateway.complete_chain = False
    gateway.launch()
    wait_until(lambda: "tallyctl recover" in gateway.log_text(), 20,
               "it says what to do")
    assert "--partial" in gateway.log_text()
    assert not [c for c in gateway.children("worker")
                if c["state"] == "ready"]
    gateway.program.signal(signal.SIGTERM)
    gateway.program.wait(20, "stop on TERM")
    gateway.stopped = True      # there are no books to look at


def test_when_the_first_files_are_gone_it_builds_on_a_snapshot(make_gateway):
    """The keeper takes them by itself, and keeps two."""
    more = BUDGETS + "  traces: {rotate_bytes: 64K, keep: 2}\n"
    gateway = make_gateway(config(mock(), more=more), workers=2,
                           env={BOOT: "the boot before"})
    gateway.complete_chain = False
    snapshots = gateway.state / "snapshots"
    taken = set()

    def another():
        taken.update(p.name for p in snapshots.glob("*-auto"))
        return taken
    for i in range(1, 5):
        # More than a file's worth; the next ones only when there is a
        # snapshot of it, as slow as this machine may be.
        ask(gateway, 90)
        wait_until(lambda: len(another()) >= i, 20,
                   lambda: f"{i} snapshots are taken: {taken}")
    asked = 0
    while gateway.chat("small").status == 200 and asked < 20:
        asked += 1
    assert asked == 20
    result = gateway.ctl("audit", "--json")
    wait_until(lambda: gateway.ctl("audit", "--json").json()["waiting"] == 0,
               10, "all is on file")
    before = budgets(gateway)[("global", None)]
    assert result.status == 0 and before > 0
    kill_all(gateway)
    tear(gateway)
    gateway.env[BOOT] = "the boot after"
    gateway.start()
    assert "the store is built anew on " + str(snapshots) in gateway.log_text()
    assert budgets(gateway)[("global", None)] == before
    assert gateway.ctl("audit").status == 0
    wait_until(lambda: len(list(snapshots.glob("*-auto"))) <= 3, 10, "pruned")


def test_a_clean_stop_is_trusted_after_a_boot(make_gateway):
    gateway = start(make_gateway)
    ask(gateway, 3)
    gateway.await_traces(3)
    gateway.stop()
    gateway.env[BOOT] = "the boot after"
    gateway.start()
    assert "built anew" not in gateway.log_text()
    assert gateway.ctl("audit").status == 0


# ---- nothing is left of it ---------------------------------------------------


def test_a_start_without_live_builds_it_anew_too(make_gateway):
    """As after a restore of the traces alone, or a careless rm: a store that
    begins empty would have forgotten what the caps were used up by."""
    gateway = start(make_gateway)
    ask(gateway, 6)
    assert gateway.ctl("key", "create", "--alias", "anna").status == 0
    gateway.await_traces(6)
    gateway.stop()
    spent = books.total(gateway.traces())
    shutil.rmtree(gateway.state / "store" / "live")
    # Nobody makes an empty one by the way.
    result = gateway.ctl("key", "create", "--alias", "bob")
    assert result.status == 1 and "recover" in result.err, result
    gateway.start()
    assert gateway.log_text().count("is built anew from the trace files") == 1
    assert budgets(gateway)[("global", None)] == spent > 0
    assert gateway.ctl("key", "show", "anna").status == 0
    assert gateway.ctl("audit").status == 0


def test_lost_accounts_come_back_from_a_snapshot(make_gateway):
    """Also when live/ needs none, since all lines are there."""
    gateway = start(make_gateway)
    ask(gateway, 3)
    assert gateway.ctl("key", "create", "--alias", "anna").status == 0
    assert gateway.ctl("snapshot").status == 0
    gateway.await_traces(3)
    gateway.stop()
    store = gateway.state / "store"
    shutil.rmtree(store)
    result = gateway.ctl("recover", "--json")
    assert result.status == 0, result
    assert result.json()["accounts"] == "copied"
    assert result.json()["snapshot"] is None
    assert gateway.ctl("key", "show", "anna").status == 0
    # A start does the same.
    shutil.rmtree(store)
    gateway.start()
    gateway.await_log("keys, teams and caps are those of")
    assert gateway.ctl("key", "show", "anna").status == 0
    gateway.stop()
    # Without a snapshot they are gone, and that is said.
    shutil.rmtree(store)
    shutil.rmtree(gateway.state / "snapshots")
    result = gateway.ctl("recover")
    assert result.status == 0 and "no snapshot has them" in result.out, result
    assert gateway.ctl("key", "list", "--json").json() == []
    gateway.checks_books = False    # the price book was in it, too


def test_live_that_vanishes_under_a_gateway_is_not_made_anew(make_gateway):
    """Those who have it open go on with it; a second one beside it would
    count for itself."""
    gateway = start(make_gateway)
    ask(gateway, 2)
    gateway.await_traces(2)
    live = gateway.state / "store" / "live"
    live.rename(live.with_name("elsewhere"))
    gateway.kill("worker", 0)
    gateway.await_log("still at work on")
    ask(gateway, 2)
    live.with_name("elsewhere").rename(live)
    wait_until(lambda: len([c for c in gateway.children("worker")
                            if c["state"] == "ready"]) == 3, 20,
               "all three are back")
    gateway.await_traces(4)
