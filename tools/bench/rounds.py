"""Rounds: each measures every row once, so that a disturbance of the machine
hits all rows, and each round begins with another row. A figure is the median
over the rounds, with the least and the greatest; ratios and differences to
another row are made within a round."""

import statistics
import time

import accounting
from load import Load
from program import Trouble
from upstream import TLS_KINDS

# measure: ((key, unit), ...) in the order of the table. The first one is the
# one that ratios to nginx are made of.
FIGURES = {
    "load": ("cpu_usecs", "user_usecs", "sys_usecs", "per_second",
             "p50_usecs", "p99_usecs", "handshakes", "full_handshakes"),
    "first_byte": ("p50_usecs", "p99_usecs"),
    "memory": ("idle_pss_mb", "loaded_pss_mb", "after_pss_mb", "idle_rss_mb",
               "loaded_rss_mb", "after_rss_mb"),
    "open": ("pss_mb", "stream_kb", "rss_mb"),
    "start": ("start_msecs",),
}
HANDSHAKES = ("handshakes", "full_handshakes")   # in 1,000 requests
ADDED = ("p50_usecs", "p99_usecs")
FIRST_BYTES = 200
MB = 1 << 20


class Measurer:
    """Takes the measure of one row in one round; each method gives a dict."""

    def __init__(self, directory, upstream, cores, seconds):
        self.directory, self.upstream = directory, upstream
        self.cores, self.seconds = cores, seconds

    def prepare(self, case):
        if case.kind == "stream":
            self.upstream.set_stream(
                tokens_per_second=case.tokens_per_second)

    def load_of(self, gateway, case):
        return Load(self.directory, gateway.target(case.kind), case,
                    self.cores.load if self.cores.pinned else None)

    def take(self, gateway, case):
        return getattr(self, case.measure)(gateway, case)

    # ---- the measures ---------------------------------------------------------

    def load(self, gateway, case):
        load = self.load_of(gateway, case)
        shaken = self.upstream.handshakes()
        before = accounting.cpu(gateway.pid) if gateway.pid else None
        result = load.run(self.seconds)
        found = {"per_second": result["requests"] * 1e6 / result["usecs"],
                 "p50_usecs": result["p50_usecs"],
                 "p99_usecs": result["p99_usecs"],
                 "requests": result["requests"]}
        if case.kind in TLS_KINDS:
            now = self.upstream.handshakes()
            for key, a, b in zip(HANDSHAKES, shaken, now):
                found[key] = 1000 * (b - a) / result["requests"]
        if before is None:
            return found
        cpu = accounting.cpu(gateway.pid) - before
        units = result["requests"] * case.events * 1000
        found["cpu_usecs"] = cpu.total_nsecs / units
        ticks = (cpu.user_nsecs + cpu.sys_nsecs) or 1
        found["user_usecs"] = found["cpu_usecs"] * cpu.user_nsecs / ticks
        found["sys_usecs"] = found["cpu_usecs"] * cpu.sys_nsecs / ticks
        found["roles"] = {r: n / units for r, n in cpu.role_nsecs.items()}
        return found

    def first_byte(self, gateway, case):
        times = sorted(self.load_of(gateway, case)
                       .first_byte_usecs(FIRST_BYTES))
        return {"p50_usecs": statistics.median(times),
                "p99_usecs": times[len(times) * 99 // 100]}

    def restart(self, gateway):
        gateway.stop()
        gateway.start(self.cores.gateway if self.cores.pinned else None)

    def memory(self, gateway, case):
        self.restart(gateway)
        load = self.load_of(gateway, case)
        load.first_answer()
        time.sleep(0.3)
        found = {"idle": accounting.memory(gateway.pid)}

        def look():
            found["loaded"] = accounting.memory(gateway.pid)
        load.run(self.seconds, look)
        time.sleep(0.5)
        found["after"] = accounting.memory(gateway.pid)
        return {f"{when}_{kind}_mb": getattr(m, f"{kind}_bytes") / MB
                for when, m in found.items() for kind in ("pss", "rss")}

    def open(self, gateway, case):
        self.restart(gateway)
        load = self.load_of(gateway, case)
        load.first_answer()
        idle = accounting.memory(gateway.pid)
        sockets = load.open_streams(case.connections)
        try:
            held = accounting.memory(gateway.pid)
        finally:
            for s in sockets:
                s.close()
        grown = held.pss_bytes - idle.pss_bytes
        return {"pss_mb": held.pss_bytes / MB, "rss_mb": held.rss_bytes / MB,
                "stream_kb": grown / 1024 / case.connections}

    def start(self, gateway, case):
        gateway.stop()
        load = self.load_of(gateway, case)
        begun = time.perf_counter()
        gateway.start(self.cores.gateway if self.cores.pinned else None)
        load.first_answer()
        return {"start_msecs": (time.perf_counter() - begun) * 1000}


def spread(values):
    """{median, least, greatest, rounds} of a list of numbers."""
    return {"median": statistics.median(values), "least": min(values),
            "greatest": max(values), "rounds": values}


def beside(takes, base, key, combine):
    """combine(own, base's) of `key`, round by round, as a spread; None when
    one of them has not got it."""
    pairs = [(t[key], b[key]) for t, b in zip(takes, base)
             if t and b and key in t and key in b]
    return spread([combine(*p) for p in pairs]) if pairs else None


def summary(case, takes):
    """takes: {row: [dict or None of each round]}. What the report shows:
    {row: {figure: spread}}; "x_nginx" is the ratio of the first figure,
    "added_..." the difference to direct."""
    found = {}
    for row, own in takes.items():
        figures = {}
        for key in FIGURES[case.measure]:
            values = [t[key] for t in own if t and key in t]
            if values:
                figures[key] = spread(values)
        ratio = beside(own, takes.get("nginx", []),
                       FIGURES[case.measure][0], lambda a, b: a / b)
        if ratio and case.measure == "load":
            figures["x_nginx"] = ratio
        for key in ADDED if row != "direct" else ():
            added = beside(own, takes.get("direct", []), key,
                           lambda a, b: a - b)
            if added:
                figures[f"added_{key}"] = added
        roles = [t["roles"] for t in own if t and "roles" in t]
        if roles:
            figures["roles"] = {
                name: statistics.median(r.get(name, 0) for r in roles)
                for name in roles[-1]}
        found[row] = figures
    return found


def run_case(case, gateways, measurer, count, say):
    """All rounds of one case over these gateways (those that can do it).
    Returns ({row: figures}, {row: why it failed})."""
    rows = [g for g in gateways if g.target(case.kind) is not None]
    takes, failed = {g.name: [] for g in rows}, {}
    measurer.prepare(case)
    for number in range(count):
        shift = number % len(rows) if rows else 0
        for gateway in rows[shift:] + rows[:shift]:
            taken = None
            if gateway.name not in failed:
                say(f"{case.name}: round {number + 1}, {gateway.name}")
                try:
                    taken = measurer.take(gateway, case)
                except (Trouble, OSError) as e:
                    failed[gateway.name] = str(e)
            takes[gateway.name].append(taken)
    return summary(case, takes), failed
