"""tools/bench: its arithmetic, its parsers, its view of processes. No load
is run here: what it measures is no test."""

import json
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / "tools" / "bench"
sys.path.insert(0, str(BENCH))

import accounting                                               # noqa: E402
import cases                                                    # noqa: E402
import costs                                                    # noqa: E402
import flame                                                    # noqa: E402
import gateways                                                 # noqa: E402
import load                                                     # noqa: E402
import messages                                                 # noqa: E402
import report                                                   # noqa: E402
import rounds                                                   # noqa: E402
import run                                                      # noqa: E402
import runs                                                     # noqa: E402
import upstream                                                 # noqa: E402
from program import Cores, Trouble                              # noqa: E402

SPIN = ("import sys, time\n"
        "end = time.process_time() + float(sys.argv[1])\n"
        "while time.process_time() < end: pass\n")


def start(text, *args):
    """A Python program whose first line of output has been read."""
    child = subprocess.Popen([sys.executable, "-c", text, *args],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             text=True)
    child.stdout.readline()
    return child


# ---- accounting --------------------------------------------------------------

def test_cpu_of_a_known_spinner():
    child = start("print(flush=True)\ninput()\n" + SPIN +
                  "print(flush=True)\ninput()\n", "0.4")
    try:
        before = accounting.cpu(child.pid)
        child.stdin.write("\n")
        child.stdin.flush()
        child.stdout.readline()
        used = accounting.cpu(child.pid) - before
    finally:
        child.kill()
        child.communicate()
    assert 0.39e9 < used.total_nsecs < 0.5e9
    assert abs(used.user_nsecs + used.sys_nsecs - used.total_nsecs) < 0.05e9


@pytest.mark.parametrize("wait", [True, False])
def test_cpu_of_children_dead_and_living(wait):
    """A child's time counts, whether it lives or was waited for."""
    text = ("import subprocess, sys\nprint(flush=True)\ninput()\n"
            "c = subprocess.Popen([sys.executable, '-c', sys.argv[1] + "
            "'print(flush=True)\\ninput()\\n', '0.3'], "
            "stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)\n"
            "c.stdout.readline()\n"
            "if sys.argv[2] == 'True': c.communicate('\\n')\n"
            "print(flush=True)\ninput()\n")
    child = start(text, SPIN, str(wait))
    try:
        before = accounting.cpu(child.pid)
        child.stdin.write("\n")
        child.stdin.flush()
        child.stdout.readline()
        assert len(accounting.tree(child.pid)) == (1 if wait else 2)
        used = accounting.cpu(child.pid) - before
    finally:
        child.stdin.write("\n")
        child.communicate()
    assert 0.29e9 < used.total_nsecs < 0.6e9


def test_tree_leaves_others_out():
    one, two = start("print(flush=True)\ninput()"), start(
        "print(flush=True)\ninput()")
    try:
        assert accounting.tree(one.pid) == [one.pid]
        assert accounting.memory(one.pid).rss_bytes > 1 << 20
    finally:
        for child in (one, two):
            child.communicate("\n")
    assert accounting.tree(one.pid) == []


def test_stat_of_a_name_with_brackets():
    text = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 0 0 0 12 34 5 6 20 0 1 0 99"
    assert accounting.stat_fields(text)[11:15] == ["12", "34", "5", "6"]


def test_memory_of_a_rollup():
    text = ("5500-7ff ---p 00000000 00:00 0    [rollup]\n"
            "Rss:                1684 kB\nPss:                 204 kB\n"
            "Pss_Dirty:            92 kB\nAnonymous:            92 kB\n")
    assert accounting.memory_of(text) == accounting.Memory(
        1684 << 10, 204 << 10, 92 << 10)


# ---- rounds ------------------------------------------------------------------

def test_ratios_are_made_within_a_round():
    """The second round was disturbed: all rows cost twice as much."""
    case = cases.Case("c", "t", ("nginx", "tallygate"))
    takes = {"nginx": [{"cpu_usecs": 10.0}, {"cpu_usecs": 20.0},
                       {"cpu_usecs": 10.0}],
             "tallygate": [{"cpu_usecs": 25.0}, {"cpu_usecs": 50.0},
                           {"cpu_usecs": 30.0}]}
    found = rounds.summary(case, takes)["tallygate"]
    assert found["cpu_usecs"]["median"] == 30.0
    assert found["x_nginx"] == {"median": 2.5, "least": 2.5, "greatest": 3.0,
                                "rounds": [2.5, 2.5, 3.0]}


