"""JSON with wildcards, and comparing JSON with it.

A matcher is JSON in which a value may also be

  ...                   anything
  int number string bool object array
                        anything of that type
  /regex/               a string in which the regex is found
  > 5  >= 5  < 5  <= 5  a number
  not VALUE             anything that does not match VALUE

and where `...` as a member of an object allows further members, as an element
of a list any number of further elements. Numbers compare exactly, as decimals;
a member that stands twice in the JSON is a difference.
"""

import json
import re
from decimal import Decimal


class Anything:
    def __repr__(self):
        return "..."


class OfType:
    def __init__(self, word):
        self.word = word

    def __repr__(self):
        return self.word


class Regex:
    def __init__(self, text):
        self.text = text
        self.regex = re.compile(text, re.DOTALL)

    def __repr__(self):
        return f"/{self.text}/"


class Compare:
    def __init__(self, operator, number):
        self.operator, self.number = operator, number

    def __repr__(self):
        return f"{self.operator} {self.number}"

    def holds(self, v):
        return {">": v > self.number, ">=": v >= self.number,
                "<": v < self.number, "<=": v <= self.number}[self.operator]


class Not:
    def __init__(self, inner):
        self.inner = inner

    def __repr__(self):
        return f"not {show(self.inner)}"


class Members:
    """A matched object: pairs in their order, open or closed."""

    def __init__(self, pairs, is_open):
        self.pairs, self.is_open = pairs, is_open


class MatchSyntax(ValueError):
    pass


ANYTHING = Anything()
TYPES = ("int", "number", "string", "bool", "object", "array")
SCALAR = re.compile(
    r"\s*(?:(?P<any>\.\.\.)"
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r'|(?P<string>"(?:[^"\\]|\\.)*")'
    r"|/(?P<regex>(?:[^/\\]|\\.)+)/"
    r"|(?P<operator>[<>]=?)\s*(?P<bound>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<word>[a-z]+)"
    r"|(?P<mark>[\[\]{}:,]))", re.DOTALL)
WORDS = {"true": True, "false": False, "null": None}


class Parser:
    def __init__(self, text):
        self.text, self.at = text, 0
        self.token = None
        self.advance()

    def fail(self, wanted):
        rest = self.text[self.at:self.at + 30].strip()
        raise MatchSyntax(f"expected {wanted} before '{rest}' "
                          f"in {self.text.strip()[:200]}")

    def advance(self):
        if not self.text[self.at:].strip():
            self.token = None
            return
        self.token = SCALAR.match(self.text, self.at)
        if self.token is None:
            self.fail("a value")
        self.at = self.token.end()

    def is_mark(self, mark):
        return self.token is not None and self.token["mark"] == mark

    def take_mark(self, mark):
        if not self.is_mark(mark):
            self.fail(f"'{mark}'")
        self.advance()

    def value(self):
        t = self.token
        if t is None:
            self.fail("a value")
        if self.is_mark("{"):
            return self.members()
        if self.is_mark("["):
            return self.elements()
        self.advance()
        if t["any"]:
            return ANYTHING
        if t["number"]:
            return read_number(t["number"])
        if t["string"] is not None:
            return json.loads(t["string"], strict=False)
        if t["regex"]:
            return Regex(t["regex"].replace("\\/", "/"))
        if t["operator"]:
            return Compare(t["operator"], Decimal(t["bound"]))
        if t["word"] in WORDS:
            return WORDS[t["word"]]
        if t["word"] == "not":
            return Not(self.value())
        if t["word"] in TYPES:
            return OfType(t["word"])
        raise MatchSyntax(f"'{t[0].strip()}' is no value in "
                          f"{self.text.strip()[:200]}")

    def members(self):
        pairs, is_open = [], False
        self.take_mark("{")
        while not self.is_mark("}"):
            if self.token is not None and self.token["any"]:
                is_open = True
                self.advance()
            else:
                if self.token is None or self.token["string"] is None:
                    self.fail("a member")
                key = json.loads(self.token["string"], strict=False)
                self.advance()
                self.take_mark(":")
                pairs.append((key, self.value()))
            if not self.is_mark("}"):
                self.take_mark(",")
        self.take_mark("}")
        return Members(pairs, is_open)

    def elements(self):
        out = []
        self.take_mark("[")
        while not self.is_mark("]"):
            out.append(self.value())
            if not self.is_mark("]"):
                self.take_mark(",")
        self.take_mark("]")
        return out


def read_number(text):
    return int(text) if re.fullmatch(r"-?\d+", text) else Decimal(text)


def parse(text):
    """The matcher in `text`, all of it; MatchSyntax says what is wrong."""
    parser = Parser(text)
    value = parser.value()
    if parser.token is not None:
        parser.fail("the end")
    return value


