"""Completion in bash and zsh, as the shells themselves see it."""

import json
import os
import shutil
import subprocess

import pytest

from configs import config, mock
from harness import paths

SHELLS = [pytest.param(shell, marks=pytest.mark.skipif(
    shutil.which(shell) is None, reason=f"no {shell} here"))
    for shell in ("bash", "zsh")]


class Completion:
    """Asks a shell what it would offer after some words."""

    def __init__(self, shell, gateway, directory):
        self.shell, self.gateway = shell, gateway
        self.script = directory / f"completion.{shell}"
        result = gateway.ctl("completion", shell)
        assert result.status == 0 and not result.err, result
        self.script.write_text(result.out)

    def after(self, *words):
        words = ["--state", str(self.gateway.state), *words]
        if self.shell == "bash":
            code = (f'. "{self.script}"; COMP_WORDS=(tallyctl "$@"); '
                    'COMP_CWORD=$#; _tallyctl; '
                    'printf "%s\\n" "${COMPREPLY[@]}"')
        else:
            code = ('compdef() { :; }; compadd() { print -rl -- "${found[@]}"; '
                    f'}}; _files() {{ :; }}; . "{self.script}"; '
                    'words=(tallyctl "$@"); CURRENT=${#words}; _tallyctl')
        path = os.path.dirname(paths.program("tallyctl"))
        result = subprocess.run(
            [self.shell, *(["-f"] if self.shell == "zsh" else ["--norc"]),
             "-c", code, self.shell, *words],
            capture_output=True, text=True, check=False,
            env={**os.environ, **self.gateway.env,
                 "PATH": f"{path}:{os.environ['PATH']}"})
        assert result.returncode == 0 and not result.stderr, result
        found = result.stdout.split()
        # zsh sorts out itself what does not begin like the word.
        return sorted(w for w in found if w.startswith(words[-1]))


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_options_and_names(make_gateway, directory, shell):
    gateway = make_gateway(config(mock("small"), mock("big")))
    assert gateway.ctl("key", "create", "--alias", "alice").status == 0
    assert gateway.ctl("team", "create", "core").status == 0
    done = Completion(shell, gateway, directory)
    assert done.after("sp") == ["spend"]
    assert done.after("key", "un") == ["unblock"]
    assert {"add", "remove"} == set(done.after("team", "member", ""))
    assert done.after("spend", "--b") == ["--by"]
    assert done.after("spend", "--by", "te") == ["team"]
    assert done.after("export", "--format", "") == ["csv", "jsonl"]
    assert done.after("completion", "") == ["bash", "zsh"]
    assert "--max-budget" in done.after("key", "create", "--max-")
    assert done.after("key", "show", "") == ["alice"]
    assert done.after("team", "block", "") == ["core"]
    assert done.after("key", "create", "--team-id", "") == ["core"]
    assert done.after("explain", "") == ["big", "small"]
    ids = [d["deployment"] for d in json.loads(
        gateway.ctl("health", "--json").out)]
    assert done.after("breaker", "trip", "") == sorted(ids)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_is_offered(make_gateway, directory, shell):
    gateway = make_gateway(config(mock()))
    done = Completion(shell, gateway, directory)
    firsts = {line.split()[0] for line in gateway.ctl("--help").out.splitlines()
              if line.startswith("  ") and not line.startswith("   ")}
    assert set(done.after("")) == firsts


def test_without_a_store_it_is_silent(make_gateway, directory):
    gateway = make_gateway(config(mock()))
    result = gateway.ctl("--state", directory / "none", "completion", "names",
                         "key")
    assert result.status == 1 and not result.out and not result.err, result
    result = gateway.ctl("completion", "fish")
    assert result.status == 2 and "bash|zsh" in result.err, result
