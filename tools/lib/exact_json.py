"""JSON without loss: numbers as Decimal, repeated keys remembered.

What it is: the reading half of tools that handle money. What it does not do:
know what a price is. How it fails: Bad, whose text says what and why; bounds
on the size of files and of numbers keep a hostile file harmless.
"""

import collections
import json
import sys
from decimal import Decimal, InvalidOperation, ROUND_HALF_UP, localcontext

MAX_NUMBER_CHARS = 64       # longer literals are attacks, not prices
MAX_FILE_BYTES = 64 << 20
MAX_FAULTS_SHOWN = 50


class Bad(Exception):
    """A value that cannot be used; the text says why."""


class Faults:
    """Everything wrong with the input, in the order it was found."""

    def __init__(self):
        self.lines = []

    def add(self, where, text):
        self.lines.append(f"{where}: {text}")

    def show(self):
        for line in self.lines[:MAX_FAULTS_SHOWN]:
            print(line, file=sys.stderr)
        more = len(self.lines) - MAX_FAULTS_SHOWN
        if more > 0:
            print(f"… and {more} more", file=sys.stderr)


class Repeated(dict):
    """An object whose text named some keys more than once."""

    def __init__(self, pairs):
        super().__init__(pairs)
        seen = collections.Counter(key for key, _ in pairs)
        self.repeated = [key for key, n in seen.items() if n > 1]


def read_number(text):
    """NaN where the literal is no usable number, so that the one who wants
    its value can complain and say whose it is."""
    if len(text) > MAX_NUMBER_CHARS:
        return Decimal("NaN")
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


def read_json(path):
    """(document, text) of path ("-": standard input): objects as Repeated,
    every number a Decimal. Bad when it is not a JSON object."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with open(path, "rb") as stream:
                data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise Bad(f"cannot be read: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise Bad(f"larger than {MAX_FILE_BYTES >> 20} MiB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Bad(f"not UTF-8 at byte {error.start}") from None
    try:
        document = json.loads(
            text, parse_float=read_number, parse_int=read_number,
            parse_constant=lambda _: Decimal("NaN"), object_pairs_hook=Repeated)
    except json.JSONDecodeError as error:
        raise Bad(f"not JSON: {error.msg} at line {error.lineno}, "
                  f"column {error.colno}") from None
    except RecursionError:
        raise Bad("nested too deeply") from None
    if not isinstance(document, dict):
        raise Bad(f"must be a JSON object, not {kind_name(document)}")
    return document, text


def kind_name(value):
    for kind, name in ((bool, "true or false"), (Decimal, "a number"),
                       (str, "a string"), (list, "a list"),
                       (dict, "an object")):
        if isinstance(value, kind):
            return name
    return "null"


def short(value):
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "…"


def as_number(value):
    if not isinstance(value, Decimal):
        raise Bad(f"must be a number, not {kind_name(value)}"
                  + (f" ({json.dumps(short(value))})"
                     if isinstance(value, str) else ""))
    if value.is_nan():
        raise Bad("not a finite number of at most "
                  f"{MAX_NUMBER_CHARS} characters")
    if value < 0:
        raise Bad(f"negative: {short(value)}")
    return value


def scaled(value, digits):
    """value × 10^digits as (whole number, exact?), rounded half up."""
    value = as_number(value)
    # Nothing is above 1e9, so that what follows has few digits.
    if value > 10**9:
        raise Bad(f"out of range: {short(value)}")
    # An exponent such as 1e-9999999 must not become that many digits.
    if value and value.adjusted() < -MAX_NUMBER_CHARS:
        return 0, False
    with localcontext() as context:
        context.prec = 2 * MAX_NUMBER_CHARS
        exact = value.scaleb(digits)
        whole = exact.to_integral_value(rounding=ROUND_HALF_UP)
    return int(whole), whole == exact


def whole_number(value, low, high):
    value = as_number(value)
    if not low <= value <= high or value != value.to_integral_value():
        raise Bad(f"must be a whole number from {low} to {high}, "
                  f"not {short(value)}")
    return int(value)
