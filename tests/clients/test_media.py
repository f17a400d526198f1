"""The openai SDK beyond chat: embeddings, moderations, pictures, sound, Azure's client."""
import io
import os

import openai
import pytest


@pytest.fixture
def client():
    return openai.OpenAI(base_url=os.environ["TALLYGATE_BASE_URL"], api_key=os.environ["TALLYGATE_KEY"])


def test_embeddings_whatever_the_form(client):
    # The SDK itself asks for base64 and decodes it.
    default = client.embeddings.create(model="embedder", input=["a", "b"])
    floats = client.embeddings.create(model="embedder", input=["a", "b"], encoding_format="float")
    assert [d.embedding for d in default.data] == [d.embedding for d in floats.data]
    assert len(default.data) == 2 and default.model == "embedder"
    assert default.usage.prompt_tokens > 0


def test_moderations(client):
    answer = client.moderations.create(model="moderator", input=["a", "b"])
    assert len(answer.results) == 2
    assert answer.results[0].flagged is False


def test_pictures_are_paid_by_the_piece(client):
    raw = client.images.with_raw_response.generate(model="painter", prompt="a cat", n=2)
    assert raw.headers["x-tallygate-cost-usd"] == "0.08"
    assert len(raw.parse().data) == 2


def test_speech(client):
    answer = client.audio.speech.create(model="voice", voice="alloy", input="Hello")
    assert answer.response.headers["content-type"] == "audio/mpeg"
    assert answer.content == b"ID3\0" + bytes(0x80 + i % 128 for i in range(5 * 64))


def test_speech_as_it_comes(client):
    with client.audio.speech.with_streaming_response.create(
            model="voice", voice="alloy", input="Hello") as answer:
        assert b"".join(answer.iter_bytes()).startswith(b"ID3\0")


def test_transcription(client):
    sound = io.BytesIO(b"RIFF\0\xff\r\n--x\r\n" * 1000)
    sound.name = "a.wav"
    raw = client.audio.transcriptions.with_raw_response.create(model="ears", file=sound)
    assert raw.parse().text == "%d bytes" % len(sound.getvalue())
    assert raw.headers["x-tallygate-cost-usd"] == "0.0003"


def test_translation(client):
    assert client.audio.translations.create(model="ears", file=("a.mp3", b"x" * 10)).text == "10 bytes"


def test_a_deployment_of_azure(client):
    answer = client.chat.completions.create(
        model="azure-gpt", messages=[{"role": "user", "content": "Hello"}])
    assert answer.model == "azure-gpt" and answer.choices[0].message.content


def test_azures_own_client():
    azure = openai.AzureOpenAI(azure_endpoint=os.environ["TALLYGATE_ROOT_URL"], api_version="2024-10-21",
                               api_key=os.environ["TALLYGATE_KEY"])
    chunks = list(azure.chat.completions.create(
        model="azure-gpt", messages=[{"role": "user", "content": "Hello"}], stream=True))
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_mistral_takes_what_openai_clients_send(client):
    """Names, seeds, foreign ids of calls: a strict provider refuses all of them as they are."""
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "What is the weather in Paris?", "name": "anna"},
        {"role": "assistant", "content": None, "refusal": None, "tool_calls": [
            {"id": "call_abcdefghijklmn", "type": "function",
             "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}]},
        {"role": "tool", "tool_call_id": "call_abcdefghijklmn", "content": "rain in Paris"},
    ]
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}}}}]
    answer = client.chat.completions.create(model="mistral", messages=messages, tools=tools, seed=7,
                                            max_completion_tokens=100, user="u")
    assert "Paris" in answer.choices[0].message.content
    chunks = list(client.chat.completions.create(model="mistral", messages=messages, tools=tools, stream=True,
                                                 stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens > 0
