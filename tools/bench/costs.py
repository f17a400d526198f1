"""What strace and callgrind counted, per request."""

import collections
import os
import re

CALL = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:(\d+)\s+)?(\w+)$")
FUNCTION = re.compile(
    r"^\s*([\d,]+) (?:\([ \d.]+%\)\s+)?(\S+?):([^\[]+?)(?: \[(.*)\])?$")
STEP = re.compile(r"^step_run_(\w+)$")
RECURSION = re.compile(r"'\d+$")


def syscalls(text):
    """{name: calls} of `strace -c`."""
    found = {}
    for line in text.splitlines():
        match = CALL.match(line)
        if match and match[3] != "total":
            found[match[3]] = int(match[1])
    return found


def functions(text):
    """[(instructions, file, function, object's base name)] of
    callgrind_annotate."""
    found = []
    for line in text.splitlines():
        match = FUNCTION.match(line)
        if match:
            found.append((int(match[1].replace(",", "")), match[2],
                          RECURSION.sub("", match[3].strip()),
                          os.path.basename(match[4] or "")))
    return found


def steps(inclusive, names):
    """{step: instructions with all it called}, in the order of `names`."""
    cost = dict.fromkeys(names, 0)
    for count, _, function, _ in inclusive:
        match = STEP.match(function)
        if match and match[1].lower() in cost:
            name = match[1].lower()
            cost[name] = max(cost[name], count)
    return cost


def layer(file, obj):
    """src/http for our own code, else the library's name without its
    version."""
    match = re.search(r"src/(\w+)/", file)
    if match:
        return "src/" + match[1]
    return re.sub(r"[-.]?\d*\.so.*$", "", obj) or "other"


def layers(exclusive):
    """{layer: instructions in its own code}, greatest first."""
    cost = collections.Counter()
    for count, file, _, obj in exclusive:
        cost[layer(file, obj)] += count
    return dict(cost.most_common())


def step_names(header_text):
    """From the table STEPS in exchange.h."""
    return re.findall(r'^X\(\w+,\s+"(\w+)"', header_text, re.MULTILINE)
