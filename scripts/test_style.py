#!/usr/bin/env python3
"""test_style.py - plants violations in a small tree, and expects layering.py and tidy.py to find each, and nothing else.

A check that finds nothing looks like a project without faults, so the checks themselves are checked.
"""

import pathlib
import subprocess
import sys
import tempfile

SCRIPTS = pathlib.Path(__file__).resolve().parent
OPENING = "/* a.c - what this is for. */\n"

CLEAN = {
    "merkle/merkle.h": OPENING,
    "merkle/tree.h": OPENING,
    "merkle/instrument.h": OPENING,
    "merkle/tree.c": OPENING + '#include "merkle/tree.h"\n#include <xxhash.h>\n',
    "catalog/catalog.h": OPENING + '#include "merkle/merkle.h"\n',
    "catalog/entry_codec.c": OPENING + "#include <msgpack.h>\n",
    "catalog/sqlite_store.c": OPENING + "#include <sqlite3.h>\nint f(void) {\n    return clock_gettime(1, 0);\n}\n",
    "catalog/probed.c": OPENING + '#include "merkle/instrument.h"\nvoid f(void) {\n    PROBE("catalog.one");\n}\n',
    "gossip/gossip.h": OPENING + '#include "catalog/catalog.h"\n',
    "gossip/probed.c": OPENING + '#include "merkle/instrument.h"\n/* PROBE("no") */\nint g(int a) {\n'
                       '    PROBE("gossip.one_2");\n    return a;\n}\n',
    "bin/attuned/instrumented.c": OPENING + '#include "merkle/instrument.h"\n',
    "gossip/ev_net.c": OPENING + "#include <ev.h>\nint f(void) {\n    return rand();\n}\n",
    "gossip/engine.c": OPENING + '/* time() and "rand()" */\nint f(struct x *x) {\n    return x->time() + last_time(2);\n}\n',
    "bin/attuned/main.c": OPENING + '#include "gossip/gossip.h"\n#include <time.h>\nint f(void) {\n    return time(0);\n}\n',
    "bin/attuned/log.h": OPENING,
    "bin/chaos/main.c": OPENING + '#include "test/sim/world.h"\n',
    "test/sim/world.h": OPENING,
    "test/unit/test_tree.c": OPENING + '#include "merkle/tree.h"\n#include <sqlite3.h>\n',
}

# Script, file, its text, a part of what the script has to say.
PLANTED = [
    ("layering.py", "merkle/a.c", '#include "catalog/catalog.h"\n', "merkle/ must not include from catalog/"),
    ("layering.py", "catalog/a.c", '#include "gossip/gossip.h"\n', "catalog/ must not include from gossip/"),
    ("layering.py", "gossip/a.c", '#  include "bin/attuned/log.h"\n', "gossip/ must not include from bin/"),
    ("layering.py", "gossip/a.c", '#include "merkle/tree.h"\n', "merkle/tree.h is private to merkle/"),
    ("layering.py", "gossip/a.c", '/* why */ #include "test/sim/world.h"\n', "gossip/ must not include from test/"),
    ("layering.py", "bin/attuned/a.c", '#include "test/sim/world.h"\n', "bin/ must not include from test/"),
    ("layering.py", "catalog/a.c", '#include "catalog.h"\n', "no file of ours"),
    ("layering.py", "gossip/a.c", "#include <ev.h>\n", "files that begin with ev_"),
    ("layering.py", "catalog/a.c", "#include <sqlite3.h>\n", "files that begin with sqlite_"),
    ("layering.py", "catalog/a.c", "#include <msgpack.h>\n", "files that end with _codec"),
    ("layering.py", "gossip/ev_a.c", "#include <openssl/ssl.h>\n", "files that begin with tls_"),
    ("layering.py", "gossip/a.c", "long f(void) {\n    return time(0);\n}\n", "time() belongs to the drivers"),
    ("layering.py", "test/sim/a.c", "int f(void) {\n    return (rand ());\n}\n", "rand() belongs to the drivers"),
    ("layering.py", "catalog/sqlite_a.c", "int f(void) {\n    return rand();\n}\n", "rand() belongs to the drivers"),
    ("layering.py", "merkle/limits.h", "", "choose another name"),
    ("layering.py", "gossip/check.h", "", "choose another name"),
    ("layering.py", "other/a.c", "", "no known folder"),
    ("tidy.py", "merkle/a.c", "int a;\n" * 500, "has 501 lines, at most 500"),
    ("tidy.py", "merkle/a.c", "int long_one(int a,\n  int b) {\n" + "    a;\n" * 67 + "}\n", "long_one has 70 lines"),
    ("tidy.py", "test/a.c", 'START_TEST(a) {\n    "}";\n' + "    // {\n" * 67 + "}\n", "test/a.c:a has 70 lines"),
    ("tidy.py", "merkle/a.c", "void f(void) {\n", "brace too many"),
    ("tidy.py", "merkle/a.c", "/*\n */\n", "an empty comment"),
    ("tidy.py", "merkle/a.c", "/* TO" "DO: the rest */\n", "is left"),
    ("tidy.py", "gossip/a.c", 'void f(void) {\n    PROBE("catalog.one");\n}\n', "catalog.one is the name of a probe in"),
    ("tidy.py", "gossip/a.c", 'void f(void) {\n    PROBE("gossip.One");\n}\n', "is no name of a probe"),
    ("tidy.py", "gossip/a.c", 'void f(void) {\n    PROBE("gossip");\n}\n', "is no name of a probe"),
    ("tidy.py", "gossip/a.c", "void f(void) {\n    PROBE(name);\n}\n", "is no name of a probe"),
    ("tidy.py", "gossip/a.h", 'void f(void) {\n    PROBE("gossip.a");\n}\n', "in a header"),
    ("tidy.py", "scripts/tidy_exceptions.txt", "file merkle/tree.c 900\n", "needed no more"),
    ("tidy.py", "scripts/tidy_exceptions.txt", "function gone.c:f 90\n", "needed no more"),
]


def tree_write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def run(script, files):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        tree_write(root, {**CLEAN, **files})
        done = subprocess.run([sys.executable, "-B", SCRIPTS / script, root], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


def problem_with(script, files, expected):
    """The planted violation alone must be reported."""
    code, output = run(script, files)
    if expected is None:
        return None if code == 0 else f"{script} complains about a clean tree:\n{output}"
    if code != 1 or expected not in output or f"{script[:-3]}: 1 problems" not in output:
        return f"{script} on {sorted(files)}: expected '{expected}' and no more, got {code}:\n{output}"
    return None


def main():
    cases = [(script, {name: text if name.endswith(".txt") else OPENING + text}, expected)
             for script, name, text, expected in PLANTED]
    cases += [("tidy.py", {"merkle/b.c": "int no_opening;\n"}, "does not open with a comment"),
              ("tidy.py", {"merkle/b.c": "/* b.c */\n"}, "does not say what the file is for"),
              ("tidy.py", {"merkle/b.c": OPENING + "int a;\n" * 500,
                           "scripts/tidy_exceptions.txt": "file merkle/b.c 502\n"}, "lower the number"),
              ("tidy.py", {"merkle/b.c": OPENING + "int a;\n" * 500,
                           "scripts/tidy_exceptions.txt": "file merkle/b.c 501\n"}, None),
              ("layering.py", {}, None), ("tidy.py", {}, None)]
    failures = [problem for problem in (problem_with(*case) for case in cases) if problem]
    for failure in failures:
        print(failure)
    print(f"test_style: {len(cases) - len(failures)} of {len(cases)} planted trees judged rightly")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
