"""Every call of the management API in five ways: allowed, forbidden, malformed,
conflicting (with what there is, or is not), and once more (idempotent).

The calls are those of the gateway's own /openapi.json: a new one that has no
entry here fails, and so does an entry of a call that is gone.
"""

import json

from configs import config, mock
from harness.gateway import chat_body

MASTER, PLAIN = "sk-master-key-1", "sk-plain-0000001"
SETTINGS = f"general_settings: {{master_key: {MASTER}}}\n"
METHOD = object()       # nothing to get wrong but the method


def post(path, ok, bad, conflict, again=200, **more):
    """ok: the body. bad, conflict: (body, status). again: the status of the
    same call once more."""
    return {"path": path, "method": "POST", "ok": ok, "bad": bad,
            "conflict": conflict, "again": again, **more}


def get(path, bad=METHOD, conflict=None, **more):
    """bad, conflict: (path with its query, status)."""
    return {"path": path, "method": "GET", "ok": None, "bad": bad,
            "conflict": conflict, "again": 200, **more}


def customers(at):
    return {
        f"POST {at}/new": post(f"{at}/new", {"user_id": "c-{n}"},
                               ({"max_budget": []}, 422),
                               ({"user_id": "cust"}, 400), again=400),
        f"POST {at}/update": post(f"{at}/update",
                                  {"user_id": "cust", "rpm_limit": 5},
                                  ({"user_id": "cust", "rpm_limit": "5"}, 422),
                                  ({"user_id": "none"}, 404)),
        f"POST {at}/delete": post(f"{at}/delete", {"user_ids": ["d-{n}"]},
                                  ({"user_ids": [1]}, 422),
                                  ({"user_ids": ["none"]}, 404), again=404,
                                  before=[(f"{at}/new",
                                           {"user_id": "d-{n}"})]),
        # Blocking a stranger must hold: there is nobody that it misses.
        f"POST {at}/block": post(f"{at}/block", {"user_ids": ["cust"]},
                                 ({}, 400), ({"user_ids": ["new-{n}"]}, 200)),
        f"POST {at}/unblock": post(f"{at}/unblock", {"user_ids": ["cust"]},
                                   ({"user_ids": {}}, 422),
                                   ({"user_ids": ["other-{n}"]}, 200)),
        f"GET {at}/info": get(f"{at}/info?end_user_id=cust",
                              (f"{at}/info", 400),
                              (f"{at}/info?end_user_id=none", 404)),
        f"GET {at}/list": get(f"{at}/list"),
    }


