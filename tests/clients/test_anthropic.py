"""Anthropic's SDK on the gateway, against Claude and against any other model;
and OpenAI's SDK against Claude."""
import asyncio
import json
import os
import urllib.request

import pytest

anthropic = pytest.importorskip("anthropic")
import openai  # noqa: E402

CLAUDE = "claude"
OTHER = "primary-agent-model"
BOTH = pytest.mark.parametrize("model", [CLAUDE, OTHER])
WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
QUESTION = "What is the weather like in Paris?"


@pytest.fixture
def client():
    return anthropic.Anthropic(base_url=os.environ["TALLYGATE_ROOT_URL"], api_key=os.environ["TALLYGATE_KEY"],
                               max_retries=0)


@pytest.fixture
def chat():
    return openai.OpenAI(base_url=os.environ["TALLYGATE_BASE_URL"], api_key=os.environ["TALLYGATE_KEY"],
                         max_retries=0)


def user(text):
    return [{"role": "user", "content": text}]


def set_faults(**settings):
    body = {"set": settings} if settings else {"reset": True}
    for sim in ("TALLYGATE_SIM_A", "TALLYGATE_SIM_C"):
        urllib.request.urlopen(urllib.request.Request(
            os.environ[sim] + "/control", data=json.dumps(body).encode())).read()


def text_of(message):
    return "".join(b.text for b in message.content if b.type == "text")


@BOTH
def test_plain(client, model):
    answer = client.messages.create(model=model, max_tokens=100, system="Be brief.", messages=user("Hello"))
    assert answer.type == "message" and answer.role == "assistant"
    assert text_of(answer)
    assert answer.model == model
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0
    assert answer._request_id


@BOTH
def test_max_tokens(client, model):
    answer = client.messages.create(model=model, max_tokens=2, messages=user("Hello, tell me more"))
    assert answer.stop_reason == "max_tokens"


@BOTH
def test_stream_is_the_plain_answer(client, model):
    whole = client.messages.create(model=model, max_tokens=100, messages=user("Hello stream"))
    with client.messages.stream(model=model, max_tokens=100, messages=user("Hello stream")) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) > 1
    assert "".join(pieces) == text_of(final) == text_of(whole)
    assert final.model == model
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens == whole.usage.output_tokens


@BOTH
def test_events_come_in_order(client, model):
    events = [e.type for e in client.messages.create(
        model=model, max_tokens=100, messages=user("Hello"), stream=True) if e.type != "ping"]
    assert events[0] == "message_start"
    assert events[1] == "content_block_start"
    assert set(events[2:-3]) == {"content_block_delta"}
    assert events[-3:] == ["content_block_stop", "message_delta", "message_stop"]


@BOTH
def test_tools_over_two_turns(client, model):
    messages = user(QUESTION)
    answer = client.messages.create(model=model, max_tokens=200, tools=[WEATHER], messages=messages)
    call = [b for b in answer.content if b.type == "tool_use"][0]
    assert answer.stop_reason == "tool_use"
    assert call.name == "get_weather" and call.input == {"city": "Paris"} and call.id
    messages += [{"role": "assistant", "content": answer.content},
                 {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id,
                                               "content": "18 degrees and light rain"}]}]
    answer = client.messages.create(model=model, max_tokens=200, tools=[WEATHER], messages=messages)
    assert answer.stop_reason == "end_turn"
    assert "light rain" in text_of(answer)


@BOTH
def test_streamed_tools(client, model):
    with client.messages.stream(model=model, max_tokens=200, tools=[WEATHER], messages=user(QUESTION)) as stream:
        final = stream.get_final_message()
    call = [b for b in final.content if b.type == "tool_use"][0]
    assert final.stop_reason == "tool_use"
    assert call.name == "get_weather" and call.input == {"city": "Paris"}