def test_added_latency_is_beside_direct():
    case = cases.Case("c", "t", ("direct", "nginx"))
    takes = {"direct": [{"p50_usecs": 20}, {"p50_usecs": 30}],
             "nginx": [{"p50_usecs": 120}, {"p50_usecs": 150}]}
    found = rounds.summary(case, takes)
    assert found["nginx"]["added_p50_usecs"]["rounds"] == [100, 120]
    assert "added_p50_usecs" not in found["direct"]


class Fake:
    def __init__(self, name, values):
        self.name, self.pid, self.values = name, 1, values

    def target(self, kind):
        return None if kind == "tls" else (1, "m", [])


class FakeMeasurer:
    def __init__(self):
        self.order = []

    def prepare(self, case):
        pass

    def take(self, gateway, case):
        self.order.append(gateway.name)
        value = gateway.values.pop(0)
        if value is None:
            raise Trouble("no answer")
        return {"cpu_usecs": value}


def test_rounds_interleave_and_rotate():
    measurer = FakeMeasurer()
    case = cases.Case("c", "t", ())
    rows = [Fake(n, [1, 2, 3]) for n in "abc"]
    found, failed = rounds.run_case(case, rows, measurer, 3, lambda t: None)
    assert "".join(measurer.order) == "abcbcacab"
    assert found["b"]["cpu_usecs"]["rounds"] == [1, 2, 3] and not failed


def test_a_row_that_fails_does_not_end_the_run():
    case = cases.Case("c", "t", ())
    rows = [Fake("nginx", [10, 10, 10]), Fake("b", [20, None])]
    found, failed = rounds.run_case(case, rows, FakeMeasurer(), 3,
                                    lambda t: None)
    assert failed == {"b": "no answer"}
    assert found["b"]["x_nginx"]["rounds"] == [2]
    assert len(found["nginx"]["cpu_usecs"]["rounds"]) == 3


def test_a_gateway_that_cannot_is_left_out():
    case = cases.Case("c", "t", (), kind="tls")
    assert rounds.run_case(case, [Fake("a", [])], FakeMeasurer(), 2,
                           lambda t: None) == ({}, {})


# ---- several runs ------------------------------------------------------------

def result(cpu, x_nginx, failed=None):
    """One run's, of one case and two gateways."""
    return {"machine": {"cpu": "C", "cores": 2, "kernel": "6", "pinning": "",
                        "load_average": 0.1, "versions": {}},
            "command": "bench", "time": "T", "cases": [
        {"name": "c32", "title": "small", "failed": failed or {}, "rows": {
            "nginx": {"cpu_usecs": rounds.spread([10.0])},
            "tallygate": {"cpu_usecs": rounds.spread([cpu, cpu + 2]),
                          "x_nginx": rounds.spread([x_nginx]),
                          "per_second": rounds.spread([20000]),
                          "roles": {"worker": cpu - 1, "logger": 1}}}}]}


def test_the_median_of_runs_is_that_of_their_medians():
    three = [result(20, 2.0), result(40, 4.0), result(21, 2.1)]
    del three[1]["cases"][0]["rows"]["tallygate"]["roles"]["logger"]
    merged = runs.merged(three)
    row = merged["cases"][0]["rows"]["tallygate"]
    assert row["cpu_usecs"] == {"median": 22, "least": 21, "greatest": 41,
                                "rounds": [21, 41, 22]}
    assert row["x_nginx"]["median"] == 2.1
    assert row["roles"] == {"worker": 20, "logger": 1}
    assert merged["runs"] == three


def test_a_row_that_failed_in_one_run_has_the_others():
    bad = result(20, 2.0, {"tallygate": "no answer"})
    bad["cases"][0]["rows"]["tallygate"] = {}
    merged = runs.merged([bad, result(30, 3.0)])
    case = merged["cases"][0]
    assert case["rows"]["tallygate"]["cpu_usecs"]["rounds"] == [31]
    assert case["failed"] == {"tallygate": "no answer"}
    assert "c32: tallygate: failed: no answer" in report.runs_text(merged)


