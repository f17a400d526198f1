"""/spend/logs: single requests from the trace files, over HTTP."""

import decimal
import json
import threading
import urllib.parse

from configs import config, deployment, mock

MASTER = "sk-master-key-1"
ADMIN = {"authorization": f"Bearer {MASTER}"}
SETTINGS = (f"general_settings: {{master_key: {MASTER}}}\n"
            "tallygate: {traces: {rotate_bytes: 64K, keep: 900}}\n")
PRICES = {"input_cost_per_token": "0.000000123",
          "output_cost_per_token": "0.000004567"}


def ask(gateway, path, headers=ADMIN, **query):
    query = urllib.parse.urlencode(query)
    return gateway.request("GET", path + ("?" + query if query else ""),
                           headers=headers)


def rows_of(answer):
    assert answer.status == 200, answer.describe()
    return json.loads(answer.body, parse_float=decimal.Decimal)


def walk(gateway, **query):
    """All rows, following the marker."""
    rows = []
    while True:
        answer = ask(gateway, "/spend/logs", **query)
        rows += rows_of(answer)
        query["after"] = answer.header("x-tallygate-next")
        if not query["after"]:
            return rows


def served(make_gateway, make_sim, count=200, workers=2):
    sim = make_sim()
    gateway = make_gateway(config(
        deployment("small", sim.base_url, prices=PRICES), mock("other"),
        more=SETTINGS), workers=workers)
    gateway.ctl("team", "create", "red", "--alias", "Team Red")
    gateway.ctl("key", "create", "--alias", "anna-laptop", "--key",
                "sk-anna-01234567", "--team-id", "red", "--user-id", "anna")
    for i in range(count):
        key = "sk-anna-01234567" if i % 4 == 0 else MASTER
        assert gateway.chat(
            "small" if i % 2 else "other", user=f"c-{i % 5}", headers={
                "authorization": f"Bearer {key}", "x-litellm-tags": "a,b",
                "x-request-id": f"r-{i}"}).status == 200
    gateway.await_traces(count)
    assert gateway.has_rotated()
    return gateway


def test_rows_are_the_books(make_gateway, make_sim):
    gateway = served(make_gateway, make_sim)
    rows = walk(gateway, limit=37)
    assert len(rows) == len({r["request_id"] for r in rows}) == 200
    spent = decimal.Decimal(str(
        gateway.ctl("spend", "--json").json()["total"]["cost_usd"]))
    assert sum(r["spend"] for r in rows) == spent > 0
    # The newest first, as they were written.
    right = [json.loads(line) for path in gateway.trace_files()
             for line in path.read_text().splitlines()]
    assert {r["request_id"]: r["spend"] for r in rows} == {
        r["run_id"]: decimal.Decimal(str(r["cost_usd"])) for r in right}
    assert rows[0]["startTime"] > rows[-1]["startTime"]
    assert all(r["startTime"] <= r["endTime"] for r in rows)

    # One request, by its id.
    one, = rows_of(ask(gateway, "/spend/logs", request_id="r-4"))
    line = next(r for r in right if r["run_id"] == "r-4")
    assert one["api_key"] == line["key"] and len(one["api_key"]) == 64
    assert one["model"] == line["model"]
    assert (one["model_group"], one["user"], one["end_user"],
            one["team_id"]) == ("other", "anna", "c-4", "red")
    assert one["request_tags"] == ["a", "b"]
    assert one["total_tokens"] == one["prompt_tokens"] + \
        one["completion_tokens"] > 0
    assert one["status"] == "success" and one["messages"] == {}
    meta = one["metadata"]
    assert meta["user_api_key_alias"] == "anna-laptop"
    assert meta["user_api_key_team_alias"] == "Team Red"
    assert meta["tallygate"]["outcome"] == "ok"
    assert not rows_of(ask(gateway, "/spend/logs", request_id="r-"))
    assert not rows_of(ask(gateway, "/spend/logs", request_id='r-4","x":"'))

    # By key, user, team, end user, model: what the books have for each.
    for query, count in (({"api_key": "anna-laptop"}, 50),
                         ({"user_id": "anna"}, 50), ({"team_id": "red"}, 50),
                         ({"end_user": "c-1"}, 40), ({"model": "small"}, 100),
                         ({"status_filter": "failure"}, 0),
                         ({"status_filter": "success"}, 200),
                         ({"api_key": "anna-laptop", "model": "small"}, 0)):
        assert len(walk(gateway, **query)) == count, query


