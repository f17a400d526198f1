"""The harness itself: a test tool that cannot fail would prove nothing."""

import hashlib
import json
import struct
from decimal import Decimal

import pytest

from harness import answers, books, expect, match, scenario, stage
from harness.client import Connection, Response, build
from harness.clock import TestClock, parse_duration
from harness.provider import FakeProvider
from harness.wait import TooLate, wait_until

# ---- match -------------------------------------------------------------------

FITS = [
    ('1', '1'), ('1', '1.0'), ('1.5', '1.50'), ('1e400', '1e400'),
    ('9007199254740993', '9007199254740993'), ('"a"', '"a"'),
    ('"a\\u0041"', '"aA"'), ('null', 'null'), ('...', '{"a": [1]}'),
    ('int', '3'), ('number', '3.5'), ('string', '""'), ('bool', 'false'),
    ('object', '{}'), ('array', '[]'), ('/^a.c$/', '"abc"'),
    ('/a\\/b/', '"xa/bx"'), ('> 5', '5.000000001'), ('<= 0.1', '0.1'),
    ('not 5', '6'), ('not /x/', '"y"'),
    ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}'),
    ('{"a": 1, ...}', '{"b": 2, "a": 1}'), ('{...}', '{}'),
    ('[1, ..., 4]', '[1, 2, 3, 4]'), ('[...]', '[]'), ('[..., 2]', '[2]'),
    ('[..., 2, ..., 2]', '[2, 1, 2]'),
    ('{"a": [{"b": ...}]}', '{"a": [{"b": {"c": null}}]}'),
]
FITS_NOT = [
    ('1', '"1"', "$: expected 1, came \"1\""), ('1', '2', "expected 1"),
    ('9007199254740993', '9007199254740992', "expected 9007199254740993"),
    ('0.1', '0.10000000000000001', "expected 0.1"),
    ('true', '1', "expected true"), ('1', 'true', "expected 1"),
    ('null', '0', "expected null"), ('int', '3.5', "expected int"),
    ('int', 'true', "expected int"), ('/^b/', '"abc"', "expected /^b/"),
    ('> 5', '5', "expected > 5"), ('not 5', '5', "expected not 5"),
    ('{"a": 1}', '{"a": 1, "b": 2}', "unexpected b"),
    ('{"a": 1, ...}', '{"b": 2}', 'expected a member "a"'),
    ('{"a": {"b": [1, 2]}}', '{"a": {"b": [1, 3]}}', "$.a.b[1]: expected 2"),
    ('[1, 2]', '[1]', "expected 2, came the end"),
    ('[1]', '[1, 2]', "came more: 2"), ('[..., 3]', '[1, 2]', "expected 3"),
    ('{...}', '{"a": 1, "a": 2}', "a stands twice"), ('[...]', '{}', "[...]"),
]


@pytest.mark.parametrize("matcher,value", FITS)
def test_matcher_fits(matcher, value):
    assert match.difference(match.parse(matcher), match.load(value)) is None


@pytest.mark.parametrize("matcher,value,text", FITS_NOT)
def test_matcher_tells_the_difference(matcher, value, text):
    found = match.difference(match.parse(matcher), match.load(value))
    assert found and text in found


@pytest.mark.parametrize("text", [
    "", "{", "[1,", '{"a" 1}', "nope", "1 2", '{"a": 1, ..', "/x", "> x"])
def test_matcher_syntax_is_checked(text):
    with pytest.raises(match.MatchSyntax):
        match.parse(text)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "{'a': 1}", "[1,]", ""])
def test_only_json_is_json(text):
    with pytest.raises(ValueError):
        match.load(text)


# ---- scenario files ----------------------------------------------------------

WHOLE = """\
A title
on two lines.

# a comment
CONFIG workers=2
  model_list:
    - model_name: small

PROVIDER a times 3
  receives POST /v1/chat/completions
  json {"model": "x",
        ...}
  answers stream
  delta "a"
  cut

CLIENT one background
  POST /v1/chat/completions HTTP/1.0
  bytes "ab\\x00" * 2 "c"

EXPECT one #1
  status 200
  no header x-a

TRACE one
  cost_usd 0.1
  no error
"""


def read(text):
    return scenario.Scenario("t.scn", text)


