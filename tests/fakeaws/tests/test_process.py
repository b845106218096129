# SPDX-License-Identifier: Apache-2.0
"""The referee as a process: it starts, serves its own world, and always ends."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time

import pytest
from raw import MARY, TRAIL, ask

from fakeaws.control import Referee, RefereeError

FAKEAWS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

NAMESPACE_CHECK = """
import sys, urllib.request
sys.path.insert(0, sys.argv[1])
from fakeaws.control import Referee
arguments = ["--imds-address", "169.254.169.254", "--imds-port", "80"]
with Referee(folder=sys.argv[2], arguments=arguments):
    request = urllib.request.Request("http://169.254.169.254/latest/api/token", method="PUT",
        headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    print(opener.open(request, timeout=5).read().decode())
"""


def ended(pid_descriptor, seconds):
    return bool(select.select([pid_descriptor], [], [], seconds)[0])


def test_world_file_and_seed(tmp_path):
    from fakeaws.defaults import WORLD
    world = json.loads(json.dumps(WORLD))
    world["trails"] = [{"arn": TRAIL, "logging": False, "start_time": 1446834900.5,
                        "stop_time": 1446834996.933}]
    world["settings"] = {"history_lag": 30.0}
    ids = []
    for number in (1, 2):
        with Referee(folder=str(tmp_path / str(number)), world=world, seed=5) as aws:
            answer = ask(aws, "GetTrailStatus", {"Name": TRAIL})
            assert answer.json()["StopLoggingTime"] == 1446834996.933
            assert aws.call("settings")["history_lag"] == 30.0
            ids.append(answer.headers["x-amzn-requestid"])
    assert ids[0] == ids[1]


def test_mute_port_accepts_and_is_silent(referee):
    with socket.create_connection(("127.0.0.1", referee.ready["mute_port"]), 5) as link:
        link.sendall(b"\x16\x03\x01")
        assert not select.select([link], [], [], 0.1)[0]


def test_bad_world_is_reported(tmp_path):
    with pytest.raises(RefereeError, match="did not start"):
        Referee(folder=str(tmp_path), world={"regions": []}).start()


def test_listens_on_loopback_only(referee):
    for name in ("https_port", "http_port", "imds_port", "control_port"):
        with socket.create_connection(("127.0.0.1", referee.ready[name]), 5):
            pass
        with socket.socket() as probe:
            probe.settimeout(2)
            assert probe.connect_ex(("127.0.0.2", referee.ready[name])) != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_metadata_service_at_its_real_address(tmp_path):
    inside = ("ip link set lo up && ip addr add 169.254.169.254/32 dev lo && "
              "exec /usr/bin/python3 -B -c '" + NAMESPACE_CHECK + "' \"$@\"")
    done = subprocess.run(["unshare", "--net", "sh", "-c", inside, "sh", os.path.dirname(FAKEAWS),
                           str(tmp_path)], capture_output=True, text=True, timeout=60,
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    if done.returncode and "unshare" in done.stderr:
        pytest.skip("no network namespace: " + done.stderr.strip())
    assert done.stdout.startswith("AQAEA"), done.stderr


def test_ends_with_its_parent(tmp_path):
    script = (
    "import sys,os; sys.path.insert(0, sys.argv[1]); from fakeaws.control import Referee; "
    "r = Referee(folder=sys.argv[2]).start(); print(r.ready['pid'], flush=True); os._exit(0)")
    done = subprocess.run([sys.executable,
    "-B",
    "-c",
    script,
    os.path.dirname(FAKEAWS),
    str(tmp_path)],
    capture_output=True,
    text=True,
     timeout=30)
    pid = int(done.stdout)
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert ended(descriptor, 10)


def test_ends_on_sigterm(tmp_path):
    aws = Referee(folder=str(tmp_path)).start()
    aws.process.send_signal(signal.SIGTERM)
    assert aws.process.wait(10) == 0
    aws.stop()


def test_ends_when_told(tmp_path):
    aws = Referee(folder=str(tmp_path)).start()
    aws.call("stop")
    assert aws.process.wait(10) == 0
    aws.stop()


def test_command_line(referee):
    referee.reset()
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": os.path.dirname(FAKEAWS),
                   "PYTHONDONTWRITEBYTECODE": "1"}

    def ctl(*arguments):
        return subprocess.run([sys.executable, "-m", "fakeaws.ctl", referee.folder, *arguments],
                              env=environment, capture_output=True, text=True, timeout=30)
    done = ctl("attack", "trail=management-events", "identity=root", "ago=5")
    assert done.returncode == 0 and json.loads(
    done.stdout)["record"]["userIdentity"]["type"] == "Root"
    assert ctl("attack", "trail=absent").returncode == 1
    assert ctl("attack", "trail").returncode == 2


def test_reset_brings_everything_back(referee):
    referee.reset()
    referee.attack(TRAIL)
    referee.set(tps=False, clock_offset=100)
    referee.fault("*")
    referee.permissions("Mary_Major", set=[])
    referee.reset()
    assert ask(referee, "GetTrailStatus", {"Name": TRAIL}, keys=MARY).json()["IsLogging"]
    assert referee.events() == [] and referee.faults() == [] and referee.messages() == []


def test_waiting_for_a_trail(referee):
    referee.reset()
    referee.attack(TRAIL)
    begin = time.monotonic()
    with pytest.raises(RefereeError):
        referee.wait_trail(TRAIL, timeout=0.05, logging=True)
    assert time.monotonic() - begin < 5
    ask(referee, "StartLogging", {"Name": TRAIL})
    assert referee.wait_trail(TRAIL, logging=True)["logging"]
