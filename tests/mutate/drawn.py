# SPDX-License-Identifier: Apache-2.0
"""Mutants drawn from the code as it is: chosen, run, counted."""

import collections
import hashlib
import itertools
import json
import pathlib
import tempfile
import threading

import mutants
from build import Build, Check
from reach import Reach

WORLDS = {"light worlds": ("-x", "-r", "-n", "3000", "-w", "0"),
          "whole worlds": ("-x", "-r", "-n", "0", "-w", "300")}
SHORT_WORLDS = {"light worlds": ("-x", "-r", "-n", "1000", "-w", "0"),
                "whole worlds": ("-x", "-r", "-n", "0", "-w", "100")}
SANITIZED_WORLDS = {"light worlds": ("-x", "-r", "-n", "100", "-w", "0"),
                    "whole worlds": ("-x", "-r", "-n", "0", "-w", "50")}
SCENARIO_SECONDS = 2  # dearer ones are not run for each mutant


class Choice:
    """The mutants of a tree in the order of a seed."""

    def __init__(self, tree, folders, seed):
        self.texts, found = {}, []
        following = mutants.enumerators(p.read_text() for p in sorted(tree.glob("src/*/*.[ch]")))
        for folder in folders:
            for path in sorted(tree.glob(f"src/{folder}/*.c")):
                name = path.relative_to(tree).as_posix()
                self.texts[name] = path.read_text()
                found += mutants.sites(name, self.texts[name], following)
        self.draws = mutants.draws(found, seed)

    def text(self, mutant):
        return mutant.applied(self.texts[mutant.path])

    def key(self, mutant):
        """The same mutant of the same file has the same."""
        digest = hashlib.sha256(self.text(mutant).encode()).hexdigest()
        return f"{mutant.path}:{mutant.line} {mutant.kind} {digest[:16]}"

    def first(self, n, compiler):
        """The first that compile to something else than the code, and each to something else than
        those before; and the objects."""
        chosen, numbers = [], itertools.count()
        seen = set(compiler.parallel(lambda s: digest_of(compiler.compile(s)), self.texts))

        def make(mutant):
            target = compiler.out / f"mutant{next(numbers)}.o"
            made = compiler.compile_changed(mutant.path, self.text(mutant), target)
            return mutant, target, made and digest_of(target)

        while len(chosen) < n:
            some = list(itertools.islice(self.draws, max(4, n - len(chosen))))
            if not some:
                break
            for mutant, target, digest in compiler.parallel(make, some):
                if digest and digest not in seen and len(chosen) < n:
                    seen.add(digest)
                    chosen.append((mutant, target))
                else:
                    target.unlink(missing_ok=True)
        return chosen


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Trial:
    """A build, and what it runs for a mutant, cheapest first."""

    def __init__(self, build, reach, worlds, scenarios=False):
        self.build, self.reach = build, reach
        self.worlds = [Check(name, build.sim, a) for name, a in worlds.items()]
        names = build.scenarios() if scenarios else []
        self.scenarios = [Check(f"scenario {n}", build.sim, ("-x", "-n", "0", "-w", "0", "-S", n))
                          for n in names]
        checks = [*self.worlds, *self.scenarios]
        took = build.parallel(lambda c: build.run(c, build.out)[1], checks)
        self.cpu = dict(reach.cpu) | {c.name: cpu for c, cpu in zip(checks, took)}
        self.scenarios = sorted((s for s in self.scenarios if self.cpu[s.name] < SCENARIO_SECONDS),
                                key=lambda s: self.cpu[s.name])
        self.sound, self.lock = {}, threading.Lock()

    def is_sound(self, check):
        """Whether it passes as the tree is."""
        with self.lock:
            if check.name not in self.sound:
                library = self.build.library_for(check.program, self.build.out)
                self.sound[check.name] = not self.build.fails(check, library, self.cpu[check.name])
                if not self.sound[check.name]:
                    print(f"left out: {check.name} fails as the tree is", flush=True)
            return self.sound[check.name]

    def first_that_fails(self, mutant, target):
        programs, kinds = self.reach.order(mutant)
        worlds = [w for w in self.worlds if w.name in kinds]
        with tempfile.TemporaryDirectory(dir=self.build.out) as folder:
            folder, instead = pathlib.Path(folder), {mutant.path: target}
            self.build.link(folder, instead)
            for check in [*programs, *worlds, *(self.scenarios if kinds else [])]:
                library = self.build.library_for(check.program, folder, instead)
                if self.sound.get(check.name, True) and \
                        self.build.fails(check, library, self.cpu[check.name]) and \
                        self.is_sound(check):
                    return check.name
        return ""


