"""Keys, teams and limits over several workers: what one writes holds for all at
the next request; caps and limits are exact under a burst."""

import asyncio
import json
import os
import shutil
import subprocess
import threading

import pytest

from configs import config, deployment, mock
from harness import paths
from harness.answers import completion, send_json
from harness.gateway import chat_body
from harness.wait import wait_until

MASTER = "sk-master-key-1"
ADMIN = {"authorization": f"Bearer {MASTER}"}
SETTINGS = f"general_settings: {{master_key: {MASTER}}}\n"
CLIENTS = 500
PRICE = {"input_cost_per_token": "0.000000001",
         "output_cost_per_token": "0.00000001"}


def bearer(key):
    return {"authorization": f"Bearer {key}"}


def admin(gateway, path, **body):
    answer = gateway.request("POST", path, body, ADMIN)
    assert answer.status == 200, answer.describe()
    return json.loads(answer.body)


def info(gateway, key):
    answer = gateway.request("GET", f"/key/info?key={key}", headers=ADMIN)
    assert answer.status == 200, answer.describe()
    return json.loads(answer.body)["info"]


async def one(address, path, body, key, results, gate):
    payload = json.dumps(body).encode()
    head = (f"POST {path} HTTP/1.1\r\nhost: t\r\n"
            f"authorization: Bearer {key}\r\n"
            "content-type: application/json\r\nconnection: close\r\n"
            f"content-length: {len(payload)}\r\n\r\n").encode()
    reader, writer = await asyncio.open_connection(*address)
    await gate.wait()
    writer.write(head + payload)
    answer = await reader.read()
    writer.close()
    results.append((int(answer.split(b" ", 2)[1]), answer))


def burst(gateway, asked, path="/v1/chat/completions"):
    """asked: [(key, body)], all at the same moment; [(status, answer)]."""
    async def run():
        results, gate = [], asyncio.Event()
        tasks = [asyncio.ensure_future(
            one(gateway.address, path, body, key, results, gate))
            for key, body in asked]
        await asyncio.sleep(0.5)
        gate.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 60)
        return results
    return asyncio.run(run())


def statuses(results):
    counts = {}
    for status, _ in results:
        counts[status] = counts.get(status, 0) + 1
    return counts


# ---- limits ------------------------------------------------------------------


def test_500_clients_never_pass_a_limit_by_one(make_gateway):
    """A key's, its team's and a model's limit at once: the least of them is
    what passes; what is refused uses up nothing of the others."""
    gateway = make_gateway(config(mock(), mock("big"), more=SETTINGS),
                           workers=4)
    admin(gateway, "/team/new", team_id="t", rpm_limit=120)
    admin(gateway, "/key/generate", key="sk-key-one-00001", team_id="t",
          rpm_limit=70, model_rpm_limit={"big": 13})
    admin(gateway, "/key/generate", key="sk-key-two-00001", team_id="t",
          rpm_limit=200)
    big = burst(gateway, [("sk-key-one-00001", chat_body("big"))] * CLIENTS)
    assert statuses(big) == {200: 13, 429: CLIENTS - 13}
    small = burst(gateway, [("sk-key-one-00001", chat_body("small"))] * CLIENTS)
    assert statuses(small) == {200: 70 - 13, 429: CLIENTS - (70 - 13)}
    other = burst(gateway, [("sk-key-two-00001", chat_body("small"))] * CLIENTS)
    assert statuses(other) == {200: 120 - 70, 429: CLIENTS - (120 - 70)}
    refused = next(a for s, a in other if s == 429)
    assert b"\r\nretry-after: " in refused.lower()
    assert b"Rate limit exceeded: team: t. Limit type: requests" in refused


