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


def table(case_result):
    """Lines of a Markdown table, aligned."""
    keys = columns(case_result)
    lines = [["row"] + [LABELS[k] for k in keys]]
    for row, figures in case_result["rows"].items():
        if figures:
            lines.append([row] + [cell(k, figures.get(k)) for k in keys])
    widths = [max(len(line[i]) for line in lines)
              for i in range(len(lines[0]))]
    text = ["| " + " | ".join(
        c.ljust(w) if i == 0 else c.rjust(w)
        for i, (c, w) in enumerate(zip(line, widths))) + " |"
        for line in lines]
    rule = ["-" * widths[0]] + ["-" * (w - 1) + ":" for w in widths[1:]]
    text.insert(1, "| " + " | ".join(rule) + " |")
    return text


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
