# SPDX-License-Identifier: Apache-2.0
"""Command line of the control interface: python3 -m fakeaws.ctl DIR verb key=value…"""

import json
import sys

from .control import RefereeError, attach


def value_of(text):
    """JSON when it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def main(arguments):
    if len(arguments) < 2:
        print("usage: python3 -m fakeaws.ctl DIR verb [key=value]…", file=sys.stderr)
        return 2
    fields = {}
    for pair in arguments[2:]:
        key, equals, text = pair.partition("=")
        if not equals:
            print(f"not key=value: {pair}", file=sys.stderr)
            return 2
        fields[key] = value_of(text)
    try:
        answer = attach(arguments[0]).call(arguments[1], **fields)
    except (OSError, RefereeError, ValueError) as error:
        print(f"fakeaws.ctl: {error}", file=sys.stderr)
        return 1
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
