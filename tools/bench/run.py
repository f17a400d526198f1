"""One run: the options, the upstream, the gateways, the cases, the report.
Shared by `bench` and `compare`."""

import argparse
import pathlib
import shutil
import sys
import tempfile
import time

import cases
import gateways
import report
import rounds
import runs
from program import Cores, Trouble, find
from upstream import Upstream

NEEDED = {"nginx": "nginx", "wrk": "wrk", "taskset": "util-linux"}
WANTED = {"haproxy": "haproxy", "openssl": "openssl"}


def missing_programs():
    """Stops when one is missing that nothing works without."""
    for names, end in ((WANTED, "its rows are left out"),
                       (NEEDED, "nothing can be measured without it")):
        gone = {n: p for n, p in names.items() if not find(n)}
        for name, package in gone.items():
            print(f"bench: {name} is missing (Debian package: {package}): "
                  f"{end}", file=sys.stderr)
    if gone:
        raise Trouble("apt-get install " + " ".join(gone.values()))


def arguments(parser):
    """Adds what bench and compare have in common."""
    split = (lambda text: [n for n in text.split(",") if n])
    parser.add_argument("--build", default=".", metavar="DIR",
                        help="where tallygate and tallysim are (.)")
    parser.add_argument("--json", metavar="FILE", help="write the result")
    parser.add_argument("--full", action="store_true",
                        help="all cases, 5 rounds of 3 seconds: 20 minutes")
    parser.add_argument("--runs", type=int, default=1, metavar="N",
                        help="N whole runs of all cases, 2 rounds of a second "
                             "each (3 minutes a run), and their medians")
    parser.add_argument("--only", type=split, metavar="ROW,...",
                        help="these rows only (direct and nginx are added "
                             "where a case compares with them)")
    parser.add_argument("--case", type=split, metavar="NAME,...",
                        help="these cases only, also those of --full")
    parser.add_argument("--rounds", type=int, metavar="N")
    parser.add_argument("--seconds", type=int, metavar="N",
                        help="of one measurement")
    parser.add_argument("--keep", action="store_true",
                        help="keep configurations and logs")


def parser(name, text):
    made = argparse.ArgumentParser(prog=name, description=text)
    arguments(made)
    return made


def chosen_cases(options):
    if options.case is None:
        return [c for c in cases.CASES
                if c.quick or options.full or options.runs > 1]
    names = {c.name: c for c in cases.CASES}
    unknown = [n for n in options.case if n not in names]
    if unknown:
        raise Trouble(f"no such case: {', '.join(unknown)}; there are "
                      f"{', '.join(names)}")
    return [names[n] for n in options.case]


def rows_of(case, options, known, extra):
    """The gateways of a case, in the order of its table."""
    names = [n for n in case.rows if n in known]
    names += [e.name for e in extra]
    if options.only is not None:
        kept = set(options.only) | {"direct", "nginx"}
        kept |= {e.name for e in extra}
        names = [n for n in names if n in kept]
        names += [n for n in options.only if n not in names]
    return [known[n] for n in names]


class Run:
    def __init__(self, options, make_extra=None):
        """make_extra(directory, upstream) → more gateways, rows of every
        case they can do."""
        missing_programs()
        self.options = options
        options.build = pathlib.Path(options.build).resolve()
        self.cases = chosen_cases(options)
        self.cores = Cores()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tg-bench-"))
        self.running = set()
        self.known, self.upstream = {}, None
        try:
            self.upstream = Upstream(self.directory, options.build,
                                     self.cores)
            self.known = gateways.known(self.directory, self.upstream,
                                        options.build)
            self.extra = (make_extra(self.directory, self.upstream)
                          if make_extra else [])
            self.known.update({e.name: e for e in self.extra})
            gateways.check_name(options.only or [], self.known)
        except BaseException:
            self.close()
            raise
        self.measurer = rounds.Measurer(
            self.directory, self.upstream, self.cores,
            options.seconds or (3 if options.full else 1))

    def say(self, text):
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def ensure_started(self, gateway, case):
        """With the cores of the case; started before, it stays."""
        key = (gateway.name, case.cores)
        if key in self.running:
            return
        gateway.stop()
        self.running -= {(gateway.name, c) for c in ("gateway", "pair")}
        cores = getattr(self.cores, case.cores)
        gateway.start(cores if self.cores.pinned else None)
        self.running.add(key)

    def run_case(self, case):
        wanted = [g for g in rows_of(case, self.options, self.known,
                                     self.extra)
                  if g.target(case.kind) is not None]
        if case.measure in ("memory", "open", "start"):
            wanted = [g for g in wanted if g.name != "direct"]
        failed = {}
        for gateway in list(wanted):
            try:
                self.ensure_started(gateway, case)
            except Trouble as e:
                failed[gateway.name] = str(e)
                wanted.remove(gateway)
        count = self.options.rounds or (
            5 if self.options.full else 2 if self.options.runs > 1 else 3)
        rows, more = rounds.run_case(case, wanted, self.measurer, count,
                                     self.say)
        return {"name": case.name, "title": case.title, "rows": rows,
                "failed": {**failed, **more}}

    def check_extra(self):
        """One that was asked for and does not start ends the run at its
        beginning."""
        for gateway in self.extra:
            self.ensure_started(gateway, self.cases[0])

    def all(self, show):
        """Runs all cases; show(text) is called with what is known. The
        result."""
        result = {"machine": report.machine(self.cores, self.options.build),
                  "command": " ".join(["bench"] + sys.argv[1:]),
                  "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                  "cases": []}
        self.check_extra()
        show(report.machine_text(result["machine"]))
        for case in self.cases:
            found = self.run_case(case)
            result["cases"].append(found)
            self.say("")
            show(report.case_text(found))
        return result

    def close(self):
        for gateway in self.known.values():
            gateway.stop()
        if self.upstream:
            self.upstream.stop()
        if self.options.keep:
            print(f"kept: {self.directory}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)


def one_run(options, make_extra, show):
    run = Run(options, make_extra)
    try:
        return run.all(show)
    finally:
        run.close()


def show_now(text):
    print(text, flush=True)


def all_runs(options, make_extra):
    """The result of the one run, or of all."""
    if options.runs == 1:
        return one_run(options, make_extra, show_now)
    found = []
    for number in range(options.runs):
        print(f"run {number + 1} of {options.runs}", file=sys.stderr)
        found.append(one_run(options, make_extra, lambda text: None))
    result = runs.merged(found)
    show_now(report.runs_text(result))
    return result


def main(options, make_extra=None):
    try:
        result = all_runs(options, make_extra)
        if options.json:
            report.write_json(options.json, result)
        return 1 if any(c["failed"] for c in result["cases"]) else 0
    except Trouble as e:
        print(f"bench: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
