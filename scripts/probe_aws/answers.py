# SPDX-License-Identifier: Apache-2.0
"""Answers, from recorded exchanges alone. No answer without evidence; a doubt is said."""

import json
import re
from decimal import Decimal
from statistics import median

from .evidence import Evidence, event_seconds, members_of, parsed, request_id, throttled

QUESTIONS = {
    "never-started": "What does GetTrailStatus carry for a trail that never logged?",
    "never-stopped": "Is StopLoggingTime absent on a trail that was never stopped?",
    "stop-time-stays": "Does StopLoggingTime stay after a restart?",
    "time-format": "How are times in GetTrailStatus written?",
    "redundant-start": "Does StartLogging on a trail that logs move StartLoggingTime?",
    "redundant-stop": "Does StopLogging on a stopped trail move StopLoggingTime?",
    "status-lag": "How long until GetTrailStatus shows a change, and can a later read be stale?",
    "event-selectors": "What does GetEventSelectors answer for a new trail?",
    "unknown-trail": "What does a read of an absent trail answer?",
    "malformed-arn": "What does a read with a malformed ARN answer?",
    "invalid-name": "What does a read with a malformed name answer?",
    "home-region": "What does a write from another region than the home region answer?",
    "error-form": "How does an error's body write the code and the text?",
    "write-bucket": "Do StartLogging, StopLogging and UpdateTrail share one rate limit?",
    "throttling": "What does a throttled call answer, and does it say when to try again?",
    "history-lag": "How long after a call does Event history show it?",
    "request-id": "Is a record's requestID the response's x-amzn-requestid?",
    "name-form": "Is requestParameters.name what was sent, or always name or ARN?",
    "resource-name": "By which names does LookupEvents with ResourceName find a call?",
    "redundant-recorded": "Are redundant calls in Event history?",
    "throttled-recorded": "Are throttled calls in Event history?",
    "event-time": "How far is eventTime from the trail's own time of the same call?",
    "user-identity": "Which members does userIdentity have for this caller?",
    "delivery": "How long until the first delivery, and which members tell of it?",
    "org-member": "What does a member account get for an organisation trail?",
    "delegated-admin": "Where does a delegated administrator's StopLogging show up?",
    "fifo-repeat": "Is a repeated Publish to a FIFO topic accepted and not delivered?",
}
NOT_ASKED = {
    "org-member": "Needs an organisation: --member-profile and --organization-trail-arn ask it.",
    "delegated-admin": "Needs an organisation, its delegated administrator, and the Event history "
                       "of both accounts.",
    "fifo-repeat": "Documented; asking it takes a topic, a queue and a subscription.",
}
EXPECTED = {"unknown-trail": "TrailNotFoundException",
            "malformed-arn": "CloudTrailARNInvalidException",
            "invalid-name": "InvalidTrailNameException",
            "home-region": "InvalidHomeRegionException"}
TIME = re.compile(r'"(\w+Time)"\s*:\s*(-?[0-9][0-9.eE+-]*)')
STARTING, STOPPING = ("start", "restart"), ("stop",)


def answer(text, evidence, confidence="certain", value=None, settings=None):
    numbers = sorted({row["n"] if isinstance(row, dict) else row for row in evidence if row})
    return {"answer": text, "value": value, "confidence": confidence, "evidence": numbers,
            "settings": settings or {}}


def unanswered(why, *evidence):
    return answer(why, evidence, "open")


def never_started(ev):
    row = ev.first(step="trail", operation="GetTrailStatus", ok=True)
    if row is None:
        return unanswered("The status of a fresh trail was not read.")
    body = parsed(row)
    filled = sorted(k for k, v in body.items() if v not in ("", None))
    empty = sorted(k for k, v in body.items() if v in ("", None))
    return answer(f"Filled: {', '.join(filled)}. Empty: {', '.join(empty) or 'none'}.", [row],
                  value={"filled": filled, "empty": empty})


