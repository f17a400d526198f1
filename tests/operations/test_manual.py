"""The manual pages and --help tell of the same things."""

import re
import subprocess

import pytest

from harness import paths
from harness.process import environment
from harness.wait import seconds

PAGES = {"tallygate": "tallygate.8", "tallysim": "tallysim.1",
         "tallyctl": "tallyctl.1"}


def page(name):
    return (paths.SOURCE / "docs" / "man" / PAGES[name]).read_text()


def help_of(name, *words):
    done = subprocess.run([paths.program(name), *words, "--help"],
                          env=environment(), capture_output=True, text=True,
                          timeout=seconds(10))
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout


def options_in_page(name):
    """Those with a paragraph of their own."""
    found = set()
    for line in re.findall(r"^\.It (Fl .*)$", page(name), re.M):
        found |= set(re.findall(r"Fl (-[\w-]+)", line))
    return {"-" + option for option in found}


@pytest.mark.parametrize("name", ["tallygate", "tallysim"])
def test_every_option_is_in_the_manual_and_the_other_way_round(name):
    in_help = set(re.findall(r"^  (--[\w-]+)", help_of(name), re.M))
    assert len(in_help) > 8
    assert in_help == options_in_page(name)


def test_the_dialects_of_the_simulator_are_named():
    words = re.search(r"--dialect DIALECT +([\w, ]+) or (\w+):",
                      help_of("tallysim"))
    paragraph = page("tallysim").split(".It Fl -dialect", 1)[1]
    for word in words[1].split(", ") + [words[2]]:
        assert f".Li {word}" in paragraph.split(".It Fl", 1)[0], word


def test_each_command_of_ctl_tells_of_itself_as_the_manual_does():
    """Its list in the manual is generated (make check-docs); each command
    shows its own part of it."""
    table = page("tallyctl").split(r'.\" table: commands', 1)[1]
    commands = re.findall(r"^\.It Ic (.*?)(?: Ar (.*))?$",
                          table.split(r'.\" end', 1)[0], re.M)
    assert len(commands) > 50
    for words, arguments in commands:
        text = help_of("tallyctl", *words.split())
        shown = [line.strip() for line in text.splitlines()
                 if re.match(r"  \w", line)]
        assert f"{words} {arguments}".strip() in shown, (words, text)
        assert all(line.startswith(words) for line in shown), text
    in_help = re.findall(r"^  (\w.*)$", help_of("tallyctl"), re.M)
    assert len(in_help) == len(commands)


def test_the_options_of_ctl_are_in_its_manual():
    assert {"--state", "--config", "--json", "--help",
            "--version"} <= options_in_page("tallyctl")