def test_tables_of_runs():
    case = {"name": "open100", "title": "100 open streams", "failed": {},
            "rows": {"nginx": {"pss_mb": rounds.spread([9.5])}}}
    one = result(20, 2.0)
    one["cases"].append(case)
    text = re.sub(" +", " ", report.runs_text(
        runs.merged([one, result(30, 3.0)])))
    assert "Medians of 2 runs (least-greatest): `bench`" in text
    assert "| c32: small | 10.0 (10.0-10.0) | 26.0 (21.0-31.0) | " \
        "2.50 (2.00-3.00) |" in text
    assert "| c32: small | 20,000 |" in text
    assert "| 100 open streams: PSS MB | 9.50 |" in text


def test_merge_reads_files(tmp_path):
    files = []
    for i, cpu in enumerate((20, 30, 25)):
        files.append(tmp_path / f"{i}.json")
        report.write_json(files[-1], result(cpu, cpu / 10))
    out = tmp_path / "merged.json"
    command = [sys.executable, "-B", BENCH / "merge"]
    done = subprocess.run([*command, "--json", out, *files],
                          capture_output=True, text=True, check=True)
    assert "26.0 (21.0-31.0)" in done.stdout
    # Merged again, it is the same.
    again = subprocess.run([*command, out], capture_output=True, text=True,
                           check=True)
    assert again.stdout == done.stdout
    files[0].write_text("{")
    done = subprocess.run([*command, *files], capture_output=True, text=True)
    assert done.returncode == 1 and "0.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_all_cases_are_in_several_runs():
    options = run.parser("bench", "").parse_args(["--runs", "3"])
    assert run.chosen_cases(options) == list(cases.CASES)
    options = run.parser("bench", "").parse_args([])
    assert {c.name for c in run.chosen_cases(options)} < \
        {c.name for c in cases.CASES}


def test_handshakes_are_counted_from_the_log(tmp_path):
    class Provider:
        handshake_log = tmp_path / "handshakes"
    count = upstream.Upstream.handshakes
    assert count(Provider) == (0, 0)
    Provider.handshake_log.write_text(".\nr\nr\n.\nr\n")
    assert count(Provider) == (5, 2)


# ---- load --------------------------------------------------------------------

GOOD = ('Running 1s test\nresult: {"requests": 7, "usecs": 1000000, '
        '"bytes": 1, "status_errors": 0, "socket_errors": 0, "p50_usecs": 1, '
        '"p90_usecs": 2, "p99_usecs": 3, "max_usecs": 4}\n')


def test_result_of_wrk():
    assert load.result_of(GOOD)["p99_usecs"] == 3


@pytest.mark.parametrize("text, why", [
    ("unable to connect to 127.0.0.1:1", "unable to connect"),
    (GOOD.replace('"requests": 7', '"requests": 0'), "no request"),
    (GOOD.replace('"status_errors": 0', '"status_errors": 3'), "3 error"),
    (GOOD.replace('"socket_errors": 0', '"socket_errors": 2'), "2 broken"),
])
def test_a_run_with_errors_is_no_result(text, why):
    with pytest.raises(Trouble, match=why):
        load.result_of(text)


@pytest.mark.parametrize("text, whole", [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", False),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", True),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
     False),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
     b"0\r\n\r\n", True),
    (b"HTTP/1.1 200 OK\r\nContent-Le", False),
])
def test_end_of_an_answer(text, whole):
    assert load.is_whole(text) is whole


# ---- what is asked -----------------------------------------------------------

@pytest.mark.parametrize("size", [813, 8192, 100_000, 1_000_000])
def test_requests_have_their_size(size):
    text = messages.request("plain", size)
    assert len(text) == size and json.loads(text)["model"] == "plain"


def test_answers_are_json():
    assert len(messages.chat_answer()) == 739
    for text in (messages.chat_answer(), messages.anthropic_answer(),
                 messages.error_answer()):
        json.loads(text)
        assert "'" not in text and "$" not in text   # nginx's configuration


def test_cases_name_rows_that_exist():
    class Ports:
        ports = dict.fromkeys(upstream.KINDS, 1)
        ca_file = None
    known = set(gateways.known(pathlib.Path("."), Ports(), ".")) | {"haproxy"}
    names = [c.name for c in cases.CASES]
    assert len(names) == len(set(names))
    for case in cases.CASES:
        assert set(case.rows) <= known
        assert hasattr(rounds.Measurer, case.measure)
        assert case.measure in rounds.FIGURES


# ---- profile -----------------------------------------------------------------