def never_stopped(ev):
    row = ev.last(step="redundant-start", operation="GetTrailStatus", ok=True) or \
        ev.last(step="start", operation="GetTrailStatus", ok=True)
    if row is None or "StartLoggingTime" not in parsed(row):
        return unanswered("No status of a trail that was started and never stopped.", row)
    absent = "StopLoggingTime" not in parsed(row)
    return answer("Yes, it is absent." if absent else "No, it is there.", [row], value=absent)


def stop_time_stays(ev):
    row = ev.last(step="restart", operation="GetTrailStatus", ok=True)
    if row is None or parsed(row).get("IsLogging") is not True:
        return unanswered("The restart was not seen.", row)
    stays = "StopLoggingTime" in parsed(row)
    return answer("Yes, it stays." if stays else "No, it vanishes.", [row], value=stays)


def time_format(ev):
    digits, exponent, rows, text = 0, False, [], ""
    for row in ev.rows(operation="GetTrailStatus", ok=True):
        for _, written in TIME.findall(row["body"]):
            places = -Decimal(written).normalize().as_tuple().exponent
            exponent = exponent or "e" in written.lower()
            text = text or written
            if places > digits or not rows:
                digits, text = max(digits, places), written
                rows.append(row)
    if not rows:
        return unanswered("No time was seen.")
    how = "with an exponent" if exponent else "without an exponent"
    return answer(f"With up to {digits} digits after the point, {how}, such as {text}.", rows,
                  value={"digits": digits, "exponent": exponent},
                  settings={"time_digits": min(digits, 3), "time_exponent": exponent})


def lag_of(ev, step, logging):
    """(stale until, seen from, stale after fresh, rows) of one change; None when never seen."""
    call = ev.last(step=step, ok=True, operation="StartLogging" if logging else "StopLogging")
    rows = [r for r in ev.rows(step=step, operation="GetTrailStatus", ok=True)
            if call and r["n"] > call["n"]]
    fresh = [parsed(r).get("IsLogging") is logging for r in rows]
    if True not in fresh or not fresh[-1]:
        return None
    first, low = fresh.index(True), 0.0
    flap = False in fresh[first:]
    settled = len(fresh) - fresh[::-1].index(False) if False in fresh else 0
    if settled:
        low = rows[settled - 1]["sent"] - call["received"]
    high = rows[settled]["received"] - call["received"]
    return low, high, flap, [call, *rows]


def status_lag(ev):
    found = [lag_of(ev, s, True) for s in STARTING] + [lag_of(ev, s, False) for s in STOPPING]
    found = [f for f in found if f]
    if not found:
        return unanswered("No change was seen to arrive.")
    low, high = max(f[0] for f in found), max(f[1] for f in found)
    flap = any(f[2] for f in found)
    stale = 0.0 if low == 0.0 else round((low + high) / 2, 1)
    if low == 0.0:
        text = f"The first read showed it, {high:.2f} s after the call at most."
    else:
        text = f"Up to between {low:.2f} and {high:.2f} s."
    text += " A stale read came after a fresh one." if flap else \
        f" No stale read after a fresh one in {len(found)} changes."
    return answer(text, [r for f in found for r in f[3]], "likely",
                  value={"stale_until": low, "fresh_from": high, "flap": flap},
                  settings={"stale_read": stale, "stale_flap": flap})


def redundant(ev, step, member, before_steps, logging):
    """Whether a redundant call moved a time, by the last reads before and long after it."""
    call = ev.last(step=step, ok=True, operation="StartLogging" if logging else "StopLogging")
    before = next((r for r in (ev.last(step=s, operation="GetTrailStatus", ok=True)
                               for s in before_steps) if r), None)
    after = ev.last(step=step, operation="GetTrailStatus", ok=True)
    if not (call and before and after) or after["n"] < call["n"]:
        return unanswered("The call or a status around it is missing.", call, before, after)
    was, now = parsed(before), parsed(after)
    if was.get("IsLogging") is not logging or not isinstance(was.get(member), (int, Decimal)):
        return unanswered("The trail was not yet seen in the state that makes it redundant.",
                          before, call)
    moved = now.get(member) != was[member]
    waited = after["sent"] - call["received"]
    text = f"Yes: from {was[member]} to {now.get(member)}." if moved else \
        f"No: still {now.get(member)}, {waited:.0f} s after the call."
    return answer(text, [before, call, after], "certain" if moved else "likely", value=moved)


