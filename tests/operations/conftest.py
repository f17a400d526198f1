"""Gateways, simulators and clocks for tests that handle the processes."""

import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness.clock import TestClock         # noqa: E402
from harness.gateway import Gateway         # noqa: E402
from harness.provider import FakeProvider   # noqa: E402
from harness.sim import Sim                 # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--duration", type=float, default=25,
                     help="seconds of the chaos run (25)")


@pytest.fixture
def duration(request):
    return request.config.getoption("--duration")


@pytest.fixture
def directory():
    """Short, because a UNIX socket's path is below it."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="tallygate-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, "report_" + call.when, outcome.get_result())


@pytest.fixture
def make_gateway(request, directory):
    """make_gateway(config, ...) → a started Gateway. It is stopped, and its
    books are looked at, when the test is over."""
    made = []

    def make(config, start=True, **options):
        gateway = Gateway(directory, config, **options)
        made.append(gateway)
        return gateway.start() if start else gateway
    yield make
    report = getattr(request.node, "report_call", None)
    failed = report is not None and report.failed
    try:
        for gateway in made:
            if failed:
                print(gateway.report())
                continue
            try:
                gateway.stop()
            except AssertionError:
                print(gateway.report())
                raise
    finally:
        for gateway in made:
            gateway.destroy()


@pytest.fixture
def make_sim(directory):
    made = []

    def make(name="sim", **settings):
        made.append(Sim(directory, name, **settings))
        return made[-1]
    yield make
    for sim in made:
        sim.stop()


@pytest.fixture
def make_provider():
    made = []

    def make(handler):
        made.append(FakeProvider(handler))
        return made[-1]
    yield make
    problems = []
    for provider in made:
        provider.close()
        problems += provider.problems
    assert not problems, problems


@pytest.fixture
def clock(directory):
    return TestClock(directory / "clock")