def test_scenario_is_read():
    s = read(WHOLE)
    assert s.title == "A title on two lines."
    kinds = [x.kind for x in s.sections]
    assert kinds == ["CONFIG", "PROVIDER", "CLIENT", "EXPECT", "TRACE"]
    assert s.sections[0].text == "model_list:\n  - model_name: small\n"
    provider = s.sections[1]
    assert provider.args == "a times 3"
    assert provider.directives[1].rest == '{"model": "x",\n...}'
    assert provider.directives[1].line == 11
    assert [d.word for d in provider.directives] == [
        "receives", "json", "answers", "delta", "cut"]
    assert s.sections[3].directives[1].word == "no header"
    assert s.sections[4].directives[1].word == "no error"


@pytest.mark.parametrize("change,line,text", [
    (("A title\non two lines.\n", "\n\n"), 1, "no title"),
    (("CONFIG workers=2", "CONFIG threads=2"), 5, "does not take"),
    (("CLIENT one", "KLIENT one"), 17, "is no section"),
    (("  cut", "  cot"), 15, "does not know 'cot'"),
    (("  cut", "  cut now"), 15, "takes nothing"),
    (("  cut", "  receives GET /"), 15, "before 'answers'"),
    (("  answers stream\n", ""), 13, "after 'answers'"),
    (('{"model": "x",', '{"model" "x",'), 11, "json: expected"),
    (('"ab\\x00" * 2 "c"', "ab"), 19, "quoted bytes"),
    (("status 200", "status ok"), 22, "takes a number"),
    (("EXPECT one #1", "EXPECT two"), 21, "no CLIENT two"),
    (("cost_usd 0.1", "cost_usd"), 26, "expected a value"),
    (("small", '"{{provider:b}}"'), 5, "no PROVIDER b"),
])
def test_scenario_mistakes_are_named(change, line, text):
    assert change[0] in WHOLE
    with pytest.raises(scenario.ScenarioError) as caught:
        read(WHOLE.replace(*change))
    assert str(caught.value).startswith(f"t.scn:{line}: ")
    assert text in str(caught.value)


def test_bytes_are_read():
    assert scenario.read_bytes(r'"a\r\n" * 2 "\xff\""') == b'a\r\na\r\n\xff"'
    assert scenario.read_answers("429") == ("status", 429)
    assert scenario.read_answers('chat "x y" usage 1 2 cached 1') == \
        ("chat", ("x y", (1, 2, {"cached": 1})))
    assert scenario.read_answers("chat") == ("chat", ("Hello.", None))


def test_every_word_is_documented():
    text = (scenario.pathlib.Path(__file__).parents[1] / "scenarios" /
            "README.md").read_text(encoding="utf-8")
    for kind, (_, content) in scenario.SECTIONS.items():
        assert f"`{kind}" in text, kind
        for word in content if isinstance(content, dict) else ():
            assert f"`{word}" in text or f"/{word}" in text, (kind, word)


# ---- providers and clients, directly -----------------------------------------


class Stub:
    """What a script needs of a runner."""

    def __init__(self):
        self.problems, self.notes = [], []
        self.marks = stage.Marks()

    def problem(self, line, text):
        self.problems.append((line, text))

    def note(self, text):
        self.notes.append(text)

    @staticmethod
    def fill(text):
        return text


@pytest.fixture
def staged():
    """staged(text of PROVIDER a sections) → (provider, ask, stub)."""
    opened = []

    def start(text):
        stub = Stub()
        provider = stage.StagedProvider("a", stub, False)
        opened.append(provider)
        for section in read("t\n" + text).sections:
            provider.add(section)

        def ask(body=b"{}", headers=()):
            c = Connection(("127.0.0.1", provider.fake.port), 5)
            c.send(build("POST", "/v1/chat/completions", list(headers), body))
            return c.read()
        return provider, ask, stub
    yield start
    for provider in opened:
        provider.close()


def test_a_plain_answer(staged):
    provider, ask, stub = staged("""
PROVIDER a
  receives POST /v1/chat/completions
  header x-a: /^b/
  no header x-b
  json {"model": "m", ...}
  answers chat "Hi." usage 3 4 cached 2
""")
    r = ask(b'{"model": "m", "n": 1}', [("x-a", "bcd")])
    assert (r.status, r.complete, r.framing) == (200, True, "length")
    assert r.text() == "Hi."
    assert r.json()["usage"]["prompt_tokens_details"] == {"cached_tokens": 2}
    assert not stub.problems and not provider.unused()


