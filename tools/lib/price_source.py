"""Reads the de-facto format, model_prices_and_context_window.json.

What it is: one entry of that format in, one model of our table out; the
tables below say which field becomes what. What it does not do: guess a price
that the source does not imply, or drop a digit without saying so. How it
fails: wrong values are added to a list of faults, with file, model and
field; what is merely left out, rounded or derived goes to the report.
"""

import collections
import fnmatch
import re
import sys

from exact_json import Bad, kind_name, scaled, short, whole_number
from price_table import (
    FALLBACK, MAX_PERMILLE, MAX_TIERS, MAX_TOKENS, MAX_UNIT_PICO,
    PICO_DIGITS, SERVICES, UNITS, is_text, price_of, week_windows)

MAX_NAMES_SHOWN = 5

KIND_OF_FIELD = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached_input",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "audio_input",
    "cache_read_input_audio_token_cost": "cached_audio_input",
    "output_cost_per_audio_token": "audio_output",
    "input_cost_per_image_token": "image_input",
    "output_cost_per_image_token": "image_output",
    "citation_cost_per_token": "citation",
}
# An older spelling, used where the newer field is absent.
KIND_OF_OLD_FIELD = {"input_cost_per_token_cache_hit": "cached_input"}

UNIT_OF_FIELD = {
    "input_cost_per_request": "per_request",
    "input_cost_per_query": "per_query",
    "search_context_cost_per_query.search_context_size_low":
        "per_search_low",
    "search_context_cost_per_query.search_context_size_medium":
        "per_search_medium",
    "search_context_cost_per_query.search_context_size_high":
        "per_search_high",
    "code_interpreter_cost_per_session": "per_session",
    "ocr_cost_per_page": "per_page",
    "annotation_cost_per_page": "per_annotated_page",
    "input_cost_per_second": "per_input_second",
    "output_cost_per_second": "per_output_second",
    "input_cost_per_audio_per_second": "per_input_audio_second",
    "input_cost_per_video_per_second": "per_input_video_second",
    "output_cost_per_video_per_second": "per_output_video_second",
    "input_cost_per_character": "per_input_character",
    "output_cost_per_character": "per_output_character",
    "input_cost_per_image": "per_input_image",
    "output_cost_per_image": "per_output_image",
    "input_cost_per_pixel": "per_input_pixel",
    "output_cost_per_pixel": "per_output_pixel",
}

SEARCH_UNITS = ("per_search_low", "per_search_medium", "per_search_high")

MULTIPLIER_OF_FIELD = {
    "provider_specific_entry.us": "geo_us",
    "provider_specific_entry.fast": "fast",
    "regional_processing_uplift_multiplier_us": "geo_us",
    "regional_processing_uplift_multiplier_eu": "geo_eu",
}

SERVICE_OF_FIELD = {
    "priority": "priority", "flex": "flex", "batches": "batch",
    "ultrafast": "ultrafast"}
SUFFIXES = re.compile(
    r"(?P<field>.+?)(?:_above_(?P<above>\d+)(?P<k>k?)_tokens)?"
    r"(?:_(?P<service>priority|flex|batches|ultrafast))?")

# Who takes half for a prompt token out of its cache where its list says
# nothing else. Source: docs.fireworks.ai/guides/prompt-caching.
HALF_FOR_CACHED = frozenset(("fireworks_ai",))

# Prices of what no API served here makes, or tells apart in its answers.
NOT_SERVED = re.compile(
    r"google_maps_grounding_cost_per_query|"
    r"(?:input|output)_cost_per_video_token(?:_batches)?|"
    r"(?:cache_read_input_image|explicit_cache_read_input)_token_cost|"
    r"\w+_decisions")

# Fields that carry no money and that the table has no use for.
PLAIN_FIELDS = re.compile(
    r"supports_\w+|supported_\w+|max_tokens|source|metadata|comment|"
    r"deprecation_date|output_vector_size|rpm|tpm|prompt_cache_min_tokens|"
    r"web_search_billing_unit|bedrock_\w+|use_\w+|uses_\w+|gemini_\w+|"
    r"default_reasoning_effort|reasoning_effort_levels|thinking_always_on|"
    r"token_count_\w+|search_free_requests|"
    r"audio_transcription_config|provider_specific_entry\.bedrock_\w+")
NOT_MODELS = frozenset(("sample_spec", "fallback_generalizations"))


