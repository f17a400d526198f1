"""What providers do wrong, and what has to come of it: the table that
test_failure_matrix.py holds the gateway to and docs/failures.md shows.

Each failure is played in three places, plain and streamed:
  alone      its group has no other deployment; one retry is allowed
  other      a healthy deployment stands beside it in the group
  fallback   its group falls back to a healthy one
python3 failures.py prints the table as Markdown.
"""

import dataclasses
import sys

TIMEOUT_SECONDS = 0.5       # of the deployments that fall silent
IDLE_SECONDS = 0.7          # tallygate.limits.stream_idle_timeout


@dataclasses.dataclass(frozen=True)
class Failure:
    name: str
    does: str           # in words
    outcome: str        # the attempt's, in the trace
    tries: int          # alone: how often it is asked
    other: bool         # another deployment of the group serves the request
    fallback: bool      # so does a fallback group
    status: int         # what the client gets when nobody else can
    code: object        # ... in error.code
    # "plain" or "stream": it can only happen there. "later": in a stream that
    # has shown its first token.
    only: str = ""

    @property
    def modes(self):
        return {"": ("plain", "stream"), "later": ("stream",)}.get(
            self.only, (self.only,))


def refusal(status, outcome, tries, other, fallback, code, name="",
            does="", client=None):
    return Failure(name or f"status-{status}",
                   does or f"answers {status}", outcome, tries, other,
                   fallback, client or status, code)


FAILURES = (
    # The request's own fault: nobody else is asked.
    refusal(400, "bad_request", 1, False, False, None),
    refusal(413, "bad_request", 1, False, False, None),
    refusal(422, "bad_request", 1, False, False, None),
    # Too long, or against a policy: another deployment of the group would say
    # the same, another group may not.
    refusal(400, "context_length", 1, False, True, "context_length_exceeded",
            "context-length", "answers 400 context_length_exceeded"),
    refusal(400, "content_policy", 1, False, True,
            "content_policy_violation", "content-policy",
            "answers 400 content_policy_violation"),
    # The operator's fault: asking again there is of no use.
    refusal(401, "auth", 1, True, True, "upstream_auth", client=502),
    refusal(403, "auth", 1, True, True, "upstream_auth", client=502),
    refusal(404, "not_found", 1, True, True, "model_not_found"),
    refusal(402, "quota", 1, True, True, "insufficient_quota", client=429),
    refusal(429, "quota", 1, True, True, "insufficient_quota", "quota",
            "answers 429 insufficient_quota"),
    Failure("redirect", "answers 302 to somewhere else", "not_found", 1, True,
            True, 502, "upstream_error"),
    # The provider's trouble: it may pass.
    refusal(408, "timeout", 2, True, True, "upstream_timeout", client=504),
    refusal(409, "conflict", 2, True, True, "upstream_error"),
    refusal(429, "rate_limit", 2, True, True, "rate_limit_exceeded"),
    refusal(500, "server_error", 2, True, True, "upstream_error"),
    refusal(502, "server_error", 2, True, True, "upstream_error"),
    refusal(503, "server_error", 2, True, True, "upstream_error"),
    refusal(504, "timeout", 2, True, True, "upstream_timeout"),
    refusal(529, "overloaded", 2, True, True, "overloaded", client=503),
    # No connection, or one that breaks before an answer.
    Failure("refused", "refuses the connection", "connect", 2, True, True,
            502, "upstream_connect"),
    Failure("no-name", "has a name that does not resolve", "connect", 2, True,
            True, 502, "upstream_connect"),
    Failure("no-tls", "is no TLS server", "connect", 2, True, True, 502,
            "upstream_connect"),
    Failure("closes", "closes before its answer", "cut", 2, True, True, 502,
            "upstream_cut"),
    Failure("resets", "resets before its answer", "cut", 2, True, True, 502,
            "upstream_cut"),
    Failure("silent", "says nothing", "first_byte_timeout", 2, True, True,
            504, "upstream_timeout"),
    Failure("garbage", "speaks no HTTP", "malformed", 2, True, True, 502,
            "upstream_format"),
    Failure("giant-head", "sends a head without end", "malformed", 2, True,
            True, 502, "upstream_format"),
    # An answer that is none.
    Failure("half-body", "cuts its answer in the middle", "cut", 2, True,
            True, 502, "upstream_cut", "plain"),
    Failure("no-json", "answers 200 with no JSON", "malformed", 2, True, True,
            502, "upstream_format"),
    Failure("slow-body", "stops in the middle of its answer", "timeout", 2,
            True, True, 504, "upstream_timeout", "plain"),
    Failure("error-in-200", "answers 200 with a server_error inside",
            "server_error", 2, True, True, 502, "upstream_error"),
    # A stream before its first token: nothing has reached the client.
    Failure("early-cut", "cuts the stream before its first token", "cut", 2,
            True, True, 502, "upstream_cut", "stream"),
    Failure("early-end", "ends the stream before its first token", "cut", 2,
            True, True, 502, "upstream_cut", "stream"),
    Failure("early-stall", "stalls before the first token", "timeout", 2,
            True, True, 504, "upstream_timeout", "stream"),
    Failure("early-error", "sends an error event first", "overloaded", 2,
            True, True, 503, "overloaded", "stream"),
    Failure("early-junk", "sends an event that is no JSON first", "malformed",
            2, True, True, 502, "upstream_format", "stream"),
    # And after it: the client has bytes, so the stream ends with an error.
    Failure("late-cut", "cuts the stream after its first token", "cut", 1,
            False, False, 200, "upstream_cut", "later"),
    Failure("late-reset", "resets after its first token", "cut", 1, False,
            False, 200, "upstream_cut", "later"),
    Failure("late-end", "ends without a finish_reason", "cut", 1, False,
            False, 200, "upstream_cut", "later"),
    Failure("late-stall", "stalls after its first token", "stall", 1, False,
            False, 200, "upstream_timeout", "later"),
    Failure("late-error", "sends an error event after its first token",
            "overloaded", 1, False, False, 200, "overloaded", "later"),
    Failure("late-junk", "sends an event that is no JSON after its first "
            "token", "malformed", 1, False, False, 200, "upstream_format",
            "later"),
)


def markdown():
    lines = ["| the provider | when | class | alone | another deployment | "
             "fallback group | the client's error |", "|---|---|---|---|---|"
             "---|---|"]
    when = {"": "plain, stream", "plain": "plain", "stream": "stream",
            "later": "stream, later"}
    for f in FAILURES:
        error = f"{f.status}" if f.only != "later" else "event"
        if f.code:
            error += f" `{f.code}`"
        lines.append(
            f"| {f.does} | {when[f.only]} | `{f.outcome}` | "
            f"{'asked again' if f.tries > 1 else 'asked once'} | "
            f"{'serves' if f.other else 'not asked'} | "
            f"{'serves' if f.fallback else 'not asked'} | {error} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
