# SPDX-License-Identifier: Apache-2.0
"""The tool itself: what it changes in a source, what it leaves alone, and that semantic bugs find
their place."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import mutants  # noqa: E402
import semantic  # noqa: E402
from source import Source  # noqa: E402


def function(body, before=""):
    return f"{before}static int f(const Thing *a, size_t n)\n{{\n{body}\n}}\n"


def changes(body, before="", following=()):
    """(kind, the text of all that differs) of every mutant."""
    text = function(body, before)
    found = set()
    for m in mutants.sites("f.c", text, dict(following)):
        assert m.applied(text).count("\n") == text.count("\n")
        now = m.applied(text)
        assert now != text
        found.add((m.kind, " ".join(now.split("{", 1)[1].rsplit("}", 1)[0].split())
                   if m.function else now.splitlines()[0]))
    return found


@pytest.mark.parametrize("body, kind, now", [
    ("g(a);", "call", ";"),
    ("(void)g(a);", "call", ";"),
    ("a->x = g(a);", "assignment", ";"),
    ("if (n > 3)\n return -EINVAL;\n g(a);", "guard", "; g(a);"),
    ("if (n > 3) {\n g(a);\n return;\n }\n g(a);", "jump", "if (n > 3) { g(a); ; } g(a);"),
    ("if (a->x && a->y)\n g(a);", "condition", "if (!(a->x && a->y)) g(a);"),
    ("g(!a->x);", "condition", "g(a->x);"),
    ("x = a->b == 1 ? 2 : 3;", "condition", "x = !(a->b == 1) ? 2 : 3;"),
    ("g(a->x && h(1, 2) && a->y);", "logic", "g(a->x && a->y);"),
    ("g(a->x && a->y);", "logic", "g( a->y);"),
    ("g(x || (y && z));", "logic", "g(x || (y || z));"),
    ("x = y || z && w;", "logic", "x = y ;"),
    ("g(x < y);", "comparison", "g(x <= y);"),
    ("g(x == y);", "comparison", "g(x != y);"),
    ("for (size_t k = 0; k < n; k++)\n g(k);", "comparison",
     "for (size_t k = 0; k + 1 < n; k++) g(k);"),
    ("x = true;", "constant", "x = false;"),
    ("x = 7;", "constant", "x = 8;"),
    ("x = UINT64_C(100);", "constant", "x = UINT64_C(200);"),
    ("return -EINVAL;", "constant", "return 0;"),
    ("x = KIND_A;", "constant", "x = KIND_B;"),
    ("x = y + z;", "arithmetic", "x = y - z;"),
    ("x += y;", "arithmetic", "x -= y;"),
    ("x = MIN(y, z);", "arithmetic", "x = MAX(y, z);"),
    ("g(&(O){.a = h(1, 2), .b = 3});", "field", "g(&(O){ .b = 3});"),
])
def test_changes(body, kind, now):
    assert (kind, now) in changes(body, following={"KIND_A": "KIND_B"}.items())


@pytest.mark.parametrize("body", [
    "assert(n > 3 && a->x);",
    'log_error("%zu of %d", n + 1, 7);',
    "static const int table[] = {1, 2, 3};",
    "char text[1024];",
    "const Thing *b;",
    "/* x = 7; */",
    'g("a < b");',
])
def test_left_alone(body):
    assert {kind for kind, _ in changes(body)} <= {"call"}


def test_what_is_logged_is_left_alone_but_not_that_it_is():
    assert changes('core_log(c, LOG_INFO, a, "%d", n + 1);') == {("call", ";")}


def test_the_last_return_is_no_early_one():
    assert not {c for c in changes("return g(a);") if c[0] in ("jump", "guard")}


def test_a_size_for_all():
    assert ("constant", "#define MANY (4 * 60)") in changes("g(MANY);", "#define MANY (2 * 60)\n")


def test_enumerators_follow_one_another():
    text = "typedef enum K {\n K_A, /* a */\n K_B = 4,\n _K_MAX,\n} K;\nenum { ONE };\n"
    assert mutants.enumerators([text]) == {"K_A": "K_B", "K_B": "K_A"}


def test_a_seed_is_an_order():
    found = mutants.sites("f.c", function("x = y + 1;\n g(a);\n z = x < 3;"), {})
    first = list(mutants.draws(found, 1))
    assert first == list(mutants.draws(list(found), 1)) != list(mutants.draws(found, 2))
    assert sorted(first, key=found.index) == found
    assert {m.line for m in first[:3]} == {3, 4, 5}  # each line once before one comes again


def test_functions_and_statements():
    s = Source("f.c", function(
        "switch (n) {\n case 1:\n g(a);\n break;\n default:\n h(a);\n }\n"
        "json_array_foreach(a, n, x)\n {\n k(x);\n }\n do\n n--;\n while (n);\n return 0;",
        before="DEFINE_CLEANUP(Thing *, thing_free)\n\n"))
    assert [f.name for f in s.functions] == ["f"]
    assert [x.kind for x in s.statements(s.functions[0])] == [
        "switch", "block", "call", "break", "call", "for", "block", "call", "do", "assignment",
        "return"]


def place(body):
    return semantic.Place(Source("f.c", function(body)), "f")


@pytest.mark.parametrize("body, step, now", [
    ("g(a);\n h(a, b);", semantic.drop("h", "b"), "g(a);\n ;"),
    ("if (a->x < 3)\n g(a);", semantic.decided(0, "x"), "if (0)\n g(a);"),
    ("a->x = g(1, 2);", semantic.value("x", "0"), "a->x = 0;"),
    ("g(a, h(1, 2), 3);", semantic.argument("g", 3, "4"), "g(a, h(1, 2), 4);"),
    ("g(a, h(1, 2), 3);", semantic.argument("g", 2, "4"), "g(a, 4, 3);"),
    ("g(a->x);", semantic.word("x", "y"), "g(a->y);"),
    ("if (a)\n return 1;\n return 2;", semantic.returns("3"), "if (a)\n return 1;\n return 3;"),
    ("g(a);", semantic.before("g", "h();"), "h(); g(a);"),
])
def test_steps(body, step, now):
    p = place(body)
    start, end, text = step(p)
    assert p.s.text[:start] + text + p.s.text[end:] == function(now)


def test_an_anchor_that_is_gone():
    with pytest.raises(semantic.Gone):
        semantic.drop("h")(place("g(a);"))
    with pytest.raises(semantic.Gone):
        semantic.drop("g")(place("g(a);\n g(a);"))
    with pytest.raises(semantic.Gone):
        semantic.Place(Source("f.c", function("g(a);")), "h")
