"""The black-box harness: real processes, scripted providers, exact books.

gateway.py   Gateway: one supervised gateway with its own state directory
provider.py  FakeProvider: a scripted HTTP server that misbehaves byte by byte
answers.py   what OpenAI-like providers say: answers, chunks, errors
sim.py       Sim: tallysim as a child process
client.py    raw HTTP client: sees framing, order and time of every byte
clock.py     TestClock: moves the gateway's wall clock
books.py     trace files: the chain, the sums, exact money
match.py     JSON with wildcards against JSON
scenario.py  *.scn files: the form and its parser
runner.py    plays them; stage.py: their providers, caller.py: their clients,
             expect.py: what the answers should be
load.py      bounded load with a record of what came of each request

Only the standard library and pytest. Nothing here sleeps to wait for
something: wait.wait_until() watches a condition under a deadline.
"""
