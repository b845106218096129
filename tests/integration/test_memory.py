# SPDX-License-Identifier: Apache-2.0
"""Secrets in the daemon's memory: in pages that are locked and left out of core dumps, and nowhere
else once a call is over."""

import json
import os
import re
import signal

import pytest

from guard import is_sanitized


def mappings(pid):
    """(address, end, flags) of what can be written."""
    with open(f"/proc/{pid}/smaps", encoding="ascii") as file:
        text = file.read()
    for m in re.finditer(r"^([0-9a-f]+)-([0-9a-f]+) (rw\S+) .*?^VmFlags: (.*?)$", text,
                         re.MULTILINE | re.DOTALL):
        yield int(m[1], 16), int(m[2], 16), m[4].split()


def find(pid, secrets):
    """(secret's name, whether its page is locked and not dumped, address, what stands around)"""
    found = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for begin, end, flags in mappings(pid):
            memory.seek(begin)
            data = memory.read(end - begin) or b""
            for name, secret in secrets.items():
                for m in re.finditer(re.escape(secret), data):
                    around = data[max(0, m.start() - 40):m.end() + 20]
                    found.append((name, {"lo", "dd"} <= set(flags), hex(begin + m.start()), around))
    return found


KEYS = ("AKIAI44QH8DHBEXAMPLE", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY")


@pytest.mark.parametrize("origin", ["metadata service", "profile", "credential_process"])
def test_secrets_stay_in_their_pages(aws, make_guard, tmp_path, origin):
    """Nothing of them is left in our buffers or in those of libraries: keys and sessions as they
    were fetched, tokens as they were sent."""
    if is_sanitized() or os.geteuid() != 0:
        pytest.skip("the memory of sanitizers and valgrind is another, and only root sees it")
    profiles, environment, secrets = os.path.join(tmp_path, "config"), {}, {}
    document = {"Version": 1, "AccessKeyId": KEYS[0], "SecretAccessKey": KEYS[1]}
    if origin != "metadata service":
        environment["AWS_CONFIG_FILE"] = profiles
        secrets["static key"] = KEYS[1].encode()
    with open(profiles, "w", encoding="ascii") as file:
        file.write("[default]\n")
        if origin == "profile":
            file.write("aws_access_key_id = {}\naws_secret_access_key = {}\n".format(*KEYS))
        else:
            file.write(f"credential_process = echo '{json.dumps(document)}'\n")

    # Once these have been answered, no call is under way for a while.
    guard = make_guard(environment=environment, scale=1, poll="20s").run()
    guard.record("calls are made as", count=2)
    guard.record("taken for the baseline")
    for session in aws.call("sessions")["sessions"]:
        secrets[session["arn"] + " key"] = session["secret_key"].encode()
        # Of a token, what stands behind its first characters, which are all alike.
        secrets[session["arn"] + " token"] = session["token"].encode()[16:]
    for _ in range(5):      # a call that is under way has its token in a buffer
        guard.process.send_signal(signal.SIGSTOP)
        found = find(guard.process.pid, secrets)
        guard.process.send_signal(signal.SIGCONT)
        assert len({name for name, well, _, _ in found if well}) >= 3, found
        stray = [f for f in found if not f[1]]
        if not stray:
            break
        guard.wait_silent()
    assert not stray, "\n".join(map(str, stray))
