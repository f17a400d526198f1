"""A provider that fails in every way of failures.FAILURES, by its path."""

import collections
import re
import threading

from failures import FAILURES
from harness import answers
from harness.provider import FakeProvider, refusing_port

ERRORS = {
    "context-length": {"message": "Too long.", "type": "invalid_request_error",
                       "param": "messages", "code": "context_length_exceeded"},
    "content-policy": {"message": "No.", "type": "invalid_request_error",
                       "param": None, "code": "content_policy_violation"},
    "quota": {"message": "No money.", "type": "insufficient_quota",
              "param": None, "code": "insufficient_quota"},
    "status-429": {"message": "Slow down.", "type": "requests", "param": None,
                   "code": "rate_limit_exceeded"},
    "status-404": {"message": "No such model.", "param": None,
                   "type": "invalid_request_error", "code": "model_not_found"},
}
OVERLOADED = answers.event({"error": {
    "message": "Come back later.", "type": "overloaded_error", "param": None,
    "code": "overloaded"}})
SERVER_ERROR = answers.dumps({"error": {
    "message": "It broke.", "type": "server_error", "param": None,
    "code": None}})
FIRST = b"".join(answers.stream()[:2])
ROLE = answers.stream()[0]
JUNK = b"data: {\"choices\": [\n\n"
LONG = 30       # seconds of silence: the gateway leaves long before


def refuse(name, status, talk):
    error = ERRORS.get(name) or {"message": f"Status {status}.",
                                 "type": "some_type", "param": None,
                                 "code": None}
    answers.send_json(talk, {"error": error}, status)


def half_body(talk):
    body = answers.dumps(answers.completion())
    talk.send(answers.head(200, [("content-type", "application/json"),
                                 ("content-length", len(body))])
              + body[:len(body) // 2])


def no_json(request, talk):
    if request.json().get("stream"):
        answers.start_stream(talk)
        talk.chunk(b"data: <html>\n\n")
        talk.last_chunk()
    else:
        answers.send_json(talk, b"<html>oh</html>")


def error_in_200(request, talk):
    if request.json().get("stream"):
        answers.send_stream(talk, [b"data: " + SERVER_ERROR + b"\n\n"])
    else:
        answers.send_json(talk, SERVER_ERROR)


def giant_head(talk):
    talk.send(b"HTTP/1.1 200 OK\r\n")
    talk.flood(b"x-filler: " + b"y" * 1000 + b"\r\n", 8 << 20)


def stream_with(talk, events, then, first_token):
    answers.start_stream(talk)
    if first_token:
        talk.chunk(FIRST)
        assert first_token.wait(LONG), "the client got no first token"
    for one in events:
        talk.chunk(one)
    then(talk)


def stalls(talk):
    talk.stays(LONG)


def ends(talk):
    talk.last_chunk()


def cuts(talk):
    talk.cut()


def resets(talk):
    talk.reset()


# What is sent, and how it ends. "late-": first the first token, and the rest
# when the client has it.
STREAMS = {
    "early-cut": ((ROLE,), cuts), "early-end": ((ROLE,), ends),
    "early-stall": ((ROLE,), stalls), "early-error": ((OVERLOADED,), ends),
    "early-junk": ((JUNK,), ends),
    "late-cut": ((), cuts), "late-reset": ((), resets),
    "late-end": ((), ends), "late-stall": ((), stalls),
    "late-error": ((OVERLOADED,), ends), "late-junk": ((JUNK,), ends),
}


def fail(name, request, talk, first_token):
    status = re.fullmatch(r"status-(\d+)", name)
    if status or name in ERRORS:
        refuse(name, int(status[1]) if status else
               429 if name == "quota" else 400, talk)
    elif name in STREAMS:
        stream_with(talk, *STREAMS[name],
                    first_token if name.startswith("late-") else None)
    elif name == "redirect":
        talk.send(answers.head(302, [("location", "http://127.0.0.1:1/"),
                                     ("content-length", 0)]))
    elif name == "closes":
        talk.cut()
    elif name == "resets":
        talk.reset()
    elif name == "silent":
        talk.stays(LONG)
    elif name == "garbage":
        talk.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        talk.cut()
    elif name == "giant-head":
        giant_head(talk)
    elif name == "half-body":
        half_body(talk)
        talk.cut()
    elif name == "slow-body":
        half_body(talk)
        talk.stays(LONG)
    elif name == "no-json":
        no_json(request, talk)
    elif name == "error-in-200":
        error_in_200(request, talk)
    else:
        raise ValueError(f"no such failure: {name}")


class FailingProvider:
    """base_url(NAME) of each failure, and of "good". first_token(ID): an
    event that the client of this request sets when it has its first token."""

    def __init__(self):
        self.first_tokens = collections.defaultdict(threading.Event)
        self.server = FakeProvider(self._handle)
        self.nobody = refusing_port()

    def _handle(self, request, talk):
        name = request.target.split("/")[1]
        if name == "good":
            answers.polite(request, talk)
        else:
            fail(name, request, talk,
                 self.first_token(request.header("x-request-id")))

    def first_token(self, request_id):
        with self.server.lock:
            return self.first_tokens[request_id]

    def base_url(self, name, place):
        if name == "refused":
            port = self.nobody.getsockname()[1]
            return f"http://127.0.0.1:{port}/{name}/{place}"
        if name == "no-name":
            return f"http://nobody.invalid/{name}/{place}"
        if name == "no-tls":
            return f"https://127.0.0.1:{self.server.port}/{name}/{place}"
        return f"{self.server.base_url}/{name}/{place}"

    def close(self):
        self.server.close()
        self.nobody.close()
        assert not self.server.problems, self.server.problems


NAMES = [f.name for f in FAILURES]
