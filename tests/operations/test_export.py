"""tallyctl export: the trace files as a flat table."""

import csv
import decimal
import io
import json
import stat

import pytest

from configs import config, deployment, mock
from harness import match

SETTINGS = "tallygate: {traces: {rotate_bytes: 64K, keep: 8}}\n"
PRICES = {"input_cost_per_token": "0.000000123",
          "output_cost_per_token": "0.000004567"}


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def dollars(rows):
    return sum(decimal.Decimal(r["cost_usd"]) for r in rows)


def served(make_gateway, make_sim, count=150):
    """Enough lines for a rotation."""
    sim = make_sim()
    gateway = make_gateway(config(
        deployment("small", sim.base_url, prices=PRICES), more=SETTINGS))
    for i in range(count):
        assert gateway.chat("small", user=f'a "user", {i % 3}',
                            headers={"x-litellm-tags": "a,b"}).status == 200
    gateway.await_traces(count)
    return gateway


def test_every_line_once_over_rotations_and_exact(make_gateway, make_sim):
    gateway = served(make_gateway, make_sim)
    assert gateway.has_rotated()
    right = [match.load(line) for path in gateway.trace_files()
             for line in path.read_text().splitlines()]
    total = sum(decimal.Decimal(str(line["cost_usd"])) for line in right)
    for by in ("requests", "attempts"):
        rows = rows_of(gateway.ctl("export", "--by", by).out)
        lines = [json.loads(line, parse_float=decimal.Decimal) for line in
                 gateway.ctl("export", "--by", by, "--format",
                             "jsonl").out.splitlines()]
        assert len(rows) == len(lines) == len(right) == 150
        assert {r["run_id"] for r in rows} == {r["run_id"] for r in right}
        assert dollars(rows) == total
        assert sum(r["cost_usd"] for r in lines) == total
        assert list(rows[0]) == list(lines[0])
        assert {r["user"] for r in rows} == {
            f'a "user", {i}' for i in range(3)}
        for name in rows[0]:
            kinds = {type(line[name]) for line in lines} - {type(None)}
            assert kinds <= {int, decimal.Decimal} or len(kinds) == 1, name
    spend = gateway.ctl("spend", "--json").json()
    assert decimal.Decimal(str(spend["total"]["cost_usd"])) == total


def test_attempts_are_rows_of_their_own(make_gateway, make_provider):
    def broken(_request, talk):
        talk.send(b"HTTP/1.1 500 no\r\ncontent-length: 0\r\n\r\n")
    gateway = make_gateway(config(
        deployment("small", make_provider(broken).base_url), mock("other"),
        more="router_settings: {num_retries: 1, fallbacks: "
        "[{small: [other]}]}\n"))
    assert gateway.chat("small").status == 200
    gateway.await_traces(1)
    line = gateway.traces()[0]
    rows = rows_of(gateway.ctl("export", "--by", "attempts").out)
    assert [r["attempt"] for r in rows] == [
        str(i + 1) for i in range(len(line["attempts"]))]
    assert rows[0]["status"] == "500" and rows[-1]["error"] == ""
    request = rows_of(gateway.ctl("export").out)[0]
    assert request["attempts"] == str(len(rows)) and len(rows) > 1


def test_aliases_and_end_users(make_gateway):
    gateway = make_gateway(config(mock(), more="general_settings: "
                                  "{master_key: sk-master-key-1}\n"))
    gateway.ctl("team", "create", "red", "--alias", 'Team "Red"')
    gateway.ctl("key", "create", "--key", "sk-anna-01234567", "--alias",
                "anna", "--team-id", "red", "--user-id", "u")
    assert gateway.chat("small", user="c-1", headers={
        "authorization": "Bearer sk-anna-01234567"}).status == 200
    assert gateway.chat("small", headers={
        "authorization": "Bearer sk-master-key-1"}).status == 200
    gateway.await_traces(2)
    gateway.stop()
    for by in ("requests", "attempts"):
        rows = rows_of(gateway.ctl("export", "--by", by).out)
        names = ("key_alias", "team_alias", "team", "end_user", "user")
        assert [tuple(r[n] for n in names) for r in rows] == [
            ("anna", 'Team "Red"', "red", "c-1", "u"), ("", "", "", "", "")]
    # Without a store: all but what the store says.
    (gateway.state / "store").rename(gateway.state / "elsewhere")
    try:
        rows = rows_of(gateway.ctl("export").out)
        assert [r["team_alias"] for r in rows] == ["", ""]
        assert rows[0]["key_alias"] == "anna"
    finally:
        (gateway.state / "elsewhere").rename(gateway.state / "store")


def test_a_span_of_time(make_gateway, clock):
    gateway = make_gateway(config(mock()), clock=clock)
    gateway.chat("small", headers={"x-request-id": "early"})
    clock.advance(7200)
    gateway.chat("small", headers={"x-request-id": "late"})
    gateway.await_traces(2)

    def ids(*args):
        return [r["run_id"] for r in rows_of(gateway.ctl("export", *args).out)]
    assert ids() == ["early", "late"]
    assert ids("--since", "1h") == ["late"]
    assert ids("--until", "1h") == ["early"]
    assert not ids("--since", "3h", "--until", "2h30m")


def test_a_file_appears_whole_or_not_at_all(make_gateway, directory):
    gateway = make_gateway(config(mock()))
    gateway.chat("small")
    gateway.await_traces(1)
    out = directory / "out.csv"
    result = gateway.ctl("export", "--output", out)
    assert result.status == 0 and not result.out, result
    assert len(rows_of(out.read_text())) == 1
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    gateway.stop()
    gateway.checks_books = False
    with open(gateway.trace_file, "a", encoding="utf-8") as file:
        file.write('{"time": 7}\n')
    old = out.read_bytes()
    result = gateway.ctl("export", "--output", out)
    assert result.status == 1 and "traces.jsonl:2" in result.err, result
    assert out.read_bytes() == old
    assert [p.name for p in directory.glob("out.csv*")] == ["out.csv"]


@pytest.mark.parametrize("args", [
    ("--format", "xml"), ("--by", "day"), ("--since", "soon"), ("--output",),
    ("file",)])
def test_mistakes(make_gateway, args):
    gateway = make_gateway(config(mock()))
    result = gateway.ctl("export", *args)
    assert result.status == 2 and args[0] in result.err, result
    assert not result.out
