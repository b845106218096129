# SPDX-License-Identifier: Apache-2.0
"""The metadata service at its real addresses, in a network of the test's own."""

import pytest

from aws import Aws
from guard import Guard
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
