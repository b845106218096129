# SPDX-License-Identifier: Apache-2.0
"""A network of a test's own: nothing but a loopback interface, with the addresses of the metadata
service on it."""

import ctypes
import functools
import os
import subprocess
import threading

import pytest

CLONE_NEWNET = 0x40000000
ADDRESSES = ("169.254.169.254/32", "fd00:ec2::254/128")
libc = ctypes.CDLL(None, use_errno=True)


def become_alone():
    """This thread and what it starts from here on."""
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    subprocess.run(["/usr/sbin/ip", "link", "set", "lo", "up"], check=True)
    for address in ADDRESSES:
        subprocess.run(["/usr/sbin/ip", "address", "add", address, "dev", "lo"], check=True)


def in_own_network(test):
    """Decorates a test; it is skipped where that is forbidden."""
    @functools.wraps(test)
    def wrapper(**fixtures):
        outcome = {}

        def body():
            try:
                become_alone()
            except (OSError, subprocess.CalledProcessError) as error:
                outcome["skip"] = f"no network of our own: {error}"
                return
            try:
                test(**fixtures)
            except BaseException as error:  # pylint: disable=broad-except
                outcome["error"] = error

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if "skip" in outcome:
            pytest.skip(outcome["skip"])
        if "error" in outcome:
            raise outcome["error"]
    return wrapper
