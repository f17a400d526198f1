"""LangChain's Anthropic model on the gateway: to Anthropic, and to a provider of OpenAI's dialect."""
import os

import pytest

langchain_anthropic = pytest.importorskip("langchain_anthropic")
from langchain_core.messages import HumanMessage, ToolMessage  # noqa: E402
from langchain_core.tools import tool  # noqa: E402


@tool
def get_weather(city: str) -> str:
    """The weather in a city, now."""
    return "18 degrees and light rain in " + city


@pytest.fixture(params=["claude", "primary-agent-model", "mistral"])
def model(request):
    return langchain_anthropic.ChatAnthropic(
        model=request.param, base_url=os.environ["TALLYGATE_ROOT_URL"], api_key=os.environ["TALLYGATE_KEY"],
        max_tokens=500, max_retries=0)


def text_of(message):
    if isinstance(message.content, str):
        return message.content
    return "".join(b.get("text", "") if isinstance(b, dict) else b for b in message.content)


def test_plain_and_stream(model):
    whole = model.invoke("Hello")
    assert text_of(whole) and whole.usage_metadata["input_tokens"] > 0
    assert "".join(text_of(chunk) for chunk in model.stream("Hello")) == text_of(whole)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_over_two_turns(model, streamed):
    bound = model.bind_tools([get_weather])
    messages = [HumanMessage("What is the weather like in Paris?")]
    if streamed:
        answer = None
        for chunk in bound.stream(messages):
            answer = chunk if answer is None else answer + chunk
    else:
        answer = bound.invoke(messages)
    assert [c["name"] for c in answer.tool_calls] == ["get_weather"]
    call = answer.tool_calls[0]
    assert call["args"]["city"] == "Paris"
    messages += [answer, ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])]
    assert "light rain in Paris" in text_of(bound.invoke(messages))
