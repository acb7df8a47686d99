"""What layering.py and tidy.py share: which C files there are, and their text without comments, strings and macros."""

import pathlib
import re
import subprocess

LITERALS = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)


def only_newlines(match):
    """Line numbers must stay what they are."""
    return "\n" * match.group().count("\n") or " "


def without_comments_and_strings(text):
    """Each string becomes "", so that an include of a header in quotes is to be read from the text itself."""
    return LITERALS.sub(lambda match: '""' if match.group()[0] in "\"'" else only_newlines(match), text)


def without_comments(text):
    """What a comment says in quotes is gone, strings stay."""
    return LITERALS.sub(lambda match: match.group() if match.group()[0] in "\"'" else only_newlines(match), text)


def without_directives(text):
    """Takes text without comments."""
    return DIRECTIVE.sub(only_newlines, text)


def c_files(root):
    """Paths of all C files that are committed or could be, relative to the root, sorted. Outside of git: all files."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z", "*.c", "*.h"],
                            capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = {name for name in listed.stdout.split("\0") if name and (root / name).is_file()}
    else:
        names = {str(path.relative_to(root)) for pattern in ("*.c", "*.h") for path in root.rglob(pattern)}
    return [pathlib.PurePosixPath(name) for name in sorted(names)]


def read(root, path):
    return (root / path).read_text(encoding="utf-8")


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1
