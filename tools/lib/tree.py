"""The files of the source tree, for the check-* tools.

What it is: which files belong to the project, read from git where the tree
is a git work tree, found by walking where it came out of a tarball. What it
does not do: look inside them. How it fails: an unreadable tree raises
OSError, which is a bug of the caller's arguments.
"""

import argparse
import fnmatch
import os
import subprocess

# What a build or an editor leaves in a tree without git to tell it apart:
# at its top, and anywhere.
TOP_FOLDERS = ("_build", "_inst", "_dest", "build*", "autom4te.cache",
               "build-aux")
TOP_FILES = ("configure", "configure~", "aclocal.m4", "Makefile",
             "Makefile.in", "config.h", "config.h.in", "config.h.in~",
             "config.status", "config.log", "stamp-h*", "*.tar.*")
FOLDERS = ("__pycache__", "node_modules")
FILES = ("*.o", "*.a", "*.lo", "*.log", "*.trs", "*.pyc", ".dirstamp")


class Tree:
    """root: absolute path; files: names relative to it, sorted."""

    def __init__(self, root):
        self.root = os.path.realpath(root)
        names = self._from_git()
        if names is None:
            names = self._from_walk()
        self.files = sorted(
            n for n in names
            if os.path.isfile(self.path(n)) and
            not os.path.islink(self.path(n)))

    def path(self, name):
        return os.path.join(self.root, name)

    def matching(self, *patterns):
        """Names that match; * also matches / (src/*.c is every .c there)."""
        return [n for n in self.files
                if any(fnmatch.fnmatchcase(n, p) for p in patterns)]

    def text(self, name):
        """Bytes that are not UTF-8 are check-words' business, not ours."""
        with open(self.path(name), encoding="utf-8",
                  errors="replace") as stream:
            return stream.read()

    def _git(self, *arguments):
        try:
            done = subprocess.run(["git", "-C", self.root, *arguments],
                                  capture_output=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None

    def _from_git(self):
        """None where git is missing or root is not the top of a work tree:
        a tarball unpacked inside another repository is not that one."""
        top = self._git("rev-parse", "--show-toplevel")
        if top is None or os.path.realpath(
                os.fsdecode(top.rstrip(b"\n"))) != self.root:
            return None
        listed = self._git("ls-files", "-z", "--cached", "--others",
                           "--exclude-standard")
        if listed is None:
            return None
        return {os.fsdecode(n) for n in listed.split(b"\0") if n}

    def _from_walk(self):
        names = set()
        for folder, inner, files in os.walk(self.root):
            top = folder == self.root
            passing = FOLDERS + (TOP_FOLDERS if top else ())
            inner[:] = [d for d in inner if not _any(d, passing)
                        and (d == ".ci" or not d.startswith("."))]
            for name in files:
                path = os.path.join(folder, name)
                passing = FILES + (TOP_FILES if top else ())
                if not _any(name, passing) and not _program(path):
                    names.add(os.path.relpath(path, self.root))
        return names


def _any(name, patterns):
    return any(fnmatch.fnmatchcase(name, p) for p in patterns)


def _program(path):
    """A linked program, left by a build in the source tree."""
    try:
        with open(path, "rb") as stream:
            return stream.read(4) == b"\x7fELF"
    except OSError:
        return False


def arguments(tool, description, **options):
    """The parser all check-* tools share; options: more --flags and what
    they are for."""
    parser = argparse.ArgumentParser(
        prog=tool, description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit status: 0 nothing found, 1 something found, "
        "2 bad usage")
    here = os.path.dirname(os.path.realpath(__file__))
    parser.add_argument(
        "--root", metavar="DIR", default=os.path.dirname(
            os.path.dirname(here)),
        help="check this tree (default: the one the tool is in)")
    for flag, text in options.items():
        parser.add_argument(f"--{flag}", action="store_true", help=text)
    chosen = parser.parse_args()
    if not os.path.isdir(chosen.root):
        parser.error(f"{chosen.root}: no such directory")
    return chosen


def finish(tool, faults, good):
    """Prints what was found; the exit status."""
    for line in faults:
        print(line)
    if faults:
        print(f"{tool}: {len(faults)} found")
        return 1
    print(f"{tool}: {good}")
    return 0
