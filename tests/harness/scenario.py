"""Scenario files: the form, and reading it. tests/scenarios/README.md
describes it for people; runner.py plays what is read here.

A file is a title, then sections. A section begins with its name in capitals
in the first column; its lines are indented. Lines that begin with '#' are
comments. Everything that can be checked without running is checked here;
ScenarioError names file and line.
"""

import ast
import pathlib
import re
import textwrap

from harness import clock, match

HEADING = re.compile(r"([A-Z]+)(?:[ \t]+(\S.*))?$")
BYTES_PART = re.compile(r'\s*("(?:[^"\\]|\\.)*")(?:\s*\*\s*(\d+))?')
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


class ScenarioError(Exception):
    """The file cannot be read."""


class Directive:
    def __init__(self, line, word, rest):
        self.line, self.word, self.rest = line, word, rest

    def __repr__(self):
        return f"{self.line}: {self.word} {self.rest}"


class Section:
    def __init__(self, line, kind, args):
        self.line, self.kind, self.args = line, kind, args
        self.lines = []         # (number, text as in the file)
        self.directives = []
        self.text = ""          # dedented, of text sections
        self.first = line

    def has(self, word):
        return any(d.word == word for d in self.directives)


# ---- values of directives: each checks its text, at reading time -------------


def any_text(text):
    return text


def nothing(text):
    if text:
        raise ValueError(f"takes nothing, not '{text}'")


def some_text(text):
    if not text:
        raise ValueError("takes a text")


def whole(text):
    if not re.fullmatch(r"\d+", text):
        raise ValueError(f"takes a number, not '{text}'")


def matcher(text):
    match.parse(text)


def event(text):
    if text not in ("[DONE]", "..."):
        match.parse(text)


def duration(text):
    clock.parse_duration(text)


def maybe_duration(text):
    if text:
        clock.parse_duration(text)


def header(text):
    if not re.match(r"[!-9;-~]+:", text):
        raise ValueError(f"takes 'name: value', not '{text}'")


def byte_parts(text):
    read_bytes(text)


def quoted(text):
    read_quoted(text)


def pieces(text):
    if not re.fullmatch(r"\d+( every \S+)?", text):
        raise ValueError(f"takes 'N' or 'N every DURATION', not '{text}'")


def usage(text):
    read_usage(text)


def answers(text):
    read_answers(text)


def target(text):
    if not re.fullmatch(r"\S+( HTTP/1\.[01])?", text):
        raise ValueError(f"takes a path, not '{text}'")


def receives(text):
    if not re.fullmatch(r"[A-Z]+ \S+", text):
        raise ValueError(f"takes 'METHOD PATH', not '{text}'")


def chat(text):
    if not re.fullmatch(r"\S+( \".*\")?", text):
        raise ValueError(f"takes 'MODEL [\"TEXT\"]', not '{text}'")


def client_mark(text):
    if not re.fullmatch(r"\w+( after \d+ events?)?", text):
        raise ValueError("takes 'NAME' or 'NAME after N events', not "
                         f"'{text}'")


def leave(text):
    if not re.fullmatch(r"after (\d+ events?|head|sending)", text):
        raise ValueError("takes 'after N events', 'after head' or "
                         f"'after sending', not '{text}'")


def read_bytes(text):
    """`"a\\r\\n" * 3 "b"` → b'a\\r\\na\\r\\na\\r\\nb'."""
    out, at = [], 0
    while text[at:].strip():
        found = BYTES_PART.match(text, at)
        if not found:
            raise ValueError(f"takes quoted bytes, not '{text[at:][:60]}'")
        try:
            part = ast.literal_eval("b" + found[1])
        except SyntaxError:
            raise ValueError(f"{found[1][:60]}: only ASCII and escapes; "
                             "write other bytes as \\xNN") from None
        out.append(part * int(found[2] or 1))
        at = found.end()
    return b"".join(out)


def read_quoted(text):
    if not re.fullmatch(r'"(?:[^"\\]|\\.)*"', text):
        raise ValueError(f"takes a quoted text, not '{text}'")
    return match.parse(text)


def read_usage(text):
    """`10 5 cached 4 reasoning 2` → (10, 5, {"cached": 4, ...})."""
    words = text.split()
    numbers = words[:2] + words[3::2]
    names = words[2::2]
    known = ("cached", "cache_write", "audio", "reasoning")
    if (len(words) < 2 or len(words) % 2
            or not all(n.isdigit() for n in numbers)
            or not all(n in known for n in names)):
        raise ValueError("takes 'PROMPT COMPLETION [cached N] "
                         f"[cache_write N] [reasoning N]', not '{text}'")
    return (int(words[0]), int(words[1]),
            dict(zip(names, map(int, words[3::2]))))


