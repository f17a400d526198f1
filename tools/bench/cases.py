"""What is measured: one line a case. `kind` says which upstream answers,
`measure` which of the methods of rounds.Measurer looks at it."""

import dataclasses

from messages import PLAIN_REQUEST_BYTES

ALL = ("direct", "nginx", "nginx-log", "haproxy", "tallygate-off",
       "tallygate")
MAIN = ("direct", "nginx", "haproxy", "tallygate-off", "tallygate")


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    title: str
    rows: tuple
    kind: str = "plain"
    measure: str = "load"
    connections: int = 32
    body_bytes: int = PLAIN_REQUEST_BYTES
    stream: bool = False
    events: int = 1         # CPU is shown per event
    tokens_per_second: int = 0
    quick: bool = True      # part of a run without --full
    cores: str = "gateway"


# A stream of 64 tokens has an event for the role, one for the end, [DONE].
EVENTS = 67

CASES = (
    Case("c1", "0.8 KB, 1 connection", ALL, connections=1),
    Case("c8", "0.8 KB, 8 connections", MAIN, connections=8),
    Case("c32", "0.8 KB, 32 connections", ALL),
    Case("c128", "0.8 KB, 128 connections", MAIN, connections=128),
    Case("8k", "8 KB, 32 connections", MAIN, body_bytes=8 << 10),
    Case("100k", "100 KB, 32 connections", MAIN, body_bytes=100_000),
    Case("1m", "1 MB, 8 connections", MAIN, body_bytes=1_000_000,
         connections=8),
    Case("features", "what features cost: 0.8 KB, 32 connections",
         ("nginx", "tallygate-off", "tallygate-keys", "tallygate"),
         quick=False),
    Case("stream", "streams of 64 tokens at 200/s, 64 connections, per event",
         MAIN, kind="stream", stream=True, connections=64, events=EVENTS,
         tokens_per_second=200),
    Case("burst", "streams of 64 tokens at once, 32 connections, per event",
         MAIN, kind="stream", stream=True, events=EVENTS, quick=False),
    Case("ttft", "time to the first byte of a stream, 1 connection", MAIN,
         kind="stream", stream=True, measure="first_byte", connections=1),
    Case("anthropic", "translated to and from Anthropic, 32 connections",
         MAIN, kind="anthropic"),
    Case("failover", "the first deployment answers 500, 32 connections",
         ("nginx", "tallygate-off", "tallygate"), kind="failover"),
    Case("tls", "TLS to the provider, 32 connections",
         ("nginx", "haproxy", "tallygate-off", "tallygate"), kind="tls"),
    Case("tls-anew", "TLS to a provider that closes after each answer, "
         "8 connections", ("nginx", "haproxy", "tallygate-off", "tallygate"),
         kind="tls-anew", connections=8),
    Case("workers", "two workers beside one, 64 connections",
         ("nginx", "nginx-2", "tallygate", "tallygate-2"), connections=64,
         cores="pair"),
    Case("memory", "memory of the tree around a load of 128 connections",
         ("nginx", "haproxy", "tallygate-off", "tallygate"),
         measure="memory", connections=128),
    Case("open100", "100 open streams", ("nginx", "haproxy", "tallygate"),
         kind="stream", stream=True, measure="open", connections=100,
         tokens_per_second=1, quick=False),
    Case("open1000", "1,000 open streams", ("nginx", "haproxy", "tallygate"),
         kind="stream", stream=True, measure="open", connections=1000,
         tokens_per_second=1, quick=False),
    Case("open2000", "2,000 open streams", ("nginx", "haproxy", "tallygate"),
         kind="stream", stream=True, measure="open", connections=2000,
         tokens_per_second=1),
    Case("start", "from the start of the program to the first answer",
         ("nginx", "haproxy", "tallygate-off", "tallygate"),
         measure="start", connections=1),
)
