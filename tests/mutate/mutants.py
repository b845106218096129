# SPDX-License-Identifier: Apache-2.0
"""What can be changed in a source, and how: KINDS names the changes, sites() finds them all, draws()
puts those of many files in the order of a seed. README.md says what is left alone, and why."""

import dataclasses
import random
import re

from source import ASSIGNMENTS, CLOSING, JUMPS, Source

KINDS = ("call", "assignment", "guard", "jump", "condition", "logic", "comparison", "constant",
         "arithmetic", "field")
QUIET_CALLS = re.compile(r"assert|static_assert|log_\w+|sizeof|STRBUF_INIT")
QUIET_ARGUMENTS = re.compile(r"core_log|core_log_trail")
COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
LOOP_COMPARISONS = {"<": "+ 1 <", "<=": "<"}  # never outwards, where only a sanitizer looks
OPERATORS = {"+": "-", "-": "+", "*": "/", "/": "*", "%": "/", "&": "|", "|": "&", "<<": ">>",
             ">>": "<<"}
UPDATES = {"+=": "-=", "-=": "+=", "|=": "&=", "&=": "|=", "++": "--", "--": "++"}
WORDS = {"true": "false", "false": "true", "MIN": "MAX", "MAX": "MIN"}
LOGIC = {"&&": "||", "||": "&&"}
BEFORE_EXPRESSION = ASSIGNMENTS | {"return", "case", ",", ";", "?", ":"}
NUMBER = re.compile(r"(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)")
DEFINE = re.compile(r"[ \t]*#[ \t]*define \w+ (?:\(*(?:\w+\))*)*?\b(\d\w*)")


@dataclasses.dataclass
class Mutant:
    """A change of a file: text stands where start to end stood. Lines keep their numbers, for
    assert() puts them into the code."""
    path: str
    kind: str
    function: str  # "" outside of any
    line: int
    last_line: int
    start: int
    end: int
    text: str

    def applied(self, source):
        was = source[self.start:self.end]
        missing = was.count("\n") - self.text.count("\n")
        return source[:self.start] + self.text + "\n" * missing + source[self.end:]

    def shown(self, source):
        """The lines that differ, - before and + after, without what only moved."""
        pairs = zip(source.split("\n"), self.applied(source).split("\n"))
        differ = [(a, b) for a, b in pairs if a != b]
        return [("-", a) for a, _ in differ[:2]] + [("+", b) for _, b in differ[:2] if b.strip(" ;")]


def enumerators(texts):
    """Each enumerator of the program, and the next of its enum."""
    following = {}
    for text in texts:
        for body in re.findall(r"\benum\b[^;{}()]*\{(.*?)\}", text, re.DOTALL):
            body = re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL)
            names = [n for n in re.findall(r"(?:^|,)\s*([A-Z]\w+)", body)]
            following.update(zip(names, names[1:] + names[:1]))
    return {a: b for a, b in following.items() if a != b}


