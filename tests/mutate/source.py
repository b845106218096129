# SPDX-License-Identifier: Apache-2.0
"""C of this house in tokens, functions and statements. It is no compiler: it relies on
clang-format (a function's braces stand alone in the first column), and what it misreads ends as a
mutant that does not compile."""

import bisect
import dataclasses
import re

TOKEN = re.compile(r"""
    (?P<space>\s+|//[^\n]*|/\*.*?\*/)
  | (?P<directive>(?<![^\n])[ \t]*\#(?:\\\n|/\*.*?\*/|[^\n])*)
  | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
  | (?P<number>\d(?:[eE][+-]\d|[\w.])*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<mark><<=|>>=|\.\.\.|->|\+\+|--|&&|\|\||[-+*/%&|^=!<>]=|<<|>>|.)
""", re.VERBOSE | re.DOTALL)
CLOSING = {"(": ")", "[": "]", "{": "}"}
ASSIGNMENTS = {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="}
HEADED = {"if", "for", "while", "switch"}
JUMPS = {"return", "break", "continue", "goto"}


@dataclasses.dataclass
class Token:
    kind: str
    text: str
    start: int

    @property
    def end(self):
        return self.start + len(self.text)


@dataclasses.dataclass
class Function:
    name: str
    first: int  # the tokens of its body, from { to }
    last: int


@dataclasses.dataclass
class Statement:
    """Tokens first to last. kind is if, for, while, switch, do, a jump, "block", "declaration",
    "assignment", "call" or "other"; head is the pair of parentheses of the first five."""
    kind: str
    first: int
    last: int
    head: tuple = None
    body: "Statement" = None
    orelse: "Statement" = None
    inner: list = dataclasses.field(default_factory=list)

    def walk(self):
        yield self
        for s in [self.body, self.orelse, *self.inner]:
            if s:
                yield from s.walk()


class Source:
    def __init__(self, path, text):
        self.path, self.text = path, text
        found = [Token(m.lastgroup, m.group(), m.start()) for m in TOKEN.finditer(text)]
        self.directives = [t for t in found if t.kind == "directive"]
        self.tokens = [t for t in found if t.kind not in ("space", "directive")]
        self.lines = [0] + [m.end() for m in re.finditer("\n", text)]
        self.partner = self._pairs()
        self.functions = list(self._functions())

    def line_of(self, offset):
        return bisect.bisect_right(self.lines, offset)

    def __getitem__(self, k):
        return self.tokens[k].text if 0 <= k < len(self.tokens) else ""

    def kind(self, k):
        return self.tokens[k].kind if 0 <= k < len(self.tokens) else ""

    def span(self, first, last):
        """The text from one token to another, with what stands between."""
        return self.text[self.tokens[first].start:self.tokens[last].end]

    def _pairs(self):
        partner, stack = {}, []
        for k, t in enumerate(self.tokens):
            if t.kind != "mark":
                continue
            if t.text in CLOSING:
                stack.append(k)
            elif t.text in CLOSING.values():
                other = stack.pop()
                partner[other], partner[k] = k, other
        return partner

    def _functions(self):
        k = 0
        header = 0  # where the declaration at hand begins
        while k < len(self.tokens):
            text = self[k]
            if text == "{":
                if self.tokens[k].start in self.lines[:self.line_of(self.tokens[k].start)]:
                    yield Function(self._name(header, k), k, self.partner[k])
                    header = self.partner[k] + 1
                k = self.partner[k]
            elif text == ";":
                header = k + 1
            elif text in ("(", "["):
                k = self.partner[k]
            k += 1

    def _name(self, first, last):
        """The word before the last parentheses that are no attribute's."""
        name, k = "", first
        while k < last:
            if self[k] in CLOSING:
                word = self[k - 1]
                if self[k] == "(" and not (word.startswith("_") and word.endswith("_")):
                    name = word
                k = self.partner[k]
            k += 1
        return name

    def statements(self, function):
        """All statements of a function, outer before inner."""
        block, _ = self._statement(function.first)
        return [s for s in block.walk() if s is not block]

    def _block(self, k):
        block, end = Statement("block", k, self.partner[k]), self.partner[k]
        k += 1
        while k < end:
            s, k = self._statement(k)
            block.inner.append(s)
        return block, end + 1

    def _statement(self, k):
        while self[k] in ("case", "default") or (self.kind(k) == "word" and self[k + 1] == ":"):
            while self[k] != ":":
                k += 1
            k += 1
        word = self[k]
        if word == "{":
            return self._block(k)
        if word in HEADED or self._is_loop_macro(k):
            s = Statement(word if word in HEADED else "for", k, k, (k + 1, self.partner[k + 1]))
            s.body, after = self._statement(s.head[1] + 1)
            if word == "if" and self[after] == "else":
                s.orelse, after = self._statement(after + 1)
            s.last = after - 1
            return s, after
        if word == "do":
            s = Statement("do", k, k)
            s.body, after = self._statement(k + 1)
            s.head = (after + 1, self.partner[after + 1])
            s.last = s.head[1] + 1
            return s, s.last + 1
        end = k
        while self[end] != ";":
            end = self.partner[end] if self[end] in CLOSING else end
            end += 1
        return Statement(self._simple_kind(k, end), k, end), end + 1

    def _is_loop_macro(self, k):
        """json_array_foreach(a, i, item) and its like."""
        return self[k].lower().endswith("_foreach") and self[k + 1] == "("

    def _simple_kind(self, k, end):
        if self[k] in JUMPS:
            return self[k]
        if self._is_declaration(k):
            return "declaration"
        depth_0 = list(self.level(k, end))
        if any(self[n] in ASSIGNMENTS or self[n] in ("++", "--") for n in depth_0):
            return "assignment"
        return "call" if end > k and self[end - 1] == ")" else "other"

    def _is_declaration(self, k):
        if self.kind(k) != "word":
            return False
        if self[k + 1] == "(":  # _cleanup_(f) Type *x
            return self[k].startswith("_") and self[k].endswith("_")
        return self.kind(k + 1) == "word" or (
            self[k + 1] == "*" and self.tokens[k + 1].start > self.tokens[k].end)

    def level(self, first, last):
        """The tokens from first up to last (not included) that stand in no inner parentheses."""
        k = first
        while k < last:
            yield k
            k = (self.partner[k] if self[k] in CLOSING else k) + 1