def redundant_both(ev):
    """Both questions; together they are one setting."""
    start = redundant(ev, "redundant-start", "StartLoggingTime", ("start",), True)
    stop = redundant(ev, "redundant-stop", "StopLoggingTime", ("stop",), False)
    known = [a["value"] is not None for a in (start, stop)]
    if any(known):
        both = {(True, True): True, (True, False): "StartLogging", (False, True): "StopLogging",
                (False, False): False}[bool(start["value"]), bool(stop["value"])]
        for one in (start, stop):
            one["settings"] = {"redundant_moves_times": both}
    return {"redundant-start": start, "redundant-stop": stop}


def event_selectors(ev):
    row = ev.first(operation="GetEventSelectors", ok=True)
    if row is None:
        return unanswered("They were not read.")
    body = parsed(row)
    kinds = sorted(k for k in body if k != "TrailARN")
    value = {k: body[k] for k in kinds}
    return answer(json.dumps(value, default=float), [row], value=value)


def refusal(ev, which, row):
    """The answer to a call that has to be refused."""
    if row is None or row["status"] is None:
        return unanswered("The call got no answer.", row)
    if row["error"].startswith("AccessDenied"):
        return unanswered(f"These credentials were denied it ({row['error']}), so the answer that "
                          "was asked for did not show.", row)
    if row["status"] == 200:
        return answer("It is accepted.", [row], value={"code": "", "status": 200})
    value = {"code": row["error"], "status": row["status"]}
    return answer(f"{row['error']} with status {row['status']}.", [row], value=value,
                  settings={"errors": {EXPECTED[which]: value}})


def refusals(ev):
    reads = ev.rows(step="errors", operation="GetTrailStatus")
    reads += [None] * (3 - len(reads))
    rows = dict(zip(("unknown-trail", "malformed-arn", "invalid-name"), reads))
    rows["home-region"] = ev.first(step="errors", operation="StartLogging")
    return {which: refusal(ev, which, row) for which, row in rows.items()}


def write_bucket(ev):
    """A throttled StartLogging, and another write at once: is that throttled too?"""
    rows, shared, used = ev.rows(step="throttling"), {}, []
    if not rows:
        return unanswered("It was not asked.")
    for row, following in zip(rows, rows[1:]):
        if throttled(row) and following["operation"] != "StartLogging":
            used += [row, following]
            if following["received"] - row["received"] < 0.7 or throttled(following):
                shared[following["operation"]] = throttled(following)
    if not shared:
        count = sum(1 for r in rows if r["status"] == 200)
        return unanswered(f"The limit was not reached, or the next write took too long "
                          f"({count} writes passed).", *rows)
    both = set(shared.values())
    text = "; ".join(f"{name} is {'throttled with it' if yes else 'not throttled with it'}"
                     for name, yes in sorted(shared.items()))
    if len(both) == 2:
        return answer(f"Partly: {text}.", used, "likely", value=shared)
    yes = both.pop()
    return answer(f"{'Yes' if yes else 'No'}: {text}.", used, "likely", value=shared,
                  settings={"tps_scope": "group" if yes else "operation"})


def throttling(ev):
    row = next((r for r in ev.exchanges if throttled(r)), None)
    if row is None:
        return unanswered("No call was throttled.")
    hints = {k: v for k, v in row["headers"].items() if "retry-after" in k}
    value = {"code": row["error"], "status": row["status"], "headers": hints}
    settings = {"throttle_status": row["status"], "throttle_headers": hints}
    if row["error"] != "ThrottlingException":
        settings["errors"] = {"ThrottlingException": {"code": row["error"],
                                                      "status": row["status"]}}
    said = f"with {hints}" if hints else "without a word on when to try again"
    return answer(f"{row['error']} with status {row['status']}, {said}.", [row], value=value,
                  settings=settings)


