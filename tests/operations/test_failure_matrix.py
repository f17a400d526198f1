"""Every failure of a provider, plain and streamed, alone in its group, beside
a healthy deployment, and with a healthy fallback group: docs/failures.md."""

import concurrent.futures

import pytest

from configs import config, deployment
from failing_provider import FailingProvider
from failures import FAILURES, IDLE_SECONDS, TIMEOUT_SECONDS

PLACES = ("alone", "other", "fallback")


def group(failure, mode, place):
    return f"{failure.name}-{mode}-{place}"


def deployments(provider, failure, mode, place):
    """The group's entries; each cell of the table has its own."""
    name = group(failure, mode, place)
    out = [deployment(name, provider.base_url(failure.name, place),
                      timeout=TIMEOUT_SECONDS, order=1,
                      num_retries=0 if place == "fallback" else 1)]
    if place == "other":
        out.append(deployment(name, provider.base_url("good", name), order=2))
    return out


def whole_config(provider):
    entries, fallbacks = [], []
    for failure in FAILURES:
        for mode in failure.modes:
            for place in PLACES:
                entries += deployments(provider, failure, mode, place)
            fallbacks.append(f"    - {group(failure, mode, 'fallback')}: "
                             "[healthy]")
    entries.append(deployment("healthy", provider.base_url("good", "healthy")))
    return config(*entries, more="router_settings:\n"
                  "  disable_cooldowns: true\n  fallbacks:\n"
                  + "\n".join(fallbacks) + "\ntallygate:\n  limits:\n"
                  "    connect_timeout: 2s\n"
                  f"    stream_idle_timeout: {int(IDLE_SECONDS * 1000)}ms\n")


class Cell:
    """One request: its answer and its trace."""

    def __init__(self, gateway, provider, failure, mode, place):
        self.name = group(failure, mode, place)
        self.failure, self.mode, self.place = failure, mode, place
        headers = {"x-request-id": self.name}
        if mode == "plain":
            self.answer = gateway.chat(self.name, headers=headers)
            return
        stream = gateway.open_stream(self.name, headers=headers)
        stream.events(2)
        provider.first_token(self.name).set()
        self.answer = stream.rest()
        stream.close()

    def error(self):
        """The error object the client got, of the body or the last event."""
        if not self.answer.is_stream:
            return self.answer.json()["error"]
        return self.answer.events[-1].json()["error"]


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """All requests at once, against one gateway: {name: Cell}, traces."""
    from harness.gateway import Gateway
    provider = FailingProvider()
    directory = tmp_path_factory.mktemp("failures")
    gateway = Gateway(directory, whole_config(provider))
    try:
        with gateway:
            with concurrent.futures.ThreadPoolExecutor(24) as pool:
                asked = [pool.submit(Cell, gateway, provider, f, mode,
                                     place)
                         for f in FAILURES for mode in f.modes
                         for place in PLACES]
            done = [a.result() for a in asked]
            traces = {t["run_id"]: t
                      for t in gateway.await_traces(len(done))}
        yield {c.name: c for c in done}, traces
    finally:
        provider.close()


ALL = [pytest.param(f, mode, id=f"{f.name}-{mode}")
       for f in FAILURES for mode in f.modes]


def served(cell, trace):
    """It came from somebody healthy, whole."""
    assert cell.answer.status == 200, cell.answer.describe()
    assert cell.answer.text() == "Hello.", cell.answer.describe()
    assert not cell.answer.broken
    assert trace["outcome"] == "ok"
    assert len(trace["attempts"]) == 2, trace["attempts"]


def failed(cell, trace, tries):
    f, answer = cell.failure, cell.answer
    assert answer.status == f.status, answer.describe()
    assert cell.error()["code"] == f.code, answer.describe()
    assert len(trace["attempts"]) == tries, trace["attempts"]
    assert trace["outcome"] == ("cut" if f.only == "later" else "failed")
    if f.only == "later":
        # What was delivered stands, and the end is no success.
        assert answer.events[1].json()["choices"][0]["delta"]["content"]
        assert not any(e.is_done for e in answer.events)


@pytest.mark.parametrize("failure, mode", ALL)
def test_alone(cells, failure, mode):
    name = group(failure, mode, "alone")
    trace = cells[1][name]
    failed(cells[0][name], trace, failure.tries)
    assert {a["error"] for a in trace["attempts"]} == {failure.outcome}


@pytest.mark.parametrize("failure, mode", ALL)
def test_beside_a_healthy_deployment(cells, failure, mode):
    name = group(failure, mode, "other")
    cell, trace = cells[0][name], cells[1][name]
    if failure.other:
        served(cell, trace)
    else:
        failed(cell, trace, 1)
    assert trace["attempts"][0]["error"] == failure.outcome


@pytest.mark.parametrize("failure, mode", ALL)
def test_with_a_fallback_group(cells, failure, mode):
    name = group(failure, mode, "fallback")
    cell, trace = cells[0][name], cells[1][name]
    if failure.fallback:
        served(cell, trace)
        assert trace["attempts"][1]["deployment"] != \
            trace["attempts"][0]["deployment"]
    else:
        failed(cell, trace, 1)