class Results:
    """What found each mutant, "" when nothing did; kept in a file."""

    def __init__(self, path):
        self.path, self.lock, self.found = path, threading.Lock(), {}
        if path and path.exists():
            self.found = dict(json.loads(line) for line in path.read_text().splitlines())

    def add(self, key, found):
        with self.lock:
            self.found[key] = found
            print(f"{key.rsplit(' ', 1)[0]}: {found or 'SURVIVES'}", flush=True)
            if self.path:
                with self.path.open("a") as f:
                    f.write(json.dumps([key, found]) + "\n")


def run(options):
    choice = Choice(options.tree, options.folders.split(","), options.seed)
    results = Results(options.keep)
    with tempfile.TemporaryDirectory() as out:
        out = pathlib.Path(out)
        build = Build(options.tree, out / "plain", options.jobs)
        chosen = choice.first(options.n, build)
        waiting = [(m, o) for m, o in chosen if choice.key(m) not in results.found]
        if waiting:
            reach = Reach(build, sorted({m.path for m, _ in waiting}))
            trial = Trial(build, reach, SHORT_WORLDS if options.short else WORLDS, not options.short)
            try_all(options, choice, results, trial, waiting)
    report(choice, results, [m for m, _ in chosen])
    return 0


def try_all(options, choice, results, trial, waiting):
    left = []

    def judge(pair):
        found = trial.first_that_fails(*pair)
        if found or options.short:
            results.add(choice.key(pair[0]), found)
        else:
            left.append(pair[0])

    trial.build.parallel(judge, waiting)
    if left:
        try_sanitized(options, choice, results, trial, left)


def try_sanitized(options, choice, results, trial, left):
    """What spoils memory without consequences, or loses it, is what the sanitizers are for."""
    print(f"{len(left)} survive so far; once more with sanitizers", flush=True)
    build = Build(options.tree, trial.build.out.parent / "sanitized", options.jobs, sanitize=True)
    strict = Trial(build, trial.reach, SANITIZED_WORLDS)

    def judge(mutant):
        target = build.out / f"{id(mutant)}.o"
        build.compile_changed(mutant.path, choice.text(mutant), target)
        found = strict.first_that_fails(mutant, target)
        results.add(choice.key(mutant), found and f"{found}, with sanitizers")

    build.parallel(judge, left)


def report(choice, results, chosen):
    tried = [(m, results.found[choice.key(m)]) for m in chosen]
    survivors = sorted((m for m, found in tried if not found), key=lambda m: (m.path, m.line))
    if survivors:
        print("\nWhat no test notices:")
    for m in survivors:
        print(f"\n{m.path}:{m.line} {m.function or '#define'}() {m.kind}"
              .replace("#define()", "#define"))
        for sign, line in m.shown(choice.texts[m.path]):
            print(f"{sign}{line}")
    tiers = collections.Counter(tier_of(found) for _, found in tried if found)
    print("\nfound by: " + ", ".join(f"{t} {n}" for t, n in tiers.most_common()))
    print(f"{len(tried)} mutants, {len(tried) - len(survivors)} found, {len(survivors)} survive; "
          f"found by kind: {shares(tried, lambda m: m.kind)}; "
          f"by folder: {shares(tried, lambda m: m.path.split('/')[1])}")


def tier_of(found):
    if found.endswith("sanitizers"):
        return "sanitizers"
    return found.split("/")[0] if "/" in found else found.split(" ")[0] + "s" \
        if found.startswith("scenario") else found


def shares(tried, name_of):
    all_of = collections.Counter(name_of(m) for m, _ in tried)
    found = collections.Counter(name_of(m) for m, f in tried if f)
    return ", ".join(f"{name} {found[name]}/{n}" for name, n in sorted(all_of.items()))
