# SPDX-License-Identifier: Apache-2.0
"""Medians, ratios round by round, and the tables that are printed."""

from statistics import median

from contenders import BOTO3, DAEMON, JAVASCRIPT, SAME, SIGV4


def ratio(rounds, name, other, key="cpu"):
    """Median of the ratios of each round; None when one of the two is missing."""
    pairs = [(r[name][key], r[other][key]) for r in rounds if name in r and other in r]
    return median(a / b for a, b in pairs) if pairs else None


def middle(rounds, name, key):
    values = [r[name][key] for r in rounds if name in r]
    return median(values) if values else None


def number(value, digits=2):
    return "-" if value is None else f"{value:,.{digits}f}"


def table(head, rows):
    """Lines in columns: the first flush left, the others right."""
    rows = [[str(cell) for cell in row] for row in (head, *rows)]
    width = [max(len(row[k]) for row in rows) for k in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(w) if k == 0 else cell.rjust(w)
                               for k, (cell, w) in enumerate(zip(row, width))) + " |"
             for row in rows]
    lines.insert(1, "| " + " | ".join("-" * w if k == 0 else "-" * (w - 1) + ":"
                                      for k, w in enumerate(width)) + " |")
    return "\n".join(lines)


class Target:
    """One sentence of the requirement with what was measured for it."""

    def __init__(self, text, value, limit, digits=2, note=""):
        self.text, self.value, self.limit, self.digits = text, value, limit, digits
        self.note = note

    @property
    def verdict(self):
        if self.value is None:
            return "not measured"
        return "met" if self.value <= self.limit else "missed"

    def row(self):
        return [self.text, number(self.value, self.digits), f"≤ {number(self.limit, self.digits)}",
                self.verdict + (f" ({self.note})" if self.note else "")]

    def plain(self):
        return {"text": self.text, "value": self.value, "limit": self.limit,
                "verdict": self.verdict}


def show_cpu(results, names):
    head = ["CPU seconds per 10,000 polls", *names, "÷ same bytes", "÷ SigV4", "÷ JS", "÷ boto3"]
    rows = []
    for case, rounds in results.items():
        rows.append([case, *(number(middle(rounds, n, "cpu")) for n in names),
                     *(number(ratio(rounds, DAEMON, n)) for n in (SAME, SIGV4, JAVASCRIPT, BOTO3))])
    return table(head, rows)


def show_rate(results, names):
    return table(["calls a second", *names],
                 [[case, *(number(middle(rounds, n, "rate"), 0) for n in names)]
                  for case, rounds in results.items()])


def show_moments(moments, names):
    head = ["one trail, full CA bundle", *names]
    rows = []
    for title, key, digits in (("start to first poll, ms", "start", 1),
                               ("stop shown to StartLogging, ms", "stop", 2),
                               ("RSS after polls, MB", "rss", 1)):
        values = moments.get(key)
        if values:
            rows.append([title, *(number(values.get(n), digits) for n in names)])
    return table(head, rows) if rows else ""


def show_instructions(values):
    head = ["instructions a poll (callgrind)", "trailsentryd", "same bytes", "libcurl SigV4",
            "÷ SigV4"]
    rows = []
    for case, found in values.items():
        own, sigv4 = found.get(DAEMON), found.get(SIGV4)
        rows.append([case, number(own, 0), number(found.get(SAME), 0), number(sigv4, 0),
                     number(own / sigv4 if own and sigv4 else None)])
    return table(head, rows)


def targets(results, moments, instruction, turn, opens):
    """All targets of the requirement, in its order."""
    found = []
    for case, rounds in results.items():
        if case.startswith("kept"):
            found.append(Target(f"CPU ÷ same bytes, {case}", ratio(rounds, DAEMON, SAME),
                                1.3 if case.endswith("token") else 1.4))
    for case, values in instruction.items():
        own, sigv4 = values.get(DAEMON), values.get(SIGV4)
        found.append(Target(f"instructions ÷ libcurl SigV4, {case}",
                            own / sigv4 if own and sigv4 else None, 0.6))
    for other, limit in ((JAVASCRIPT, 1 / 5), (BOTO3, 1 / 6)):
        for case, rounds in results.items():
            if case.startswith("kept"):
                found.append(Target(f"CPU ÷ {other}, {case}", ratio(rounds, DAEMON, other), limit))
    found.append(Target("RSS with the full CA bundle, MB",
                        (moments.get("rss") or {}).get(DAEMON), 15, 1))
    if opens:
        # Once to look at its frame (src/net/httpcurl.c), once by libcurl to load it.
        found.append(Target("CA bundle loaded, times", opens["opens"] - 1, 1, 0,
                            f"{opens['connections']} connections"))
    found.append(Target("start to first poll, ms",
                        (moments.get("start") or {}).get(DAEMON), 40, 1))
    if turn:
        waits = turn["waits"] if turn["same_connection"] else None
        found.append(Target("waits between reading the stop and writing StartLogging", waits, 0, 0))
    return found


def show_targets(found):
    return table(["target", "measured", "limit", "verdict"], [t.row() for t in found])