CALLS = {
    # ---- keys
    "POST /key/generate": post(
        "/key/generate", {"key": "sk-made-{n}-0001", "key_alias": "made-{n}"},
        ({"max_budget": "much"}, 422), ({"key_alias": "k"}, 400), again=400),
    "POST /key/service-account/generate": post(
        "/key/service-account/generate",
        {"team_id": "red", "key_alias": "service-{n}"}, ({}, 400),
        ({"team_id": "none"}, 404), again=400),
    "POST /key/update": post(
        "/key/update", {"key": "k", "rpm_limit": 5},
        ({"key": "k", "rpm_limit": -1}, 422), ({"key": "none"}, 404)),
    "POST /key/delete": post(
        "/key/delete", {"key_aliases": ["gone-{n}"]}, ({"keys": []}, 422),
        ({"key_aliases": ["none"]}, 404), again=404,
        before=[("/key/generate", {"key_alias": "gone-{n}"})]),
    "POST /key/block": post("/key/block", {"key": "k"}, ({"key": ["k"]}, 400),
                            ({"key": "none"}, 404)),
    "POST /key/unblock": post("/key/unblock", {"key": "k"}, ({}, 400),
                              ({"key": "none"}, 404)),
    # Another secret each time.
    "POST /key/regenerate": post(
        "/key/regenerate", {"key": "again"}, ({}, 400), ({"key": "none"}, 404),
        differs=True),
    "POST /key/{key}/regenerate": post(
        "/key/again/regenerate", {}, ({"models": "small"}, 422),
        ({"new_key": PLAIN}, 400), differs=True),
    "POST /key/{key}/reset_spend": post(
        "/key/k/reset_spend", {"reset_to": 0}, ({"reset_to": -1}, 422),
        ({}, 404, "/key/none/reset_spend")),
    "GET /key/info": get("/key/info?key=k", ("/key/info?key=%zz", 400),
                         ("/key/info?key=none", 404)),
    "POST /v2/key/info": post("/v2/key/info", {"keys": ["k"]},
                              ({"keys": 1}, 422), ({"keys": ["none"]}, 404)),
    "GET /key/list": get("/key/list?user_id=bob", ("/key/list?page=0", 422),
                         ("/key/list?user_id=none", 200), own=True),
    "GET /key/aliases": get("/key/aliases", own=True),
    "POST /key/health": post("/key/health", {}, None, None, key=True),
    # ---- teams
    "POST /team/new": post("/team/new", {"team_id": "t-{n}"},
                           ({"models": "all"}, 422), ({"team_id": "red"}, 400),
                           again=400),
    "POST /team/update": post(
        "/team/update", {"team_id": "red", "tpm_limit": 100000},
        ({"team_id": "red", "tpm_limit": 0.5}, 422),
        ({"team_id": "none"}, 404)),
    "POST /team/delete": post(
        "/team/delete", {"team_ids": ["gone-{n}"]}, ({"team_ids": {}}, 422),
        ({"team_ids": ["none"]}, 404), again=404,
        before=[("/team/new", {"team_id": "gone-{n}"})]),
    "POST /team/block": post("/team/block", {"team_id": "blue"}, ({}, 400),
                             ({"team_id": "none"}, 404)),
    "POST /team/unblock": post("/team/unblock", {"team_id": "blue"},
                               ({"team_id": 5}, 400), ({"team_id": "none"},
                                                       404)),
    "POST /team/member_add": post(
        "/team/member_add", {"team_id": "red", "member": {"user_id": "m-{n}"}},
        ({"team_id": "red", "member": {}}, 422),
        ({"team_id": "none", "member": {"user_id": "x"}}, 404), again=400),
    "POST /team/member_update": post(
        "/team/member_update",
        {"team_id": "red", "user_id": "bob", "role": "user"},
        ({"team_id": "red", "user_id": "bob", "rpm_limit": "many"}, 422),
        ({"team_id": "red", "user_id": "none"}, 404)),
    "POST /team/member_delete": post(
        "/team/member_delete", {"team_id": "red", "user_id": "left-{n}"},
        ({"user_id": "bob"}, 400), ({"team_id": "red", "user_id": "none"},
                                    404), again=404,
        before=[("/team/member_add", {"team_id": "red",
                                      "member": {"user_id": "left-{n}"}})]),
    "POST /team/model/add": post(
        "/team/model/add", {"team_id": "blue", "models": ["small"]},
        ({"team_id": "blue"}, 400), ({"team_id": "none", "models": ["a"]},
                                     404)),
    "POST /team/model/delete": post(
        "/team/model/delete", {"team_id": "blue", "models": ["big"]},
        ({"team_id": "blue", "models": [""]}, 422),
        ({"team_id": "none", "models": ["a"]}, 404)),
    "GET /team/info": get("/team/info?team_id=red", ("/team/info", 400),
                          ("/team/info?team_id=none", 404)),
    "GET /team/list": get("/team/list", ("/team/list?user_id=%00", 400),
                          own=True),
    # ---- users
    "POST /user/new": post("/user/new", {"user_id": "u-{n}"},
                           ({"user_role": "king"}, 422), ({"user_id": "bob"},
                                                          400), again=400),
    "POST /user/update": post(
        "/user/update", {"user_id": "bob", "user_alias": "Bob"},
        ({"user_id": "bob", "blocked": "yes"}, 422), ({"user_id": "none"},
                                                      404)),
    "POST /user/delete": post(
        "/user/delete", {"user_ids": ["gone-{n}"]}, ({"user_ids": [[]]}, 422),
        ({"user_ids": ["none"]}, 404), again=404,
        before=[("/user/new", {"user_id": "gone-{n}"})]),
    "GET /user/info": get("/user/info?user_id=bob",
                          ("/user/info?user_id=" + "a" * 300, 400),
                          ("/user/info?user_id=none", 404)),
    "GET /user/list": get("/user/list", ("/user/list?page_size=101", 422),
                          ("/user/list?page=900", 200)),
    **customers("/customer"), **customers("/end_user"),
    # ---- budgets, tags
    "POST /budget/new": post("/budget/new", {"budget_id": "b-{n}"},
                             ({"budget_duration": "soon"}, 422),
                             ({"budget_id": "plan"}, 400), again=400),
    "POST /budget/update": post(
        "/budget/update", {"budget_id": "plan", "max_budget": 5},
        ({"budget_id": "plan", "on_exhaust": "sulk"}, 422),
        ({"budget_id": "none"}, 404)),
    # One that is in use stays.
    "POST /budget/delete": post(
        "/budget/delete", {"id": "gone-{n}"}, ({}, 400), ({"id": "plan"}, 400),
        again=404, before=[("/budget/new", {"budget_id": "gone-{n}"})]),
    "POST /budget/info": post("/budget/info", {"budgets": ["plan"]},
                              ({"budgets": []}, 422), ({"budgets": ["none"]},
                                                       404)),
    "GET /budget/list": get("/budget/list"),
    "GET /budget/settings": get("/budget/settings?budget_id=plan",
                                ("/budget/settings?budget_id=%", 400),
                                ("/budget/settings?budget_id=none", 404)),
    "POST /tag/new": post("/tag/new", {"name": "t-{n}"}, ({"name": 5}, 422),
                          ({"name": "tag"}, 400), again=400),
    "POST /tag/update": post(
        "/tag/update", {"name": "tag", "description": "d"},
        ({"name": "tag", "soft_budget": True}, 422), ({"name": "none"}, 404)),
    "POST /tag/delete": post("/tag/delete", {"name": "gone-{n}"}, ({}, 400),
                             ({"name": "none"}, 404), again=404,
                             before=[("/tag/new", {"name": "gone-{n}"})]),
    "POST /tag/info": post("/tag/info", {"names": ["tag"]}, ({}, 400),
                           ({"names": ["none"]}, 404)),
    "GET /tag/list": get("/tag/list"),
    # ---- spend
    "GET /spend/logs": get("/spend/logs",
                           ("/spend/logs?start_date=yesterday", 422),
                           own=True),
    "GET /spend/keys": get("/spend/keys"),
    "GET /spend/users": get("/spend/users", ("/spend/users?user_id=%", 400),
                            ("/spend/users?user_id=none", 200)),
    "GET /spend/tags": get("/spend/tags", ("/spend/tags?start_date=x", 422)),
    "POST /spend/calculate": post(
        "/spend/calculate", chat_body("small"), ({"messages": []}, 400),
        (chat_body("none"), 400), key=True),
    "GET /global/spend": get("/global/spend"),
    "GET /global/spend/report": get(
        "/global/spend/report?start_date=2026-11-01&end_date=2026-11-30",
        ("/global/spend/report?group_by=moon", 422)),
    "GET /global/spend/logs": get("/global/spend/logs",
                                  ("/global/spend/logs?end_date=%", 400)),
    "GET /global/spend/keys": get("/global/spend/keys"),
    "GET /global/spend/teams": get("/global/spend/teams"),
    "GET /global/spend/models": get("/global/spend/models"),
    "GET /global/spend/provider": get("/global/spend/provider"),
    "GET /global/spend/tags": get("/global/spend/tags"),
    "GET /provider/budgets": get("/provider/budgets"),
    "POST /cost/estimate": post(
        "/cost/estimate", {"model": "small", "input_tokens": 5},
        ({"model": "small", "input_tokens": -5}, 422), ({"model": "none"},
                                                        400), key=True),
    # ---- models, health
    "GET /v1/models": get("/v1/models", key=True),
    "GET /models": get("/models", key=True),
    "GET /v1/models/{id}": get("/v1/models/small", METHOD,
                               ("/v1/models/none", 404), key=True),
    "GET /models/{id}": get("/models/small", METHOD, ("/models/none", 404),
                            key=True),
    "GET /model/info": get("/model/info", key=True),
    "GET /v1/model/info": get("/v1/model/info", key=True),
    "GET /model_group/info": get("/model_group/info",
                                 ("/model_group/info?model_group=%", 400),
                                 ("/model_group/info?model_group=none", 200),
                                 key=True),
    "GET /health": get("/health", ("/health?model=%00", 400), None, key=True,
                       changes=True),
    "GET /health/liveliness": get("/health/liveliness", public=True),
    "GET /health/liveness": get("/health/liveness", public=True),
    "GET /health/readiness": get("/health/readiness", public=True),
    "GET /metrics": get("/metrics", changes=True),
    "GET /openapi.json": get("/openapi.json", public=True),
}


