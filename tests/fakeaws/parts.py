# SPDX-License-Identifier: Apache-2.0
"""Puts the referee's parts together, without any socket."""

from types import SimpleNamespace

from .clock import Clock
from .cloudtrail import CloudTrail
from .cloudwatch import CloudWatch
from .defaults import WORLD
from .faults import Faults
from .gateway import Gateway
from .history import History
from .imds import Imds
from .limits import Limits
from .mutate import Mutator
from .notifier import Journal, Notifier
from .replay import Replay
from .s3 import S3
from .settings import Settings
from .sns import Sns
from .sts import Sts
from .world import World


def build(source=None, seed=None, facts=None, recording=None):
    parts = SimpleNamespace()
    parts.clock = Clock()
    parts.settings = Settings(facts)
    parts.replay = Replay(recording)
    parts.notifier = Notifier()
    parts.world = World(source or WORLD, parts.settings, parts.clock, seed)
    if recording is not None:
        parts.world.add_regions(recording["meta"]["region"], recording["meta"]["other_region"])
    parts.limits = Limits(parts.settings, parts.clock)
    parts.faults = Faults(seed)
    parts.mutator = Mutator(seed)
    parts.calls = Journal(parts.notifier, 100000)
    parts.mailbox = Journal(parts.notifier, 20000)
    parts.history = History(parts.world, parts.settings, parts.clock, parts.notifier)
    parts.cloudtrail = CloudTrail(parts.world, parts.settings, parts.clock, parts.history)
    services = {"cloudtrail": parts.cloudtrail,
                "sns": Sns(parts.world, parts.clock, parts.mailbox),
                "sts": Sts(parts.world), "s3": S3(parts.world),
                "monitoring": CloudWatch(parts.world, parts.clock, parts.notifier)}
    parts.gateway = Gateway(parts.world, parts.settings, parts.clock, services, parts)
    parts.imds = Imds(parts.world, parts.settings, parts.clock, parts)
    return parts
