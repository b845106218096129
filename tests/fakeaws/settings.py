# SPDX-License-Identifier: Apache-2.0
"""What a test can change about the referee's behaviour at run time."""

from .errors import ControlError

DEFAULTS = {
    "history_lag": 0.0,             # seconds until Event history shows a call
    "stale_read": 0.0,              # seconds for which status reads answer the older state
    "stale_flap": False,            # within that time every second read is fresh
    "latency": {},                  # {"cloudtrail:GetTrailStatus": seconds, "sns:*": …, "*": …}
    "tps": True,                    # rate limits on or off
    "tps_rates": {"read": 10.0, "lookup": 2.0, "write": 1.0},
    "tps_scope": "group",           # one bucket a group, or one an operation ("operation")
    "throttle_status": 400,
    "redundant_moves_times": False,  # whether Start on a started trail moves StartLoggingTime
    "clock_offset": 0.0,            # seconds the referee's wall clock is ahead
    "hold_elapsed": False,          # stop elapsed time; "advance" moves it
    "skew_tolerance": 300.0,
    "skew_code": "",                # e.g. RequestExpired; empty means each service's own
    "error_prefix": "",             # put before __type, e.g. "com.amazon.coral.service#"
    "request_id_break": False,      # records carry another requestID than the answer
    "record_all": False,            # Event history also holds read-only and STS calls
    "delivery_interval": 300.0,
    "delivery_error": "",           # LatestDeliveryError of every trail
    "page_size": 50,                # upper bound of a LookupEvents page
    "empty_pages": 0,               # empty pages with a NextToken before the first full one
    "token_length": 1200,
    "credential_ttl": 21600.0,      # life of credentials handed out by IMDS
    "idle_timeout": 60.0,           # seconds until idle connections are closed
    "org_member_code": "NotOrganizationMasterAccountException",
}


class Settings:
    def __init__(self):
        self.reset()

    def reset(self):
        self.values = {k: dict(v) if isinstance(v, dict) else v for k, v in DEFAULTS.items()}

    def __getattr__(self, name):
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def change(self, changes):
        for name, value in changes.items():
            if name not in DEFAULTS:
                raise ControlError(f"no setting {name}")
            want = DEFAULTS[name]
            if isinstance(want, bool) or not isinstance(want, (int, float)):
                fits = isinstance(value, type(want))
            else:
                fits = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not fits:
                raise ControlError(f"setting {name} wants {type(want).__name__}")
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
