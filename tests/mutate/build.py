# SPDX-License-Identifier: Apache-2.0
"""A tree, compiled once: the library as a shared object, and the programs of `make check` that load
whichever LD_LIBRARY_PATH names. A mutant then costs one compilation and one link."""

import concurrent.futures
import contextlib
import dataclasses
import os
import queue
import re
import resource
import shutil
import signal
import subprocess
import threading

CCACHE = ["ccache"] if shutil.which("ccache") else []
CFLAGS = ["-std=gnu17", "-O2", "-w", "-fPIC", "-D_GNU_SOURCE", '-DPACKAGE_VERSION="0"',
          '-DSYSCONFDIR="/etc"', '-DLOCALSTATEDIR="/var"', "-Isrc", "-Itests/unit", "-Itests/vectors",
          "-Itests/sim"]
SANITIZE = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
LIBS = ["-lcurl", "-ljansson", "-lcrypto", "-lssl", "-lexpat", "-lsystemd", "-lconfig", "-lpthread"]
FOLDERS = ("tests/unit/", "tests/vectors/", "tests/fuzz/")
# A program that spins or waits without end has found something: this, and so many times what it
# takes when nothing is wrong.
CPU_SECONDS, CPU_FACTOR, WALL_SECONDS = 10, 5, 120
MEMORY = 4 << 30  # so has one that allocates without end
SKIPPED = 77


class Makefile:
    """The variables of Makefile.am, as far as they name sources."""

    def __init__(self, tree):
        text = (tree / "Makefile.am").read_text().replace("\\\n", " ")
        self.variables = {}
        for name, plus, words in re.findall(r"^(\w+) (\+?)=(.*)$", text, re.M):
            self.variables[name] = (self.variables.get(name, "") if plus else "") + " " + words

    def words(self, name, default=""):
        found = []
        for word in self.variables.get(name, default).split():
            m = re.fullmatch(r"\$\((\w+)\)", word)
            found += self.words(m[1]) if m else [word]
        return found

    def sources(self, target):
        name = re.sub(r"\W", "_", target) + "_SOURCES"
        return tuple(s for s in self.words(name, f"{target}.c") if s.endswith(".c"))

    def program(self, name):
        flags = self.words(re.sub(r"\W", "_", name) + "_LDFLAGS")
        return Program(name, self.sources(name), tuple(f for f in flags if "--wrap=" in f))


@dataclasses.dataclass(frozen=True)
class Program:
    name: str
    sources: tuple
    wraps: tuple  # for the linker: what the library calls goes through the program


@dataclasses.dataclass(frozen=True)
class Check:
    """One run of a program, which passes or fails."""
    name: str
    program: Program
    arguments: tuple = ()


def object_of(source):
    return source.replace("/", "_")[:-2] + ".o"


class Compiler:
    """Has a copy of the tree for each job, so that a mutant stands where its original stood: what
    differs in the object is the mutant's doing, and not its name's."""

    def __init__(self, tree, out, jobs, sanitize=False):
        self.tree, self.out, self.jobs, self.sanitize = tree, out, jobs, sanitize
        self.flags = [*CFLAGS, *(SANITIZE if sanitize else [])]
        out.mkdir(exist_ok=True)
        self.copies = queue.Queue()
        for n in range(jobs):
            for part in ("src", "tests"):
                shutil.copytree(tree / part, out / f"tree{n}" / part)
            self.copies.put(out / f"tree{n}")

    def parallel(self, function, items):
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            return list(pool.map(function, items))

    @contextlib.contextmanager
    def _copy(self):
        copy = self.copies.get()
        try:
            yield copy
        finally:
            self.copies.put(copy)

    def compile(self, source, target=None, flags=()):
        target = target or self.out / object_of(source)
        with self._copy() as copy:
            subprocess.run([*CCACHE, "gcc", *self.flags, *flags, "-c", source, "-o", target],
                           cwd=copy, check=True)
        return target

    def compile_changed(self, source, text, target):
        """Whether a source compiles with this text instead of its own."""
        with self._copy() as copy:
            was = (copy / source).read_text()
            try:
                (copy / source).write_text(text)
                return subprocess.run(["gcc", *self.flags, "-c", source, "-o", target], cwd=copy,
                                      stderr=subprocess.DEVNULL, check=False).returncode == 0
            finally:
                (copy / source).write_text(was)