def test_what_a_deployment_refuses_uses_up_nothing(make_gateway):
    """All plan before the first is counted: the refusal comes in the
    transaction, behind what was taken for the key."""
    once = mock("once") + "\n      rpm: 5"
    gateway = make_gateway(config(
        once, mock(), more=SETTINGS + "router_settings: "
        "{optional_pre_call_checks: [enforce_model_rate_limits]}\n"),
        workers=2)
    admin(gateway, "/key/generate", key="sk-key-one-00001", rpm_limit=100)
    results = burst(gateway, [("sk-key-one-00001", chat_body("once"))] * 90)
    assert statuses(results) == {200: 5, 429: 85}
    answer = gateway.request("POST", "/v1/chat/completions",
                             chat_body("small"), bearer("sk-key-one-00001"))
    assert answer.status == 200
    assert answer.header("x-ratelimit-remaining-requests") == "94"


def test_requests_at_a_time_are_bounded_and_freed(make_gateway, make_provider):
    """No more than the limit reach the provider together, a killed worker's
    places come back."""
    lock, state = threading.Lock(), {"now": 0, "most": 0}
    go = threading.Event()

    def handler(_request, talk):
        with lock:
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
        go.wait(20)
        with lock:
            state["now"] -= 1
        send_json(talk, completion())
    provider = make_provider(handler)
    gateway = make_gateway(config(deployment("small", provider.base_url),
                                  more=SETTINGS), workers=4)
    admin(gateway, "/key/generate", key="sk-key-one-00001",
          max_parallel_requests=9)
    results = []
    runner = threading.Thread(target=lambda: results.extend(burst(
        gateway, [("sk-key-one-00001", chat_body("small"))] * 100)))
    runner.start()
    wait_until(lambda: state["now"] == 9, 20, "nine reach the provider")
    # The others have been refused: none comes late, to a place that is free.
    gateway.await_traces(91)
    go.set()
    runner.join()
    assert state["most"] == 9
    assert statuses(results) == {200: 9, 429: 91}
    # All places are free again.
    again = burst(gateway, [("sk-key-one-00001", chat_body("small"))] * 9)
    assert statuses(again) == {200: 9}


def test_a_dead_workers_places_are_freed(make_gateway, make_provider):
    held, go = threading.Semaphore(0), threading.Event()

    def handler(_request, talk):
        held.release()
        go.wait(20)
        send_json(talk, completion())
    provider = make_provider(handler)
    gateway = make_gateway(config(deployment("small", provider.base_url),
                                  more=SETTINGS))
    admin(gateway, "/key/generate", key="sk-key-one-00001",
          max_parallel_requests=1)
    first = threading.Thread(target=lambda: gateway_ask(gateway))
    first.start()
    assert held.acquire(timeout=20)
    assert ask(gateway, "sk-key-one-00001") == 429
    gateway.kill("worker")
    first.join()
    go.set()
    wait_until(lambda: ask(gateway, "sk-key-one-00001") == 200, 20,
               "the dead worker's place is free")


def gateway_ask(gateway):
    try:
        ask(gateway, "sk-key-one-00001")
    except (OSError, EOFError, AssertionError):
        pass        # its worker is killed


def ask(gateway, key, model="small"):
    try:
        return gateway.request("POST", "/v1/chat/completions",
                               chat_body(model), bearer(key)).status
    except OSError:
        return 0


# ---- caps --------------------------------------------------------------------