def test_pages_know_how_many_there_are(make_gateway, make_sim):
    gateway = served(make_gateway, make_sim)
    seen = []
    for page in (1, 2, 3, 4, 5):
        answer = rows_of(ask(gateway, "/spend/logs/v2", page=page,
                             page_size=45))
        assert answer["total"] == 200 and answer["total_pages"] == 5
        assert answer["page"] == page and answer["complete"] is True
        seen += [r["request_id"] for r in answer["data"]]
    assert len(seen) == len(set(seen)) == 200
    answer = rows_of(ask(gateway, "/spend/logs/v2", api_key="anna-laptop"))
    assert answer["total"] == 50 and len(answer["data"]) == 50
    assert rows_of(ask(gateway, "/spend/logs/v2", page=9))["data"] == []


def test_a_span_of_time(make_gateway, clock):
    gateway = make_gateway(config(mock(), more=SETTINGS), clock=clock)
    times = []
    for name in ("early", "late"):
        gateway.chat("small", headers=ADMIN | {"x-request-id": name})
        gateway.await_traces(len(times) + 1)
        times.append(gateway.traces()[-1]["time"])
        clock.advance(30 * 3600)

    def ids(**query):
        return [r["request_id"] for r in rows_of(ask(
            gateway, "/spend/logs", summarize="false", **query))]
    assert ids() == ["late", "early"]
    assert ids(start_date=times[0][:10], end_date=times[0][:10]) == ["early"]
    assert ids(start_date=times[1][:10]) == ["late"]
    assert ids(end_date=times[1]) == ["early"]
    assert ids(start_date=times[1][:19].replace("T", " ")) == ["late"]
    days = rows_of(ask(gateway, "/spend/logs", start_date=times[0][:10],
                       end_date=times[1][:10]))
    assert [d["requests"] for d in days if d["requests"]] == [1, 1]


def test_who_may_see_what(make_gateway, make_sim):
    gateway = served(make_gateway, make_sim, count=120)
    anna = {"authorization": "Bearer sk-anna-01234567"}
    gateway.ctl("key", "create", "--key", "sk-bob-0123456789", "--user-id",
                "bob")
    bob = {"authorization": "Bearer sk-bob-0123456789"}
    assert len(rows_of(ask(gateway, "/spend/logs", anna))) == 30
    assert rows_of(ask(gateway, "/spend/logs/v2", bob))["total"] == 0
    assert len(rows_of(ask(gateway, "/spend/logs", anna,
                           request_id="r-4"))) == 1
    assert not rows_of(ask(gateway, "/spend/logs", bob, request_id="r-4"))
    for query in ({"user_id": "anna"}, {"api_key": "anna-laptop"}):
        assert ask(gateway, "/spend/logs", bob, **query).status == 403
    assert ask(gateway, "/spend/logs", {}).status == 401
    for query in ({"after": "x"}, {"limit": 0}, {"limit": "many"},
                  {"status_filter": "odd"}, {"start_date": "soon"}):
        answer = ask(gateway, "/spend/logs", **query)
        assert answer.status == 422, answer.describe()
        assert answer.json()["error"]["param"] == list(query)[0]
    # Whatever it goes on from may be gone.
    assert ask(gateway, "/spend/logs", after="1-0").status == 400


def test_damaged_and_half_written_lines_are_left_out(make_gateway, make_sim):
    gateway = served(make_gateway, make_sim, count=120)
    gateway.stop()
    gateway.checks_books = False
    eldest = gateway.trace_files()[0]
    text = eldest.read_text()
    eldest.write_text("{half a line\n" + "x" * 300000 + "\n" + text)
    gateway.start()
    assert len(walk(gateway, limit=50)) == 120


def test_a_long_search_does_not_keep_others_waiting(make_gateway, make_sim):
    """Half a gigabyte searched for what is not there, while clients ask: they
    are answered in between, not after it."""
    gateway = served(make_gateway, make_sim, count=120, workers=1)
    gateway.stop()
    gateway.checks_books = False
    eldest = gateway.trace_files()[0]
    block = eldest.read_bytes()
    lines = block.count(b"\n")
    with open(eldest, "ab") as file:
        for _ in range(400_000 // lines):
            file.write(block)
    gateway.start()
    answers, over = [], threading.Event()

    def search():
        answers.append(ask(gateway, "/spend/logs/v2", request_id="nobody"))
        over.set()
    thread = threading.Thread(target=search)
    thread.start()
    served_meanwhile = 0
    while not over.is_set():
        assert gateway.request("GET", "/health/liveliness").status == 200
        served_meanwhile += 1
    thread.join()
    found = rows_of(answers[0])
    assert found["total"] == 0 and found["complete"] is True
    # One or two, if the search held the loop.
    assert served_meanwhile > 10
