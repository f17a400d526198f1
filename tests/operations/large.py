"""Bodies of 20 MB, who gets them, and which thread works on them."""

import pathlib

from configs import config, deployment, mock
from harness.client import Connection, build
from harness.wait import seconds

MB = 1 << 20
BIG_BYTES = 20 * MB
HEAD = [("content-type", "application/json")]
CHAT = "/v1/chat/completions"
LETTER = '{"role":"user","content":"a"}'


def filled(model, head, piece, tail):
    """A body of 20 MB: `piece` as often as it fits."""
    rest = BIG_BYTES - len(head) - len(tail) - 100
    return (f'{{"model":"{model}","max_tokens":9,{head}'
            + piece * (rest // len(piece.encode())) + tail + "}").encode()


def of_text(text):
    return lambda model: filled(model, '"messages":[{"role":"user","content":"',
                                text, '"}]')


def of_messages(model):
    return filled(model, '"messages":[', LETTER + ",", LETTER + "]")


def of_digits(model):
    return filled(model, f'"messages":[{LETTER}],"x":[', "1,", "1]")


def thread_nsecs(pid):
    """CPU time of the loop's thread, and of the second one, 0 before there
    is one."""
    spent = {"offload": 0}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        nsecs = int((task / "schedstat").read_text().split()[0])
        spent["loop" if int(task.name) == pid else name] = nsecs
    return spent["loop"], spent["offload"]


def send_one(address, body):
    connection = Connection(address, timeout=seconds(30))
    try:
        connection.send(build("POST", CHAT, HEAD, body))
        return connection.read("POST")
    finally:
        connection.close()


def large_config(plain, claude, more=""):
    """Large bodies go to `big` as they are, to `claude` translated."""
    return config(
        deployment("big", plain.base_url),
        deployment("claude", claude.base_url).replace("openai/", "anthropic/")
        .replace("/v1", ""), mock(),
        more="tallygate:\n  budgets:\n"
        "    - {per: global, max_budget: 90000}\n" + more)