class Build(Compiler):
    """with_programs: those of the unit tests, vectors and fuzzing seeds beside the simulator."""

    def __init__(self, tree, out, jobs, sanitize=False, with_programs=True):
        super().__init__(tree, out, jobs, sanitize)
        make = Makefile(tree)
        self.library = make.sources("libtrailsentry.a")
        self.sim = make.program("tests/sim/sim")
        self.programs = [make.program(p) for p in make.words("check_PROGRAMS")
                         if with_programs and p.startswith(FOLDERS)]
        shared = make.sources("libunit.a") + make.sources("libvec.a")
        programs = [*self.programs, self.sim]
        own = dict.fromkeys(s for p in programs for s in p.sources)
        self.parallel(self.compile, [*self.library, *shared, *own])
        subprocess.run(["ar", "rc", "libunit.a", *map(object_of, shared)], cwd=out, check=True)
        self.link(out)
        self.parallel(self._link_program, programs)

    def link(self, folder, instead=None, flags=(), wraps=()):
        """The library into folder, with other objects for some sources."""
        objects = [(instead or {}).get(s, self.out / object_of(s)) for s in self.library]
        folder.mkdir(exist_ok=True)
        if wraps:  # in our objects only: what counts lines has to reach the real ones
            subprocess.run(["gcc", "-r", "-nostdlib", *wraps, "-o", folder / "wrapped.o", *objects],
                           check=True)
            objects = [folder / "wrapped.o"]
        subprocess.run(["gcc", *self.flags, *flags, "-shared", "-o", folder / "libmutant.so",
                        *objects, *LIBS], check=True)

    def _link_program(self, program):
        target = self.out / program.name
        target.parent.mkdir(parents=True, exist_ok=True)
        objects = [self.out / object_of(s) for s in program.sources]
        subprocess.run(["gcc", *self.flags, "-rdynamic", *program.wraps, "-o", target, *objects,
                        f"-L{self.out}", "-lunit", "-lmutant", *LIBS, "-lcmocka"], check=True)

    def library_for(self, program, folder, instead=None, flags=()):
        """The folder of the library that a program loads: one with wraps needs one of its own."""
        if not program.wraps:
            return folder
        own = folder / program.name.replace("/", "-")
        self.link(own, instead, flags, program.wraps)
        return own

    def scenarios(self):
        """The names of those that the simulator has."""
        told = subprocess.run([self.out / self.sim.name, "-S", "list"], check=True, text=True,
                              env={"LD_LIBRARY_PATH": str(self.out)}, stdout=subprocess.PIPE)
        return told.stdout.split()

    def run(self, check, library, cpu=0.0, **environment):
        """Runs a check that took cpu seconds before: its exit status, the seconds it takes."""
        most = int(CPU_SECONDS + CPU_FACTOR * cpu)
        vectors = os.environ.get("TS_VECTORS", str(self.tree.parent / "shared/vectors"))
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TMPDIR": str(library),
                       "LD_LIBRARY_PATH": str(library), "TS_SOURCE": str(self.tree),
                       "TS_VECTORS": vectors, **environment}
        child = subprocess.Popen(
            [self.out / check.program.name, *check.arguments], cwd=library, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: limit(most, None if self.sanitize else MEMORY))
        watch = threading.Timer(most + WALL_SECONDS, end_group, [child.pid])
        watch.start()
        _, status, usage = os.wait4(child.pid, 0)
        watch.cancel()
        end_group(child.pid)
        child.returncode = os.waitstatus_to_exitcode(status)
        return child.returncode, usage.ru_utime + usage.ru_stime

    def fails(self, check, library, cpu=0.0):
        """Whether it fails, and does so again: some programs wait for sockets, on a busy machine.
        One that was ended by a signal has crashed or spun."""
        status, _ = self.run(check, library, cpu)
        if status in (0, SKIPPED):
            return False
        return status < 0 or self.run(check, library, cpu)[0] not in (0, SKIPPED)


def limit(cpu, memory):
    """Before a program runs: what it may take."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def end_group(pid):
    """A program, and what it has left behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
