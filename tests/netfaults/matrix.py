# SPDX-License-Identifier: Apache-2.0
"""The client's layer: every kind by every API through the driver, and what is judged of it."""

import os
import re
import subprocess
import time

import answers
from kinds import KINDS
from server import FAULT, GOOD, TRAP, Page, Server, address

APIS = answers.SERVICES + answers.IMDS
SECONDS_MAX = 420
# Words of ours that say nothing to anybody.
EMPTY_WORDS = re.compile(r"|(unknown|internal) error", re.IGNORECASE)


class Cell:
    def __init__(self, number, kind, api, want):
        self.number, self.kind, self.api, self.want = number, kind, api, want
        self.rounds, self.problems = {}, []

    def line(self, server):
        """As the driver reads it."""
        kind, imds = self.kind, self.api in answers.IMDS
        flags = ("s" if kind.slow else "") + ("w" if kind.idle else "") or "-"
        url = (f"http://{address(self.number)}:{server.plain_port}" if imds else
               f"https://c{self.number}.netfaults.test:{server.tls_port}")
        proxy = (f"http://{address(self.number, 200)}:{server.plain_port}" if kind.proxied else "-")
        return f"{self.number} {self.api} {flags} {url} {proxy}\n"

    def step(self):
        """Good answers before the step of IMDS that fails."""
        return answers.IMDS.index(self.api) if self.api in answers.IMDS else 0

    def judge(self, trapped):
        """Every round by what it had to be; what is wrong is kept."""
        wanted = [("fault", self.want), ("mended", "ok")]
        if self.kind.idle:
            wanted.insert(0, ("good", "ok"))
        for name, want in wanted:
            row = self.rounds.get(name)
            if row is None:
                self.problems.append(f"{name}: never ended")
                continue
            outcome = "ok" if row["class"] == "none" else f"{row['class']} {row['code']}"
            if not re.fullmatch(want, outcome):
                self.problems.append(f"{name}: {outcome} ({row['message']}), not {want}")
            elif outcome != "ok":
                self.judge_words(row)
        if self.number in trapped:
            self.problems.append("a redirect was followed")

    def judge_words(self, row):
        """An error has to say who failed."""
        said = row["message"]
        ours = row["status"] == "0"
        if not said.isprintable() or EMPTY_WORDS.fullmatch(said.strip()):
            if not re.match("HTTP ", row["code"]):  # with the status everything is said
                self.problems.append(f"words: {said!r}")
        if row["class"] == "network" and ours and "netfaults.test" not in said:
            self.problems.append(f"does not say who failed: {said!r}")


def make_cells(kinds, apis):
    found = []
    for kind in kinds:
        for api in apis:
            want = kind.expected(api)
            if want:
                found.append(Cell(len(found) + 2, kind, api, want))
    return found


class MatrixServer(Server):
    """With what some kinds ask for."""

    def trap_url(self, c):
        scheme, port = ("http", self.plain_port) if c.plain else ("https", self.tls_port)
        return f"{scheme}://{address(c.cell, TRAP)}:{port}/"

    def usual_request(self, c):
        """That which this cell's client will send."""
        return self.requests[c.cell]


def run_driver(driver, ca_file, page, cells, server):
    environment = {"PATH": "/usr/bin:/bin", "NETFAULTS_PAGE": page.path,
                   **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
    return subprocess.run([driver, ca_file], input="".join(c.line(server) for c in cells), text=True,
                          capture_output=True, env=environment, timeout=SECONDS_MAX)


def run(driver, folder, bundle, contexts, kinds, apis):
    """(cells judged, problems of no cell, seconds)."""
    page = Page(os.path.join(folder, "matrix.page"))
    cells = make_cells(kinds, apis)
    server = MatrixServer(page, KINDS, contexts, answers.good)
    server.requests = {c.number: answers.UsualRequest(c.api) for c in cells}
    for c in cells:
        page.place(c.number, GOOD if c.kind.idle else FAULT, c.kind.network, c.step(),
                   KINDS.index(c.kind))
    began = time.monotonic()
    done = run_driver(driver, bundle, page, cells, server)
    problems = list(server.errors)
    numbered = {c.number: c for c in cells}
    for line in done.stdout.splitlines():
        number, name, *rest = line.split("\t")
        cell = numbered[int(number)]
        if name == "broken":
            cell.problems.append(rest[0])
        else:
            cell.rounds[name] = dict(zip(("class", "code", "status", "attempts", "message"), rest))
    if done.returncode:
        problems.append(f"the driver ended with status {done.returncode}:\n" +
                        "\n".join(done.stderr.splitlines()[:60]))
    for c in cells:
        c.judge(server.trapped)
    return cells, problems, time.monotonic() - began


def table(cells, kinds, apis):
    """kind x API: ok, NO, or a dash where there is nothing to try."""
    known = {(c.kind, c.api): c for c in cells}
    width = max(len(k.name) for k in kinds)
    lines = [" " * width + " " + " ".join(f"{short(a):>5}" for a in apis)]
    for kind in kinds:
        marks = [known.get((kind, api)) for api in apis]
        lines.append(f"{kind.name:<{width}} " + " ".join(
            f"{'-' if c is None else 'NO' if c.problems else 'ok':>5}" for c in marks))
    return "\n".join(lines)


def short(api):
    """GetTrailStatus as GTS."""
    return api[:2] + "".join(ch for ch in api[2:] if ch.isupper())
