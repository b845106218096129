# SPDX-License-Identifier: Apache-2.0
"""What scripts/probe-aws found in a real account, as this referee's settings.

The format of the file is described in scripts/probe_aws/__init__.py.
"""

import json

from .errors import ControlError
from .settings import DEFAULTS

FORMAT = "trailsentry-probe/1"
CONFIDENT = ("certain", "likely")


def load(path):
    with open(path, encoding="utf-8") as file:
        saved = json.load(file)
    if not isinstance(saved, dict) or saved.get("format") != FORMAT:
        raise ControlError(f"{path} is no file of the format {FORMAT}")
    return saved


def settings_of(path):
    """The settings that follow from a file's answers; open questions change nothing."""
    settings = {}
    for answer in load(path)["answers"]:
        if answer["confidence"] not in CONFIDENT:
            continue
        for name, value in answer.get("settings", {}).items():
            if name not in DEFAULTS:
                raise ControlError(f"answer {answer['id']} names no setting: {name}")
            if isinstance(value, dict):
                value = {**settings.get(name, {}), **value}
            settings[name] = value
    return settings
