# SPDX-License-Identifier: Apache-2.0
"""Fixtures: one referee for the whole run, daemons on demand, and a look at both afterwards."""

import os
import stat
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
for name in list(os.environ):
    if name.startswith("AWS_") or name.endswith(("CA_BUNDLE", "SSL_CERT_FILE", "_PROXY", "_proxy")):
        del os.environ[name]

import guard as guard_module  # noqa: E402
from aws import Aws  # noqa: E402


def pytest_sessionstart(session):
    if not os.access(guard_module.DAEMON, os.X_OK):
        pytest.exit(f"{guard_module.DAEMON} is not there: TS_BUILD_DIR names the build folder", 2)


@pytest.fixture(scope="session")
def referee():
    with Aws(seed=7) as running:
        yield running


@pytest.fixture
def aws(referee):
    referee.begin()
    return referee


def check_modes(guard):
    """State and status are for the group and nobody else."""
    wrong = []
    for folder, names, files in os.walk(guard.state):
        for path in (folder, *(os.path.join(folder, f) for f in files)):
            mode = stat.S_IMODE(os.lstat(path).st_mode)
            if mode & 0o027:
                wrong.append(f"{path} has mode {mode:o}")
    return wrong


@pytest.fixture
def make_guard(aws, tmp_path):
    """make_guard(**options) -> Guard; all of them are ended and looked at after the test."""
    guards = []

    def make(**options):
        guards.append(guard_module.Guard(aws, tmp_path, **options))
        return guards[-1]

    yield make
    problems = []
    for guard in guards:
        end = guard.finish()
        if end:
            problems.append(f"{guard.folder}: {end}")
        problems += [f"{guard.folder} wrote: {line}" for line in guard.strays[:40]
                     if not line.startswith("/usr/bin/strace: ")]
        problems += check_modes(guard)
        # Shown by pytest when the test failed.
        print(f"--- {guard.folder}")
        for record in guard.records:
            print(record.time, record.level, record.text, record.fields)
    problems += aws.problems([g.text() for g in guards])
    assert not problems, "\n".join(problems)


@pytest.fixture
def guard(make_guard):
    """The usual one: a trail in another account, reached by a role; everything restarted."""
    return make_guard()
