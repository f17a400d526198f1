"""Configurations of the operations tests, as text."""

PRICES = {"input_cost_per_token": "0.00000015",
          "output_cost_per_token": "0.0000006",
          "cache_read_input_token_cost": "0.000000075"}
OTHER_PRICES = {"input_cost_per_token": "0.000002",
                "output_cost_per_token": "0.000000000007"}


def deployment(name, base_url, model="m", prices=None, **params):
    """One entry of model_list."""
    lines = [f"  - model_name: {name}", "    litellm_params:",
             f"      model: openai/{model}", f"      api_base: {base_url}/v1",
             "      api_key: sk-upstream"]
    for key, value in {**(PRICES if prices is None else prices),
                       **params}.items():
        lines.append(f"      {key}: {value}")
    return "\n".join(lines)


def mock(name="small", text="Hello."):
    return (f"  - model_name: {name}\n    litellm_params:\n"
            f"      model: openai/mock-{name}\n      mock_response: {text}\n"
            "      input_cost_per_token: 0.000001\n"
            "      output_cost_per_token: 0.000002")


def config(*entries, more=""):
    return "model_list:\n" + "\n".join(entries) + "\n" + more
