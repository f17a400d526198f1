"""C source as far as the check-* tools must understand it.

What it is: comments and literals taken out, includes, and the functions of a
file with their size, parameters and nesting. What it does not do: expand
macros. It leans on the house style (clang-format holds it), in which a
function's body is the brace block after its parameter list. How it fails: a
file whose braces do not balance raises Unbalanced.
"""

import re

# Macros that are loops, as .clang-format's ForEachMacros.
LOOP_MACROS = re.compile(r"\w+_EACH(_SAFE)?|json_(object|array)_foreach")

_COMMENT = re.compile(
    r"""/\*.*?\*/ | //(?:[^\n\\]|\\.)* |
        "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*'""", re.DOTALL | re.VERBOSE)
_TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|\S")
_INCLUDE = re.compile(r'\s*#\s*include\s*(?:([<"])([^>"\n]+)[>"]|(\S.*))')


class Unbalanced(Exception):
    pass


def _blanks(text):
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    """Same lines and columns, comments blank."""
    return _COMMENT.sub(
        lambda m: _blanks(m[0]) if m[0].startswith("/") else m[0], text)


def includes(text):
    """(line, "<" or '"', name) of each #include; a name that is a macro has
    "" for its quote."""
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        found = _INCLUDE.match(line)
        if found:
            yield number, found[1] or "", found[2] or found[3]


def _code(text, branch):
    """Comments, literals and preprocessor lines blank; of #if … #else only
    one side stays (branch 0: the first, 1: the last)."""
    text = _COMMENT.sub(
        lambda m: (_blanks(m[0]) if m[0].startswith("/")
                   else m[0][0] + _blanks(m[0][1:-1]) + m[0][-1]), text)
    out, kept, going_on = [], [], False
    for line in text.split("\n"):
        directive = re.match(r"\s*#\s*(\w*)", line) if not going_on else None
        if directive:
            word = directive[1]
            if word in ("if", "ifdef", "ifndef"):
                kept.append(True)
            elif word in ("else", "elif") and kept:
                kept[-1] = branch == 1
                if branch == 1:
                    _drop_branch(out)
            elif word == "endif" and kept:
                kept.pop()
                if branch == 1:
                    _end_branch(out)
            if branch == 1 and word in ("if", "ifdef", "ifndef"):
                out.append(_Mark(len(kept)))
        visible = not directive and not going_on and all(kept)
        going_on = (directive is not None or going_on) and line.endswith("\\")
        out.append(line if visible else "")
    return "\n".join(line for line in out if not isinstance(line, _Mark))


class _Mark:
    """Where an #if began, among the lines."""

    def __init__(self, depth):
        self.depth = depth


def _drop_branch(out):
    """Blanks the lines since the innermost open #if: a later side follows."""
    for i in range(len(out) - 1, -1, -1):
        if isinstance(out[i], _Mark):
            return
        out[i] = ""


def _end_branch(out):
    for i in range(len(out) - 1, -1, -1):
        if isinstance(out[i], _Mark):
            del out[i]
            return


class Function:
    """name, line of the name, lines up to the closing brace, parameters,
    nesting (control statements inside each other)."""

    def __init__(self, name, line, lines, parameters, nesting):
        self.name = name
        self.line = line
        self.lines = lines
        self.parameters = parameters
        self.nesting = nesting


class _Tokens:
    def __init__(self, code):
        self.words, self.lines = [], []
        for number, line in enumerate(code.split("\n"), 1):
            for found in _TOKEN.finditer(line):
                self.words.append(found[0])
                self.lines.append(number)

    def at(self, i):
        return self.words[i] if i < len(self.words) else ""

    def closing(self, i):
        """Index of the bracket that closes the one at i."""
        depth = 0
        for j in range(i, len(self.words)):
            if self.words[j] in "([{":
                depth += 1
            elif self.words[j] in ")]}":
                depth -= 1
                if depth == 0:
                    return j
        raise Unbalanced(f"line {self.lines[i]}: {self.words[i]} is never "
                         "closed")

    # A statement starts at i; both results: (index after it, nesting).

    def block(self, i, depth):
        end, deepest = self.closing(i), depth
        i += 1
        while i < end:
            i, inner = self.statement(i, depth)
            deepest = max(deepest, inner)
        return end + 1, deepest

    def statement(self, i, depth):
        word = self.at(i)
        if word == "{":
            return self.block(i, depth)
        if word == "if":
            return self.choice(i, depth)
        if word in ("for", "while", "switch") or (
                LOOP_MACROS.fullmatch(word) and self.at(i + 1) == "("):
            return self.statement(self.closing(i + 1) + 1, depth + 1)
        if word == "do":
            i, inner = self.statement(i + 1, depth + 1)
            return self.simple(i), inner
        if word in ("case", "default"):
            while self.at(i) not in (":", ""):
                i += 1
            return i + 1, depth
        if re.match(r"[A-Za-z_]", word) and self.at(i + 1) == ":":
            return i + 2, depth
        return self.simple(i), depth

    def choice(self, i, depth):
        """if … else if … else …: one step of depth, however long."""
        deepest = depth
        while True:
            i, inner = self.statement(self.closing(i + 1) + 1, depth + 1)
            deepest = max(deepest, inner)
            if self.at(i) != "else":
                return i, deepest
            i += 1
            if self.at(i) != "if":
                i, inner = self.statement(i, depth + 1)
                return i, max(deepest, inner)

    def simple(self, i):
        while i < len(self.words) and self.words[i] != ";":
            if self.words[i] == "}":
                return i
            i = self.closing(i) if self.words[i] in "([{" else i
            i += 1
        return i + 1


def _parameters(tokens, start, end):
    if end - start <= 1 or tokens.words[start + 1:end] == ["void"]:
        return 0
    count, i = 1, start + 1
    while i < end:
        if tokens.words[i] in "([{":
            i = tokens.closing(i)
        elif tokens.words[i] == ",":
            count += 1
        i += 1
    return count


def _functions(code):
    tokens = _Tokens(code)
    i, opened = 0, None
    while i < len(tokens.words):
        word = tokens.words[i]
        if word == "(":
            end = tokens.closing(i)
            if i > 0 and re.match(r"[A-Za-z_]", tokens.words[i - 1]):
                # The last one before the body: attributes may come first.
                opened = (i, end)
            i = end + 1
        elif word == "{":
            end = tokens.closing(i)
            name = opened[0] - 1 if opened else 0
            if opened and opened[1] == i - 1 and not (
                    tokens.words[name] == "__attribute__"):
                first = tokens.lines[name]
                yield Function(
                    tokens.words[name], first,
                    tokens.lines[end] - first + 1,
                    _parameters(tokens, *opened), tokens.block(i, 0)[1])
            opened = None
            i = end + 1
        else:
            if word in ";=":
                opened = None
            i += 1


def functions(text):
    """The functions defined in text, on either side of its #ifs."""
    found = {}
    for branch in (0, 1):
        for function in _functions(_code(text, branch)):
            found.setdefault((function.line, function.name), function)
    return [found[key] for key in sorted(found)]
