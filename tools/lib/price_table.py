"""Tallygate's price table: what docs/prices.md says, as data and code.

What it is: the names and limits of the form "tallygate-prices/1", its
writer and its checker. What it does not do: read any other format (see
price_source.py). How it fails: the checker adds to a list of faults, each
with file, line and model.
"""

import collections
import json
import re
from decimal import Decimal

from exact_json import Bad, Repeated, kind_name, whole_number

FORMAT = "tallygate-prices/1"
PICO_DIGITS = 12            # a price is a whole number of 1e-12 USD
MAX_TOKEN_PICO = 10**12     # 1 USD a token, far above any price
MAX_UNIT_PICO = 10**16      # 10,000 USD a request, page, second …
MAX_TOKENS = 10**9
MAX_TIERS = 4               # lengths at which prices change, over all rows
MAX_PERMILLE = 100_000
MAX_NAME_BYTES = 256

# Prices per token, and the kind whose price applies where one is absent
# (None: then there is no price).
FALLBACK = {
    "input": None,
    "output": None,
    "cached_input": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "reasoning": "output",
    "audio_input": "input",
    "cached_audio_input": "audio_input",
    "audio_output": "output",
    "image_input": "input",
    "image_output": "output",
    "citation": None,
}

# Prices per thing that is not a token.
UNITS = (
    "per_request", "per_query",
    "per_search", "per_search_low", "per_search_medium", "per_search_high",
    "per_session", "per_page", "per_annotated_page",
    "per_input_second", "per_output_second", "per_input_audio_second",
    "per_input_video_second", "per_output_video_second",
    "per_input_character", "per_output_character",
    "per_input_image", "per_output_image",
    "per_input_pixel", "per_output_pixel",
)

# Factors on the price of tokens, in thousandths, and the most they may be.
MULTIPLIERS = {"fast": MAX_PERMILLE, "geo_eu": MAX_PERMILLE,
               "geo_us": MAX_PERMILLE, "off_peak": 1000}
# Windows of a week: half hours, in UTC.
WINDOW = re.compile(r"(?:[01]\d|2[0-3]):[03]0-(?:[01]\d|2[0-3]):[03]0")
MAX_WINDOWS_OF_A_DAY = 16
# Rows of their own for the service tier that the answer names.
SERVICES = ("priority", "flex", "batch", "ultrafast")

TOKEN_KEYS = frozenset(f"{kind}_pico" for kind in FALLBACK)
UNIT_KEYS = frozenset(f"{unit}_pico" for unit in UNITS)


def price_of(prices, kind):
    """The price that applies to kind in a row; None if there is none."""
    while kind is not None and kind not in prices:
        kind = FALLBACK[kind]
    return None if kind is None else prices[kind]


def week_windows(windows):
    """The list of off_peak_windows, plain inside; raises Bad."""
    if not isinstance(windows, list) or not windows:
        raise Bad("must be a list of windows")
    return [week_window(window) for window in windows]


def week_window(window):
    if not isinstance(window, dict):
        raise Bad(f"a window must be an object, not {kind_name(window)}")
    for key in window:
        if key not in ("weekdays", "hours_utc"):
            raise Bad(f'a window has no "{key}"')
    hours = window.get("hours_utc")
    hours = [hours] if isinstance(hours, str) else hours
    if (not isinstance(hours, list)
            or not 1 <= len(hours) <= MAX_WINDOWS_OF_A_DAY
            or not all(isinstance(h, str) and WINDOW.fullmatch(h)
                       for h in hours)):
        raise Bad('hours_utc must be like "16:30-00:30", half hours')
    plain = {}
    if "weekdays" in window:
        days = window["weekdays"]
        plain["weekdays"] = [
            whole_number(day, 1, 7)
            for day in (days if isinstance(days, list) else [days])]
    return {**plain, "hours_utc": hours}


def is_text(mode):
    """Whether both token prices are needed before a charge is known."""
    return mode is None or mode in ("chat", "completion", "responses")


def name_problem(name):
    if not 1 <= len(name.encode("utf-8", "surrogatepass")) <= MAX_NAME_BYTES:
        return f"name must have 1 to {MAX_NAME_BYTES} bytes"
    if not name.isprintable():
        return "name must be printable"
    return None