class Report:
    """What was left out, rounded or derived: told, not fatal."""

    def __init__(self):
        self.read = 0
        self.filtered = 0
        self.not_models = []
        self.unusable = []
        self.implausible = []
        self.rounded = []
        self.zeros = []
        self.derived = []
        self.repeated = []
        self.uncarried = collections.defaultdict(list)
        self.unknown = collections.defaultdict(list)

    def show(self, written, target, everything):
        out = [f"{self.read} entries read, {self.filtered} not asked for, "
               f"{written} models {target}"]
        for title, names in (
                ("not models", self.not_models),
                ("without a usable price, left out", self.unusable),
                ("implausible price, left out", self.implausible),
                ("digits below 1e-12 USD, rounded half up", self.rounded),
                ("zero beside a paid input or output, taken as no price",
                 self.zeros),
                ("prices derived by ratio", self.derived),
                ("named twice in one file, last one taken", self.repeated)):
            if names:
                out.append(f"{title}: {len(names)}: "
                           + some(names, everything))
        for title, fields in (
                ("price fields the table does not carry", self.uncarried),
                ("unknown fields", self.unknown)):
            if fields:
                out.append(f"{title}: " + some(
                    [f"{f} ({len(n)}, {n[0]})"
                     for f, n in sorted(fields.items())], everything))
        for line in out:
            print(f"import-prices: {line}", file=sys.stderr)


def some(names, everything):
    if everything or len(names) <= MAX_NAMES_SHOWN:
        return ", ".join(names)
    more = len(names) - MAX_NAMES_SHOWN
    return ", ".join(names[:MAX_NAMES_SHOWN]) + f" … and {more} more"


class Row:
    """Prices per token that apply together, and the tiers that replace
    them for prompts above a length."""

    def __init__(self):
        self.price = {}
        self.tiers = {}

    def tier(self, above):
        return self.tiers.setdefault(above, {})