def test_caps_of_key_team_and_user_are_exact_together(make_gateway, make_sim):
    """Three keys of one team; one key's own cap and the team's bind."""
    sim = make_sim(completion_tokens=20)
    body = chat_body("small", "The same for all of them.", max_tokens=20)
    gateway = make_gateway(config(deployment("small", sim.base_url, "m", PRICE),
                                  more=SETTINGS), workers=4)
    admin(gateway, "/key/generate", key="sk-probe-0000001")
    answer = gateway.request("POST", "/v1/chat/completions", body,
                             {**bearer("sk-probe-0000001"),
                              "x-request-id": "probe"})
    assert answer.status == 200, answer.describe()
    held = gateway.trace("probe")["attempts"][0]["held_usd"]
    # What is held is what it costs: the prompt's bound and all the output.
    nanos = int(held * 10 ** 9)
    sim.set(prompt_tokens=nanos - 200)
    admin(gateway, "/team/new", team_id="t", max_budget=float(held * 50),
          on_exhaust="refuse")
    admin(gateway, "/key/generate", key="sk-small-000001", team_id="t",
          user_id="u", max_budget=float(held * 11), on_exhaust="refuse")
    admin(gateway, "/key/generate", key="sk-large-000001", team_id="t",
          user_id="u")
    results = burst(gateway, [("sk-small-000001", body)] * 150 +
                    [("sk-large-000001", body)] * 10)
    assert statuses(results) == {200: 21, 429: 139}
    results = burst(gateway, [("sk-large-000001", body)] * 150)
    assert statuses(results) == {200: 29, 429: 121}
    assert info(gateway, "sk-small-000001")["spend"] * 10 ** 9 == \
        11 * nanos
    team = json.loads(gateway.request("GET", "/team/info?team_id=t",
                                      headers=ADMIN).body)["team_info"]
    assert team["spend"] * 10 ** 9 == 50 * nanos
    assert team["held"] == 0
    by_user = gateway.ctl("spend", "--by", "user", "--json").json()["rows"]
    assert [r["cost_usd"] * 10 ** 9 for r in by_user if r["user"] == "u"] == \
        [50 * nanos]


# ---- changes -----------------------------------------------------------------


def test_a_block_holds_for_all_workers_at_the_next_request(make_gateway):
    gateway = make_gateway(config(mock(), more=SETTINGS), workers=4)
    admin(gateway, "/key/generate", key="sk-key-one-00001", key_alias="k")
    # Every worker has the key in its memory.
    warm = burst(gateway, [("sk-key-one-00001", chat_body("small"))] * 64)
    assert statuses(warm) == {200: 64}
    for _ in range(5):
        admin(gateway, "/key/block", key="k")
        blocked = burst(gateway, [("sk-key-one-00001", chat_body("small"))] * 64)
        assert statuses(blocked) == {401: 64}
        assert gateway.ctl("key", "unblock", "k").status == 0
        free = burst(gateway, [("sk-key-one-00001", chat_body("small"))] * 64)
        assert statuses(free) == {200: 64}


def test_workers_racing_to_change_lose_nothing(make_gateway):
    """One alias is given once; updates of different fields are all kept; a
    block and an update of the same key both hold."""
    gateway = make_gateway(config(mock(), more=SETTINGS), workers=2)
    made = burst(gateway, [(MASTER, {"key_alias": "only-one"})] * 40,
                 "/key/generate")
    assert statuses(made) == {200: 1, 400: 39}
    fields = [(MASTER, {"key": "only-one", f"field_{i}": i})
              for i in range(40)]
    assert statuses(burst(gateway, fields, "/key/update")) == {200: 40}
    row = info(gateway, "only-one")
    assert [row[f"field_{i}"] for i in range(40)] == list(range(40))
    both = threading.Thread(target=lambda: burst(
        gateway, [(MASTER, {"key": "only-one"})] * 5, "/key/block"))
    both.start()
    burst(gateway, [(MASTER, {"key": "only-one", "rpm_limit": 7})] * 5,
          "/key/update")
    both.join()
    row = info(gateway, "only-one")
    assert row["blocked"] is True and row["rpm_limit"] == 7
    lines = [json.loads(line) for line in
             gateway.ctl("log", "-n", "100", "--json").text.splitlines()]
    verbs = [line["verb"] for line in lines]
    assert (verbs.count("create"), verbs.count("update"),
            verbs.count("block")) == (1, 45, 5)
    assert {line["who"] for line in lines} == {"master"}


