"""The check-* tools on small trees with one thing planted in each."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def check(tool, tree, *arguments, cwd="/", **environment):
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / tool), "--root", str(tree),
         *arguments],
        capture_output=True, text=True, encoding="utf-8", timeout=120,
        cwd=cwd, env={**os.environ, **environment})


@pytest.fixture
def tree(tmp_path):
    """Writes {"path": text} into a tree without git; returns its root."""
    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(text, bytes):
                path.write_bytes(text)
            else:
                path.write_text(text, encoding="utf-8")
        return tmp_path
    return write


def found(done, *lines):
    """The tool failed with exactly these lines (their beginnings)."""
    said = done.stdout.splitlines()
    assert done.returncode == 1, done.stdout + done.stderr
    assert len(said) == len(lines) + 1, done.stdout
    for line, beginning in zip(said, lines):
        assert line.startswith(beginning), done.stdout
    assert said[-1].endswith(f"{len(lines)} found")


def clean(done):
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 1, done.stdout


# ---- check-layers --------------------------------------------------------------

LAYERED = {
    "src/base/mem.h": "#include <stddef.h>\n",
    "src/base/mem.c": '#include "base/mem.h"\n#include "config.h"\n',
    "src/config/config.h": '#include "base/mem.h"\n',
    "src/config/config_yaml.c": '#include "config/config.h"\n'
                                "#include <yaml.h>\n",
    "src/store/store_lmdb.c": "#include <lmdb.h>\n",
    "src/domain/ledger/ledger.h": '#include "config/config.h"\n',
    "src/wire/sse.h": '#include "domain/ledger/ledger.h"\n',
    "src/upstream/fetch.h": '#include "base/mem.h"\n',
    "src/upstream/handle.h": "#include <curl/curl.h>\n",
    "src/upstream/fetch.c": '#include "upstream/fetch.h"\n'
                            '#include "upstream/handle.h"\n'
                            "#include <event2/event.h>\n",
    "src/http/call.c": "#include <event2/http.h>\n"
                       "#include <event2/http_struct.h>\n",
    "src/http/call.h": "struct call;\n",
    "src/exchange/exchange.h": '#include "wire/sse.h"\n'
                               '#include "upstream/fetch.h"\n'
                               '#include "http/call.h"\n',
    "src/keeper/keeper.c": '#include "upstream/fetch.h"\n',
    "src/worker/worker.h": '#include "exchange/exchange.h"\n',
    "src/main.c": '#include "worker/worker.h"\n',
}


def test_layers_pass_where_all_goes_down(tree):
    done = check("check-layers", tree(LAYERED))
    clean(done)
    assert "16 files, 22 includes" in done.stdout


@pytest.mark.parametrize("name, text, words", [
    ("src/base/up.c", '#include "config/config.h"', "base may not include"),
    ("src/config/aside.c", '#include "store/x.h"', "there is no src/store"),
    ("src/store/aside.h", '#include "config/config.h"',
     "store may not include config (only: base)"),
    ("src/http/aside.c", '#include "upstream/fetch.h"',
     "http may not include upstream"),
    ("src/wire/aside.c", '#include "http/call.h"', "wire may not"),
    ("src/wire/io.c", "#include <event2/event.h>", "may only be included"),
    ("src/domain/up.c", '#include "wire/sse.h"', "domain may not"),
    ("src/logger/reach.c", '#include "domain/ledger/ledger.h"', "logger may not"),
    ("src/sim/reach.c", '#include "domain/ledger/ledger.h"', "sim may not"),
    ("src/main.c", '#include "exchange/exchange.h"', "main may not"),
    ("src/store/other.c", "#include <lmdb.h>", "<lmdb.h> may only"),
    ("src/config/other.c", "#include <yaml.h>", "<yaml.h> may only"),
    ("src/exchange/c.c", "#include <curl/multi.h>", "<curl/multi.h> may"),
    ("src/worker/h.c", "#include <event2/http.h>", "src/http/*"),
    ("src/exchange/leak.c", '#include "upstream/handle.h"',
     '"upstream/handle.h" brings in <curl/curl.h>'),
    ("src/base/near.c", '#include "mem.h"', "write it with its layer"),
    ("src/base/angle.c", "#include <base/mem.h>", 'write "base/mem.h"'),
    ("src/base/spaced.c", '  #  include   "wire/sse.h"', "base may not"),
    ("src/base/macro.c", "#include HEADER", "name the header"),
    ("src/novel/new.c", "int x;", "folder src/novel has no place"),
])
def test_layers_name_file_and_line(tree, name, text, words):
    root = tree({**LAYERED, name: f"/* Head. */\n{text}\n"})
    line = 1 if "novel" in name else 2
    done = check("check-layers", root)
    found(done, f"{name}:{line}: ")
    assert words in done.stdout


def test_layers_do_not_read_comments(tree):
    clean(check("check-layers", tree({
        "src/base/a.c": '/*\n#include "wire/sse.h"\n*/\n'
                        '// #include "wire/sse.h"\n'})))


def test_a_circle_of_includes_ends(tree):
    done = check("check-layers", tree({
        "src/base/a.h": '#include "base/b.h"\n',
        "src/base/b.h": '#include "base/a.h"\n'}))
    clean(done)


# ---- check-size -------------------------------------------------------------------

def function(name, lines, arguments="void"):
    """A function of that many lines, counted from its name."""
    body = "\tx();\n" * (lines - 3)
    return f"int\n{name}({arguments})\n{{\n{body}}}\n"


def test_size_shows_the_longest_of_each_kind(tree):
    done = check("check-size", tree({
        "src/base/a.c": function("short_one", 5) + function("long_one", 80)}))
    assert done.returncode == 0, done.stdout
    assert "    80  src/base/a.c:8  long_one" in done.stdout
    assert "1 files, 2 functions within the limits" in done.stdout


@pytest.mark.parametrize("text, words", [
    (function("f", 81), "src/a.c:2: f: 81 lines of a function"),
    ("static int PRINTF(1, 2)\n" + function("f", 81)[4:],
     "src/a.c:2: f: 81 lines of a function"),
    ("#ifdef A\n" + function("f", 9) + "#else\n" + function("f", 81)
     + "#endif\n", "f: 81 lines"),
    (function("f", 5, "int a, int (*b)(int, int), int c, int d, int e, "
              "int g,\n    int h, int i"), "f: 8 parameters"),
    ("\n" * 801, "src/a.c:1: 801 lines of a .c file"),
    ("int f(void)\n{\n\tif (a)\n\t\tfor (;;)\n\t\t\twhile (b) {\n"
     "\t\t\t\tdo\n\t\t\t\t\tx();\n\t\t\t\twhile (c);\n\t\t\t}\n}\n",
     "f: 4 control statements"),
    ("\t" * 9 + "123456789\n", "src/a.c:1: 81 columns"),
    ("int f(void)\n{\n", "src/a.c: cannot be measured: line 2: {"),
])
def test_size_fails_past_a_limit(tree, text, words):
    done = check("check-size", tree({"src/a.c": text}), "--quiet")
    assert done.returncode == 1
    assert words in done.stdout


def test_size_of_headers(tree):
    found(check("check-size", tree({"src/base/a.h": "\n" * 251}), "--quiet"),
          "src/base/a.h:1: 251 lines of a header, at most 250")


@pytest.mark.parametrize("text", [
    # An else-if chain is one decision; case labels are not statements.
    "int f(void)\n{\n\tif (a)\n\t\tx();\n\telse if (b)\n\t\tx();\n"
    "\telse if (c)\n\t\tx();\n\telse if (d)\n\t\tx();\n\telse\n\t\tx();\n}\n",
    "int f(void)\n{\n\tswitch (a) {\n\tcase 1:\n\tcase 2:\n\t\tfor (;;)\n"
    "\t\t\tif (b)\n\t\t\t\tgoto out;\n\t}\nout:\n\treturn 0;\n}\n",
    # Braces of data are not blocks.
    "static const struct {\n\tint a[2];\n} t[] = { { { 1, 2 } } };\n"
    "int f(void)\n{\n\tstruct x y = { .a = { { { 1 } } } };\n"
    "\tg((struct x){ { { { 1 } } } });\n\treturn 0;\n}\n",
    # Nor are those in strings, characters and comments.
    "int f(void)\n{\n\tputs(\"{{{\"); /* {{{ */\n\tputchar('{'); // {\n}\n",
    # A macro of several lines is no function.
    "#define F(x) \\\n\tint x(void) { \\\n\t\tif (a) { if (b) { if (c) { "
    "\\\n\t\tif (d) ; } } } }\nint y;\n",
    # Tables may be wide.
    "/* clang-format off */\n" + "x" * 200 + "\n/* clang-format on */\n",
    "struct __attribute__((packed)) {\n\tint a;\n};\n" + "\n" * 90,
])
def test_size_lets_pass_what_only_looks_too_much(tree, text):
    clean(check("check-size", tree({"src/a.c": text}), "--quiet"))


def test_a_table_ends_where_the_format_is_on_again(tree):
    found(check("check-size", tree({
        "src/a.c": "/* clang-format off */\n/* clang-format on */\n"
                   + "x" * 81 + "\n"}), "--quiet"),
        "src/a.c:3: 81 columns")


def test_tests_may_have_long_functions_but_not_long_lines(tree):
    found(check("check-size", tree({
        "tests/unit/test_a.c": function("f", 200) + "y" * 90 + "\n"}),
        "--quiet"), "tests/unit/test_a.c:202: 90 columns")


@pytest.mark.skipif(not shutil.which("ctags"), reason="no ctags")
def test_functions_are_measured_as_ctags_measures_them():
    sys.path.insert(0, str(ROOT / "tools" / "lib"))
    try:
        import csource
    finally:
        sys.path.pop(0)
    files = sorted(str(p) for p in (ROOT / "src").rglob("*.c"))
    # A macro that writes functions is no function of its own; ctags takes
    # its use, which ends without a semicolon, for the head of the next one.
    writers = {name for file in files for name in re.findall(
        r"^([A-Z]\w+)\(", pathlib.Path(file).read_text(), re.MULTILINE)}
    done = subprocess.run(
        ["ctags", "--languages=C", "--kinds-C=f", "--fields=+ne", "-f", "-",
         *(f"-I{name}+" for name in sorted(writers)), *files],
        capture_output=True, text=True)
    if done.returncode != 0 or "end:" not in done.stdout:
        pytest.skip("not universal-ctags")
    theirs = set()
    for line in done.stdout.splitlines():
        if line.startswith("!"):
            continue
        name, file, *fields = line.split("\t")
        field = dict(f.split(":", 1) for f in fields if ":" in f)
        first = int(field["line"])
        theirs.add((file, name, first, int(field["end"]) - first + 1))
    ours = {(file, f.name, f.line, f.lines) for file in files
            for f in csource.functions(pathlib.Path(file).read_text())}
    assert ours == theirs


# ---- check-headers -----------------------------------------------------------------

@pytest.mark.skipif(not shutil.which("cc"), reason="no compiler")
@pytest.mark.parametrize("name, text, words", [
    ("needs.h", "#ifndef A\n#define A\nsize_t f(void);\n#endif\n",
     "unknown type name"),
    ("guard.h", "struct x { int a; };\n", "redefinition"),
    ("warns.h", "#ifndef A\n#define A\nstatic inline int f(int a, unsigned "
     "b)\n{\n\treturn a < b;\n}\n#endif\n", "comparison of integer"),
])
def test_headers_that_do_not_stand_alone(tree, name, text, words):
    root = tree({f"src/base/{name}": text,
                 "src/base/good.h": "#ifndef G\n#define G\n"
                 "#include <stddef.h>\nsize_t g(void);\n#endif\n"})
    done = check("check-headers", root, CC="cc")
    assert done.returncode == 1
    assert f"src/base/{name}:1: does not compile alone" in done.stdout
    assert words in done.stdout
    assert "good.h:1" not in done.stdout


@pytest.mark.skipif(not shutil.which("cc"), reason="no compiler")
def test_headers_that_do(tree):
    root = tree({"src/base/a.h": "#ifndef A\n#define A\nint a;\n#endif\n",
                 "src/base/b.h": '#ifndef B\n#define B\n#include "base/a.h"'
                 "\n#ifndef FROM_MAKE\n#error flags\n#endif\n#endif\n"})
    clean(check("check-headers", root, CC="cc", CPPFLAGS="-DFROM_MAKE"))


def test_headers_without_a_compiler(tree):
    root = tree({"src/base/a.h": "int a;\n"})
    done = check("check-headers", root, CC="no-such-compiler -x")
    assert done.returncode == 2
    assert "no compiler: no-such-compiler" in done.stderr


# ---- check-words ---------------------------------------------------------------------

@pytest.mark.parametrize("text, words", [
    ("/* TO" "DO: later */\n", ":1: unfinished"),
    ("x\n# FIX" "ME\n", ":2: unfinished"),
    ("XX" "X\n", ":1: unfinished"),
    ("// HA" "CK\n", ":1: unfinished"),
    ('open("/wo' 'rk/x")\n', ":1: path of a machine"),
    ("cd /ro" "ot/\n", ":1: path of a machine"),
    ("x \n", ":1: white space at the end"),
    ("x\n\t\n", ":2: white space at the end"),
    ("x\r\n", ":1: line ends in CR LF"),
    ("    \tx\n", ":1: space before a tab"),
    ("x\ny", ":2: no newline at the end"),
    (b"\x7fXYZ\0\n", ":1: binary"),
    (b"caf\xe9\n", ":1: binary, or not UTF-8"),
])
def test_words_are_found(tree, text, words):
    done = check("check-words", tree({"src/a.c": text, "b.md": "fine\n"}))
    found(done, "src/a.c:")
    assert words in done.stdout


def test_words_find_large_files(tree):
    found(check("check-words", tree({"a": "x\n" * 300_000})),
          "a:1: 585 KiB, at most 512")


@pytest.mark.parametrize("text", [
    "mktemp /tmp/tallygate.XX" "XXXX\nHA" "CKING.md\nmyTO" "DOs\n",
    "src/wo" "rk/er.c $HOME/wo" "rk/ https://host/ro" "ot/\n",
    "\t    continued\n", "",
])
def test_words_that_only_look_alike(tree, text):
    clean(check("check-words", tree({"a.txt": text})))


def test_words_leave_inputs_of_parsers_alone(tree):
    clean(check("check-words", tree({
        "tests/fuzz/corpus/sse/1": b"\0\xff \r\n",
        "tests/scenarios/data/odd.bin": b"\0"})))


def test_words_skip_what_a_build_left(tree):
    clean(check("check-words", tree({
        "src/a.o": b"\0", "tallysim": b"\x7fELF\0", "configure": "x \n",
        "build-aux/missing": "x \n", "build/x": "x \n",
        ".git/x": b"\0"})))
    found(check("check-words", tree({
        "src/build/configure": "x \n", ".ci/run": "x \n"})),
        ".ci/run:1", "src/build/configure:1")


@pytest.mark.skipif(not shutil.which("git"), reason="no git")
def test_words_ask_git_what_belongs_to_the_tree(tree):
    root = tree({".gitignore": "/out\n", "out": "x \n", "kept": "x \n",
                 "new": "x \n", "gone": "x \n"})

    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t",
                        "-C", str(root), *arguments], check=True,
                       capture_output=True)
    git("init")
    git("add", ".gitignore", "kept", "gone")
    git("commit", "-m", "x")
    (root / "gone").unlink()
    found(check("check-words", root), "kept:1", "new:1")
    # A tarball unpacked inside a repository is a tree of its own.
    (root / "inner").mkdir()
    (root / "inner" / "out").write_text("x \n")
    found(check("check-words", root / "inner"), "out:1")


# ---- check-format ----------------------------------------------------------------------

def has_clang_format():
    for name in ("clang-format-14", "clang-format"):
        if shutil.which(name):
            said = subprocess.run([name, "--version"], capture_output=True,
                                  text=True).stdout
            if "version 14." in said:
                return True
    return False


@pytest.mark.skipif(not has_clang_format(), reason="no clang-format 14")
def test_format(tree):
    style = (ROOT / ".clang-format").read_text()
    root = tree({".clang-format": style, "src/a.c": "int a;\n"})
    clean(check("check-format", root))
    (root / "src" / "b.h").write_text("int  b ;\n")
    done = check("check-format", root)
    assert done.returncode == 1
    assert "src/b.h:1" in done.stderr


def test_format_says_that_it_was_skipped(tree, tmp_path):
    root = tree({"src/a.c": "int  a ;\n"})
    empty = tmp_path / "empty"
    empty.mkdir()
    done = check("check-format", root, PATH=str(empty))
    assert done.returncode == 0
    assert "skipped: clang-format 14 is not installed" in done.stdout
    assert check("check-format", root, "--require",
                 PATH=str(empty)).returncode == 1


# ---- all of them ------------------------------------------------------------------------

@pytest.mark.parametrize("tool", ["check-layers", "check-size",
                                  "check-headers", "check-words",
                                  "check-format"])
def test_usage(tool, tmp_path):
    assert check(tool, tmp_path / "none").returncode == 2
    done = check(tool, tmp_path, "--help")
    assert done.returncode == 0 and "exit status:" in done.stdout