class Entry:
    """One model of the source: reads its fields, keeps what is a price."""

    def __init__(self, where, name, fields, faults, report):
        self.where = where
        self.name = name
        self.faults = faults
        self.report = report
        self.text = {}
        self.limits = {}
        self.base = Row()
        self.services = {}
        self.units = {}
        self.multipliers = {}
        self.off_peak = None
        self.windows = None
        self.derived = []
        self.fields = dict(flatten(fields))
        for field, value in self.fields.items():
            if value is None:
                continue
            try:
                self.take(field, value)
            except Bad as error:
                faults.add(f'{where}: model "{name}"', f"{field}: {error}")
        self.take_max_tokens()
        lengths = {above for row in (self.base, *self.services.values())
                   for above in row.tiers}
        if len(lengths) > MAX_TIERS:
            faults.add(f'{where}: model "{name}"', f"{len(lengths)} tiers, "
                       f"at most {MAX_TIERS}")

    def take(self, field, value):
        if field in ("litellm_provider", "mode", "note"):
            self.take_text(field, value)
        elif field in ("max_input_tokens", "max_output_tokens"):
            self.limits[field] = whole_number(value, 0, MAX_TOKENS)
        elif field in UNIT_OF_FIELD:
            self.take_unit_price(field, value)
        elif field in MULTIPLIER_OF_FIELD:
            self.take_multiplier(field, value)
        elif field == "tiered_pricing":
            self.take_ranges(value)
        elif field == "off_peak_pricing":
            self.off_peak = value
        elif not self.take_token_price(field, value):
            self.take_no_price(field)

    def take_text(self, field, value):
        if not isinstance(value, str):
            raise Bad(f"must be a string, not {kind_name(value)}")
        if not value or len(value) > 500 or not value.isprintable():
            raise Bad("must be 1 to 500 printable characters")
        self.text[field] = value

    def take_multiplier(self, field, value):
        permille, exact = scaled(value, 3)
        if not exact or not 1 <= permille <= MAX_PERMILLE:
            raise Bad(f"must be 0.001 to 100 in thousandths, not {value}")
        name = MULTIPLIER_OF_FIELD[field]
        if self.multipliers.setdefault(name, permille) != permille:
            raise Bad(f"{value} contradicts {self.multipliers[name]}/1000")

    def take_unit_price(self, field, value):
        pico = self.pico(field, value)
        if pico > MAX_UNIT_PICO:
            raise Bad(f"out of range: {short(value)}")
        self.units[UNIT_OF_FIELD[field]] = pico

    def take_token_price(self, field, value):
        """Whether field is a price per token."""
        parts = SUFFIXES.fullmatch(field)
        kind = KIND_OF_FIELD.get(parts["field"])
        if field in KIND_OF_OLD_FIELD:
            kind = KIND_OF_OLD_FIELD[field]
            if kind in self.base.price:
                return True
        if kind is None:
            return False
        row = self.base
        if parts["service"]:
            row = self.services.setdefault(
                SERVICE_OF_FIELD[parts["service"]], Row())
        prices = row.price
        if parts["above"]:
            above = int(parts["above"][:12]) * (1000 if parts["k"] else 1)
            if not 1 <= above <= MAX_TOKENS:
                raise Bad("tier out of range")
            prices = row.tier(above)
        prices[kind] = self.pico(field, value)
        return True

    def take_ranges(self, ranges):
        """A list of {"range": [from, to], prices…}: the range that starts
        at 0 gives the base prices, the others are tiers."""
        if not isinstance(ranges, list):
            raise Bad(f"must be a list, not {kind_name(ranges)}")
        if not any("range" in part for part in ranges
                   if isinstance(part, dict)):
            # Ranges of something else, such as the results of a search.
            self.report.uncarried["tiered_pricing"].append(self.name)
            return
        for number, part in enumerate(ranges, 1):
            bounds = part.get("range") if isinstance(part, dict) else None
            if not isinstance(bounds, list) or len(bounds) != 2:
                raise Bad(f"item {number} has no range of two numbers")
            above = whole_number(bounds[0], 0, MAX_TOKENS)
            prices = self.base.tier(above) if above else self.base.price
            for field, value in part.items():
                if field in KIND_OF_FIELD:
                    prices[KIND_OF_FIELD[field]] = self.pico(field, value)
                elif field != "range":
                    self.take_no_price(f"tiered_pricing.{field}")

    def take_no_price(self, field):
        if PLAIN_FIELDS.fullmatch(field) or NOT_SERVED.fullmatch(field):
            return
        priced = "cost" in field or "price" in field
        kept = self.report.uncarried if priced else self.report.unknown
        kept[field].append(self.name)

    def take_max_tokens(self):
        """max_tokens is the older field for what its mode counts."""
        value = self.fields.get("max_tokens")
        text = is_text(self.text.get("mode"))
        field = "max_output_tokens" if text else "max_input_tokens"
        if value is None or field in self.limits:
            return
        try:
            self.limits[field] = whole_number(value, 0, MAX_TOKENS)
        except Bad as error:
            self.faults.add(f'{self.where}: model "{self.name}"',
                            f"max_tokens: {error}")

    def pico(self, field, value):
        pico, exact = scaled(value, PICO_DIGITS)
        if not exact:
            self.report.rounded.append(f"{self.name} {field} {short(value)}")
        return pico

    # -- the finished model --

    def priced(self):
        """Whether a charge can be computed from what was read."""
        price = self.base.price
        if is_text(self.text.get("mode")):
            return "input" in price and "output" in price
        return bool(price or self.units)

    def dearest(self):
        rows = [self.base, *self.services.values()]
        sets = [row.price for row in rows]
        sets += [tier for row in rows for tier in row.tiers.values()]
        return max((p for prices in sets for p in prices.values()), default=0)

    def price_searches(self, rules):
        """The vendor's price of a web search, where the entry has none:
        rules are (provider, pattern of names, pico-dollars)."""
        if (self.text.get("mode", "chat") not in ("chat", "responses")
                or any(unit in self.units for unit in SEARCH_UNITS)):
            return
        for provider, pattern, pico in rules:
            if (provider == self.text["litellm_provider"]
                    and fnmatch.fnmatchcase(self.name, pattern)):
                self.units["per_search"] = pico
                self.derived.append("per_search")
                return

    def join_searches(self):
        """One price for all sizes where they cost the same."""
        prices = {self.units.get(unit) for unit in SEARCH_UNITS}
        if len(prices) == 1 and None not in prices:
            self.units["per_search"] = prices.pop()
            for unit in SEARCH_UNITS:
                del self.units[unit]

    def model(self):
        """The entry in our form, keys in the order of docs/prices.md."""
        self.take_off_peak()
        self.complete()
        self.join_searches()
        model = {"provider": self.text["litellm_provider"]}
        if "mode" in self.text:
            model["mode"] = self.text["mode"]
        model.update(row_form(self.base))
        for unit in UNITS:
            if unit in self.units:
                model[f"{unit}_pico"] = self.units[unit]
        for service in SERVICES:
            if service in self.services:
                model[service] = row_form(self.services[service])
        if self.multipliers:
            model["multipliers_permille"] = dict(
                sorted(self.multipliers.items()))
        if self.windows:
            model["off_peak_windows"] = self.windows
        model.update((field, limit) for field, limit
                     in sorted(self.limits.items()) if limit > 0)
        if self.derived:
            model["derived"] = self.derived
            self.report.derived += [f"{self.name} {path}"
                                    for path in self.derived]
        if "note" in self.text:
            model["note"] = self.text["note"]
        return model

    def take_off_peak(self):
        """{prices, "windows": …} becomes a factor and the windows, where the
        prices are all that the model has, cheaper by the same."""
        if self.off_peak is None:
            return
        try:
            self.multipliers["off_peak"] = self.off_peak_permille()
            self.windows = week_windows(self.off_peak_windows())
        except Bad:
            self.multipliers.pop("off_peak", None)
            self.report.uncarried["off_peak_pricing"].append(self.name)

    def off_peak_windows(self):
        if "hours_utc" not in self.off_peak:
            return self.off_peak.get("windows")
        if "windows" in self.off_peak:
            raise Bad("hours of two kinds")
        return [{"hours_utc": self.off_peak["hours_utc"]}]

    def off_peak_permille(self):
        if not isinstance(self.off_peak, dict) or self.base.tiers:
            raise Bad("something else")
        cheaper = {KIND_OF_FIELD.get(field): self.pico(field, value)
                   for field, value in self.off_peak.items()
                   if field not in ("windows", "hours_utc")}
        full = {kind: pico for kind, pico in self.base.price.items() if pico}
        if None in cheaper or set(cheaper) != set(full):
            raise Bad("not the same prices")
        factors = {(1000 * cheaper[kind] // full[kind],
                    1000 * cheaper[kind] % full[kind]) for kind in full}
        if len(factors) != 1:
            raise Bad("not one factor")
        permille, rest = factors.pop()
        if rest or not 1 <= permille <= 1000:
            raise Bad("no factor in thousandths")
        return permille

    def complete(self):
        """Makes each row stand alone: see docs/prices.md, "Rows"."""
        base = self.base
        self.drop_zeros()
        self.add_cache_discount()
        drop_redundant(base.price)
        for above, prices in sorted(base.tiers.items()):
            self.fill(f"tiers.{above}", prices, base.price)
        for service in SERVICES:
            if service in self.services:
                self.complete_service(service, self.services[service])
        for row in (base, *self.services.values()):
            for prices in (row.price, *row.tiers.values()):
                drop_redundant(prices)

    def drop_zeros(self):
        """A zero for a part of a paid prompt or answer is how the format
        writes "no price of its own"; taken as a price it would be a free
        ride under a cap."""
        for row in (self.base, *self.services.values()):
            for prices in (row.price, *row.tiers.values()):
                for kind, parent in FALLBACK.items():
                    if prices.get(kind) != 0 or parent is None:
                        continue
                    if price_of(prices, parent) or price_of(
                            self.base.price, parent):
                        del prices[kind]
                        self.report.zeros.append(f"{self.name} {kind}")

    def add_cache_discount(self):
        prices = self.base.price
        if (self.text.get("litellm_provider") in HALF_FOR_CACHED
                and is_text(self.text.get("mode"))
                and "input" in prices and "cached_input" not in prices):
            prices["cached_input"] = ratio(prices["input"], 1, 2)
            self.derived.append("cached_input")

    def complete_service(self, service, row):
        base = self.base
        self.fill(service, row.price, base.price)
        for above, prices in sorted(base.tiers.items()):
            own = row.tiers.get(above, {})
            if "input" in own or "output" in own:
                continue
            row.tiers[above] = {
                **moved(prices, base.price, row.price), **own}
            self.derived.append(f"{service}.tiers.{above}")
        for above, prices in sorted(row.tiers.items()):
            self.fill(f"{service}.tiers.{above}", prices,
                      base.tiers.get(above, row.price))

    def fill(self, path, prices, reference):
        """Gives prices each kind that reference has and it has not, in the
        ratio that the two have for the kind it would fall back to."""
        for kind, parent in FALLBACK.items():
            if kind in prices or kind not in reference:
                continue
            prices[kind] = ratio(reference[kind], price_of(prices, parent),
                                 price_of(reference, parent))
            if prices[kind] != price_of(prices, parent):
                self.derived.append(f"{path}.{kind}")


