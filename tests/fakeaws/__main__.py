# SPDX-License-Identifier: Apache-2.0
"""Runs the referee: python3 -m fakeaws --dir DIR."""

import argparse
import asyncio
import gc
import json
import os

from .defaults import WORLD
from .server import Server


def port(text):
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("no port number")
    return number


def main():
    parser = argparse.ArgumentParser(prog="fakeaws", description="A loopback AWS for tests.")
    parser.add_argument("--dir", help="folder for certificates and ready.json")
    parser.add_argument("--print-world", action="store_true", help="print the default world")
    parser.add_argument("--world", help="JSON file with accounts, identities, trails and topics")
    parser.add_argument("--facts", help="behave as the account did that scripts/probe-aws asked")
    parser.add_argument("--replay", help="answer with the bodies that scripts/probe-aws recorded")
    parser.add_argument("--seed", type=int, help="makes ids and secrets repeatable")
    parser.add_argument("--parent-pid", type=int, help="exit when this process ends")
    parser.add_argument("--https-port", type=port, default=0)
    parser.add_argument("--http-port", type=port, default=0)
    parser.add_argument("--imds-port", type=port, default=0)
    parser.add_argument("--control-port", type=port, default=0)
    parser.add_argument("--imds-address", default="127.0.0.1",
                        choices=["127.0.0.1", "169.254.169.254", "fd00:ec2::254", "::1"])
    options = parser.parse_args()
    if options.print_world:
        print(json.dumps(WORLD, indent=2))
        return
    if options.dir is None:
        parser.error("--dir is needed")
    os.makedirs(options.dir, mode=0o700, exist_ok=True)
    ready = os.path.join(options.dir, "ready.json")
    if os.path.exists(ready):
        os.unlink(ready)
    gc.freeze()
    asyncio.run(Server(options).run())


if __name__ == "__main__":
    main()
