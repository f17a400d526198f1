"""Bedrock behind the gateway: clients of three APIs, and AWS's own client at the simulator, which checks every signature."""
import json
import os

import anthropic
import botocore.config
import botocore.exceptions
import botocore.session
import openai
import pytest

MODEL = "bedrock"
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
QUESTION = "What is the weather like in Paris?"


@pytest.fixture
def chat():
    return openai.OpenAI(base_url=os.environ["TALLYGATE_BASE_URL"], api_key=os.environ["TALLYGATE_KEY"])


@pytest.fixture
def claude():
    return anthropic.Anthropic(base_url=os.environ["TALLYGATE_ROOT_URL"], api_key=os.environ["TALLYGATE_KEY"])


def aws(secret):
    return botocore.session.Session().create_client(
        "bedrock-runtime", region_name="us-east-1", endpoint_url=os.environ["TALLYGATE_SIM_A"],
        aws_access_key_id="AKIDTALLYSIM", aws_secret_access_key=secret,
        config=botocore.config.Config(retries={"max_attempts": 0}))


def user(text):
    return [{"role": "user", "content": text}]


def test_chat(chat):
    answer = chat.chat.completions.create(model=MODEL, messages=user("Hello"))
    assert "Hello" in answer.choices[0].message.content
    assert answer.usage.completion_tokens > 0
    chunks = list(chat.chat.completions.create(model=MODEL, messages=user("Hello"), stream=True,
                                               stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == answer.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == answer.usage.completion_tokens


def test_chat_tools(chat):
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}]
    first = chat.chat.completions.create(model=MODEL, messages=user(QUESTION), tools=tools)
    call = first.choices[0].message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    turns = user(QUESTION) + [first.choices[0].message.model_dump(exclude_none=True),
                              {"role": "tool", "tool_call_id": call.id, "content": "18 degrees"}]
    second = chat.chat.completions.create(model=MODEL, messages=turns, tools=tools)
    assert "18 degrees" in second.choices[0].message.content


def test_messages(claude):
    answer = claude.messages.create(model=MODEL, max_tokens=100, messages=user("Hello"))
    assert "Hello" in answer.content[0].text
    with claude.messages.stream(model=MODEL, max_tokens=100, messages=user(QUESTION),
                                tools=[{"name": "get_weather", "input_schema": WEATHER}]) as stream:
        final = stream.get_final_message()
    assert final.stop_reason == "tool_use"
    assert final.content[0].input == {"city": "Paris"}
    assert final.usage.input_tokens > 0


def test_the_simulator_speaks_as_aws_does():
    client = aws("tallysim/Secret+Key")
    messages = [{"role": "user", "content": [{"text": QUESTION}]}]
    tools = {"tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": WEATHER}}}]}
    whole = client.converse(modelId="us.anthropic.claude-x-v1:0", messages=messages, toolConfig=tools)
    assert whole["output"]["message"]["content"][0]["toolUse"]["input"] == {"city": "Paris"}
    events = list(client.converse_stream(modelId="arn:aws:bedrock:us-east-1:1:inference-profile/x",
                                         messages=messages, toolConfig=tools)["stream"])
    assert [next(iter(e)) for e in events][-2:] == ["messageStop", "metadata"]
    with pytest.raises(botocore.exceptions.ClientError, match="does not match"):
        aws("another").converse(modelId="x", messages=messages)
