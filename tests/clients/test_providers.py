"""Providers that speak OpenAI's chat in their own way, as OpenAI's and Anthropic's clients see them: alike."""
import json
import os

import anthropic
import openai
import pytest

FLAVORS = os.environ.get("TALLYGATE_FLAVORS", "").split()
SHOW = {"groq", "deepseek", "vllm", "ollama", "openrouter", "cerebras", "xai", "magistral"}  # their reasoning
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}]
QUESTION = "What is the weather like in Paris?"

pytestmark = pytest.mark.parametrize("flavor", FLAVORS)


@pytest.fixture
def chat():
    return openai.OpenAI(base_url=os.environ["TALLYGATE_BASE_URL"], api_key=os.environ["TALLYGATE_KEY"], max_retries=0)


@pytest.fixture
def claude():
    return anthropic.Anthropic(base_url=os.environ["TALLYGATE_ROOT_URL"], api_key=os.environ["TALLYGATE_KEY"],
                               max_retries=0)


def user(text):
    return [{"role": "user", "content": text}]


def test_plain(chat, flavor):
    answer = chat.chat.completions.create(model=flavor + "-thinks", user="u", messages=user("Hello"))
    message = answer.choices[0].message
    assert isinstance(message.content, str) and message.content.endswith("Hello")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 8
    assert (getattr(message, "reasoning_content", None) == "Hm Hm") == (flavor in SHOW)


def test_stream(chat, flavor):
    chunks = list(chat.chat.completions.create(model=flavor + "-thinks", messages=user("Hello"), stream=True,
                                               stream_options={"include_usage": True}))
    choices = [c.choices[0] for c in chunks if c.choices]
    assert "".join(c.delta.content or "" for c in choices).endswith("You said: Hello")
    thoughts = "".join(getattr(c.delta, "reasoning_content", None) or "" for c in choices)
    assert thoughts == ("Hm Hm" if flavor in SHOW else "")
    assert choices[0].delta.role == "assistant"
    assert [c.finish_reason for c in choices if c.finish_reason] == ["stop"]
    assert [bool(c.usage) for c in chunks].count(True) == 1 and chunks[-1].usage and not chunks[-1].choices
    assert chunks[-1].usage.total_tokens == chunks[-1].usage.prompt_tokens + 8


def test_tools_over_two_turns(chat, flavor):
    if flavor == "perplexity":
        pytest.skip("calls no tools")
    stream = chat.chat.completions.create(model=flavor, messages=user(QUESTION), tools=TOOLS, stream=True)
    choices = [c.choices[0] for c in stream if c.choices]
    pieces = [call for c in choices for call in c.delta.tool_calls or []]
    assert {call.index for call in pieces} == {0}
    assert json.loads("".join(call.function.arguments or "" for call in pieces)) == {"city": "Paris"}
    assert choices[-1].finish_reason == "tool_calls"
    # A client that keeps nothing but what OpenAI has: signatures and thoughts are lost.
    call = {"id": pieces[0].id, "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
    turns = user(QUESTION) + [{"role": "assistant", "content": None, "tool_calls": [call]},
                              {"role": "tool", "tool_call_id": call["id"], "content": "18 degrees"}]
    answer = chat.chat.completions.create(model=flavor, messages=turns, tools=TOOLS)
    assert answer.choices[0].message.content == "Based on the tool: 18 degrees"


def test_messages_with_tools(claude, flavor):
    if flavor == "perplexity":
        pytest.skip("calls no tools")
    tools = [{"name": "get_weather", "input_schema": WEATHER}]
    first = claude.messages.create(model=flavor, max_tokens=100, tools=tools, messages=user(QUESTION))
    use = next(b for b in first.content if b.type == "tool_use")
    assert use.input == {"city": "Paris"} and first.stop_reason == "tool_use"
    turns = user(QUESTION) + [
        {"role": "assistant", "content": [b.model_dump() for b in first.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "18 degrees"}]}]
    with claude.messages.stream(model=flavor, max_tokens=100, tools=tools, messages=turns) as stream:
        assert stream.get_final_text() == "Based on the tool: 18 degrees"


def test_errors(chat, flavor):
    with pytest.raises(openai.RateLimitError) as caught:
        chat.chat.completions.create(model=flavor + "-busy", messages=user("Hello"))
    assert caught.value.code == "rate_limit_exceeded"
    # Half of a stream: an error, never the end of an answer.
    with pytest.raises(openai.APIError) as caught:
        for chunk in chat.chat.completions.create(model=flavor + "-breaks", messages=user("Hello"), stream=True):
            assert not chunk.choices or chunk.choices[0].finish_reason is None
    assert "server had an error" in str(caught.value)
