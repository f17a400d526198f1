"""What a running gateway's processes have given up."""

import os
import pathlib
import pwd
import shutil

import pytest

from configs import config, mock
from harness import paths
from harness.gateway import Gateway


def status_of(pid):
    """/proc/PID/status as a dict."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return dict(line.split(":\t", 1) for line in text.splitlines())


def test_children_are_confined(make_gateway):
    gateway = make_gateway(config(mock()), workers=2)
    assert gateway.chat("small").status == 200
    for child in gateway.children():
        status = status_of(child["pid"])
        assert status["NoNewPrivs"] == "1", child
        if not paths.has_sanitizers():
            assert status["Seccomp"] == "2", child


def test_a_profiler_can_have_them_free(make_gateway):
    gateway = make_gateway(config(mock(), more="tallygate: {confine: false}"))
    assert gateway.chat("small").status == 200
    for child in gateway.children():
        assert status_of(child["pid"])["Seccomp"] == "0", child


@pytest.fixture
def installed(directory):
    """The program where every user may run it."""
    directory.chmod(0o755)
    copy = directory / "bin"
    copy.mkdir()
    shutil.copy2(paths.program("tallygate"), copy / "tallygate")
    shutil.copy2(paths.price_table(), copy / "prices.json")
    (copy / "prices.json").chmod(0o644)
    return copy


class InstalledGateway(Gateway):
    def argv(self):
        return [self.directory / "bin" / "tallygate", *super().argv()[1:]]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_root_becomes_the_configured_user(directory, installed):
    nobody = pwd.getpwnam("nobody")
    # A run as root before: what it left has to be given away too.
    env = {"TALLYGATE_PRICES": str(installed / "prices.json")}
    with InstalledGateway(directory, config(mock()), env=env) as first:
        assert first.chat("small").status == 200
    text = config(mock(), more="tallygate: {user: nobody}")
    with InstalledGateway(directory, text, env=env) as gateway:
        assert gateway.chat("small").status == 200
        for pid in gateway.processes():
            status = status_of(pid)
            assert status["Uid"].split() == [str(nobody.pw_uid)] * 4, pid
            assert status["Gid"].split() == [str(nobody.pw_gid)] * 4, pid
        owners = {p.stat().st_uid for p in gateway.state.rglob("*")}
        assert owners == {nobody.pw_uid}
        # A worker can be started again, and a configuration read again.
        pid = gateway.kill("worker")
        gateway.await_replaced("worker", pid)
        gateway.reload()
        assert gateway.chat("small").status == 200


def test_a_user_that_is_not_there_is_refused(directory):
    if os.geteuid() != 0:
        pytest.skip("only root becomes another user")
    gateway = Gateway(directory, config(mock(), more="tallygate: "
                                        "{user: no-such-user}"))
    gateway.launch()
    assert gateway.program.wait(10, "refused") == 1
    assert 'there is no user "no-such-user" here' in gateway.log_text()
    gateway.destroy()
