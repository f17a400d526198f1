"""The openai SDK: only base_url and the key differ from a direct call."""
import asyncio
import json
import os
import urllib.request

import openai
import pytest

MODEL = "primary-agent-model"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
def client():
    return openai.OpenAI(base_url=os.environ["TALLYGATE_BASE_URL"], api_key=os.environ["TALLYGATE_KEY"])


def user(text):
    return [{"role": "user", "content": text}]


def set_fault(**settings):
    body = {"set": settings} if settings else {"reset": True}
    urllib.request.urlopen(urllib.request.Request(
        os.environ["TALLYGATE_SIM_A"] + "/control", data=json.dumps(body).encode())).read()


def test_plain(client):
    answer = client.chat.completions.create(model=MODEL, messages=user("Hello"))
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == MODEL
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id


def test_headers_tell_who_served_and_what_it_cost(client):
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=user("Hello"))
    assert raw.headers["x-tallygate-model"] == "gpt-4o-mini"
    assert float(raw.headers["x-tallygate-cost-usd"]) > 0
    assert raw.headers["x-tallygate-attempts"] == "1"
    assert raw.parse().model == MODEL


def test_stream(client):
    whole = client.chat.completions.create(model=MODEL, messages=user("Hello stream"))
    chunks = list(client.chat.completions.create(model=MODEL, messages=user("Hello stream"), stream=True))
    text = "".join(c.choices[0].delta.content or "" for c in chunks)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(c.usage is None for c in chunks)
    assert {c.model for c in chunks} == {MODEL}


def test_stream_with_usage(client):
    chunks = list(client.chat.completions.create(
        model=MODEL, messages=user("Hello"), stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0
    assert all(c.usage is None for c in chunks[:-1])


def test_tool_calls(client):
    answer = client.chat.completions.create(
        model=MODEL, messages=user("What is the weather like in Paris?"), tools=[WEATHER])
    call = answer.choices[0].message.tool_calls[0]
    assert answer.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Paris"}


def test_streamed_tool_calls(client):
    stream = client.chat.completions.create(
        model=MODEL, messages=user("What is the weather like in Paris?"), tools=[WEATHER], stream=True)
    name, arguments = "", ""
    for chunk in stream:
        for call in chunk.choices[0].delta.tool_calls or []:
            assert call.index == 0
            name += call.function.name or ""
            arguments += call.function.arguments or ""
    assert name == "get_weather"
    assert json.loads(arguments) == {"city": "Paris"}


def test_async_many_at_once():
    async def run():
        client = openai.AsyncOpenAI(
            base_url=os.environ["TALLYGATE_BASE_URL"], api_key=os.environ["TALLYGATE_KEY"])
        answers = await asyncio.gather(*[
            client.chat.completions.create(model=MODEL, messages=user("number %d" % i)) for i in range(50)])
        stream = await client.chat.completions.create(model=MODEL, messages=user("s"), stream=True)
        chunks = [c async for c in stream]
        return answers, chunks

    answers, chunks = asyncio.run(run())
    assert len({a.id for a in answers}) == 50
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_failover_is_invisible(client):
    set_fault(error_status=500, error_rate=1)
    try:
        raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=user("Hello"))
    finally:
        set_fault()
    assert raw.headers["x-tallygate-model"] == "mistral-small-latest"
    assert raw.headers["x-tallygate-attempts"] == "2"
    assert raw.parse().choices[0].message.content


def test_embeddings(client):
    answer = client.embeddings.create(model="embedder", input=["one", "two"])
    assert len(answer.data) == 2
    assert len(answer.data[0].embedding) > 1
    floats = client.embeddings.create(model="embedder", input="one", encoding_format="float")
    assert floats.data[0].embedding == pytest.approx(answer.data[0].embedding)


def test_models(client):
    assert MODEL in [m.id for m in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL


def test_errors_are_the_sdks_own(client):
    with pytest.raises(openai.BadRequestError) as e:
        client.chat.completions.create(model="no-such-model", messages=user("x"))
    assert "no-such-model" in str(e.value)
    wrong = openai.OpenAI(base_url=os.environ["TALLYGATE_BASE_URL"], api_key="sk-wrong")
    with pytest.raises(openai.AuthenticationError):
        wrong.chat.completions.create(model=MODEL, messages=user("x"))