def flatten(fields):
    """The two nested objects that hold prices become dotted fields."""
    for field, value in fields.items():
        if (field in ("search_context_cost_per_query",
                      "provider_specific_entry") and isinstance(value, dict)):
            for inner, price in value.items():
                yield f"{field}.{inner}", price
        else:
            yield field, value


def ratio(price, to, of):
    """price × to / of, rounded up; price itself where there is no ratio."""
    if not to or not of:
        return price
    return -(-price * to // of)


def moved(prices, base, service):
    """A tier's prices for a service that states neither input nor output for
    that tier."""
    return {kind: ratio(price, price_of(service, kind), price_of(base, kind))
            for kind, price in prices.items()}


def drop_redundant(prices):
    """A kind that costs what it falls back to needs no price of its own."""
    for kind, parent in reversed(FALLBACK.items()):
        if parent and prices.get(kind) is not None:
            if prices[kind] == price_of(prices, parent):
                del prices[kind]


def price_form(prices):
    return {f"{kind}_pico": prices[kind] for kind in FALLBACK
            if kind in prices}


def row_form(row):
    form = price_form(row.price)
    if row.tiers:
        form["tiers"] = [{"above_tokens": above, **price_form(prices)}
                         for above, prices in sorted(row.tiers.items())]
    return form
