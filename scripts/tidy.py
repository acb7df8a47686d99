#!/usr/bin/env python3
"""tidy.py [ROOT] - checks what keeps the code readable (make tidy).

1. Files have at most 500 lines, functions fewer than 70.
2. Every file opens with a comment that says what it is for.
3. Nothing is left to be done, and no comment is empty.
4. Names of probes (merkle/instrument.h) are unique, of the form folder.what, and stand in .c files: in a header each file
   that includes it would have one.

scripts/tidy_exceptions.txt holds what may be longer, one a line, with its length. It may only shrink: an exception that
is not needed any more, or names more lines than there are, is a problem too.

    file gossip/engine.h 714
    function catalog/merge.c:merge_versions 84
"""

import pathlib
import re
import sys

import c_source

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 69
OPENING_WORDS_MIN = 4  # name.c - two words
EXCEPTIONS = "scripts/tidy_exceptions.txt"
PROBE_NAME = re.compile(r'"[a-z]+\.[a-z0-9_]+"')


def functions_of(text):
    """Yields name, first line, last line of each function, the line of its name being the first.

    At the outermost level an opening brace begins a function if what stands between it and the last ';' or '}' ends with
    the parenthesis of a parameter list and assigns nothing (START_TEST(name) { is one, x = (struct y){ is none).
    """
    code = c_source.without_directives(c_source.without_comments_and_strings(text))
    depth, begin, function = 0, 0, None
    for match in re.finditer(r"[{};]", code):
        mark, offset = match.group(), match.start()
        if mark == "{":
            if depth == 0:
                function = name_and_line(code, begin, offset)
            depth += 1
        elif mark == "}":
            depth -= 1
            if depth == 0:
                begin = offset + 1
                if function:
                    yield (*function, c_source.line_of(code, offset))
                function = None
            if depth < 0:
                raise ValueError(f"line {c_source.line_of(code, offset)}: a closing brace too many")
        elif depth == 0:
            begin = offset + 1
    if depth != 0:
        raise ValueError("an opening brace too many (braces must balance in every branch of #if)")


def name_and_line(code, begin, end):
    head = code[begin:end].rstrip()
    if "=" in head or not head.endswith(")"):
        return None
    open_parenthesis, depth = len(head), 0
    while depth > 0 or open_parenthesis == len(head):
        open_parenthesis -= 1
        depth += {")": 1, "(": -1}.get(head[open_parenthesis], 0)
    name = re.search(r"(\w+)\s*$", head[:open_parenthesis])
    if not name:
        return None
    shown = name.group(1)
    if shown == "START_TEST":
        shown = head[open_parenthesis + 1:-1].strip()
    return shown, c_source.line_of(code, begin + name.start(1))


def lengths_of(path, text):
    yield f"file {path}", 1, text.count("\n"), FILE_LINES_MAX
    for name, first, last in functions_of(text):
        yield f"function {path}:{name}", first, last - first + 1, FUNCTION_LINES_MAX


def exceptions_of(root):
    path = root / EXCEPTIONS
    exceptions = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        if line.strip() and not line.startswith("#"):
            what, length = line.rsplit(maxsplit=1)
            exceptions[what] = int(length)
    return exceptions


def check_text(text):
    opening = re.match(r"/\*(.*?)\*/", text, re.DOTALL)
    if not opening:
        yield 1, "does not open with a comment that says what it is for"
    elif len(opening.group(1).split()) < OPENING_WORDS_MIN:
        yield 1, "the opening comment does not say what the file is for"
    for match in re.finditer(r"\b(TODO|FIXME|XXX|HACK)\b", text):
        yield c_source.line_of(text, match.start()), f"{match.group()} is left"
    for match in re.finditer(r"/\*[\s*]*\*/|^\s*//\s*$", text, re.MULTILINE):
        yield c_source.line_of(text, match.start()), "an empty comment"


def check_probes(path, text, known):
    """`known`: name -> where it stood first."""
    bare = c_source.without_directives(c_source.without_comments(text))
    for match in re.finditer(r"\bPROBE\(([^()]*)\)", bare):
        line, name = c_source.line_of(bare, match.start()), match.group(1).strip()
        if not PROBE_NAME.fullmatch(name):
            yield line, f"{name} is no name of a probe (folder.what)"
        elif path.suffix == ".h":
            yield line, f"the probe {name} stands in a header"
        elif name in known:
            yield line, f"{name.strip(chr(34))} is the name of a probe in {known[name]} already"
        known.setdefault(name, f"{path}:{line}")


def problems_of(root):
    exceptions = exceptions_of(root)
    longest, probes = {}, {}
    for path in c_source.c_files(root):
        text = c_source.read(root, path)
        for line, problem in [*check_text(text), *check_probes(path, text, probes)]:
            yield f"{path}:{line}", problem
        try:
            lengths = list(lengths_of(path, text))
        except ValueError as error:
            yield f"{path}:1", str(error)
            continue
        for what, line, length, maximum in lengths:
            longest[what] = max(length, longest.get(what, 0))
            if length > max(maximum, exceptions.get(what, 0)):
                yield f"{path}:{line}", f"{what} has {length} lines, at most {max(maximum, exceptions.get(what, 0))}"
    for what, allowed in exceptions.items():
        length = longest.get(what, 0)
        maximum = FILE_LINES_MAX if what.startswith("file ") else FUNCTION_LINES_MAX
        if length <= maximum:
            yield EXCEPTIONS, f"{what} is needed no more: remove the line"
        elif length < allowed:
            yield EXCEPTIONS, f"{what} has only {length} lines now: lower the number"


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent
    problems = list(problems_of(root))
    for place, problem in problems:
        print(f"{place}: {problem}")
    print(f"tidy: {len(problems)} problems in {len(c_source.c_files(root))} files")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
