"""tools/import-litellm: a team moves over with its keys, budgets and spend."""

import csv
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import pytest

from configs import config, mock
from harness import paths

MASTER = "sk-master-key-1"
SETTINGS = f"general_settings: {{master_key: {MASTER}}}\n"
TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/import-litellm"
KEYS = {"alice": "sk-alice-0123456789", "ci": "sk-ci-01234567890123",
        "spent": "sk-spent-0123456789", "old": "sk-old-01234567890123",
        "plan": "sk-plan-01234567890123"}
FAR = "2099-01-01 00:00:00"


def hash_of(key):
    return hashlib.sha256(key.encode()).hexdigest()


def token(name, **more):
    return {"token": hash_of(KEYS[name]), "key_alias": name,
            "key_name": "sk-..." + KEYS[name][-4:], "models": "{}",
            "spend": "0", "metadata": "{}", **more}


def write_csv(path, rows):
    names = list(dict.fromkeys(n for row in rows for n in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(name="exports")
def _exports(directory):
    folder = directory / "exports"
    folder.mkdir()
    write_csv(folder / "LiteLLM_VerificationToken.csv", [
        token("alice", user_id="u1", team_id="t1", max_budget="10",
              budget_duration="30d", spend="2.5000000001",
              budget_reset_at=FAR, rpm_limit="60",
              metadata='{"model_rpm_limit": {"small": 7}, "cost": 1.5}'),
        token("ci", models='{small,"big one"}', blocked="t"),
        token("spent", max_budget="1", budget_duration="30d", spend="1",
              budget_reset_at=FAR),
        token("old", max_budget="1", budget_duration="30d", spend="1",
              budget_reset_at="2020-01-01 00:00:00"),
        token("plan", budget_id="b1", spend="5", budget_reset_at=FAR),
        {"token": hash_of("sk-lost"), "key_alias": "lost", "team_id": "gone"},
    ])
    write_csv(folder / "LiteLLM_BudgetTable.csv", [
        {"budget_id": "b1", "max_budget": "5", "budget_duration": "30d",
         "budget_reset_at": FAR},
        {"budget_id": "b2", "max_budget": "3"}])
    (folder / "LiteLLM_TeamTable.json").write_text(json.dumps([
        {"team_id": "t1", "team_alias": "Team One", "max_budget": 100,
         "spend": 40.25, "models": [], "metadata": {},
         "members_with_roles": [{"user_id": "u1", "role": "admin"},
                                {"user_id": "u2", "role": "user"}]}]))
    (folder / "LiteLLM_TeamMembership.json").write_text(json.dumps([
        {"user_id": "u1", "team_id": "t1", "budget_id": "b2", "spend": 1.25}]))
    (folder / "LiteLLM_UserTable.jsonl").write_text(json.dumps(
        {"user_id": "u1", "user_email": "u1@example.org",
         "user_role": "internal_user", "spend": 3}) + "\n")
    write_csv(folder / "LiteLLM_EndUserTable.csv", [
        {"user_id": "c1", "alias": "C", "spend": "0.5", "blocked": "f"}])
    write_csv(folder / "LiteLLM_OrganizationTable.csv", [
        {"organization_id": "org1", "budget_id": "b1"}])
    return folder


def run(gateway, exports, *more):
    result = subprocess.run(
        [sys.executable, "-B", TOOL, "--tallyctl", paths.program("tallyctl"),
         "--config", gateway.config, "--state", gateway.state, "--json",
         *more, exports], capture_output=True, text=True, check=False,
        env={**os.environ, **gateway.env})
    return result


def report_of(result):
    assert result.returncode == 0, result
    return json.loads(result.stdout)


def asks(gateway, key):
    return gateway.chat("small", headers={"authorization": f"Bearer {key}"})


def test_a_team_moves_without_new_keys(make_gateway, exports):
    gateway = make_gateway(config(mock(), more=SETTINGS), workers=2)
    assert asks(gateway, KEYS["alice"]).status == 401
    dry = report_of(run(gateway, exports))
    assert dry["applied"] is False and dry["rows"]["key"]["new"] == 5, dry
    assert asks(gateway, KEYS["alice"]).status == 401
    done = report_of(run(gateway, exports, "--apply"))
    assert done["applied"] is True and done["rows"] == dry["rows"]
    assert done["rows"]["team"]["new"] == 1
    why = {(left["kind"], left["id"]): left["why"] for left in done["left"]}
    assert "gone" in why["key", hash_of("sk-lost")[:12]]
    assert "organization" in " ".join(kind for kind, _ in why)
    assert asks(gateway, KEYS["alice"]).status == 200
    assert asks(gateway, KEYS["old"]).status == 200
    for name, status in (("spent", (400, 429)), ("plan", (400, 429)),
                         ("ci", (401, 403))):
        answer = asks(gateway, KEYS[name])
        assert answer.status in status, answer.describe()
    alice = gateway.ctl("key", "show", "alice", "--json").json()
    assert float(alice["spend"]) >= 2.500000001 and alice["rpm_limit"] == 60
    assert alice["model_rpm_limit"] == {"small": 7}
    team = gateway.ctl("team", "show", "t1", "--json").json()
    assert float(team["spend"]) >= 40.25
    assert team["members_with_roles"][0] == {
        "user_id": "u1", "role": "admin", "max_budget_in_team": 3}
    for key in KEYS.values():
        for text in (run(gateway, exports).stdout, gateway.log_text(),
                     gateway.ctl("log", "--json").out):
            assert key not in text


def test_twice_is_once_and_here_counts_on(make_gateway, exports):
    gateway = make_gateway(config(mock(), more=SETTINGS))
    report_of(run(gateway, exports, "--apply"))
    before = gateway.ctl("key", "show", "alice", "--json").json()
    changes = gateway.ctl("log", "-n", "1000", "--json").out
    again = report_of(run(gateway, exports, "--apply"))
    for kind, counts in again["rows"].items():
        assert counts["new"] == counts["changed"] == counts["refused"] == 0, \
            (kind, counts)
    assert gateway.ctl("key", "show", "alice", "--json").json() == before
    assert gateway.ctl("log", "-n", "1000", "--json").out == changes
    # LiteLLM's limits win again, what was spent is not taken twice.
    gateway.ctl("key", "update", "alice", "--rpm-limit", "5")
    third = report_of(run(gateway, exports, "--apply"))
    assert third["rows"]["key"]["changed"] == 1
    alice = gateway.ctl("key", "show", "alice", "--json").json()
    assert alice["rpm_limit"] == 60 and alice["spend"] == before["spend"]


@pytest.mark.parametrize("window", ["", "30d"])
def test_a_members_cap_goes_on(make_gateway, exports, window):
    write_csv(exports / "LiteLLM_BudgetTable.csv", [
        {"budget_id": "b1", "max_budget": "5"},
        {"budget_id": "b2", "max_budget": "3", "budget_duration": window,
         "budget_reset_at": FAR}])
    (exports / "LiteLLM_TeamMembership.json").write_text(json.dumps([
        {"user_id": "u1", "team_id": "t1", "budget_id": "b2", "spend": 3}]))
    gateway = make_gateway(config(mock(), more=SETTINGS))
    report_of(run(gateway, exports, "--apply"))
    answer = asks(gateway, KEYS["alice"])
    assert answer.status in (400, 429), answer.describe()
    assert "member" in answer.body.decode(), answer.describe()
    rows = gateway.ctl("budget", "list", "--json").json()["budgets"]
    assert [(r["id"], r["spent_usd"], r["carried_usd"]) for r in rows
            if r["scope"] == "team_member"] == [("t1/u1", 3, 3)]


def test_what_has_no_effect_here_is_named(make_gateway, exports):
    write_csv(exports / "LiteLLM_VerificationToken.csv", [
        token("alice", user_id="chief", team_id="t1", auto_rotate="t",
              rotation_interval="30d", organization_id="org2"),
        token("ci", auto_rotate="f")])
    (exports / "LiteLLM_UserTable.jsonl").write_text(json.dumps(
        {"user_id": "chief", "user_role": "proxy_admin"}) + "\n")
    gateway = make_gateway(config(mock(), more=SETTINGS))
    left = report_of(run(gateway, exports))["left"]
    alice = hash_of(KEYS["alice"])[:12]
    assert [(r["kind"], r["id"]) for r in left] == [
        ("key", alice), ("key", alice), ("organization", "org1"),
        ("organization", "org2")]
    assert "rotated" in left[0]["why"] and "proxy_admin" in left[1]["why"]


def test_one_refused_row_refuses_all(make_gateway, exports):
    write_csv(exports / "LiteLLM_BudgetTable.csv", [
        {"budget_id": "b1", "max_budget": "5", "budget_duration": "fortnight"},
        {"budget_id": "b2", "max_budget": "3"}])
    gateway = make_gateway(config(mock(), more=SETTINGS))
    result = run(gateway, exports, "--apply")
    assert result.returncode == 1, result
    report = json.loads(result.stdout)
    assert report["applied"] is False
    assert ("budget", "b1") in {(r["kind"], r["id"]) for r in report["refused"]}
    assert gateway.ctl("key", "list", "--json").json() == []


def test_what_cannot_be_read_is_named(directory):
    for name, text, words in (("LiteLLM_TeamTable.json", "{", "TeamTable"),
                              ("Other.csv", "a\n1\n", "Other.csv")):
        (directory / name).write_text(text)
        result = subprocess.run([sys.executable, "-B", TOOL, directory / name],
                                capture_output=True, text=True, check=False)
        assert result.returncode == 2 and words in result.stderr, result