def history_lag(ev):
    """One lag that fits all calls if there is one, else the middle and the longest."""
    found = [(number, ev.brackets(number)) for number in sorted(ev.matched)
             if not throttled(ev.exchanges[number - 1])]
    found = [(number, b) for number, b in found if b]
    if not found:
        asked = ev.last(operation="LookupEvents", ok=True)
        changed = ev.first(operation="StartLogging", ok=True)
        waited = f"for {asked['sent'] - changed['received']:.0f} s " if asked and changed else ""
        return unanswered(f"None of the calls was seen {waited}in Event history.", asked)
    low, high = max(b[0] for _, b in found), min(b[1] for _, b in found)
    middles = [(b[0] + b[1]) / 2 for _, b in found]
    if low < high:
        text = f"Between {low:.0f} and {high:.0f} s, one lag fits all {len(found)} calls."
        usual, longest = round((low + high) / 2, 1), 0.0
    else:
        usual, longest = round(median(middles), 1), round(max(middles), 1)
        text = f"About {usual:.0f} s, at most about {longest:.0f} s, of {len(found)} calls."
    rows = [number for number, _ in found] + [b[2] for _, b in found]
    value = {"calls": len(found), "median": usual, "longest": longest or usual,
             "brackets": [list(b[:2]) for _, b in found]}
    return answer(text, rows, "likely", value=value,
                  settings={"history_lag": usual, "history_lag_max": longest})


def request_ids(ev):
    same = [n for n, record in ev.matched.items()
            if request_id(ev.exchanges[n - 1]) == record.get("requestID")]
    other = sorted(set(ev.matched) - set(same))
    if not ev.matched:
        return unanswered("No record was seen.")
    if same and other:
        return unanswered(f"In {len(same)} records yes, in {len(other)} no.", *ev.matched)
    text = f"Yes, in all {len(same)} records." if same else f"No, in none of {len(other)} records."
    return answer(text, ev.matched, value=bool(same), settings={"request_id_break": not same})


def name_form(ev):
    forms, rows = {}, []
    for number, record in sorted(ev.matched.items()):
        sent = ev.exchanges[number - 1]["params"].get("Name")
        noted = (record.get("requestParameters") or {}).get("name")
        if ev.exchanges[number - 1]["operation"] in ("StartLogging", "StopLogging") and \
                sent in ev.names and noted in ev.names:
            forms.setdefault(sent == ev.arn, set()).add(noted == ev.arn)
            rows.append(number)
    if set(forms) != {True, False}:
        return unanswered("Records of calls by name and by ARN were not both seen.", *rows)
    found = {(f, n) for f, notes in forms.items() for n in notes}
    kind = {frozenset({(True, True), (False, False)}): "sent",
            frozenset({(True, True), (False, True)}): "arn",
            frozenset({(True, False), (False, False)}): "name"}.get(frozenset(found))
    if kind is None:
        return unanswered("Now one, now the other.", *rows)
    text = {"sent": "It is what was sent.", "arn": "It is always the ARN.",
            "name": "It is always the name."}[kind]
    return answer(text, rows, value=kind, settings={"record_name": kind})