STACKS = """tallygate  7 1.0:  1001001 cpu-clock:
\tffff [unknown] ([kernel.kallsyms])
\t55aa skim+0x1c (/usr/sbin/tallygate)
\t55ab main+0x7 (/usr/sbin/tallygate)

tallygate  7 1.1:  1001001 cpu-clock:
\t55aa skim+0x99 (/usr/sbin/tallygate)
\t55ab main+0x7 (/usr/sbin/tallygate)

tallygate  7 1.2:  1001001 cpu-clock:
\t7f00 Curl_<send>+0x1 (/usr/lib/libcurl.so.4.8.0)
\t55ab main+0x7 (/usr/sbin/tallygate)

"""


def test_folded_stacks():
    root = flame.fold(STACKS)
    assert root.samples == 3 and list(root.children) == [("main", 0)]
    main = root.children["main", 0]
    assert main.samples == 3
    skim = main.children["skim", 0]
    assert skim.samples == 2
    assert list(skim.children) == [("[unknown]", 4)]
    assert main.children["Curl_<send>", 1].samples == 1


def test_picture_of_stacks():
    text = flame.svg(flame.fold(STACKS), "a < b")
    tree = xml.etree.ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    shown = {g.find(f"{space}title").text: float(g.find(f"{space}rect")
                                                 .get("width"))
             for g in tree.iter(f"{space}g")}
    assert shown["main: 100.0%"] == pytest.approx(1180, 0.01)
    assert shown["Curl_<send>: 33.3%"] == pytest.approx(1180 / 3, 0.01)


def test_table_of_strace():
    text = ("% time     seconds  usecs/call     calls    errors syscall\n"
            "------ ----------- ----------- --------- --------- ------\n"
            " 60.00    0.000600           1       600         3 recvfrom\n"
            " 40.00    0.000400           2       200           writev\n"
            "------ ----------- ----------- --------- --------- ------\n"
            "100.00    0.001000           1       800         3 total\n")
    assert costs.syscalls(text) == {"recvfrom": 600, "writev": 200}


def test_tables_of_callgrind():
    text = ("Ir\n---\n12,000 (100.0%)  PROGRAM TOTALS\n---\n"
            "9,000 (75.00%)  ../src/exchange/steps_admit.c:step_run_PARSE "
            "[/b/tallygate]\n"
            "8,000 (66.67%)  ../src/wire/skim.c:skim'2 [/b/tallygate]\n"
            "2,000 (16.67%)  ???:0x0000000000047d60 "
            "[/usr/lib/libcurl.so.4.8.0]\n"
            "1,000 ( 8.33%)  ./malloc/malloc.c:malloc [/lib/libc.so.6]\n")
    found = costs.functions(text)
    assert found[1] == (8000, "../src/wire/skim.c", "skim", "tallygate")
    assert costs.steps(found, ["accept", "parse"]) == {"accept": 0,
                                                       "parse": 9000}
    assert costs.layers(found) == {"src/exchange": 9000, "src/wire": 8000,
                                   "libcurl": 2000, "libc": 1000}


def test_steps_are_those_of_the_source():
    text = (ROOT / "src" / "exchange" / "exchange.h").read_text()
    names = costs.step_names(text)
    assert names[0] == "accept" and names[-1] == "end" and len(names) == 14


# ---- cores, report -----------------------------------------------------------

def test_the_gateway_has_a_core_for_itself():
    two, four = Cores({2, 5}), Cores({0, 1, 2, 3})
    assert (two.gateway, two.upstream, two.load) == ({2}, {5}, {5})
    assert two.pair == {2, 5}
    assert not four.gateway & (four.upstream | four.load)
    assert four.pair == {0, 3}
    assert not Cores({3}).pinned


def test_table():
    figure = rounds.spread([1.0, 2.0, 30.0])
    text = report.case_text({
        "name": "c32", "title": "T", "failed": {"haproxy": "no answer"},
        "rows": {"direct": {"per_second": rounds.spread([54321])},
                 "tallygate": {"cpu_usecs": figure,
                               "roles": {"worker": 1.5, "logger": 0.5}}}})
    assert "| tallygate | 2.00 (1.00-30.0) |      - |" in text
    assert "54,321" in text and "haproxy: failed: no answer" in text
    assert "tallygate: worker 1.50, logger 0.50" in text


def test_wrong_names_are_refused():
    done = subprocess.run(
        [sys.executable, "-B", BENCH / "bench", "--case", "nothing"],
        capture_output=True, text=True)
    assert done.returncode == 1
    assert "bench: " in done.stderr and "Traceback" not in done.stderr
