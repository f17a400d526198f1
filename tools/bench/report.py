"""The result as a table for people and as JSON for programs."""

import json
import os
import pathlib
import platform
import subprocess

from program import find

LABELS = {
    "cpu_usecs": "CPU us", "user_usecs": "user", "sys_usecs": "system",
    "x_nginx": "x nginx", "per_second": "req/s", "p50_usecs": "p50 us",
    "p99_usecs": "p99 us", "added_p50_usecs": "+p50",
    "added_p99_usecs": "+p99", "idle_pss_mb": "idle PSS MB",
    "loaded_pss_mb": "loaded", "after_pss_mb": "after",
    "idle_rss_mb": "idle RSS MB", "loaded_rss_mb": "loaded",
    "after_rss_mb": "after", "pss_mb": "PSS MB", "rss_mb": "RSS MB",
    "stream_kb": "KB/stream", "start_msecs": "ms",
    "handshakes": "dials/1000", "full_handshakes": "full/1000",
}
# These show the least and the greatest too.
SPREAD = ("cpu_usecs", "x_nginx", "start_msecs")


def number(value):
    """Three digits or so, as is usual for a measurement."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def cell(key, figure):
    if figure is None:
        return "-"
    text = number(figure["median"])
    if key in SPREAD and len(figure["rounds"]) > 1:
        text += f" ({number(figure['least'])}-{number(figure['greatest'])})"
    return text


def columns(case_result):
    """Keys in the table's order: those that a row has."""
    keys = list(LABELS)
    present = {k for figures in case_result["rows"].values() for k in figures}
    return [k for k in keys if k in present]


def aligned(lines):
    """Lines of a Markdown table; the first are the heads."""
    widths = [max(len(line[i]) for line in lines)
              for i in range(len(lines[0]))]
    text = ["| " + " | ".join(
        c.ljust(w) if i == 0 else c.rjust(w)
        for i, (c, w) in enumerate(zip(line, widths))) + " |"
        for line in lines]
    rule = ["-" * widths[0]] + ["-" * (w - 1) + ":" for w in widths[1:]]
    text.insert(1, "| " + " | ".join(rule) + " |")
    return text


def table(case_result):
    keys = columns(case_result)
    lines = [["row"] + [LABELS[k] for k in keys]]
    for row, figures in case_result["rows"].items():
        if figures:
            lines.append([row] + [cell(k, figures.get(k)) for k in keys])
    return aligned(lines)


# ---- many runs: the tables of docs/performance.md ---------------------------

GATEWAYS = ("direct", "nginx", "haproxy", "tallygate-off", "tallygate")
# Cases whose rows are others: they have their own tables.
SPECIAL = ("features", "workers")


def by_case(result, key, ratio=False):
    """One figure: a line for each case, a column for each gateway."""
    cases = [c for c in result["cases"] if c["name"] not in SPECIAL and
             any(key in f for f in c["rows"].values())]
    names = [g for g in GATEWAYS if any(key in c["rows"].get(g, {})
                                        for c in cases)]
    lines = [["case"] + names + (["all on x nginx"] if ratio else [])]
    for case in cases:
        line = [f"{case['name']}: {case['title']}"]
        line += [cell(key, case["rows"].get(n, {}).get(key)) for n in names]
        if ratio:
            line.append(cell("x_nginx", case["rows"].get("tallygate", {})
                             .get("x_nginx")))
        lines.append(line)
    return aligned(lines)


def by_measure(result):
    """Memory and start: a line for each figure."""
    lines = [["memory of the tree, start", *GATEWAYS[1:]]]
    for case in result["cases"]:
        if case["name"] not in ("memory", "start") and \
                not case["name"].startswith("open"):
            continue
        for key in columns(case):
            label = LABELS[key]
            if key.endswith("_mb") and case["name"] == "memory":
                label = key.removesuffix("_mb").replace("_", " ") + " MB"
            lines.append([f"{case['title']}: {label}"] +
                         [cell(key, case["rows"].get(n, {}).get(key))
                          for n in GATEWAYS[1:]])
    return aligned(lines) if len(lines) > 1 else []


def runs_text(result):
    """All tables of several runs, and what went wrong."""
    lines = [machine_text(result["machine"]),
             f"Medians of {len(result['runs'])} runs (least-greatest): "
             f"`{result['command']}`"]
    for title, key in (("CPU us a request (an event of a stream)",
                        "cpu_usecs"), ("requests/s", "per_second"),
                       ("p50 over no gateway, us", "added_p50_usecs"),
                       ("p99 over no gateway, us", "added_p99_usecs")):
        lines += ["", f"## {title}", ""]
        lines += by_case(result, key, ratio=key == "cpu_usecs")
    lines += ["", "## Memory and start", "", *by_measure(result)]
    for case in result["cases"]:
        if case["name"] in SPECIAL or case["name"].startswith("tls"):
            lines += ["", f"## {case['name']}: {case['title']}", ""]
            lines += table(case)
    lines += [f"\n{case['name']}: {row}: failed: {why}"
              for case in result["cases"]
              for row, why in case["failed"].items()]
    return "\n".join(lines)


def roles(case_result):
    """Whose CPU it is, for the rows with more than one kind of process."""
    lines = []
    for row, figures in case_result["rows"].items():
        parts = sorted(figures.get("roles", {}).items(), key=lambda p: -p[1])
        if len(parts) > 1:
            lines.append(f"{row}: " + ", ".join(
                f"{name} {number(usecs)}" for name, usecs in parts))
    return lines


def case_text(case_result):
    lines = [f"## {case_result['name']}: {case_result['title']}", ""]
    lines += table(case_result)
    more = roles(case_result)
    if more:
        lines += ["", "CPU us by process: " + "; ".join(more)]
    for row, why in case_result["failed"].items():
        lines += ["", f"{row}: failed: {why}"]
    return "\n".join(lines) + "\n"


def version(argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True,
                              check=False)
    except OSError:
        return None
    text = (done.stdout + done.stderr).strip()
    return text.splitlines()[0] if text else None


def machine(cores, build):
    """What a reader must know to compare figures."""
    model = "unknown CPU"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    found = {"cpu": model, "cores": len(os.sched_getaffinity(0)),
             "kernel": platform.release(), "pinning": cores.describe(),
             "load_average": os.getloadavg()[0]}
    programs = {"tallygate": [str(pathlib.Path(build) / "tallygate"),
                              "--version"]}
    for name, flag in (("nginx", "-v"), ("haproxy", "-v"), ("wrk", "-v")):
        if find(name):
            programs[name] = [find(name), flag]
    found["versions"] = {n: version(a) for n, a in programs.items()}
    return found


def machine_text(facts):
    lines = [f"{facts['cpu']}, {facts['cores']} cores, Linux "
             f"{facts['kernel']}; {facts['pinning']}"]
    lines += [f"{name}: {text}" for name, text in facts["versions"].items()]
    if facts["load_average"] > 0.5 * facts["cores"]:
        lines.append(f"The machine was not quiet: load average "
                     f"{facts['load_average']:.1f} at the start. Ratios "
                     "within a round hold better than absolute figures.")
    return "\n".join(lines) + "\n"


def write_json(path, result):
    pathlib.Path(path).write_text(json.dumps(result, indent=1) + "\n",
                                  encoding="utf-8")
