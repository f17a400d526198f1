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
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LINE = re.compile(rf'({NAME})'
                  r'(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)'
                  r'\})? (-?\d+(?:\.\d+)?)')
LE = re.compile(r',?le="([^"]*)"')


def check_format(text):
    """What promtool check metrics looks at: each metric has help and type
    before its samples, which stand together; no sample twice; counters are
    called _total; histograms are whole and add up."""
    samples, types, closed, current = {}, {}, set(), None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            assert line.split(maxsplit=3)[3:], line
            closed.add(current)
            current = line.split()[2]
            assert current not in closed, f"{current} in two places"
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name == current and name not in types, line
            assert kind in ("counter", "gauge", "histogram"), line
            assert (kind == "counter") == name.endswith("_total"), line
            types[name] = kind
        else:
            match = LINE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            base = re.sub("_(bucket|sum|count)$", "", name) \
                if types[current] == "histogram" else name
            assert base == current, line
            assert (name, labels) not in samples, f"{line}: twice"
            samples[name, labels] = decimal.Decimal(value)
    assert text.endswith("\n")
    for name in (n for n, kind in types.items() if kind == "histogram"):
        check_histogram(name, samples)
    return samples


def check_histogram(name, samples):
    series = {}
    for (n, labels), value in samples.items():
        if n == f"{name}_bucket":
            bound = LE.search(labels).group(1)
            series.setdefault(LE.sub("", labels), []).append(
                (decimal.Decimal(bound.replace("+Inf", "Infinity")), value))
    for labels, buckets in series.items():
        assert buckets == sorted(buckets), (name, labels)
        assert [v for _, v in buckets] == sorted(v for _, v in buckets)
        assert buckets[-1][0].is_infinite()
        assert buckets[-1][1] == samples[f"{name}_count", labels] > 0
        assert samples[f"{name}_sum", labels] >= 0


def scrape(gateway, headers=ADMIN):
    answer = gateway.request("GET", "/metrics", headers=headers)
    assert answer.status == 200, answer.describe()
    assert answer.header("content-type").startswith(
        "text/plain; version=0.0.4")
    return check_format(answer.body.decode())


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
    found.pop(("tallygate_requests_in_flight", None))
    id_ = gateway.ctl("health", "--json").json()[0]["deployment"]
    gateway.ctl("breaker", "trip", id_, "60s")
    for _ in range(6):  # whichever worker answers
        again = scrape(gateway)
        assert again.pop(("tallygate_requests_in_flight", None)) == 0
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


def test_anybody_may_look_when_the_configuration_says_so(make_gateway):
    gateway = make_gateway(config(
        mock(), more=SETTINGS + "litellm_settings: "
        "{require_auth_for_metrics_endpoint: false}\n"))
    assert scrape(gateway, {})["tallygate_workers", None] == 1
    assert gateway.request("GET", "/spend/keys").status == 401


def of(found, name, text):
    value, = (v for (n, labels), v in found.items()
              if n == name and text in (labels or ""))
    return value


def test_times_are_those_of_all_workers(make_gateway, make_sim):
    gateway = make_gateway(config(
        deployment("small", make_sim().base_url, prices=PRICES),
        mock("other"), more=SETTINGS), workers=3)
    for i in range(60):
        assert gateway.chat("small" if i % 3 else "other", stream=i % 2 == 0,
                            headers=ADMIN).status == 200
    gateway.await_traces(60)
    lines = gateway.traces()
    found = scrape(gateway)
    name = "litellm_request_total_latency_metric"
    for model, count in (("small", 40), ("other", 20)):
        label = f'requested_model="{model}"'
        assert of(found, f"{name}_count", label) == count
        took = sum(decimal.Decimal(str(t["latency_s"])) for t in lines
                   if t["requested_model"] == model)
        assert abs(of(found, f"{name}_sum", label) - took) < \
            decimal.Decimal("0.001")
        assert of(found, f"{name}_bucket", label + ',le="300"') == count
    assert total(found, "litellm_llm_api_latency_metric_count") == 60
    assert total(found,
                 "litellm_llm_api_time_to_first_token_metric_count") == 30
    assert found["tallygate_workers", None] == 3
    # A worker that is killed takes nothing with it, and is counted.
    pid = gateway.kill("worker", slot=1)
    gateway.await_replaced("worker", pid, slot=1)
    again = scrape(gateway)
    assert again["tallygate_worker_crashes_total", None] == 1
    assert again["tallygate_workers", None] == 3
    assert {k: v for k, v in again.items() if k[0].startswith(name)} == \
        {k: v for k, v in found.items() if k[0].startswith(name)}


def test_what_is_left_of_budgets(make_gateway):
    gateway = make_gateway(config(mock(), more=SETTINGS))
    gateway.ctl("team", "create", "red", "--alias", "Team Red",
                "--max-budget", "2", "--budget-duration", "1d")
    gateway.ctl("key", "create", "--key", "sk-anna-01234567", "--alias",
                "anna", "--team-id", "red", "--max-budget", "1.5")
    for i in range(40):
        gateway.ctl("user", "create", f"u{i}", "--max-budget", str(i + 1))
    found = scrape(gateway)
    assert of(found, "litellm_remaining_team_budget_metric",
              'team="red",team_alias="Team Red"') == 2
    assert of(found, "litellm_team_max_budget_metric", "red") == 2
    assert 0 < of(found, "litellm_team_budget_remaining_hours_metric",
                  "red") <= 24
    assert of(found, "litellm_remaining_api_key_budget_metric",
              'api_key_alias="anna"') == decimal.Decimal("1.5")
    assert sum(v for (n, _), v in found.items()
               if n == "litellm_user_max_budget_metric") == 820
