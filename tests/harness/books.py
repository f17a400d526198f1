"""The trace files as a ledger: the chain, the sums, the price of usage."""

import hashlib
import pathlib
import re
from decimal import ROUND_HALF_UP, Decimal

from harness import match

TAIL = re.compile(r',"hash":"([0-9a-f]{64})"\}$')
NANO = Decimal("0.000000001")


class Line:
    """One line of a trace file."""

    def __init__(self, path, number, text):
        self.where = f"{path.name}:{number}"
        self.text = text
        self.record = match.load(text)

    def __getitem__(self, key):
        return self.record[key]

    def get(self, key, default=None):
        return self.record.get(key, default)

    def __repr__(self):
        return f"{self.where}: {self.text}"


def trace_paths(path):
    """The files of the chain, eldest first."""
    path = pathlib.Path(path)
    numbered = []
    for other in path.parent.glob(path.name + ".*"):
        suffix = other.name[len(path.name) + 1:]
        if suffix.isdigit():
            numbered.append((int(suffix), other))
    older = [p for _, p in sorted(numbered, reverse=True)]
    return older + ([path] if path.exists() else [])


def read_lines(files):
    """(lines, problems): whole lines only; a torn last line is left out."""
    lines, problems = [], []
    for path in files:
        text = pathlib.Path(path).read_text(encoding="utf-8")
        whole = text[:text.rfind("\n") + 1]
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                lines.append(Line(pathlib.Path(path), number, line))
            except ValueError as e:
                problems.append(f"{path}:{number}: no JSON ({e}): "
                                f"{line[:200]}")
    return lines, problems


def chain_problems(lines, from_start=True):
    """Hash chain over all lines; each owner's sequence without gap, double
    or step back. from_start: no file of the chain has been removed."""
    problems, last, seqs = [], "" if from_start else None, {}
    for line in lines:
        found = TAIL.search(line.text)
        if not found:
            problems.append(f"{line.where}: no hash at its end")
            continue
        covered = line.text[:found.start()].encode()
        if hashlib.sha256(covered).hexdigest() != found[1]:
            problems.append(f"{line.where}: the hash is not that of the line")
        if last is not None and line.get("prev") != last:
            problems.append(f"{line.where}: prev is {line.get('prev')!r}, the "
                            f"line before has {last!r}")
        last = found[1]
        owner, seq = line.get("owner"), line.get("seq")
        if owner is None or seq is None:
            problems.append(f"{line.where}: no owner or seq")
        elif ((from_start or owner in seqs)
              and seq != seqs.get(owner, 0) + 1):
            problems.append(f"{line.where}: owner {owner} has seq {seq} after "
                            f"{seqs.get(owner, 0)}")
        seqs[owner] = seq
    return problems


def total(lines, field="cost_usd"):
    return sum((Decimal(line.get(field) or 0) for line in lines), Decimal(0))


def run_ids(lines):
    return [line["run_id"] for line in lines]


def doubles(values):
    seen, twice = set(), set()
    for v in values:
        (twice if v in seen else seen).add(v)
    return sorted(twice)


def cost(prices, tokens):
    """USD for one attempt, exact, rounded once to the nano-dollar.

    prices: USD per token as text, keys as in the configuration; tokens: a
    record's token kinds.
    """
    price = {k: Decimal(v) for k, v in prices.items()}
    into = price["input_cost_per_token"]
    out = price["output_cost_per_token"]
    cached = tokens.get("cached_tokens", 0)
    written = tokens.get("cache_write_tokens", 0)
    thought = tokens.get("reasoning_tokens", 0)
    exact = ((tokens["prompt_tokens"] - cached - written) * into
             + cached * price.get("cache_read_input_token_cost", into)
             + written * price.get("cache_creation_input_token_cost", into)
             + (tokens["completion_tokens"] - thought) * out
             + thought * price.get("output_cost_per_reasoning_token", out))
    return exact.quantize(NANO, ROUND_HALF_UP)


# ---- request by request against the provider's own log -----------------------

FLAGGED = ("lost", "client_gone", "cut")


class Reckoning:
    """What traces and providers say about the same requests.

    served: the providers' records (id, model, status, outcome, tokens);
    prices: {upstream model: prices}. `problems` must be empty; `flagged` are
    the requests that may differ, because their trace says so.
    """

    def __init__(self, lines, served, prices):
        self.prices = prices
        self.problems, self.flagged, self.counted = [], [], 0
        self.by_id = {}
        for record in served:
            if record["outcome"] == "served" and record["status"] == 200:
                self.by_id.setdefault(record["id"], []).append(record)
        ids = run_ids(lines)
        self.problems += [f"{i}: more than one trace record"
                          for i in doubles(ids)]
        for missing in sorted(set(self.by_id) - set(ids)):
            self.problems.append(f"{missing}: served, but in no trace: "
                                 f"{self.by_id[missing]}")
        for line in lines:
            self._line(line)

    def _line(self, line):
        served = self.by_id.get(line["run_id"], [])
        if line["outcome"] in FLAGGED:
            self.flagged.append(line)
            return
        charged = sum((Decimal(a["cost_usd"]) for a in line["attempts"]),
                      Decimal(0))
        if charged != line["cost_usd"]:
            self.problems.append(f"{line}: the attempts cost {charged}")
        if line["outcome"] == "ok":
            self._whole(line, served)
        elif line["cost_usd"] != 0:
            self.problems.append(f"{line}: not served, yet charged")
        elif served:
            self.flagged.append(line)   # served too late for the gateway

    def _whole(self, line, served):
        last = line["attempts"][-1]
        tokens = {k: last[k] for k in ("prompt_tokens", "completion_tokens",
                                       "cached_tokens")}
        self.counted += 1
        if not any({k: r[k] for k in tokens} == tokens for r in served):
            self.problems.append(f"{line}: the provider says {served}")
            return
        wanted = cost(self.prices[line["model"]], last)
        if last["cost_usd"] != wanted:
            self.problems.append(f"{line}: costs {wanted}")

    def summary(self):
        kinds = {}
        for line in self.flagged:
            kinds[line["outcome"]] = kinds.get(line["outcome"], 0) + 1
        return (f"{self.counted} requests agree, flagged: "
                f"{kinds or 'none'}")