class Finder:
    def __init__(self, source, following):
        self.s, self.following, self.found = source, following, []
        self.function = ""

    def add(self, kind, start, end, text):
        s = self.s
        self.found.append(Mutant(s.path, kind, self.function, s.line_of(start), s.line_of(end - 1),
                                 start, end, text))

    def replace(self, kind, first, last, text):
        self.add(kind, self.s.tokens[first].start, self.s.tokens[last].end, text)

    def run(self):
        for function in self.s.functions:
            self.function = function.name
            statements = self.s.statements(function)
            self.quiet, self.loops = set(), set()
            for x in statements:
                if x.kind == "declaration" and self.s[x.first] == "static":
                    self.quiet.update(range(x.first, x.last + 1))
                if x.kind == "for":
                    self.loops.update(range(x.head[0], x.head[1]))
                if x.kind == "declaration":
                    self._sizes(x)
            for k in range(function.first, function.last):
                self._calls(k)
            for x in statements:
                if x.first not in self.quiet:
                    self._statement(x, function)
            for k in range(function.first + 1, function.last):
                if k not in self.quiet:
                    self._token(k)
        self.function = ""
        for d in self.s.directives:
            self._define(d)
        return self.found

    def _sizes(self, declaration):
        """How large a buffer is."""
        for k in self.s.level(declaration.first, declaration.last):
            if self.s[k] == "=":
                return
            if self.s[k] == "[":
                self.quiet.update(range(k, self.s.partner[k]))

    def _calls(self, k):
        if self.s[k + 1] != "(" or self.s.kind(k) != "word":
            return
        end = self.s.partner[k + 1]
        if QUIET_CALLS.fullmatch(self.s[k]):
            self.quiet.update(range(k, end + 1))
        elif QUIET_ARGUMENTS.fullmatch(self.s[k]):
            self.quiet.update(range(k + 1, end + 1))

    def _statement(self, x, function):
        s = self.s
        if x.kind in ("call", "assignment"):
            self.replace(x.kind, x.first, x.last, ";")
        elif x.kind in JUMPS and x.last + 1 != function.last:
            if x.kind != "return" or s[x.first - 1] in (";", "}"):  # alone, it is a guard's
                self.replace("jump", x.first, x.last, ";")
        if x.kind in ("if", "while", "do"):
            condition = s.span(x.head[0], x.head[1])
            self.replace("condition", x.head[0], x.head[1], f"(!{condition})")
        if x.kind == "if" and not x.orelse:
            body = x.body.inner[-1] if x.body.inner else x.body
            if body.kind in JUMPS:
                self.replace("guard", x.first, x.last, ";")

    def _token(self, k):
        s, text, kind = self.s, self.s[k], self.s.kind(k)
        before = s[k - 1]
        operand = s.kind(k - 1) in ("word", "number", "string") and before not in JUMPS or \
            before in (")", "]")
        spaced = s.text[s.tokens[k].start - 1].isspace() and s.text[s.tokens[k].end].isspace()
        if text in WORDS:
            self.replace("constant" if text in ("true", "false") else "arithmetic", k, k, WORDS[text])
        elif text in self.following:
            self.replace("constant", k, k, self.following[text])
        elif kind == "number":
            self._number(s.tokens[k].start, text)
        elif text == "-" and not operand and re.fullmatch("E[A-Z0-9]+", s[k + 1]):
            self.replace("constant", k, k + 1, "0")
        elif text in COMPARISONS:
            table = LOOP_COMPARISONS if k in self.loops else COMPARISONS
            if text in table:
                self.replace("comparison", k, k, table[text])
        elif text in LOGIC:
            self._logic(k)
        elif text == "!":
            self.replace("condition", k, k, "")
        elif text == "?":
            first = self._left(k, BEFORE_EXPRESSION)
            self.replace("condition", first, k - 1, f"!({s.span(first, k - 1)})")
        elif text in UPDATES and k not in self.loops:
            self.replace("arithmetic", k, k, UPDATES[text])
        elif text in OPERATORS and operand and spaced:
            self.replace("arithmetic", k, k, OPERATORS[text])
        elif text == "." and before in ("{", ",") and s[k + 2] == "=":
            self._field(k)

    def _number(self, start, text, most_by_one=16):
        m = NUMBER.fullmatch(text)
        if not m:
            return
        value = int(m[1], 16 if m[1].lower().startswith("0x") else 10)
        other = 1 - value if value < 2 else value + 1 if value <= most_by_one else value * 2
        self.add("constant", start, start + len(text), f"{other}{m[2]}")

    def _define(self, directive):
        m = DEFINE.match(directive.text)
        if m:
            self._number(directive.start + m.start(1), m[1], most_by_one=1)

    def _left(self, k, stops):
        """Where the operand that ends before k begins."""
        k -= 1
        while self.s[k] not in stops and self.s[k] not in CLOSING:
            k = self.s.partner.get(k, k) - 1
        return k + 1

    def _right(self, k, stops):
        """Where the operand that begins after k ends."""
        k += 1
        while self.s[k] not in stops and self.s[k] not in CLOSING.values():
            k = self.s.partner.get(k, k) + 1
        return k - 1

    def _logic(self, k):
        s = self.s
        # && binds more tightly: it is part of an operand of ||.
        stops = BEFORE_EXPRESSION | {"||"} | ({"&&"} if s[k] == "&&" else set())
        first, last = self._left(k, stops), self._right(k, stops)
        self.replace("logic", k, k, LOGIC[s[k]])
        self.replace("logic", k, last, "")
        if s[first - 1] != s[k]:
            self.replace("logic", first, k, "")

    def _field(self, k):
        end = k
        while self.s[end] != "," and self.s[end] not in CLOSING.values():
            end = self.s.partner.get(end, end) + 1
        self.replace("field", k, end if self.s[end] == "," else end - 1, "")


def sites(path, text, following):
    return Finder(Source(path, text), following).run()


def draws(found, seed):
    """Every mutant once: a line at random, of what can be changed there one at random, and no line
    again before each had its turn."""
    rng, lines = random.Random(seed), {}
    for m in found:
        lines.setdefault((m.path, m.line), []).append(m)
    keys = sorted(lines)
    while keys:
        rng.shuffle(keys)
        for key in keys:
            yield lines[key].pop(rng.randrange(len(lines[key])))
        keys = sorted(k for k in keys if lines[k])
