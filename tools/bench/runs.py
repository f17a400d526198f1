"""Several whole runs as one result: each figure is the median of the runs'
medians, with the least and the greatest of them."""

import statistics

from rounds import spread


def figures_of(found):
    """found: one row's figures in each run that has the row."""
    merged = {}
    for key in dict.fromkeys(k for figures in found for k in figures):
        values = [f[key] for f in found if key in f]
        if key == "roles":
            names = dict.fromkeys(n for roles in values for n in roles)
            merged[key] = {n: statistics.median(r.get(n, 0) for r in values)
                           for n in names}
        else:
            merged[key] = spread([v["median"] for v in values])
    return merged


def case_of(found):
    """found: one case in each run that has it."""
    names = dict.fromkeys(r for case in found for r in case["rows"])
    rows = {name: figures_of([c["rows"][name] for c in found
                              if c["rows"].get(name)])
            for name in names}
    failed = {row: why for case in found
              for row, why in case["failed"].items()}
    return {"name": found[0]["name"], "title": found[0]["title"],
            "rows": rows, "failed": failed}


def merged(results):
    """One result of many, as report.py shows it; the many are kept in it."""
    names = dict.fromkeys(c["name"] for r in results for c in r["cases"])
    cases = [case_of([c for r in results for c in r["cases"]
                      if c["name"] == name]) for name in names]
    return {"machine": results[0]["machine"], "command": results[0]["command"],
            "time": results[0]["time"], "cases": cases, "runs": results}