def read_answers(text):
    """("status", 429) or ("stream", None) or ("chat", (text, usage))."""
    if text.isdigit() and 100 <= int(text) <= 599:
        return "status", int(text)
    if text == "stream":
        return "stream", None
    found = re.fullmatch(r'chat("(?:[^"\\]|\\.)*"|\s+"(?:[^"\\]|\\.)*")?'
                         r"(?:\s+usage\s+(.*))?", text)
    if not found:
        raise ValueError("takes a status, 'stream' or 'chat \"TEXT\" "
                         f"[usage P C ...]', not '{text}'")
    said = read_quoted(found[1].strip()) if found[1] else "Hello."
    return "chat", (said, read_usage(found[2]) if found[2] else None)


# ---- the words of each section -----------------------------------------------

PROVIDER_WORDS = {
    "receives": receives, "header": header, "no header": some_text,
    "json": some_text, "body": any_text, "bytes": byte_parts,
    "text": some_text, "no text": some_text, "answers": answers,
    "event": event, "role": nothing, "delta": quoted, "finish": some_text,
    "usage": usage, "done": nothing, "raw": byte_parts, "framing": some_text,
    "length": whole, "chunks": whole, "pieces": pieces, "wait": duration,
    "cut": nothing, "reset": nothing, "stall": maybe_duration,
    "half close": nothing, "await gone": maybe_duration, "flood": whole,
    "mark": some_text, "await": some_text,
}
CLIENT_WORDS = {
    **{m: target for m in METHODS}, "chat": chat, "stream": chat,
    "header": header, "no header": some_text, "json": some_text,
    "body": any_text, "bytes": byte_parts, "raw": byte_parts,
    "responses": whole, "pieces": pieces, "leave": leave,
    "half close": nothing, "small window": nothing, "await": some_text,
    "mark": client_mark,
}
EXPECT_WORDS = {
    "status": whole, "version": some_text, "header": header,
    "no header": some_text, "json": matcher, "body": any_text,
    "bytes": byte_parts, "text": some_text, "no text": some_text,
    "event": event, "done": nothing, "content": quoted, "finish": some_text,
    "framing": some_text, "broken": any_text, "closed": nothing,
    "open": nothing, "usable": nothing, "within": duration,
    "not before": duration,
}
RUN_WORDS = {"exit": whole, "text": some_text, "no text": some_text,
             "line": some_text}

# kind: (arguments, content). Content: a table of words, "text", "lines",
# "fields" (NAME matcher), "rows" (NAME matcher, names are data) or None.
SECTIONS = {
    "CONFIG": (r"(workers=\d+)?", "text"),
    "FILE": (r"[\w.-]+", "text"),
    "ENV": (r"", "lines"),
    "PROVIDER": (r"\w+( (down|always|times \d+))?", PROVIDER_WORDS),
    "CLIENT": (r"([\w-]+)?( on [\w-]+)?( background)?|background",
               CLIENT_WORDS),
    "EXPECT": (r"([\w-]+)?( ?#\d+)?", EXPECT_WORDS),
    "TRACE": (r"([\w-]+)?( none)?", "fields"),
    "LEDGER": (r"\w+", "rows"),
    "CTL": (r".+", {**RUN_WORDS, "json": matcher}),
    "CHECK": (r"", RUN_WORDS),
    "START": (r"", RUN_WORDS),
    "STOP": (r"", None),
    "LOG": (r"", "lines"),
    "NOT": (r"", "lines"),
    "TIME": (r"\S+", None),
    "AWAIT": (r"\w+", None),
    "MARK": (r"\w+", None),
}


