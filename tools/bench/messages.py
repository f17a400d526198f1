"""What is asked and what is answered: fixed bytes of realistic shape."""

import json

PLAIN_REQUEST_BYTES = 813
FILLER = "The quick brown fox jumps over the lazy dog. "
TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "Get the weather",
    "parameters": {"type": "object",
                   "properties": {"city": {"type": "string",
                                           "description": "The city"}},
                   "required": ["city"]}}}]
TEXT = ("It is 18 degrees and sunny in Paris today, with a light wind from "
        "the west; in the evening some clouds may come up.")


def dump(value):
    return json.dumps(value, separators=(",", ":"))


def request(model, size=PLAIN_REQUEST_BYTES, stream=False):
    """A chat request of exactly `size` bytes, with tools."""
    value = {"model": model, "messages": [
        {"role": "system", "content": "You are a helpful assistant. Use the "
         "tools when they help."},
        {"role": "user", "content": ""}],
        "tools": TOOLS, "temperature": 0.7, "max_tokens": 512, "user": "u-1"}
    if stream:
        # Tools would make the simulator call them; text is wanted.
        value.update(stream=True)
        del value["tools"]
    missing = size - len(dump(value))
    if missing < 0:
        raise ValueError(f"a request of {size} bytes is too short")
    filler = FILLER * (missing // len(FILLER) + 1)
    # A byte more than the filler would be an escape; blanks are not.
    value["messages"][1]["content"] = filler[:missing]
    text = dump(value)
    assert len(text) == size
    return text


def chat_answer(size=739):
    """A plain answer as OpenAI gives it, of exactly `size` bytes."""
    value = {
        "id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx", "object": "chat.completion",
        "created": 1763810290, "model": "bench-model",
        "choices": [{"index": 0, "message": {
            "role": "assistant", "content": TEXT, "refusal": None},
            "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 82, "completion_tokens": 37,
                  "total_tokens": 119,
                  "prompt_tokens_details": {"cached_tokens": 0,
                                            "audio_tokens": 0},
                  "completion_tokens_details": {
                      "reasoning_tokens": 0, "audio_tokens": 0}},
        "service_tier": "default", "system_fingerprint": "fp_560af6e559"}
    missing = size - len(dump(value))
    if missing < 0:
        raise ValueError(f"an answer of {size} bytes is too short")
    value["choices"][0]["message"]["content"] += "!" * missing
    return dump(value)


def anthropic_answer():
    return dump({
        "id": "msg_01AbCdEfGhIjKlMnOpQrStUv", "type": "message",
        "role": "assistant", "model": "bench-model",
        "content": [{"type": "text", "text": TEXT}],
        "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 82, "cache_creation_input_tokens": 0,
                  "cache_read_input_tokens": 0, "output_tokens": 37}})


def error_answer():
    return dump({"error": {"message": "The server had an error.",
                           "type": "server_error", "param": None,
                           "code": None}})
