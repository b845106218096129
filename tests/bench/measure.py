# SPDX-License-Identifier: Apache-2.0
"""The measurements, each a function that gives plain numbers for one contender."""

import os
import re
import time

from contenders import Unavailable

LOOK_SECONDS = 0.005


def wait_polls(bench, run, port, count, seconds, look=LOOK_SECONDS):
    """Until the endpoint has so many of its polls or the time is over; how many, when."""
    deadline = time.monotonic() + seconds
    while True:
        run.check()
        seen, now = bench.endpoint.polls(port), time.monotonic()
        if seen >= count or now >= deadline:
            return seen, now
        time.sleep(look)


def warm_up(bench, run, port, pace):
    """Some polls; with a pace, until that is kept: at its start the daemon looks at all trails at
    once, which is not what is to be measured."""
    first = bench.endpoint.polls(port)
    seen, before = wait_polls(bench, run, port, first + 50, 30)
    if seen < first + 50:
        raise RuntimeError(f"{seen - first} polls within 30 s")
    deadline = time.monotonic() + 30
    while pace and time.monotonic() < deadline:
        time.sleep(0.2)
        run.check()
        last, seen = seen, bench.endpoint.polls(port)
        before, now = time.monotonic(), before
        if abs((seen - last) / (before - now) * pace - 1) < 0.3:
            return
    if pace:
        raise RuntimeError("the pace is not kept")


def cpu_slice(bench, contender, case, polls, seconds):
    """CPU seconds per 10,000 polls and polls a second, after a warm-up."""
    port = bench.endpoint.closing if case.closing else bench.endpoint.kept[0]
    first = bench.endpoint.polls(port)
    run = contender.start(port, load=case.load, token=case.token)
    try:
        warm_up(bench, run, port, case.load.pace if contender.name == bench.first else 0)
        cpu, n, began = run.cpu_seconds(), bench.endpoint.polls(port), time.monotonic()
        _, ended = wait_polls(bench, run, port, n + polls, seconds)
        cpu, n = run.cpu_seconds() - cpu, bench.endpoint.polls(port) - n
    finally:
        run.end()
    if n == 0:
        raise RuntimeError(f"{contender.name}: no poll within {seconds} s")
    return {"cpu": cpu / n * 10000, "rate": n / (ended - began), "polls": n}


def resident(bench, contenders, polls, seconds):
    """kB resident after so many polls of one trail; everybody at once, which changes nothing."""
    runs = {}
    try:
        for contender, port in zip(contenders, bench.endpoint.kept[1:]):
            runs[contender.name] = (contender.start(port), port, bench.endpoint.polls(port))
        deadline = time.monotonic() + seconds
        found = {}
        for name, (run, port, first) in runs.items():
            seen, _ = wait_polls(bench, run, port, first + polls, deadline - time.monotonic())
            found[name] = {"kb": run.resident_kb(), "polls": seen - first}
            run.end()
        return found
    finally:
        for run, _, _ in runs.values():
            run.end()


def first_poll(bench, contender):
    """Milliseconds from its start to nginx's answer to its first GetTrailStatus."""
    port = bench.endpoint.kept[0]
    first = bench.endpoint.polls(port)
    run = contender.start(port)
    try:
        _, ended = wait_polls(bench, run, port, first + 1, 30, look=0.0002)
        return ended * 1e3 - run.spawned / 1e6
    finally:
        run.end()


def stop_to_start(bench, contender, stops):
    """Milliseconds from the last byte of an answer that shows a stop to StartLogging's arrival."""
    found = []
    bench.stamps.reset()
    run = contender.start(bench.stamps.port)
    try:
        bench.stamps.wait("GetTrailStatus", count=5)
        for _ in range(stops):
            time.sleep(0.25)  # what the last stop has set off is over
            first = len(bench.stamps.events)
            bench.stamps.stop()
            started = bench.stamps.wait("StartLogging", first=first)
            showed = [e for e in bench.stamps.events[first:] if e.showed_stop]
            found.append((started.arrived - showed[0].answered) / 1e6)
        return found
    finally:
        run.end()


# strace

