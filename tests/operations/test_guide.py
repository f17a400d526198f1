"""The guide for newcomers (docs/teams.md, "Five minutes") is typed as it stands,
in one shell: only the two port numbers are others."""

import json
import os
import re
import socket
import subprocess

from harness import books, paths
from harness.process import environment
from harness.wait import seconds


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def shell_blocks():
    text = (paths.SOURCE / "docs" / "teams.md").read_text(encoding="utf-8")
    guide = text.split("## Five minutes", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^```sh\n(.*?)^```$", guide, re.M | re.S)


def test_the_guide_leads_to_a_refused_key_and_on(directory):
    install, steps, over_http = shell_blocks()
    assert "make -C build install" in install
    script = "\n".join(["set -e", steps, over_http, "echo",
                        "kill -TERM %2", "wait %2", "kill %1"])
    script = script.replace("4000", str(free_port()))
    script = script.replace("9101", str(free_port()))
    env = environment({
        "PATH": f"{paths.build_dir()}:{os.environ['PATH']}",
        "TALLYGATE_PRICES": paths.price_table()})
    done = subprocess.run(["bash", "-mc", script], env=env, cwd=directory,
                          capture_output=True, text=True, encoding="utf-8",
                          stdin=subprocess.DEVNULL, timeout=seconds(60))
    said = f"{done.stdout}\n--- stderr\n{done.stderr}"
    assert done.returncode == 0, said
    assert "ok, 1 deployments, 0 warnings" in done.stdout, said
    answers = [json.loads(line) for line in done.stdout.splitlines()
               if line.startswith('{"id"') or line.startswith('{"error"')]
    served = ["choices" in answer for answer in answers]
    assert served == [True, True, True, False, True], said
    message = answers[3]["error"]["message"]
    assert message.startswith("Budget has been exceeded! key "), message
    assert re.search(r"\(anna-laptop\): .* Max budget: 0.0001, .*"
                     r"left: 0.00008695, this request needs: 0.000089", message)
    assert "refused: the budget of key" in done.stdout, said
    assert re.search(r"^anna-laptop +sk-\.\.\.", done.stdout, re.M), said
    assert re.search(r"^red +Team Red +3 ", done.stdout, re.M), said
    assert '"key_alias":"service-a"' in done.stdout, said
    for line in done.stderr.splitlines():
        assert " warn " not in line and " error " not in line or \
            "alert budget_exhausted" in line, said
    lines, problems = books.read_lines([directory / "state/traces.jsonl"])
    assert not problems and len(lines) == 5
    # What stands in the guide as the answer is of this form.
    text = (paths.SOURCE / "docs" / "teams.md").read_text(encoding="utf-8")
    shown = json.loads(re.search(r'^\{"error".*$', text, re.M)[0])
    assert shown["error"].keys() == answers[3]["error"].keys()
    assert [re.sub(r"[\d.:TZe-]+|[0-9a-f]{8,}", "", m) for m in
            (shown["error"]["message"], message)][0] == \
        re.sub(r"[\d.:TZe-]+|[0-9a-f]{8,}", "", message)
