# SPDX-License-Identifier: Apache-2.0
"""What a test can change about the referee's behaviour at run time."""

from .errors import ControlError

DEFAULTS = {
    "history_lag": 0.0,             # seconds until Event history shows a call
    "history_lag_max": 0.0,         # every fourth record comes so late, when that is later
    "stale_read": 0.0,              # seconds for which status reads answer the older state
    "stale_flap": False,            # within that time every second read is fresh
    "latency": {},                  # {"cloudtrail:GetTrailStatus": seconds, "sns:*": …, "*": …}
    "tps": True,                    # rate limits on or off
    "tps_rates": {"read": 10.0, "lookup": 2.0, "write": 1.0},
    "tps_scope": "group",           # one bucket a group, or one an operation ("operation")
    "throttle_status": 400,
    "throttle_headers": {},         # put on a throttled answer, as {"Retry-After": "1"}
    # Whether a redundant Start or Stop moves its time: both, none, or that operation alone
    "redundant_moves_times": False,
    "redundant_recorded": True,     # redundant calls are in Event history
    "time_digits": 3,               # digits after the point in GetTrailStatus's times, 0 to 3
    "time_exponent": False,         # times are written as 1.446834996933E9
    "errors": {},                   # {"TrailNotFoundException": {"code": …, "status": 404}}
    "clock_offset": 0.0,            # seconds the referee's wall clock is ahead
    "hold_elapsed": False,          # stop elapsed time; "advance" moves it
    "skew_tolerance": 300.0,
    "skew_code": "",                # e.g. RequestExpired; empty means each service's own
    "error_prefix": "",             # put before __type, e.g. "com.amazon.coral.service#"
    "request_id_break": False,      # records carry another requestID than the answer
    "record_all": False,            # Event history also holds read-only and STS calls
    "record_throttled": False,      # Event history also holds throttled calls
    "record_name": "sent",          # requestParameters.name: as sent, or always "arn" or "name"
    "resource_name": "sent",        # by which names LookupEvents finds it: sent arn name both none
    "event_delay": 0,               # seconds that eventTime is after the state's own time
    "bucket_checks": False,         # CreateTrail wants a bucket whose policy lets CloudTrail write
    "delivery_interval": 300.0,
    "delivery_error": "",           # LatestDeliveryError of every trail
    "page_size": 50,                # upper bound of a LookupEvents page
    "empty_pages": 0,               # empty pages with a NextToken before the first full one
    "token_length": 1200,
    "credential_ttl": 21600.0,      # life of credentials handed out by IMDS
    "session_ttl": 0.0,             # the same of AssumeRole; 0: as long as was asked for
    "idle_timeout": 60.0,           # seconds until idle connections are closed
    "org_member_code": "NotOrganizationMasterAccountException",
}


CHOICES = {"redundant_moves_times": (False, True, "StartLogging", "StopLogging"),
           "record_name": ("sent", "arn", "name"), "tps_scope": ("group", "operation"),
           "resource_name": ("sent", "arn", "name", "both", "none"), "time_digits": (0, 1, 2, 3)}


def fitting(name, value):
    """Whether a value is one that this setting can have."""
    if name in CHOICES:
        return any(value is c if isinstance(c, bool) else value == c and type(value) is type(c)
                   for c in CHOICES[name])
    want = DEFAULTS[name]
    if isinstance(want, bool) or not isinstance(want, (int, float)):
        return isinstance(value, type(want))
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class Settings:
    def __init__(self, facts=None):
        self.facts = facts or {}
        self.reset()

    def reset(self):
        """Back to the defaults, and to what a real account was found to do."""
        self.values = {k: dict(v) if isinstance(v, dict) else v for k, v in DEFAULTS.items()}
        self.change(self.facts)

    def __getattr__(self, name):
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def change(self, changes):
        for name, value in changes.items():
            if name not in DEFAULTS:
                raise ControlError(f"no setting {name}")
            if not fitting(name, value):
                wants = ", ".join(map(str, CHOICES.get(name, [type(DEFAULTS[name]).__name__])))
                raise ControlError(f"setting {name} wants {wants}")
        for name, value in changes.items():
            if isinstance(value, dict) and name == "tps_rates":
                value = {**self.values[name], **value}
            self.values[name] = value

    def latency_of(self, service, operation):
        table = self.values["latency"]
        for key in (f"{service}:{operation}", f"{service}:*", "*"):
            if key in table:
                return float(table[key])
        return 0.0