LINE = re.compile(r"(\d+) +(\d+\.\d+) (\w+)\((.*)\) = (-?\d+)")
READS, WRITES = ("read", "recvfrom", "recvmsg"), ("write", "sendto", "sendmsg")
WAITS = ("epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll")


def traced(bench, contender, port, calls, ready):
    """Runs it under strace until ready(run) has returned; the lines of its trace."""
    path = os.path.join(bench.folder, "trace")
    prefix = ["/usr/bin/strace", "-D", "-f", "-qq", "-ttt", "-s", "0", "-o", path, "-e",
              "signal=none", "-e", "trace=" + ",".join(calls)]
    run = contender.start(port, prefix=prefix)
    try:
        ready(run)
    finally:
        run.end(gently=True)
    time.sleep(0.2)  # strace, which is no child of ours, writes its last lines
    with open(path, encoding="ascii", errors="replace") as trace:
        return [line.rstrip("\n") for line in trace], run.pid


def same_turn(bench, contender):
    """Whether no wait stands between reading the answer that shows the stop and writing
    StartLogging: how often the daemon waited between the two, by strace."""
    bench.stamps.reset()
    # An answer within the very call that has sent the request happens on loopback only.
    bench.stamps.delay = 0.005

    def ready(run):
        bench.stamps.wait("GetTrailStatus", count=20)
        bench.stamps.stop()
        bench.stamps.wait("StartLogging")

    lines, pid = traced(bench, contender, bench.stamps.port, (*READS, *WRITES, *WAITS), ready)
    bench.stamps.delay = 0
    start = bench.stamps.wait("StartLogging")
    showed = next(e for e in bench.stamps.events if e.showed_stop)
    waits, read, found = 0, False, None
    for line in lines:
        match = LINE.match(line)
        if not match or int(match[1]) != pid:
            continue
        at, call, result = float(match[2]) * 1e9, match[3], int(match[5])
        # strace stamps a call at its beginning: a write of StartLogging begins before it arrives.
        if at < showed.answering_wall or at > start.arrived_wall:
            continue
        fd = match[4].split(",", 1)[0]
        if call in READS and result > 5:  # more than a TLS record's header
            read, waits = fd, 0
        elif call in WAITS:
            waits += 1
        elif call in WRITES and read == fd and result > 100:
            found = waits
    return {"waits": found, "same_connection": start.connection == showed.connection}


def bundle_opens(bench, contender, polls):
    """How often it opens the CA bundle in a run where each poll makes a new connection."""
    port = bench.endpoint.closing
    first = bench.endpoint.polls(port)
    lines, _ = traced(bench, contender, port, ("open", "openat"),
                      lambda run: wait_polls(bench, run, port, first + polls, 60))
    opened = [line for line in lines if f'"{bench.authority.bundle}"' in line or
              bench.authority.bundle in line]
    return {"opens": len(opened), "connections": bench.endpoint.polls(port) - first}


# callgrind

def instructions(bench, contender, token, few, many):
    """Instructions a poll, all threads: the difference between a short run and a long one."""
    found = []
    for polls in (few, many):
        port = bench.endpoint.kept[0]
        first = bench.endpoint.polls(port)
        out = os.path.join(bench.folder, "callgrind.out")
        prefix = ["/usr/bin/valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]
        # The run's own authority alone: what is loaded once is not what this is about.
        run = contender.start(port, token=token, prefix=prefix, bundle=bench.authority.ca,
                              count=polls)
        try:
            deadline = time.monotonic() + 120
            while (bench.endpoint.polls(port) - first < polls and run.process.poll() is None and
                   time.monotonic() < deadline):
                time.sleep(0.02)
            if contender.name != bench.first:
                run.process.wait(30)
        finally:
            run.end(gently=True)
        if not os.path.exists(out):
            raise Unavailable("callgrind left no file")
        with open(out, encoding="ascii", errors="replace") as profile:
            total = next(int(line.split()[1]) for line in profile
                         if line.startswith(("totals:", "summary:")))
        os.unlink(out)
        found.append((bench.endpoint.polls(port) - first, total))
    (n1, total1), (n2, total2) = found
    return (total2 - total1) / (n2 - n1)