class Scenario:
    def __init__(self, path, text):
        self.path = pathlib.Path(path)
        self.name = self.path.stem
        self.title = ""
        self.sections = []
        self._read(text)
        self._check_order()

    def fail(self, line, text):
        raise ScenarioError(f"{self.path.name}:{line}: {text}")

    # ---- lines to sections ----

    def _read(self, text):
        title, section = [], None
        for number, line in enumerate(text.split("\n"), 1):
            if line.startswith("#"):
                continue
            if line[:1] in (" ", "\t", ""):
                if section is not None:
                    section.lines.append((number, line))
                elif line.strip():
                    self.fail(number, "an indented line before any section")
                continue
            heading = HEADING.fullmatch(line.rstrip())
            if heading and heading[1] in SECTIONS:
                section = Section(number, heading[1], (heading[2] or ""))
                self.sections.append(section)
            elif section is None:
                title.append(line.strip())
            else:
                self.fail(number, f"'{line.strip()[:40]}' is no section; "
                                  f"there are {', '.join(SECTIONS)}")
        self.title = " ".join(title)
        if not self.title:
            self.fail(1, "no title: say in a sentence what is shown")
        if not self.sections:
            self.fail(1, "no section")
        for one in self.sections:
            self._fill(one)

    def _fill(self, section):
        args, content = SECTIONS[section.kind]
        if not re.fullmatch(args, section.args):
            self.fail(section.line, f"{section.kind} does not take "
                                    f"'{section.args}'")
        while section.lines and not section.lines[-1][1].strip():
            section.lines.pop()
        while section.lines and not section.lines[0][1].strip():
            section.lines.pop(0)
        if section.lines:
            section.first = section.lines[0][0]
        body = "\n".join(text for _, text in section.lines)
        if content is None:
            if section.lines:
                self.fail(section.first, f"{section.kind} has no lines")
        elif content == "text":
            section.text = textwrap.dedent(body) + "\n"
        elif content == "lines":
            section.directives = [
                Directive(number, "", text.strip())
                for number, text in section.lines if text.strip()]
        else:
            self._read_directives(section, content)
        if section.kind == "TIME":
            self._value(section.line, "TIME", clock.parse_duration,
                        section.args)

    def _value(self, line, word, check, text):
        try:
            check(text)
        except ValueError as e:
            self.fail(line, f"{word}: {e}")

    def _read_directives(self, section, words):
        width = min((len(t) - len(t.lstrip()) for _, t in section.lines
                     if t.strip()), default=0)
        groups = []
        for number, text in section.lines:
            is_first = text.strip() and len(text) - len(text.lstrip()) == width
            if is_first:
                groups.append((number, [text.strip()]))
            else:
                groups[-1][1].append(text)
        for number, lines in groups:
            more = textwrap.dedent("\n".join(lines[1:])).strip("\n")
            section.directives.append(
                self._directive(section, number, lines[0], more, words))

    def _directive(self, section, number, first, more, words):
        parts = first.split(None, 2)
        if words in ("fields", "rows"):
            word, _, rest = first.partition(" ")
            if word == "no" and words == "fields":
                word, rest = "no " + rest.strip(), ""
        elif " ".join(parts[:2]) in words:
            word = " ".join(parts[:2])
            rest = parts[2] if len(parts) > 2 else ""
        else:
            word = parts[0]
            rest = first[len(word):].strip()
            if word not in words:
                self.fail(number, f"{section.kind} does not know '{word}'; "
                                  f"it knows {', '.join(words)}")
        rest = "\n".join(p for p in (rest.strip(), more) if p)
        if words in ("fields", "rows"):
            if not word.startswith("no "):
                self._value(number, word, matcher, rest)
        else:
            self._value(number, word, words[word], rest)
        return Directive(number, word, rest)

    # ---- what must hold over sections ----

    def _check_order(self):
        clients, providers = set(), set()
        count = 0
        for s in self.sections:
            if s.kind == "PROVIDER":
                providers.add(s.args.split()[0])
                self._check_provider(s)
            elif s.kind == "CLIENT":
                count += 1
                clients.add(client_name(s, count))
            elif s.kind in ("EXPECT", "TRACE"):
                name = re.sub(r"( none| ?#\d+)$", "", s.args).strip()
                if name in ("none", ""):
                    if not clients:
                        self.fail(s.line, f"{s.kind} before any CLIENT")
                elif name not in clients:
                    self.fail(s.line, f"no CLIENT {name} before this")
        for s in self.sections:
            for name in re.findall(r"\{\{(?:provider|port):(\w+)\}\}",
                                   s.text + "".join(d.rest for d
                                                    in s.directives)):
                if name not in providers:
                    self.fail(s.line, f"no PROVIDER {name} in this file")

    def _check_provider(self, section):
        """Before `answers`: what must come. After it: what is sent."""
        answered = False
        before = ("receives", "text", "no text", "no header")
        after = ("event", "role", "delta", "finish", "usage", "done",
                 "framing", "length", "chunks", "flood")
        for d in section.directives:
            if d.word == "answers":
                if answered:
                    self.fail(d.line, "one answer per PROVIDER section")
                answered = True
            elif d.word in before and answered:
                self.fail(d.line, f"'{d.word}' is about what is received: "
                                  "it stands before 'answers'")
            elif d.word in after and not answered:
                self.fail(d.line, f"'{d.word}' is about the answer: "
                                  "it stands after 'answers'")
            elif d.word == "json":
                self._value(d.line, "json", any_text if answered else matcher,
                            d.rest)
                if answered:
                    self._value(d.line, "json", match.load, d.rest)


def client_name(section, number):
    """The name of the number-th CLIENT section."""
    first = section.args.split(" ")[0]
    return first if first and first != "background" and first != "on" \
        else f"client-{number}"


def read(path):
    text = pathlib.Path(path).read_text(encoding="utf-8")
    return Scenario(path, text)
