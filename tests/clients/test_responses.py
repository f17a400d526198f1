"""The openai SDK's Responses API: at a provider that has it, and at others through chat."""
import json
import os

import openai
import pytest
from pydantic import BaseModel

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
                   "additionalProperties": False},
    "strict": True,
}


class City(BaseModel):
    name: str
    country: str


@pytest.fixture
def client():
    return openai.OpenAI(base_url=os.environ["TALLYGATE_BASE_URL"], api_key=os.environ["TALLYGATE_KEY"])


@pytest.fixture(params=["primary-agent-model", "open", "claude", "bedrock"])
def model(request):
    return request.param


def test_plain(client, model):
    answer = client.responses.create(model=model, input="Hello", instructions="Be kind.")
    assert answer.status == "completed"
    assert "Hello" in answer.output_text
    assert answer.model == model
    assert answer.id.startswith("resp_")
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert answer.usage.output_tokens > 0


def test_stream(client, model):
    whole = client.responses.create(model=model, input="Hello stream")
    events = list(client.responses.create(model=model, input="Hello stream", stream=True))
    assert [e.sequence_number for e in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == whole.output_text
    assert events[-1].response.output_text == whole.output_text
    assert events[-1].response.usage.output_tokens == whole.usage.output_tokens


def test_accumulated_stream(client, model):
    with client.responses.stream(model=model, input="Hello") as stream:
        for _ in stream:
            pass
        answer = stream.get_final_response()
    assert "Hello" in answer.output_text


def test_two_turns_with_a_tool(client, model):
    items = [{"role": "user", "content": "What is the weather like in Paris?"}]
    first = client.responses.create(model=model, input=items, tools=[WEATHER])
    call = next(i for i in first.output if i.type == "function_call")
    assert call.name == "get_weather"
    assert json.loads(call.arguments) == {"city": "Paris"}
    items += [i.model_dump(exclude_none=True) for i in first.output]
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": "18 degrees"})
    second = client.responses.create(model=model, input=items, tools=[WEATHER])
    assert "18 degrees" in second.output_text


def test_streamed_tool_call(client, model):
    events = list(client.responses.create(model=model, input="What is the weather like in Paris?",
                                          tools=[WEATHER], stream=True))
    pieces = "".join(e.delta for e in events if e.type == "response.function_call_arguments.delta")
    done = next(e for e in events if e.type == "response.function_call_arguments.done")
    assert json.loads(pieces) == json.loads(done.arguments) == {"city": "Paris"}


def test_structured_output(client, model):
    answer = client.responses.parse(model=model, input="Which city?", text_format=City)
    assert isinstance(answer.output_parsed, City)


def test_limit(client, model):
    answer = client.responses.create(model=model, input="One two three four five six", max_output_tokens=3)
    assert answer.status == "incomplete"
    assert answer.incomplete_details.reason == "max_output_tokens"


def test_an_image_goes_along(client, model):
    answer = client.responses.create(model=model, input=[{"role": "user", "content": [
        {"type": "input_text", "text": "Hello"},
        {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,iVBORw0KGgo="}]}])
    assert "Hello" in answer.output_text


def test_the_next_turn_by_id(client):
    first = client.responses.create(model="primary-agent-model", input="Hello")
    second = client.responses.create(model="primary-agent-model", input="And?", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert second.usage.input_tokens > first.usage.input_tokens + first.usage.output_tokens


def test_what_is_kept(client):
    with client.responses.stream(model="primary-agent-model", input="Hello") as stream:
        made = stream.get_final_response()
    kept = client.responses.retrieve(made.id)
    assert kept.id == made.id and kept.output_text == made.output_text and kept.model == made.model
    items = client.responses.input_items.list(made.id).data
    assert [i.content[0].text for i in items] == ["Hello"]
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        client.responses.cancel(made.id)
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)
    with pytest.raises(openai.BadRequestError, match="not found"):
        client.responses.create(model="primary-agent-model", input="And?", previous_response_id=made.id)
    forgotten = client.responses.create(model="primary-agent-model", input="Hello", store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(forgotten.id)


def test_state_is_refused_where_nobody_keeps_it(client):
    with pytest.raises(openai.BadRequestError, match="keeps no responses"):
        client.responses.create(model="claude", input="And?", previous_response_id="resp_1")
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_1")


@pytest.mark.parametrize("model, tool", [
    ("open", {"type": "web_search"}),
    ("claude", {"type": "file_search", "vector_store_ids": ["vs_1"]}),
    ("mistral", {"type": "image_generation"})])
def test_tools_of_openai_are_refused_elsewhere(client, model, tool):
    with pytest.raises(openai.BadRequestError, match=tool["type"]):
        client.responses.create(model=model, input="x", tools=[tool])