@pytest.mark.parametrize("line,text", [
    ("receives GET /v1/chat/completions", "expected GET"),
    ("header x-a: c", "header x-a: expected c, came bcd"),
    ("no header x-a", "expected no header x-a"),
    ('json {"model": "n"}', 'expected "n", came "m"'),
    ("body nothing", "bytes expected"),
    ("text other", "expected 'other'"), ("no text model", "expected no"),
])
def test_what_is_received_is_checked(staged, line, text):
    _, ask, stub = staged(f"\nPROVIDER a\n  {line}\n  answers 200\n")
    r = ask(b'{"model": "m"}', [("x-a", "bcd")])
    assert r.broken
    assert stub.problems[0][0] == 4 and text in stub.problems[0][1]


def test_a_request_too_many_is_a_problem(staged):
    provider, ask, stub = staged("\nPROVIDER a\n  answers 200\n")
    assert ask().status == 200
    assert ask().broken and "once more" in stub.problems[0][1]
    assert not provider.unused()


def test_a_script_that_is_not_reached_is_known(staged):
    provider, ask, _ = staged("\nPROVIDER a times 2\n  answers 200\n")
    ask()
    assert provider.unused() == [(3, "provider a was not asked (1 more "
                                     "requests expected)")]


def test_a_stream_with_pieces_and_its_events(staged):
    _, ask, _ = staged("""
PROVIDER a
  answers stream
  pieces 7
  role
  delta "a\\"b"
  event {"x": 1e400}
  finish stop
  usage 1 2
  done
""")
    r = ask()
    assert r.complete and r.framing == "chunked" and len(r.events) == 6
    assert r.events[1].json()["choices"][0]["delta"]["content"] == 'a"b'
    assert r.body.count(b"1e400") == 1 and r.events[5].is_done


@pytest.mark.parametrize("end,broken", [
    ("cut", "closed"), ("reset", "reset"), ("stall 100ms", "closed"),
    ("half close\n  stall 100ms", "closed")])
def test_endings(staged, end, broken):
    _, ask, _ = staged(f"""
PROVIDER a
  answers stream
  delta "a"
  {end}
""")
    r = ask()
    assert not r.complete and r.broken == broken and len(r.events) == 1


def test_a_plain_answer_that_is_cut_is_short(staged):
    _, ask, _ = staged('\nPROVIDER a\n  answers 200\n  json {"a": 1}\n  cut\n')
    r = ask()
    assert not r.complete and r.body == b'{"a": 1}'


def test_flood_ends_when_nobody_reads(staged):
    provider, _, stub = staged("""
PROVIDER a
  answers stream
  flood 50000000
  mark blocked
  await gone
""")
    c = Connection(("127.0.0.1", provider.fake.port), 5, small_window=True)
    c.send(build("POST", "/", [], b"{}"))
    assert stub.marks.wait("blocked")
    c.close()
    wait_until(lambda: provider.fake.open_connections() == 0, 5, "it is over")
    assert not stub.problems and "took" in stub.notes[0]


def test_await_gone_fails_when_the_other_side_stays(staged):
    _, ask, stub = staged("""
PROVIDER a
  answers stream
  delta "a"
  await gone 100ms
""")
    assert ask().broken
    assert "kept the connection" in stub.problems[0][1]


def test_the_client_sees_pipelined_answers():
    with FakeProvider(answers.polite) as provider:
        c = Connection(("127.0.0.1", provider.port), 5)
        c.send(build("POST", "/1", [], b"{}") + build("POST", "/2", [], b"{}"))
        assert c.read().complete and c.read().complete
        assert [r.target for r in provider.await_requests(2)] == ["/1", "/2"]


# ---- expectations ------------------------------------------------------------


class Answered:
    name = "c"
    connection = None


def expectation(text, body, headers=(), status=200):
    section = read(f"t\nCLIENT c\n  GET /\nEXPECT\n{text}").sections[1]
    r = Response()
    r.version, r.status, r.complete = "HTTP/1.1", status, True
    r.headers = list(headers)
    r.add(body)
    expect.Expectation(section, Answered, r, Stub()).check()


SSE = [("content-type", "text/event-stream")]
EVENTS = b"".join(answers.stream())