class World:
    """A gateway with one of everything, and what went wrong so far."""

    def __init__(self, gateway):
        self.gateway, self.wrong, self.number = gateway, [], 0
        for path, body in (
                ("/budget/new", {"budget_id": "plan", "max_budget": 3}),
                ("/user/new", {"user_id": "bob", "auto_create_key": False}),
                ("/team/new", {"team_id": "red", "members_with_roles":
                               [{"user_id": "bob", "role": "admin"}]}),
                ("/team/new", {"team_id": "blue", "models": ["small", "big"]}),
                ("/customer/new", {"user_id": "cust"}),
                ("/tag/new", {"name": "tag"}),
                ("/key/generate", {"key_alias": "k", "budget_id": "plan",
                                   "user_id": "bob"}),
                ("/key/generate", {"key_alias": "again"}),
                ("/key/generate", {"key": PLAIN, "key_alias": "plain"})):
            self.ask("POST", path, body, 200)

    def ask(self, method, path, body, status, key=MASTER):
        headers = {"authorization": f"Bearer {key}"} if key else {}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        answer = self.gateway.request(method, path, None, headers, body)
        if answer.status != status:
            self.wrong.append(f"{method} {path} {body} by {key}: "
                              f"{answer.status}, not {status}: "
                              f"{answer.body[:200]}")
        return answer

    def fill(self, value):
        return json.loads(json.dumps(value).replace("{n}", str(self.number)))

    def call(self, c, status=200, key=MASTER):
        return self.ask(c["method"], c["path"], self.fill(c["ok"]), status,
                        key)