def parse_first(text):
    """(matcher, rest of the text) for a text that begins with a matcher."""
    parser = Parser(text)
    value = parser.value()
    rest = text[parser.token.start():] if parser.token is not None else ""
    return value, rest.strip()


# ---- JSON as it came ---------------------------------------------------------


class Pairs(dict):
    """An object as it came; `twice` names members that stand twice."""

    twice = ()


def _pairs(pairs):
    out = Pairs(pairs)
    if len(out) != len(pairs):
        names = [k for k, _ in pairs]
        out.twice = tuple(sorted({k for k in names if names.count(k) > 1}))
    return out


def _no_constant(word):
    raise ValueError(f"{word} is no JSON")


def load(text):
    """Strict JSON with exact numbers; ValueError when it is none."""
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    return json.loads(text, parse_float=Decimal, object_pairs_hook=_pairs,
                      parse_constant=_no_constant)


def show(value):
    """One line for messages."""
    if isinstance(value, Members):
        inner = [f"{json.dumps(k)}: {show(v)}" for k, v in value.pairs]
        return "{" + ", ".join(inner + ["..."] * value.is_open) + "}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)}: {show(v)}"
                               for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(show(v) for v in value) + "]"
    if isinstance(value, Decimal):
        return str(value)
    if value is None or isinstance(value, (str, bool, int)):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def short(value, most=300):
    text = show(value)
    return text if len(text) <= most else text[:most] + " ..."


# ---- comparing ---------------------------------------------------------------


def is_number(v):
    return isinstance(v, (int, Decimal)) and not isinstance(v, bool)


def is_type(word, v):
    return {"int": isinstance(v, int) and not isinstance(v, bool),
            "number": is_number(v), "string": isinstance(v, str),
            "bool": isinstance(v, bool), "object": isinstance(v, dict),
            "array": isinstance(v, list)}[word]


def difference(matcher, value, path="$"):
    """None when it matches; else one line that says where and what."""
    if matcher is ANYTHING:
        return None
    if isinstance(matcher, Members):
        return members_difference(matcher, value, path)
    if isinstance(matcher, list):
        return elements_difference(matcher, value, path)
    if isinstance(matcher, Not):
        if difference(matcher.inner, value, path) is not None:
            return None
    elif isinstance(matcher, OfType):
        if is_type(matcher.word, value):
            return None
    elif isinstance(matcher, Regex):
        if isinstance(value, str) and matcher.regex.search(value):
            return None
    elif isinstance(matcher, Compare):
        if is_number(value) and matcher.holds(value):
            return None
    elif is_number(matcher):
        if is_number(value) and matcher == value:
            return None
    elif type(matcher) is type(value) and matcher == value:
        return None
    return f"{path}: expected {show(matcher)}, came {short(value)}"


def members_difference(matcher, value, path):
    if not isinstance(value, dict):
        return f"{path}: expected {show(matcher)}, came {short(value)}"
    if getattr(value, "twice", ()):
        return f"{path}: {', '.join(value.twice)} stands twice"
    for key, inner in matcher.pairs:
        if key not in value:
            return (f"{path}: expected a member \"{key}\", "
                    f"came {short(value)}")
        found = difference(inner, value[key], f"{path}.{key}")
        if found:
            return found
    if not matcher.is_open:
        more = set(value) - {k for k, _ in matcher.pairs}
        if more:
            return (f"{path}: unexpected {', '.join(sorted(more))} "
                    f"in {short(value)}")
    return None


def elements_difference(matcher, value, path):
    if not isinstance(value, list):
        return f"{path}: expected {show(matcher)}, came {short(value)}"
    return sequence_difference(
        matcher, value, path,
        lambda m, v, at: difference(m, v, f"{path}[{at}]"))


def sequence_difference(matchers, values, path, compare):
    """Lists in which ANYTHING stands for any number of elements. The way that
    fits most of the matchers decides which difference is told."""
    best = ((-1, -1), None)
    stack = [(0, 0)]
    seen = set()
    while stack:
        m, v = stack.pop()
        if (m, v) in seen:
            continue
        seen.add((m, v))
        if m == len(matchers):
            if v == len(values):
                return None
            text = (f"{path}: expected {len(matchers)} elements, "
                    f"came more: {short(values[v])}")
        elif matchers[m] is ANYTHING:
            stack.append((m + 1, v))
            if v < len(values):
                stack.append((m, v + 1))
            continue
        elif v == len(values):
            text = f"{path}: expected {show(matchers[m])}, came the end"
            text += f" after {short(values[-1])}" if values else ""
        else:
            text = compare(matchers[m], values[v], v)
            if text is None:
                stack.append((m + 1, v + 1))
                continue
        if (m, v) > best[0]:
            best = ((m, v), text)
    return best[1]