def resource_name(ev):
    asked = [r for r in ev.rows(operation="LookupEvents", ok=True)
             if r["params"]["LookupAttributes"][0]["AttributeKey"] == "ResourceName"]
    by_name, by_arn = ({record["eventID"] for row, record in ev.sightings if row in asked and
                        row["params"]["LookupAttributes"][0]["AttributeValue"] == wanted}
                       for wanted in (ev.name, ev.arn))
    found = set()
    for number, record in ev.matched.items():
        sent = ev.exchanges[number - 1]["params"].get("Name")
        if ev.exchanges[number - 1]["status"] == 200 and sent in ev.names:
            event = record["eventID"]
            found.add((sent == ev.arn, event in by_name, event in by_arn))
    if len(asked) < 2 or {f[0] for f in found} != {True, False}:
        return unanswered("Records of calls by name and by ARN were not both seen.", *asked)
    kinds = {"sent": {(False, True, False), (True, False, True)},
             "name": {(False, True, False), (True, True, False)},
             "arn": {(False, False, True), (True, False, True)},
             "both": {(False, True, True), (True, True, True)},
             "none": {(False, False, False), (True, False, False)}}
    kind = next((k for k, rows in kinds.items() if rows == found), None)
    if kind is None:
        return unanswered("Some calls by one, some by the other.", *asked)
    text = {"sent": "By what the call used, name or ARN.", "name": "By the name only.",
            "arn": "By the ARN only.", "both": "By both.", "none": "By neither."}[kind]
    return answer(text, asked, value=kind, settings={"resource_name": kind})


def redundant_recorded(ev):
    calls = [ev.last(step=s, operation=o, ok=True) for s, o in
             (("redundant-start", "StartLogging"), ("redundant-stop", "StopLogging"))]
    calls = [c for c in calls if c]
    if not calls or not ev.matched:
        return unanswered("No record was seen.", *calls)
    seen = [c for c in calls if c["n"] in ev.matched]
    if len(seen) == len(calls):
        return answer("Yes.", calls, value=True, settings={"redundant_recorded": True})
    if seen:
        return unanswered("One of them was seen, the other not.", *calls)
    asked = ev.last(operation="LookupEvents", ok=True)
    waited = asked["sent"] - calls[-1]["received"]
    return answer(f"No: not seen for {waited:.0f} s, while others were.", [*calls, asked], "likely",
                  value=False, settings={"redundant_recorded": False})


def throttled_recorded(ev):
    rows = [r for r in ev.exchanges if throttled(r) and r["by"] == "owner"]
    rows = [r for r in rows if r["operation"] in ("StartLogging", "StopLogging")]
    if not rows or not ev.matched:
        return unanswered("No call was throttled, or no record was seen.")
    seen = [r for r in ev.records.values() if "hrottl" in (r.get("errorCode") or "")]
    if seen:
        return answer(f"Yes, with errorCode {seen[0]['errorCode']}.", rows, value=True,
                      settings={"record_throttled": True})
    return answer("No: not seen, while others were.", rows, "likely", value=False,
                  settings={"record_throttled": False})


def event_time(ev):
    """eventTime (whole seconds) against the second of the trail's own time."""
    gaps, rows = {}, []
    for step, operation, member in (("start", "StartLogging", "StartLoggingTime"),
                                    ("stop", "StopLogging", "StopLoggingTime"),
                                    ("restart", "StartLogging", "StartLoggingTime")):
        call = ev.last(step=step, operation=operation, ok=True)
        shown = ev.last(step=step, operation="GetTrailStatus", ok=True)
        if call and shown and call["n"] in ev.matched and member in parsed(shown):
            gaps[step] = event_seconds(ev.matched[call["n"]]) - int(parsed(shown)[member])
            rows += [call, shown]
    if not gaps:
        return unanswered("No record of an effective call was seen.")
    low, high = min(gaps.values()), max(gaps.values())
    span = f"{low:+d} s" if low == high else f"between {low:+d} and {high:+d} s"
    return answer(f"By whole seconds, eventTime is at {span} of the trail's time.", rows,
                  value=gaps, settings={"event_delay": int(median(gaps.values()))})


def user_identity(ev):
    if not ev.matched:
        return unanswered("No record was seen.")
    number, record = min(ev.matched.items())
    identity = record.get("userIdentity") or {}
    members = members_of(identity)
    return answer(f"{identity.get('type')}: {', '.join(members)}.", [number],
                  value={"type": identity.get("type"), "members": members})