@BOTH
def test_forced_tool(client, model):
    answer = client.messages.create(model=model, max_tokens=200, tools=[WEATHER], messages=user("Hello"),
                                    tool_choice={"type": "tool", "name": "get_weather"})
    assert [b.name for b in answer.content if b.type == "tool_use"] == ["get_weather"]


@BOTH
def test_count_tokens(client, model):
    short = client.messages.count_tokens(model=model, messages=user("Hello"))
    longer = client.messages.count_tokens(model=model, messages=user("Hello " * 200))
    assert 0 < short.input_tokens < longer.input_tokens


def test_async_many_at_once():
    async def run():
        client = anthropic.AsyncAnthropic(
            base_url=os.environ["TALLYGATE_ROOT_URL"], api_key=os.environ["TALLYGATE_KEY"])
        return await asyncio.gather(*[
            client.messages.create(model=(CLAUDE, OTHER)[i % 2], max_tokens=50, messages=user("number %d" % i))
            for i in range(30)])

    assert all(text_of(a) for a in asyncio.run(run()))


def test_errors_are_the_sdks_own(client):
    with pytest.raises(anthropic.BadRequestError) as e:
        client.messages.create(model="no-such-model", max_tokens=5, messages=user("x"))
    assert "no-such-model" in str(e.value)
    assert e.value.body["type"] == "error"
    assert e.value.body["error"]["type"] == "invalid_request_error"
    wrong = anthropic.Anthropic(base_url=os.environ["TALLYGATE_ROOT_URL"], api_key="sk-wrong", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError):
        wrong.messages.create(model=CLAUDE, max_tokens=5, messages=user("x"))


def test_a_stream_that_breaks_is_an_error(client):
    set_faults(cut_after_chunks=5)
    try:
        with pytest.raises(anthropic.APIStatusError):
            for _ in client.messages.create(model=CLAUDE, max_tokens=100, messages=user("Hello " * 20), stream=True):
                pass
    finally:
        set_faults()


# ---- OpenAI's SDK against Claude --------------------------------------------

TOOL = {"type": "function", "function": {"name": "get_weather", "description": "d",
                                         "parameters": WEATHER["input_schema"]}}


def test_chat_with_claude(chat):
    answer = chat.chat.completions.create(model=CLAUDE, messages=[{"role": "system", "content": "Be brief."}]
                                          + user("Hello"))
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == CLAUDE
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_chat_stream_with_claude(chat):
    whole = chat.chat.completions.create(model=CLAUDE, messages=user("Hello stream"))
    chunks = list(chat.chat.completions.create(model=CLAUDE, messages=user("Hello stream"), stream=True,
                                               stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage == whole.usage


def test_chat_tools_with_claude(chat):
    messages = user(QUESTION)
    with chat.chat.completions.stream(model=CLAUDE, messages=messages, tools=[TOOL]) as stream:
        for _ in stream:
            pass
        answer = stream.get_final_completion()
    call = answer.choices[0].message.tool_calls[0]
    assert answer.choices[0].finish_reason == "tool_calls"
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    messages += [{"role": "assistant", "tool_calls": [
                     {"id": call.id, "type": "function",
                      "function": {"name": call.function.name, "arguments": call.function.arguments}}]},
                 {"role": "tool", "tool_call_id": call.id, "content": "light rain"}]
    answer = chat.chat.completions.create(model=CLAUDE, messages=messages, tools=[TOOL])
    assert "light rain" in answer.choices[0].message.content


def test_chat_structured_output_with_claude(chat):
    answer = chat.chat.completions.create(
        model=CLAUDE, messages=user("Give me JSON"),
        response_format={"type": "json_schema", "json_schema": {
            "name": "n", "schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}}})
    assert isinstance(json.loads(answer.choices[0].message.content)["a"], str)


def test_chat_refuses_what_claude_cannot(chat):
    with pytest.raises(openai.BadRequestError) as e:
        chat.chat.completions.create(model=CLAUDE, messages=user("x"), n=2)
    assert "does not support parameters: ['n']" in str(e.value)