@pytest.mark.parametrize("text", [
    "  event ...\n  done", "  content \"Hello.\"\n  finish stop",
    '  event {"choices": [{"delta": {"role": "assistant", ...}, ...}], ...}\n'
    "  event ...\n"
    '  event {"choices": [], "usage": {"prompt_tokens": 10, ...}, ...}\n'
    "  done"])
def test_events_that_fit(text):
    expectation(text, EVENTS, SSE)


@pytest.mark.parametrize("text,says", [
    ("  event ...", None), ("  done", "event 1: expected"),
    ('  event ...\n  event {"choices": [], "usage": null}\n  done',
     'expected {"choices": [], "usage": null}'),
    ('  content "Hello"', 'expected Hello, came Hello.'),
    ("  finish length", "finish_reason"), ("  status 201", "status"),
    ("  header x-a: b", "expected a header x-a"),
    ("  no header content-type", "expected no header"),
    ("  text nothing", "expected 'nothing'"), ("  broken", "is complete")])
def test_events_that_do_not_fit(text, says):
    if says is None:
        expectation(text, EVENTS, SSE)
        return
    with pytest.raises(stage.Difference) as caught:
        expectation(text, EVENTS, SSE)
    assert says in caught.value.text


# ---- the clock, the books ----------------------------------------------------


def test_clock(tmp_path):
    clock = TestClock(tmp_path / "clock")
    clock.advance(31)
    clock.advance_nsecs(-NSEC)
    assert struct.unpack("=q", (tmp_path / "clock").read_bytes()) == \
        (30 * NSEC,)
    assert parse_duration("+1.5h") == 5400 * NSEC
    assert parse_duration("200ms") == NSEC // 5
    with pytest.raises(ValueError):
        parse_duration("5 apples")


NSEC = 1_000_000_000


def chain(records):
    out, last = "", ""
    for r in records:
        text = json.dumps(r)[:-1] + f',"prev":"{last}"'
        last = hashlib.sha256(text.encode()).hexdigest()
        out += text + f',"hash":"{last}"}}\n'
    return out


def ledger(path, text):
    path.write_text(text)
    lines, problems = books.read_lines([path])
    return lines, problems + books.chain_problems(lines)


RECORDS = [{"run_id": f"r{i}", "cost_usd": 0.1, "owner": 1 + i % 2,
            "seq": 1 + i // 2} for i in range(6)]


def test_a_whole_chain_has_no_problems(tmp_path):
    lines, problems = ledger(tmp_path / "t", chain(RECORDS) + "{torn")
    assert not problems and len(lines) == 6
    assert books.total(lines) == Decimal("0.6")


@pytest.mark.parametrize("damage,says", [
    (lambda t: t.replace('"r2"', '"r9"'), "not that of the line"),
    (lambda t: "".join(t.splitlines(True)[:2] + t.splitlines(True)[3:]),
     "prev is"),
    (lambda t: t + t.splitlines(True)[-1], "has seq 3 after 3"),
    (lambda t: t.replace(',"hash"', ',"hush"'), "no hash"),
    (lambda t: t.replace("{", "", 1), "no JSON")])
def test_damage_is_found(tmp_path, damage, says):
    _, problems = ledger(tmp_path / "t", damage(chain(RECORDS)))
    assert any(says in p for p in problems), problems


def test_rotated_files_come_in_order(tmp_path):
    for name in ("t", "t.1", "t.2", "t.10", "t.state"):
        (tmp_path / name).touch()
    names = [p.name for p in books.trace_paths(tmp_path / "t")]
    assert names == ["t.10", "t.2", "t.1", "t"]


def test_cost_is_rounded_once():
    prices = {"input_cost_per_token": "0.000000000001",
              "output_cost_per_token": "0.0000006",
              "cache_read_input_token_cost": "0"}
    tokens = {"prompt_tokens": 1499, "completion_tokens": 2,
              "cached_tokens": 0}
    assert books.cost(prices, tokens) == Decimal("0.000001201")
    tokens["prompt_tokens"] = 1500
    assert books.cost(prices, tokens) == Decimal("0.000001202")
    tokens["cached_tokens"] = 1
    assert books.cost(prices, tokens) == Decimal("0.000001201")


def test_waiting_ends():
    with pytest.raises(TooLate, match="the moon"):
        wait_until(lambda: False, 0.05, "the moon")
    assert wait_until(lambda: [1], 1, "") == [1]
