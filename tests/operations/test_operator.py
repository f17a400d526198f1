"""What an operator does to a running gateway, and what it is told: another
program in the place of the old one, a reload from elsewhere, too few files."""

import os
import resource
import shutil
import signal
import subprocess
import threading

import pytest

from configs import config, deployment, mock
from harness import paths
from harness.process import environment
from harness.wait import seconds, wait_until
from test_start_stop import held_stream


def programs_of(gateway, role=None):
    """{pid: (device, inode) of what it runs}, of children that serve."""
    found = {}
    for child in gateway.children(role):
        if child["state"] == "ready":
            stat = os.stat(f"/proc/{child['pid']}/exe")
            found[child["pid"]] = (stat.st_dev, stat.st_ino)
    return found


def install(target):
    """As install(1) does it: a new file, then its name."""
    beside = target.with_suffix(".new")
    shutil.copy2(paths.program("tallygate"), beside)
    os.utime(beside)
    os.replace(beside, target)
    stat = target.stat()
    return stat.st_dev, stat.st_ino


def test_a_reload_after_an_installation_is_an_upgrade(
        make_gateway, make_provider, directory, monkeypatch):
    """Open streams go on in the old program, everybody else runs the new one,
    the logger too; nothing is lost."""
    release = threading.Event()
    provider = make_provider(held_stream(release))
    program = directory / "tallygate"
    old = install(program)
    monkeypatch.setattr(
        paths, "program", lambda name, known=paths.program:
        program if name == "tallygate" else known(name))
    gateway = make_gateway(config(deployment("small", provider.base_url),
                                  mock("mock")), workers=2)
    monkeypatch.undo()
    stream = gateway.open_stream("small", headers={"x-request-id": "open"})
    stream.events(2)
    assert set(programs_of(gateway).values()) == {old}
    logger = gateway.pid_of("logger")
    new = install(program)
    gateway.reload()
    gateway.await_replaced("logger", logger)
    wait_until(lambda: list(programs_of(gateway).values()) == [new] * 4, 10,
               lambda: f"all four run {new}: {programs_of(gateway)}")
    assert gateway.chat("mock", headers={"x-request-id": "new"}).status == 200
    release.set()
    answer = stream.rest()
    assert answer.complete and answer.text() == "one two", answer.describe()
    lines = gateway.await_traces(2)
    assert sorted(t["run_id"] for t in lines) == ["new", "open"]
    # The same program again: the logger stays.
    logger = gateway.pid_of("logger")
    gateway.reload()
    assert gateway.pid_of("logger") == logger


def test_a_program_that_cannot_be_started_is_said(make_gateway, directory,
                                                  monkeypatch):
    program = directory / "tallygate"
    install(program)
    monkeypatch.setattr(
        paths, "program", lambda name, known=paths.program:
        program if name == "tallygate" else known(name))
    gateway = make_gateway(config(mock("small", "Old.")))
    monkeypatch.undo()
    program.unlink()
    gateway.program.signal(signal.SIGHUP)
    gateway.await_log(f"{program}: No such file or directory")
    gateway.await_log("the old generation stays")
    assert gateway.chat("small").text() == "Old."


def test_ctl_reload_shows_every_error_from_any_folder(make_gateway, directory,
                                                      monkeypatch):
    """The configuration was given by a path relative to another folder."""
    monkeypatch.chdir(directory)
    gateway = make_gateway(config(mock()), start=False)
    gateway.config = gateway.config.relative_to(directory)
    gateway.start()
    monkeypatch.chdir("/")
    where = directory / gateway.config
    assert gateway.supervisor()["config"] == str(where)
    assert gateway.ctl("reload").status == 0
    gateway.await_log("generation 2 serves")
    where.write_text(config(
        mock(), more="router_settings: {num_retries: x, timeout: y}\n"))
    result = gateway.ctl("reload")
    assert result.status == 1, result
    assert f"{where}:8: router_settings.num_retries" in result.err, result
    assert f"{where}:8: router_settings.timeout" in result.err, result
    assert "the old configuration stays" in result.err, result
    assert gateway.log_text().count("reload") == 2, "it was not asked for"


