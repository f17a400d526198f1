"""LangChain and LangGraph on the gateway, as on OpenAI itself."""
import os

import pytest

pytest.importorskip("langchain_openai")
from langchain_core.messages import HumanMessage, ToolMessage  # noqa: E402
from langchain_core.tools import tool  # noqa: E402
from langchain_openai import ChatOpenAI  # noqa: E402


@tool
def get_weather(city: str) -> str:
    """The weather in a city, now."""
    return "18 degrees and light rain in " + city


@tool
def calculator(expression: str) -> str:
    """Evaluates an arithmetic expression."""
    return str(eval(expression, {"__builtins__": {}}))  # the simulator's own questions


TOOLS = {t.name: t for t in (get_weather, calculator)}
QUESTIONS = [
    ("What is the weather like in Paris?", ["light rain in Paris"]),
    ("Calculate 17 * 43 + 100", ["831"]),
    ("What is the weather in Tokyo and what is 512 / 8?", ["Tokyo", "64"]),
]


@pytest.fixture
def model():
    return ChatOpenAI(model="primary-agent-model", base_url=os.environ["TALLYGATE_BASE_URL"],
                      api_key=os.environ["TALLYGATE_KEY"])


@pytest.mark.parametrize("question,expected", QUESTIONS)
def test_bound_tools(model, question, expected):
    bound = model.bind_tools(list(TOOLS.values()))
    messages = [HumanMessage(question)]
    answer = bound.invoke(messages)
    assert answer.tool_calls
    messages.append(answer)
    for call in answer.tool_calls:
        messages.append(ToolMessage(str(TOOLS[call["name"]].invoke(call["args"])), tool_call_id=call["id"]))
    final = bound.invoke(messages)
    assert not final.tool_calls
    for text in expected:
        assert text in final.content
    assert final.usage_metadata["input_tokens"] > 0


def test_stream(model):
    text = "".join(chunk.content for chunk in model.stream("Hello"))
    assert text == model.invoke("Hello").content


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("question,expected", QUESTIONS)
def test_react_agent(model, question, expected):
    prebuilt = pytest.importorskip("langgraph.prebuilt")
    agent = prebuilt.create_react_agent(model, list(TOOLS.values()))
    state = agent.invoke({"messages": [("user", question)]})
    for text in expected:
        assert text in state["messages"][-1].content


@pytest.mark.filterwarnings("ignore")
def test_react_agent_streamed(model):
    prebuilt = pytest.importorskip("langgraph.prebuilt")
    agent = prebuilt.create_react_agent(model, list(TOOLS.values()))
    tokens = [m.content for m, _ in agent.stream(
        {"messages": [("user", QUESTIONS[1][0])]}, stream_mode="messages") if m.content]
    assert "831" in "".join(tokens)