class Checker:
    """Holds a table to docs/prices.md; every fault has file, line, model."""

    def __init__(self, path, text, faults):
        self.path = path
        self.faults = faults
        self.lines = collections.defaultdict(list)
        key = re.compile(r'\s*(?:"models"\s*:\s*\{\s*)?'
                         r'("(?:[^"\\]|\\.)*")\s*:\s*\{')
        for number, line in enumerate(text.splitlines(), 1):
            found = key.match(line)
            if found:
                self.lines[json.loads(found[1])].append(number)
        self.where = path

    def fault(self, text):
        self.faults.add(self.where, text)

    def table(self, document):
        """The models that are sound, plain ints inside."""
        for key in ("format", "version", "source"):
            if not isinstance(document.get(key), str) or not document[key]:
                self.fault(f'"{key}" must be a string')
        if document.get("format") != FORMAT:
            self.fault(f'"format" must be "{FORMAT}"')
        for key in document:
            if key not in ("format", "version", "source", "models"):
                self.fault(f'unknown key "{key}"')
        models = document.get("models")
        if not isinstance(models, dict) or not models:
            self.fault('"models" must be an object with at least one model')
            return {}
        for name in document.repeated:
            self.fault(f'"{name}" stands there twice')
        for name in models.repeated:
            numbers = self.lines.get(name, ["?"])
            self.where = f"{self.path}:{numbers[-1]}"
            self.fault(f'model "{name}": stands there twice, first on '
                       f"line {numbers[0]}")
        return {name: self.model(name, model)
                for name, model in models.items()}

    def model(self, name, model):
        number = self.lines.get(name, ["?"])[-1]
        self.where = f'{self.path}:{number}: model "{name}"'
        problem = name_problem(name)
        if problem:
            self.fault(problem)
        if not isinstance(model, dict):
            self.fault(f"must be an object, not {kind_name(model)}")
            return {}
        if not isinstance(model.get("provider"), str):
            self.fault("provider: must be a string")
        sound = self.row("", model, {
            "provider": self.a_text, "mode": self.a_text,
            "note": self.a_text, "derived": self.a_text_list,
            "max_input_tokens": self.a_token_count,
            "max_output_tokens": self.a_token_count,
            "multipliers_permille": self.some_multipliers,
            "off_peak_windows": self.some_windows,
            **{service: self.a_service for service in SERVICES},
            **{key: self.a_unit_price for key in UNIT_KEYS},
        })
        lengths = {tier["above_tokens"] for row in (
            sound, *(sound.get(s, {}) for s in SERVICES))
            for tier in row.get("tiers", ())}
        if len(lengths) > MAX_TIERS:
            self.fault(f"tiers: {len(lengths)} lengths, at most {MAX_TIERS}")
        if is_text(model.get("mode")) and not (
                "input_pico" in model and "output_pico" in model):
            self.fault("has no input_pico and output_pico, so nothing can "
                       "be charged")
        elif not any(key.endswith("_pico") for key in model):
            self.fault("has no price")
        return sound

    def row(self, path, row, others):
        """The prices of a row; others: the further keys it may have."""
        for key in row.repeated:
            self.fault(f"{path}{key}: stands there twice")
        sound = {}
        for key, value in row.items():
            if key in TOKEN_KEYS:
                take = self.a_token_price
            elif key == "tiers" and path.count(".") <= 1:
                take = self.some_tiers
            else:
                take = others.get(key, self.no_such_key)
            try:
                sound[key] = take(f"{path}{key}", value)
            except Bad as error:
                self.fault(f"{path}{key}: {error}")
        return sound

    def some_tiers(self, path, tiers):
        if not isinstance(tiers, list) or not tiers:
            raise Bad("must be a list of tiers")
        last = 0
        sound = []
        for number, tier in enumerate(tiers, 1):
            if not isinstance(tier, dict):
                raise Bad(f"item {number} must be an object")
            above = whole_number(tier.get("above_tokens"), 1, MAX_TOKENS)
            if above <= last:
                raise Bad(f"above_tokens {above} after {last}: tiers must "
                          "ascend")
            last = above
            if "input_pico" not in tier:
                raise Bad(f"above_tokens {above} has no input_pico")
            row = Repeated([(k, v) for k, v in tier.items()
                            if k != "above_tokens"])
            row.repeated = tier.repeated
            sound.append({"above_tokens": above,
                          **self.row(f"{path}.{above}.", row, {})})
        return sound

    def a_service(self, path, row):
        if not isinstance(row, dict):
            raise Bad(f"must be an object, not {kind_name(row)}")
        return self.row(f"{path}.", row, {})

    def some_multipliers(self, path, row):
        if not isinstance(row, dict):
            raise Bad(f"must be an object, not {kind_name(row)}")
        for key in row:
            if key not in MULTIPLIERS:
                raise Bad(f'unknown key "{key}"')
        return {k: whole_number(v, 1, MULTIPLIERS[k]) for k, v in row.items()}

    @staticmethod
    def some_windows(_, windows):
        return week_windows(windows)

    @staticmethod
    def a_token_price(_, value):
        return whole_number(value, 0, MAX_TOKEN_PICO)

    @staticmethod
    def a_unit_price(_, value):
        return whole_number(value, 0, MAX_UNIT_PICO)

    @staticmethod
    def a_token_count(_, value):
        return whole_number(value, 1, MAX_TOKENS)

    @staticmethod
    def a_text(_, value):
        if not isinstance(value, str) or not value:
            raise Bad("must be a string")
        return value

    @staticmethod
    def a_text_list(_, value):
        if not isinstance(value, list) or not all(
                isinstance(item, str) for item in value):
            raise Bad("must be a list of strings")
        return list(value)

    @staticmethod
    def no_such_key(_, value):
        raise Bad("unknown key")


def table_text(version, source, models):
    """The file: one model per line, sorted by name, so that a change of one
    price is a change of one line."""
    head = json.dumps({"format": FORMAT, "version": version,
                       "source": source}, indent=0)
    lines = [f"{json.dumps(name)}:{json.dumps(model, separators=(',', ':'))}"
             for name, model in sorted(models.items())]
    return head[:-2] + ',\n"models": {\n' + ",\n".join(lines) + "\n}\n}\n"


def per_million(pico):
    """Pico-dollars per token as dollars per million tokens."""
    if pico is None:
        return "-"
    return f"{Decimal(pico).scaleb(-6).normalize():f}"


def list_text(models):
    rows = [("MODEL", "PROVIDER", "MODE", "INPUT", "CACHED", "OUTPUT",
             "TIERS", "CONTEXT")]
    for name, model in sorted(models.items()):
        rows.append((
            name, model["provider"], model.get("mode", "-"),
            per_million(model.get("input_pico")),
            per_million(model.get("cached_input_pico")),
            per_million(model.get("output_pico")),
            ",".join(f">{t['above_tokens']}" for t in model.get("tiers", []))
            or "-",
            str(model.get("max_input_tokens", "-"))))
    width = [max(len(row[i]) for row in rows) for i in range(8)]
    right = (3, 4, 5, 7)
    return "".join(
        "  ".join(cell.rjust(width[i]) if i in right else cell.ljust(width[i])
                  for i, cell in enumerate(row)).rstrip() + "\n"
        for row in rows)