def test_keys_outlive_everything(make_gateway):
    gateway = make_gateway(config(mock(), more=SETTINGS), workers=2)
    admin(gateway, "/key/generate", key="sk-key-one-00001", max_budget=1)
    for slot in (0, 1):
        gateway.kill("worker", slot)
    wait_until(lambda: ask(gateway, "sk-key-one-00001") == 200, 20,
               "another worker knows the key")
    store = gateway.state / "store"
    for path in store.rglob("*"):
        if path.is_file():
            assert b"sk-key-one-00001" not in path.read_bytes(), path


def test_a_response_is_its_keys_own(make_gateway, make_provider):
    """Another key with the same model reads, continues and deletes nothing,
    whatever it makes of the id; the administrator may; ids work at every
    worker and after a restart."""
    def handler(request, talk):
        body = {"id": "resp_1", "object": "response", "status": "completed",
                "model": "m", "output": [], "previous_response_id": None,
                "usage": {"input_tokens": 1, "output_tokens": 1,
                          "total_tokens": 2}}
        if request.method == "POST":
            body["previous_response_id"] = \
                request.json().get("previous_response_id")
        send_json(talk, body)
    provider = make_provider(handler)
    gateway = make_gateway(config(deployment("small", provider.base_url),
                                  more=SETTINGS), workers=2)
    mine, other = "sk-key-one-00001", "sk-key-two-00001"
    for key in (mine, other):
        admin(gateway, "/key/generate", key=key)

    def continues(key, name):
        return gateway.request("POST", "/v1/responses", {
            "model": "small", "input": "x", "previous_response_id": name},
            bearer(key))

    def read(key, name, method="GET"):
        return gateway.request(method, f"/v1/responses/{name}",
                               headers=bearer(key)).status
    ids = {}
    for key in (mine, other, MASTER):
        answer = gateway.request("POST", "/v1/responses",
                                 {"model": "small", "input": "x"}, bearer(key))
        assert answer.status == 200, answer.describe()
        ids[key] = json.loads(answer.body)["id"]
    bare, owner = ids[mine].rsplit("_", 1)
    assert bare == ids[MASTER] and len(owner) == 24
    foreign = ids[other].rsplit("_", 1)[1]
    assert foreign != owner

    def check():
        assert read(mine, ids[mine]) == read(MASTER, ids[mine]) == 200
        answer = continues(mine, ids[mine])
        assert answer.status == 200, answer.describe()
        assert json.loads(answer.body)["previous_response_id"] == ids[mine]
        assert continues(MASTER, ids[mine]).status == 200
        for name in (ids[mine], bare, f"{bare}_{'0' * 24}",
                     f"{bare.replace('resp_1', 'resp_2')}_{foreign}"):
            asked = len(provider.requests)
            assert read(other, name) == read(other, name, "DELETE") == 404
            assert continues(other, name).status == 404
            assert len(provider.requests) == asked
        # As the provider calls it, an id is nobody's.
        assert continues(other, "resp_1").status == 404
        assert read(MASTER, ids[other]) == 200
    check()
    gateway.kill("worker", 0)
    gateway.kill("worker", 1)
    wait_until(lambda: ask(gateway, mine) != 0, 20, "a worker is back")
    check()


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("unshare") is None,
                    reason="needs a network of its own")
def test_open_only_where_nobody_else_comes_in(directory):
    """In a network namespace: 0.0.0.0 there is nobody's address."""
    path = directory / "open.yaml"

    def start(settings):
        path.write_text(config(mock(), more=settings))
        argv = ["unshare", "--net", paths.program("tallygate"), "--config",
                str(path), "--host", "0.0.0.0", "--port", "4000", "--state",
                str(directory / "state")]
        return subprocess.Popen([str(a) for a in argv],
                                stderr=subprocess.PIPE, text=True)
    refused = start("")
    _, log = refused.communicate(timeout=20)
    assert refused.returncode == 2
    assert "no master" not in log and "set a master key" in log
    for settings in ("tallygate: {open: true}\n", SETTINGS):
        running = start(settings)
        for line in running.stderr:
            if "ready: " in line:
                break
        running.terminate()
        running.communicate(timeout=20)
        assert running.returncode == 0
