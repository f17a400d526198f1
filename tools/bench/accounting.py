"""CPU time and memory of a process tree, from /proc.

CPU is counted over the living processes and, with what each has inherited
from children it waited for, over the dead ones; so the difference of two
snapshots is what the tree used between them, also when processes came and
went. The sum is the scheduler's own count in nanoseconds where the kernel
has it (schedstat), else clock ticks; the split in user and system time is
always ticks.
"""

import dataclasses
import os
import pathlib
import re

TICK_NSECS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
ROLE = re.compile(r"--role[ =](\w+)")
ROLES = {}      # {(pid, when it was born): role}
TITLE = re.compile(r"^\S+: (\w+)")      # "nginx: worker process"


@dataclasses.dataclass(frozen=True)
class Cpu:
    """Of one tree, since its start. role_nsecs is {role: nanoseconds}."""
    user_nsecs: int
    sys_nsecs: int
    total_nsecs: int
    role_nsecs: dict

    def __sub__(self, other):
        roles = {r: n - other.role_nsecs.get(r, 0)
                 for r, n in self.role_nsecs.items()}
        return Cpu(self.user_nsecs - other.user_nsecs,
                   self.sys_nsecs - other.sys_nsecs,
                   self.total_nsecs - other.total_nsecs, roles)


@dataclasses.dataclass(frozen=True)
class Memory:
    rss_bytes: int
    pss_bytes: int      # pages shared by n processes count 1/n in each
    anon_bytes: int     # not backed by a file

    def __add__(self, other):
        return Memory(self.rss_bytes + other.rss_bytes,
                      self.pss_bytes + other.pss_bytes,
                      self.anon_bytes + other.anon_bytes)


def read(pid, name):
    """Text of /proc/PID/NAME; None when the process is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/{name}").read_text(
            encoding="utf-8", errors="replace")
    except OSError:
        return None


def stat_fields(text):
    """What stands behind the name, which may hold blanks and brackets."""
    return text[text.rindex(")") + 2:].split()


def parents():
    """{pid: parent's pid} of all processes."""
    found = {}
    for entry in os.listdir("/proc"):
        text = read(entry, "stat") if entry.isdigit() else None
        if text:
            found[int(entry)] = int(stat_fields(text)[1])
    return found


def tree(root):
    """root and all below it that live."""
    parent_of = parents()
    members, grown = {root}, True
    while grown:
        more = {p for p, up in parent_of.items() if up in members} - members
        members |= more
        grown = bool(more)
    return sorted(p for p in members if p in parent_of)


def role_of(pid, born):
    """Remembered: a busy process sometimes shows an empty command line."""
    line = (read(pid, "cmdline") or "").replace("\0", " ").strip()
    found = ROLE.search(line) or TITLE.match(line)
    if found:
        ROLES[pid, born] = found[1]
    return ROLES.get((pid, born), "main")


def exact_nsecs(pid):
    """Of all threads; None where the kernel does not count it."""
    total = 0
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return None
    for thread in threads:
        text = read(pid, f"task/{thread}/schedstat")
        if text is None:
            return None
        total += int(text.split()[0])
    return total


def cpu(root):
    """Snapshot of the tree below root."""
    user = system = total = 0
    roles = {}
    for pid in tree(root):
        text = read(pid, "stat")
        if text is None:
            continue
        fields = stat_fields(text)
        u, s, dead_u, dead_s = (int(f) * TICK_NSECS for f in fields[11:15])
        own = exact_nsecs(pid)
        own = u + s if own is None else own
        user += u + dead_u
        system += s + dead_s
        total += own + dead_u + dead_s
        role = role_of(pid, fields[19])
        roles[role] = roles.get(role, 0) + own
    return Cpu(user, system, total, roles)


def memory(root):
    """Of the whole tree, now."""
    total = Memory(0, 0, 0)
    for pid in tree(root):
        text = read(pid, "smaps_rollup")
        if text:
            total += memory_of(text)
    return total


def memory_of(rollup):
    """Of one process, from the text of its smaps_rollup."""
    kilobytes = dict(re.findall(r"^(\w+): +(\d+) kB$", rollup, re.MULTILINE))
    return Memory(*(int(kilobytes.get(name, 0)) * 1024
                    for name in ("Rss", "Pss", "Anonymous")))
