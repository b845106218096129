# SPDX-License-Identifier: Apache-2.0
"""The AWS SDK for JavaScript v3 as a signer that shares nothing with botocore.

Runs when FAKEAWS_NODE_MODULES names a folder in which
`npm install @aws-sdk/client-cloudtrail @aws-sdk/client-sns @aws-sdk/client-sts` was run.
"""

import json
import os
import shutil
import subprocess

import pytest
from raw import MARY, STATIC, TARGET, TOPIC, TRAIL

MODULES = os.environ.get("FAKEAWS_NODE_MODULES")
HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.mark.skipif(not MODULES, reason="FAKEAWS_NODE_MODULES names no installed SDK")
def test_javascript_sdk_works(aws):
    arguments = {"endpoint": aws.url(), "trail": TRAIL, "topic": TOPIC, "role": TARGET,
                 "externalId": "trailsentry-example-id", "mary": MARY[:2], "guard": STATIC[:2]}
    done = subprocess.run(
        [shutil.which("node"), os.path.join(HERE, "sdk.mjs"), json.dumps(arguments)],
        env={"PATH": "/usr/bin:/bin", "NODE_EXTRA_CA_CERTS": aws.ca_file, "HOME": aws.folder,
             "FAKEAWS_NODE_MODULES": MODULES, "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)
    assert (out["before"], out["after"]) == (True, False)
    assert out["requestId"] == out["recorded"]
    assert out["arn"] == "arn:aws:sts::444455556666:assumed-role/trailsentry-target/trailsentry"
    assert (out["denied"], out["refused"]) == ("AccessDeniedException", "SignatureDoesNotMatch")
    assert aws.trail(TRAIL)["logging"]
    assert abs(aws.trail(TRAIL)["stop_time"] * 1000 - out["stopTime"]) < 1
    message, = aws.messages(topic=TOPIC, attributes={"kind": "a b"})
    assert message["message"] == "from JavaScript: \u00e9 +%&=~*"
    assert message["message_id"] == out["messageId"]
