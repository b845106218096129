# SPDX-License-Identifier: Apache-2.0
"""Which check runs which line. A check that never enters a function cannot find what is wrong in
it, and is not run for it."""

import json
import subprocess

from build import Check, object_of

# Whether a file is run by worlds at all is told by a few of them.
FEW_WORLDS = {"light worlds": ("-r", "-n", "50", "-w", "0"),
              "whole worlds": ("-r", "-n", "0", "-w", "30")}


class Reach:
    """Counts the lines of some sources while everything runs once, and how long each takes."""

    def __init__(self, build, sources):
        self.build, self.out = build, build.out / "coverage"
        self.out.mkdir()
        self.runs = {}  # (path, line), (path, function) or path: names of checks
        self.cpu = {}
        self.programs = [Check(p.name.removeprefix("tests/"), p) for p in build.programs]
        objects = build.parallel(self._compile, sources)
        self.instead = dict(zip(sources, objects))
        build.link(self.out, self.instead, ["--coverage"])
        worlds = [Check(name, build.sim, arguments) for name, arguments in FEW_WORLDS.items()]
        checks = [*self.programs, *worlds]
        for check, keys in zip(checks, build.parallel(self._count, checks)):
            for key in keys:
                self.runs.setdefault(key, set()).add(check.name)

    def _compile(self, source):
        return self.build.compile(source, self.out / object_of(source), ["-O0", "--coverage"])

    def _count(self, check):
        counters = self.out / check.name.replace("/", "-").replace(" ", "-")
        counters.mkdir()
        library = self.build.library_for(check.program, self.out, self.instead, ["--coverage"])
        _, self.cpu[check.name] = self.build.run(check, library, GCOV_PREFIX=str(counters),
                                                 GCOV_PREFIX_STRIP="99")
        counted = sorted(counters.glob("*.gcda"))
        for path in counted:
            path.with_suffix(".gcno").symlink_to(self.out / path.with_suffix(".gcno").name)
        if not counted:
            return set()
        told = subprocess.run(["gcov", "--json-format", "--stdout", *[p.name for p in counted]],
                              cwd=counters, check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout
        return set(self._executed(told.splitlines()))

    @staticmethod
    def _executed(documents):
        for document in documents:
            for file in json.loads(document)["files"] if document.strip() else []:
                path = file["file"]
                yield from ((path, x["line_number"]) for x in file["lines"] if x["count"])
                entered = [x["name"] for x in file["functions"] if x["execution_count"]]
                yield from ((path, name) for name in entered)
                if entered:
                    yield path

    def order(self, mutant):
        """The programs that can find a mutant: those that run its line first, the quick before the
        slow; and the kinds of worlds that run its file."""
        near = set()
        for line in range(mutant.line, mutant.last_line + 1):
            near |= self.runs.get((mutant.path, line), set())
        place = (mutant.path, mutant.function) if mutant.function else mutant.path
        able = self.runs.get(place, set()) | near
        programs = sorted((p for p in self.programs if p.name in able),
                          key=lambda p: (p.name not in near, self.cpu[p.name], p.name))
        return programs, [w for w in FEW_WORLDS if w in self.runs.get(mutant.path, set())]
