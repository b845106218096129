# SPDX-License-Identifier: Apache-2.0
"""One referee for the whole run, set back to its first state before each test."""

import os
import sys

import pytest

FAKEAWS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(FAKEAWS))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
for name in list(os.environ):
    if name.startswith("AWS_") or name.endswith(("CA_BUNDLE", "SSL_CERT_FILE", "_PROXY", "_proxy")):
        del os.environ[name]

from fakeaws.control import Referee  # noqa: E402


@pytest.fixture(scope="session")
def referee():
    with Referee(seed=7) as running:
        yield running


@pytest.fixture
def aws(referee):
    referee.reset()
    referee.set(hold_elapsed=True, tps=False)
    yield referee
    assert referee.state()["internal_errors"] == []
