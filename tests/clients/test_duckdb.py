"""The trace file in DuckDB agrees with tallyctl spend."""
import json
import os
import pathlib
import subprocess
import time
from decimal import Decimal

import openai
import pytest

duckdb = pytest.importorskip("duckdb")
STATE = pathlib.Path(os.environ["TALLYGATE_STATE"])


def spend():
    tallyctl = pathlib.Path(os.environ["TALLYGATE_BUILD"]) / "tallyctl"
    said = subprocess.run([str(tallyctl), "--state", str(STATE), "spend", "--by", "model", "--json"],
                          check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(said, parse_float=Decimal)


def lines():
    return (STATE / "traces.jsonl").read_text().splitlines()


def test_sums_by_model():
    client = openai.OpenAI(base_url=os.environ["TALLYGATE_BASE_URL"], api_key=os.environ["TALLYGATE_KEY"])
    for i in range(5):
        client.chat.completions.create(model="primary-agent-model",
                                       messages=[{"role": "user", "content": "duck %d" % i}])
    deadline = time.monotonic() + 10
    # Those that reached a deployment, however they ended, are counted.
    while sum(1 for x in lines() if '"attempts":[{' in x) < spend()["total"]["requests"]:
        assert time.monotonic() < deadline, "records are missing from the trace file"
        time.sleep(0.05)
    rows = duckdb.sql(
        "SELECT model, AVG(latency_s), SUM(cost_usd), COUNT(*) FROM read_ndjson_auto('%s') "
        "WHERE cost_usd > 0 GROUP BY model" % (STATE / "traces.jsonl")).fetchall()
    ours = {r["model"]: r for r in spend()["rows"] if r["cost_usd"] > 0}
    assert {r[0] for r in rows} == set(ours)
    for model, latency, cost, _ in rows:
        assert latency > 0
        # DuckDB reads numbers as doubles: equal to the nano-dollar.
        assert abs(Decimal(repr(cost)) - ours[model]["cost_usd"]) < Decimal("1e-9")
