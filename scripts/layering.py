#!/usr/bin/env python3
"""layering.py [ROOT] - checks that includes point one way, and that only drivers touch the world (make layering).

    bin -> gossip -> catalog -> merkle          test sees all

1. A folder includes headers of its own and of the folders to its right; of those only the public ones, and the one
   with the probes.
2. Headers of the libraries that carry attune are included by the files made for it only.
3. Clocks and randomness are read where the engine meets the world, so that the rest behaves the same every time.
4. No header of ours has the name of a system's or a library's header.
"""

import pathlib
import re
import sys

import c_source

SEES = {
    "merkle": ["merkle"],
    "catalog": ["catalog", "merkle"],
    "gossip": ["gossip", "catalog", "merkle"],
    "bin": ["bin", "gossip", "catalog", "merkle"],
    "test": ["test", "bin", "gossip", "catalog", "merkle"],
}
PUBLIC = {"merkle/merkle.h", "catalog/catalog.h", "catalog/store.h", "catalog/stored.h", "gossip/gossip.h",
          "gossip/service.h"}
# Not installed, but needed in every folder.
SHARED = {"merkle/instrument.h"}
# The chaos program drives the simulator.
EXCEPTIONS = [("bin/chaos/", "test/sim/")]
GENERATED = {"suites.h"}

# Header of a library -> which files may include it. Tests may include any.
LIBRARY_RULES = [
    (r"ev(\+\+)?\.h", "files that begin with ev_", lambda path: path.name.startswith("ev_")),
    (r"sqlite3(ext)?\.h", "files that begin with sqlite_", lambda path: path.name.startswith("sqlite_")),
    (r"openssl/.*", "files that begin with tls_", lambda path: path.name.startswith("tls_")),
    (r"msgpack(\.h|/.*)", "files that end with _codec", lambda path: path.stem.endswith("_codec")),
    (r"xxhash\.h|xxh3\.h", "merkle/", lambda path: path.parts[0] == "merkle"),
    (r"microhttpd\.h", "bin/attuned/", lambda path: path.parts[:2] == ("bin", "attuned")),
    # Of tests the scenarios are read with them too.
    (r"cyaml/.*|yaml\.h", "bin/attuned/", lambda path: path.parts[:2] == ("bin", "attuned")),
    (r"curl/.*", "bin/", lambda path: path.parts[0] == "bin"),
    (r"check\.h", "test/", lambda path: False),
]

CLOCKS = r"time|clock|clock_gettime|clock_getres|gettimeofday|timespec_get|ftime|times|nanosleep|usleep|sleep"
DICE = (r"rand|rand_r|srand|random|srandom|random_r|drand48|lrand48|mrand48|getrandom|getentropy|"
        r"arc4random(?:_buf|_uniform)?")
CALL = re.compile(r"(?<![\w.>])(" + CLOCKS + "|" + DICE + r")\s*\(")
# The store's thread times its commits, and waits between attempts to open. How long a simulation took is measured in
# bin/chaos/, where clocks may be read as in all programs.
CALLS_ALLOWED = [("catalog/sqlite_", "clock_gettime"), ("catalog/store_thread.c", "clock_gettime")]

RESERVED = set("""
    aio alloca argp argz arpa assert byteswap complex cpio crypt ctype curses dirent dlfcn elf endian envz err errno error
    ev ev++ execinfo fcntl features fenv float fmtmsg fnmatch fstab fts ftw gconv getopt glob grp gshadow iconv ifaddrs
    inttypes iso646 langinfo lastlog libgen libintl limits link locale malloc math mcheck memory mntent monetary mqueue
    netdb nl_types nss obstack paths poll printf proc_service pthread pty pwd re_comp regex regexp resolv sched search
    semaphore setjmp sgtty shadow signal spawn stab stdalign stdarg stdatomic stdbool stdc-predef stddef stdint stdio
    stdio_ext stdlib stdnoreturn string strings stropts syscall sysexits syslog tar termio termios tgmath threads time
    uchar ucontext ulimit unistd utime utmp utmpx values version wait wchar wctype wordexp
    check curl cyaml event jansson microhttpd msgpack openssl sqlite3 xxhash xxh3 yaml zlib
""".split())


def may_include(path, header):
    if (path.parts[0] == pathlib.PurePosixPath(header).parts[0] or path.parts[0] == "test"
            or any(str(path).startswith(above) and header.startswith(below) for above, below in EXCEPTIONS)):
        return None
    folder = header.split("/")[0]
    if folder not in SEES[path.parts[0]]:
        return f"{path.parts[0]}/ must not include from {folder}/"
    return None if header in PUBLIC | SHARED else f"{header} is private to {folder}/"


def includes_of(text):
    """Yields offset, whether in quotes, header. A comment may not hide an include, nor hold one."""
    bare = c_source.LITERALS.sub(lambda match: match.group() if match.group()[0] == '"'
                                 else c_source.only_newlines(match), text)
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', bare, re.MULTILINE):
        yield c_source.line_of(bare, match.start()), match.group(1) == '"', match.group(2)


def check_includes(root, path, text):
    for line, in_quotes, header in includes_of(text):
        if in_quotes and header in GENERATED:
            continue
        if in_quotes:
            known = header.split("/")[0] in SEES and (root / header).is_file()
            problem = may_include(path, header) if known else f'"{header}" is no file of ours (write its whole path)'
            if problem:
                yield line, problem
            continue
        for pattern, allowed_text, allowed in LIBRARY_RULES:
            if re.fullmatch(pattern, header) and path.parts[0] != "test" and not allowed(path):
                yield line, f"<{header}> is for {allowed_text} only"


def check_calls(path, text):
    """The simulator, unlike other tests, has to run the same every time."""
    is_exempt = path.name.startswith("ev_") or path.parts[0] == "bin" or (
        path.parts[0] == "test" and path.parts[:2] != ("test", "sim"))
    if is_exempt:
        return
    code = c_source.without_comments_and_strings(text)
    for match in CALL.finditer(code):
        name = match.group(1)
        if not any(str(path).startswith(place) and name == call for place, call in CALLS_ALLOWED):
            yield c_source.line_of(code, match.start()), f"{name}() belongs to the drivers (ev_*) and to bin/"


def problems_of(root):
    for path in c_source.c_files(root):
        if path.parts[0] not in SEES:
            yield path, 1, "is in no known folder"
            continue
        if path.suffix == ".h" and path.stem in RESERVED:
            yield path, 1, f"<{path.name}> is a header of the system or of a library; choose another name"
        text = c_source.read(root, path)
        for line, problem in [*check_includes(root, path, text), *check_calls(path, text)]:
            yield path, line, problem


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent
    problems = list(problems_of(root))
    for path, line, problem in problems:
        print(f"{path}:{line}: {problem}")
    print(f"layering: {len(problems)} problems in {len(c_source.c_files(root))} files")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
