"""What an OpenAI-like provider says: bodies, chunks, errors; and handlers
that say it. Facts as in OpenAI's published API description."""

import json

CREATED = 1763800000
MODEL = "gpt-4o-mini-2024-07-18"
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized",
           403: "Forbidden", 404: "Not Found", 408: "Request Timeout",
           409: "Conflict", 422: "Unprocessable Entity",
           429: "Too Many Requests", 500: "Internal Server Error",
           502: "Bad Gateway", 503: "Service Unavailable",
           504: "Gateway Timeout", 529: "Overloaded"}
ERRORS = {400: ("invalid_request_error", None, "Bad request."),
          401: ("invalid_request_error", "invalid_api_key",
                "Incorrect API key provided."),
          404: ("invalid_request_error", "model_not_found",
                "The model does not exist."),
          429: ("requests", "rate_limit_exceeded", "Rate limit reached.")}


def dumps(value):
    return json.dumps(value, separators=(",", ":")).encode()


def usage(prompt, completion, **details):
    """usage(10, 5, cached=4, cache_write=2, reasoning=3)"""
    out = {"prompt_tokens": prompt, "completion_tokens": completion,
           "total_tokens": prompt + completion}
    into_prompt = {"cached": "cached_tokens",
                   "cache_write": "cache_write_tokens",
                   "audio": "audio_tokens"}
    for word, n in details.items():
        if word in into_prompt:
            out.setdefault("prompt_tokens_details", {})[into_prompt[word]] = n
        else:
            out.setdefault("completion_tokens_details",
                           {})[f"{word}_tokens"] = n
    return out


def completion(text="Hello.", model=MODEL, used=None):
    return {"id": "chatcmpl-1", "object": "chat.completion",
            "created": CREATED, "model": model,
            "choices": [{"index": 0,
                         "message": {"role": "assistant", "content": text,
                                     "refusal": None},
                         "logprobs": None, "finish_reason": "stop"}],
            "usage": used or usage(10, 5),
            "system_fingerprint": "fp_1"}


def chunk(choices, model=MODEL, **more):
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk",
            "created": CREATED, "model": model,
            "system_fingerprint": "fp_1", "choices": choices, **more}


def choice(delta, finish=None, index=0):
    return {"index": index, "delta": delta, "logprobs": None,
            "finish_reason": finish}


def role_chunk(**more):
    return chunk([choice({"role": "assistant", "content": "",
                          "refusal": None})], **more)


def delta_chunk(text, **more):
    return chunk([choice({"content": text})], **more)


def finish_chunk(reason="stop", **more):
    return chunk([choice({}, reason)], **more)


def usage_chunk(used, **more):
    return chunk([], usage=used, **more)


def event(value):
    return b"data: " + dumps(value) + b"\n\n"


DONE = b"data: [DONE]\n\n"


def stream(words=("Hel", "lo."), used=None, model=MODEL):
    """The events of a whole stream."""
    out = [event(role_chunk(model=model))]
    out += [event(delta_chunk(w, model=model)) for w in words]
    out += [event(finish_chunk(model=model)),
            event(usage_chunk(used or usage(10, 5), model=model)), DONE]
    return out


def error(status):
    kind, code, message = ERRORS.get(
        status, ("server_error", None, f"Something failed ({status})."))
    return {"error": {"message": message, "type": kind, "param": None,
                      "code": code}}


# ---- handlers ----------------------------------------------------------------


def head(status=200, headers=()):
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
    lines += [f"{k}: {v}" for k, v in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def send_json(talk, value, status=200, headers=()):
    body = value if isinstance(value, bytes) else dumps(value)
    talk.send(head(status, [("content-type", "application/json"),
                            ("content-length", len(body)), *headers]) + body)


def start_stream(talk, headers=()):
    talk.send(head(200, [("content-type", "text/event-stream; charset=utf-8"),
                         ("transfer-encoding", "chunked"), *headers]))


def send_stream(talk, events):
    start_stream(talk)
    for one in events:
        talk.chunk(one)
    talk.last_chunk()


def polite(request, talk):
    """A handler that answers every chat request, streamed when asked."""
    if request.json().get("stream"):
        send_stream(talk, stream())
    else:
        send_json(talk, completion())


def failing(status, headers=()):
    """A handler that answers every request with this status."""
    def handler(_request, talk):
        send_json(talk, error(status), status, headers)
    return handler
