"""GET /metrics: what the books say, from any worker, and only growing."""

import decimal
import re

from configs import config, deployment, mock

MASTER = "sk-master-key-1"
ADMIN = {"authorization": f"Bearer {MASTER}"}
SETTINGS = (f"general_settings: {{master_key: {MASTER}}}\n"
            "tallygate: {budgets: [{per: global, max_budget: 5, "
            "budget_duration: 1d}]}\n")
PRICES = {"input_cost_per_token": "0.000001234",
          "output_cost_per_token": "0.000004567"}
LINE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)')


def scrape(gateway):
    answer = gateway.request("GET", "/metrics", headers=ADMIN)
    assert answer.status == 200, answer.describe()
    assert answer.header("content-type").startswith("text/plain")
    found, typed = {}, set()
    for line in answer.body.decode().splitlines():
        if line.startswith("# TYPE "):
            name = line.split()[2]
            assert name not in typed, "a name is typed once"
            typed.add(name)
        elif not line.startswith("#"):
            match = LINE.fullmatch(line)
            assert match and match.group(1) in typed, line
            found[match.group(1), match.group(2)] = \
                decimal.Decimal(match.group(3))
    return found


def total(found, name):
    return sum(v for (n, _), v in found.items() if n == name)


def test_it_is_what_the_books_say(make_gateway, make_sim):
    sim = make_sim()
    gateway = make_gateway(config(
        deployment("small", sim.base_url, prices=PRICES), mock("other"),
        more=SETTINGS), workers=2)
    gateway.ctl("key", "create", "--alias", 'a "b"', "--key",
                "sk-alice-01234567")
    for model in ("small", "small", "other"):
        assert gateway.chat(model, headers={
            "authorization": "Bearer sk-alice-01234567"}).status == 200
    gateway.await_traces(3)
    found = scrape(gateway)
    spent = decimal.Decimal(str(
        gateway.ctl("spend", "--json").json()["total"]["cost_usd"]))
    assert spent > 0
    for name in ("litellm_spend_metric_total",
                 "tallygate_model_spend_usd_total",
                 "tallygate_deployment_spend_usd_total",
                 "tallygate_budget_spent_usd"):
        assert total(found, name) == spent, name
    assert total(found, "litellm_requests_metric_total") == 3
    assert found["tallygate_model_requests_total", 'model="small"'] == 2
    assert any(r'api_key_alias="a \"b\""' in (labels or "")
               for _, labels in found)
    assert total(found, "litellm_deployment_state") == 0
    id_ = gateway.ctl("health", "--json").json()[0]["deployment"]
    gateway.ctl("breaker", "trip", id_, "60s")
    for _ in range(6):  # whichever worker answers
        again = scrape(gateway)
        assert again.pop(next(
            k for k in again if k[0] == "litellm_deployment_state" and
            f'model_id="{id_}"' in k[1])) == 2
        assert all(found[k] == v for k, v in again.items())
    text = gateway.request("GET", "/metrics", headers=ADMIN).body.decode()
    assert "sk-" not in text and MASTER not in text


def test_counters_go_on_over_hours_and_restarts(make_gateway, clock):
    gateway = make_gateway(config(mock(), more=SETTINGS), clock=clock)

    def ask():
        assert gateway.chat("small", headers=ADMIN).status == 200
    done = 0
    for hours in (0, 1, 1, 3, 26, 1):
        clock.advance(hours * 3600)
        ask()
        done += 1
        gateway.await_traces(done)
        assert total(scrape(gateway), "litellm_requests_metric_total") == done
    gateway.stop()
    gateway.start()
    assert total(scrape(gateway), "litellm_requests_metric_total") == done


def test_it_takes_a_viewer(make_gateway):
    gateway = make_gateway(config(mock(), more=SETTINGS))
    assert gateway.request("GET", "/metrics").status == 401
    gateway.ctl("key", "create", "--key", "sk-plain-01234567")
    assert gateway.request("GET", "/metrics", headers={
        "authorization": "Bearer sk-plain-01234567"}).status in (401, 403)