def test_what_a_start_would_refuse_is_refused_before(make_gateway, directory):
    """--check and tallyctl reload know more than the YAML: price tables and
    caps."""
    gateway = make_gateway(config(mock()))
    (directory / "prices.json").write_text("{ no json")
    for more, says in (("tallygate: {prices: [prices.json]}\n",
                        f"{directory}/prices.json"),
                       ("tallygate: {budgets: [{per: global, max_budget: 5, "
                        "budget_duration: 5y}]}\n", "5y")):
        gateway.write_config(config(mock(), more=more))
        result = gateway.ctl("reload")
        assert result.status == 1 and says in result.err, result
        done = subprocess.run(
            [paths.program("tallygate"), "--config", gateway.config,
             "--check"], env=environment(), capture_output=True, text=True,
            timeout=seconds(10))
        assert done.returncode == 2 and says in done.stdout, done
        assert "is refused: 1 error" in done.stdout, done


def test_an_error_at_the_start_is_said_once(make_gateway):
    gateway = make_gateway(config(mock(), more="router_settings: 5\n"),
                           start=False)
    gateway.launch()
    assert gateway.program.wait(10) == 2
    gateway.stopped = True
    text = gateway.log_text()
    assert text.count("router_settings") == 1, text
    assert "is refused: 1 error, see above" in text, text


def test_a_reload_names_what_needs_a_start(make_gateway):
    gateway = make_gateway(config(mock()))
    gateway.write_config(config(mock(), more="tallygate: {user: daemon, "
                                "port: 4999}\n"))
    gateway.reload()
    gateway.await_log("tallygate.user is another one now")
    # --port was given: what the file says of it never counted.
    assert "tallygate.port" not in gateway.log_text()


def test_ctl_finds_the_traces_where_a_reload_put_them(make_gateway):
    gateway = make_gateway(config(mock()))
    gateway.chat("small")
    gateway.await_traces(1)
    gateway.write_config(config(
        mock(), more="tallygate: {traces: {path: others.jsonl}}\n"))
    logger = gateway.pid_of("logger")
    gateway.reload()
    gateway.await_replaced("logger", logger)
    gateway.chat("small", headers={"x-request-id": "later"})
    wait_until(lambda: "later" in gateway.ctl("trace", "--json").out, 10,
               "the new file is read")
    gateway.checks_books = False    # two files, two chains


def limit_files(n):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))


def test_the_soft_limit_of_files_is_raised(make_gateway):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    gateway = make_gateway(
        config(mock()), preexec=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (256, hard)))
    worker = gateway.pid_of("worker")
    assert resource.prlimit(worker, resource.RLIMIT_NOFILE) == (hard, hard)


def test_few_files_are_said_and_served(make_gateway, make_sim):
    """With 160 files a worker turns away what it cannot serve, and serves
    again when there is room."""
    sim = make_sim(latency_ms=300)
    gateway = make_gateway(config(deployment("small", sim.base_url)),
                           preexec=limit_files(160))
    gateway.await_log("only 160 open files are allowed")
    answers = []
    threads = [threading.Thread(
        target=lambda: answers.append(gateway.chat("small").status))
        for _ in range(120)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 120
    assert set(answers) <= {200, 502, 503}, set(answers)
    assert answers.count(200) >= 40, answers
    wait_until(lambda: gateway.chat("small").status == 200, 10,
               "it serves again")


@pytest.mark.parametrize("files", [32, 64, 100])
def test_too_few_files_are_an_error(make_gateway, files):
    gateway = make_gateway(config(mock()), start=False,
                           preexec=limit_files(files))
    gateway.launch()
    assert gateway.program.wait(10) == 1
    gateway.stopped = True
    assert f"only {files} open files are allowed" in gateway.log_text()
    assert "ulimit -n" in gateway.log_text()