def forbidden(world, c):
    if c.get("public"):
        world.call(c, 200, None)
        return
    world.call(c, 401, None)
    world.call(c, 401, "sk-not-known-here")
    answer = world.call(c, 200 if c.get("own") or c.get("key") else 403,
                        PLAIN)
    if c.get("own") and (b"bob" in answer.body or b'"red"' in answer.body):
        world.wrong.append(f"{c['path']} shows others': {answer.body}")


def test_an_error_does_not_tell_what_there_is(make_gateway):
    """Who may not look at something is told the same of what is not there."""
    gateway = make_gateway(config(mock(), more=SETTINGS))
    world = World(gateway)
    for method, path, body in (
            ("POST", "/key/update", {"key": "NAME"}),
            ("POST", "/key/delete", {"key_aliases": ["NAME"]}),
            ("POST", "/key/NAME/regenerate", {}),
            ("GET", "/key/info?key=NAME", None),
            ("POST", "/v2/key/info", {"keys": ["NAME"]}),
            ("POST", "/team/update", {"team_id": "NAME"}),
            ("POST", "/team/member_add", {"team_id": "NAME", "member": {}}),
            ("GET", "/team/info?team_id=NAME", None),
            ("GET", "/spend/logs?api_key=NAME", None),
            ("GET", "/user/info?user_id=NAME", None)):
        there = {"key": "k", "team": "red", "user": "bob", "spend": "k"}[
            path.replace("/v2", "").split("/")[1]]
        answers = [world.ask(method, path.replace("NAME", name), None if
                             body is None else json.loads(json.dumps(
                                 body).replace("NAME", name)), 403, PLAIN)
                   for name in (there, "none")]
        assert answers[0].body == answers[1].body
    assert not world.wrong, "\n" + "\n".join(world.wrong)


def malformed(world, c):
    if c["method"] == "POST":
        world.ask("POST", c["path"], b"{", 400)
        world.ask("POST", c["path"], b"[]", 400)
        if c["bad"] is not None:
            world.ask("POST", c["path"], *c["bad"])
    elif c["bad"] is METHOD:
        answer = world.ask("DELETE", c["path"], None, 405)
        if not answer.header("allow"):
            world.wrong.append(f"{c['path']}: no allow")
    else:
        path, status = c["bad"]
        world.ask("GET", path, None, status)


def conflicting(world, c):
    if c["conflict"] is None:
        return
    if c["method"] == "GET":
        path, status = c["conflict"]
        world.ask("GET", path, None, status)
        return
    body, status, *path = c["conflict"]
    world.ask("POST", path[0] if path else c["path"], world.fill(body), status)


def once_more(world, c, first):
    answer = world.call(c, c["again"])
    same = without_times(answer.body) == without_times(first.body)
    if c["again"] == 200 and not c.get("changes") and \
            same == c.get("differs", False):
        world.wrong.append(f"{c['path']}: {first.body[:300]} and then "
                           f"{answer.body[:300]}")


def without_times(body):
    try:
        value = json.loads(body)
    except ValueError:
        return body
    if isinstance(value, dict):
        for name in ("updated_at", "created_at"):
            value.pop(name, None)
            for inner in value.values():
                if isinstance(inner, dict):
                    inner.pop(name, None)
                for item in inner if isinstance(inner, list) else ():
                    if isinstance(item, dict):
                        item.pop(name, None)
    return value


def test_every_call_in_five_ways(make_gateway):
    gateway = make_gateway(config(mock(), mock("big"), more=SETTINGS),
                           workers=2)
    paths = json.loads(gateway.request("GET", "/openapi.json").body)["paths"]
    here = {f"{method.upper()} {path}" for path, methods in paths.items()
            for method, o in methods.items()
            if "as the API" not in o["responses"]["200"]["description"]}
    assert here == set(CALLS), here ^ set(CALLS)
    world = World(gateway)
    for c in CALLS.values():
        world.number += 1
        for path, body in c.get("before", ()):
            world.ask("POST", path, world.fill(body), 200)
        forbidden(world, c)
        malformed(world, c)
        conflicting(world, c)
        once_more(world, c, world.call(c))
    assert not world.wrong, "\n" + "\n".join(world.wrong)