def delivery(ev):
    row = next((r for r in ev.rows(operation="GetTrailStatus", ok=True)
                if parsed(r).get("LatestDeliveryTime")), None)
    if row is None:
        last = ev.last(step="history", operation="GetTrailStatus", ok=True)
        return unanswered("No delivery was seen while the probe looked.", last)
    body, first = parsed(row), ev.last(step="start", operation="GetTrailStatus", ok=True)
    begun = body.get("StartLoggingTime", 0)
    if begun > body["LatestDeliveryTime"] and first:
        begun = parsed(first).get("StartLoggingTime", begun)
    after = float(round(body["LatestDeliveryTime"] - begun, 1))
    members = sorted(k for k, v in body.items() if "Deliver" in k and v not in ("", None))
    return answer(f"{after:.0f} s after the start; told by {', '.join(members)}.", [row], "likely",
                  value={"after": after, "members": members},
                  settings={"delivery_interval": after} if after > 0 else {})


def org_member(ev):
    rows = ev.rows(step="member")
    if not rows:
        return answer(NOT_ASKED["org-member"], [], "not asked")
    read, write = rows[0], rows[-1] if rows[-1]["operation"] == "StartLogging" else None
    parts = [f"GetTrailStatus: {read['error'] or 'is answered'} ({read['status']})."]
    settings = {}
    if write is None:
        parts.append("StartLogging was not asked (--member-start).")
    else:
        parts.append(f"StartLogging: {write['error'] or 'is accepted'} ({write['status']}).")
        if write["error"]:
            settings = {"org_member_code": write["error"]}
    value = {"read": read["error"], "start": write["error"] if write else None}
    return answer(" ".join(parts), rows, value=value, settings=settings)


def error_form(ev):
    """How a code is written on the wire: alone or behind a namespace, and the text's member."""
    found = {}
    for row in ev.rows(step="errors"):
        body, code = parsed(row), row["error"]
        written = body.get("__type", "")
        if code and written.endswith(code):
            texts = tuple(sorted(k for k in body if k.lower() == "message"))
            found.setdefault((written.removesuffix(code), texts), row)
    if not found:
        return unanswered("No refusal with a __type was seen.")
    if len({prefix for prefix, _ in found}) > 1:
        return unanswered("Now with one prefix, now with another.", *found.values())
    prefix, texts = next(iter(found))
    behind = f"behind {prefix!r}" if prefix else "alone"
    return answer(f"__type holds the code {behind}; the text is in {' and '.join(texts)}.",
                  found.values(), value={"prefix": prefix, "text": list(texts)},
                  settings={"error_prefix": prefix})


ONE_EACH = {"never-started": never_started, "never-stopped": never_stopped,
            "stop-time-stays": stop_time_stays, "time-format": time_format,
            "status-lag": status_lag, "event-selectors": event_selectors,
            "error-form": error_form, "write-bucket": write_bucket, "throttling": throttling,
            "history-lag": history_lag, "request-id": request_ids, "name-form": name_form,
            "resource-name": resource_name, "redundant-recorded": redundant_recorded,
            "throttled-recorded": throttled_recorded, "event-time": event_time,
            "user-identity": user_identity, "delivery": delivery, "org-member": org_member}


def tried(work, *given):
    """What work answers. What nobody foresaw an account to say is told, and loses nothing."""
    try:
        return work(*given)
    except Exception as error:
        return unanswered(f"What AWS said was not understood ({type(error).__name__}: {error}).")


def deduce(exchanges, meta):
    """All answers, in the order of QUESTIONS, from what a run has saved."""
    trail = meta.get("trail") or {"name": "", "arn": ""}
    ev = Evidence(exchanges, trail)
    found = {which: tried(work, ev) for which, work in ONE_EACH.items()}
    for work in (redundant_both, refusals):
        several = tried(work, ev)
        found.update({} if "answer" in several else several)
    for which in QUESTIONS:
        if which in NOT_ASKED:
            found.setdefault(which, answer(NOT_ASKED[which], [], "not asked"))
        found.setdefault(which, unanswered("What AWS said was not understood."))
    return [{"id": which, "question": question, **found[which]}
            for which, question in QUESTIONS.items()]
