# SPDX-License-Identifier: Apache-2.0
"""The metadata service at its real addresses, in a network of the test's own."""

import os
import re
import shutil
import socket
import subprocess

import pytest

from aws import Aws
from guard import HERE, Guard
from network import in_own_network
from test_credentials import stop_and_see
from test_surroundings import EVERY


@pytest.mark.parametrize("address,mode", [("169.254.169.254", ""), ("169.254.169.254", "IPv4"),
                                          ("fd00:ec2::254", "IPv6")])
@in_own_network
def test_metadata_service_at_its_real_address(tmp_path, address, mode):
    """With every proxy variable set, to an address where nobody listens."""
    variables = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "",
                 "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": mode,
                 **dict.fromkeys(EVERY, "http://127.0.0.1:9"), "no_proxy": ".localhost"}
    with Aws(seed=7, arguments=["--imds-address", address, "--imds-port", "80"]) as aws:
        aws.begin()
        guard = Guard(aws, tmp_path, environment=variables).run()
        stop_and_see(aws)
        assert {c["host"] for c in aws.calls(service="imds")} == {
            f"[{address}]" if ":" in address else address}
        guard.stop()
        assert not guard.strays and aws.problems([guard.text()]) == []


# The client's own address is another one, as on an instance: a refusal comes back to it.
CONNECT = """import socket, sys
socket.create_connection((sys.argv[1], 80), 10, (sys.argv[2], 0))"""


def reaches(user, address, own):
    command = ["setpriv", f"--reuid={user}", "--clear-groups", "/usr/bin/python3", "-c", CONNECT,
               address, own]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1) and ("Error" in done.stderr) == bool(done.returncode), done
    return done.returncode == 0


@pytest.mark.skipif(not shutil.which("nft"), reason="no nft")
@in_own_network
def test_the_rules_of_the_manual_close_it():
    """SECURITY.md's rules, with a user of this machine for the service's: whom they let through, and
    that loading them twice leaves them as they are."""
    with open(os.path.join(HERE, "..", "..", "SECURITY.md"), encoding="ascii") as file:
        rules = re.search(r"```nft\n(.*?)```", file.read(), re.DOTALL).group(1)
    assert rules.count(", trailsentry }") == 2
    rules = rules.replace(", trailsentry }", ", daemon }")
    places = [("169.254.169.254", "127.0.0.1"), ("fd00:ec2::254", "::1")]
    servers = [socket.create_server((address, 80), family=socket.AF_INET6 if ":" in address
                                    else socket.AF_INET) for address, _ in places]
    assert all(reaches("nobody", *place) for place in places)
    for way in (["--check"], [], []):
        subprocess.run(["nft", *way, "--file", "-"], input=rules, text=True, check=True)
    listed = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True)
    assert listed.stdout.count("accept\n") == 2 and listed.stdout.count(" drop\n") == 2, listed
    for place in places:
        assert reaches("root", *place) and reaches("daemon", *place)
        assert not reaches("nobody", *place)
    for server in servers:
        server.close()
