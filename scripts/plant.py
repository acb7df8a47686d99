#!/usr/bin/env python3
"""plant.py - how the checks are checked (make plant): bugs planted on purpose must be caught, and checks that were broken
on purpose must be missed.

    plant.py [BUG...]            these bugs only (B07 B12), and no meta checks
    plant.py --markdown FILE     the table for the documentation too
    plant.py --quick             what `make check` has time for

For each planted bug of merkle/instrument.h the simulator is swept over disjoint ranges of seeds until the first failure. A
seed that fails without the bug too does not count. Units that are named as catchers must fail with the bug, and pass without.

    green    caught in every range, by what its row in merkle/instrument.h says
    yellow   caught, but also by something that the row does not name: the row or the checker is wrong
    red      in some range not caught within the bound, or a unit that should notice does not: exit code 1

The meta checks: C01 a canary is reported, and nothing else; C02 a network that never fails proves nothing, and runs say so;
C03 without the check that catches it a bug is missed, so that the table would be red; release builds have no planted bugs.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
RANGE_STEP = 10000
SECONDS_A_SEED_MAX = 60
SECONDS_A_UNIT_MAX = 120
MEMORY_BYTES_MAX = 8 << 30  # a bug may take all there is
CANARY_EVERY = 100
CHAIN_MAX = 4
# Fast to catch, and each by another check; the second ones by one check alone.
QUICK = "B03 B04 B06 B12 B14 B17 B19 B22 B25 B30".split()
QUICK_ALONE = "B14 B19 B22 B25".split()
HELD, VIOLATED, USAGE, UNKNOWN = 0, 1, 2, 5


@dataclasses.dataclass
class Run:
    code: int
    output: str
    cpu_seconds: float


@dataclasses.dataclass
class Catch:
    """What a range of seeds said."""

    invariant: str = ""  # empty: not caught
    seed: int = 0
    seeds: int = 0
    cpu_seconds: float = 0.0
    reason: str = ""


@dataclasses.dataclass
class Bug:
    name: str
    what: str
    expected: list  # of invariants
    units: list
    catches: list = dataclasses.field(default_factory=list)
    units_failed: list = dataclasses.field(default_factory=list)
    problems: list = dataclasses.field(default_factory=list)
    chain: list = dataclasses.field(default_factory=list)  # what catches it, what does without that, and so on
    missed: bool = False  # without all of the chain

    def invariants(self):
        """Which caught it, and in how many ranges."""
        names = [catch.invariant for catch in self.catches if catch.invariant]
        return {name: names.count(name) for name in sorted(set(names), key=lambda n: -names.count(n))}

    def colour(self):
        if self.problems or any(not catch.invariant for catch in self.catches):
            return "red"
        return "yellow" if set(self.invariants()) - set(self.expected) else "green"


def run(command, environment=None, seconds_max=None):
    """Runs it to its end; the time of all its processes is told."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT,
            env={**os.environ, **(environment or {})},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX)))
        timer = threading.Timer(seconds_max or 86400, process.kill)
        timer.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        finally:
            timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return Run(process.returncode, output.read().decode(errors="replace"), used.ru_utime + used.ru_stime)


class Simulator:
    def __init__(self, program):
        self.program = program
        self.holds_at = {}
        self.lock = threading.Lock()

    def bugs(self):
        """The rows of merkle/instrument.h, in the order in which they stand there."""
        text = run([self.program, "list"]).output
        bugs = []
        for name, what, catchers in re.findall(r"^  (B\d\d)  (.*) \(([^()]+)\)$", text, re.MULTILINE):
            catchers = catchers.split(",")
            units = [catcher[len("unit:"):] for catcher in catchers if catcher.startswith("unit:")]
            bugs.append(Bug(name, what, [catcher for catcher in catchers if ":" not in catcher], units))
        return bugs

    def checks(self):
        """All invariants that are looked at, but for those that are to come."""
        text = run([self.program, "list"]).output.partition("Checks of simulated runs:\n")[2].partition("\n\n")[0]
        return [line.split()[0] for line in text.splitlines() if not line.endswith("(not yet)")]

    def sweep(self, first, count, *options, jobs=1):
        return run([self.program, "sim", "--quiet", "--jobs", jobs, "--seconds-max", SECONDS_A_SEED_MAX, "--from", first,
                    "--seeds", count, *options])

    def holds(self, seed):
        """Without a bug; remembered."""
        with self.lock:
            known = self.holds_at.get(seed)
        if known is None:
            known = self.sweep(seed, 1).code in (HELD, UNKNOWN)
            with self.lock:
                self.holds_at[seed] = known
        return known

    def first_failure(self, first, count, *options):
        """The first seed that fails with these options and holds without them."""
        catch, at = Catch(), first
        while at < first + count:
            swept = self.sweep(at, first + count - at, "--stop-at-first", *options)
            catch.cpu_seconds += swept.cpu_seconds
            found = re.search(r"^first: (?:seed (\d+) (\w+) (\S+)|none) in", swept.output, re.MULTILINE)
            if found is None:
                sys.exit(f"plant: the simulator says no result ({swept.code}):\n{swept.output}")
            if found[1] is None:
                break
            seed = int(found[1])
            if self.holds(seed):
                reason = re.search(rf"^seed {seed} (.*)$", swept.output, re.MULTILINE)
                catch.invariant, catch.seed, catch.seeds = found[3], seed, seed - first + 1
                catch.reason = reason[1] if reason else ""
                break
            at = seed + 1
        return catch


# --- planted bugs ----------------------------------------------------------------------------------------------------


def units_check(unit, bug):
    for case in bug.units:
        if run([unit, case], {"ATTUNE_PLANT": ""}, SECONDS_A_UNIT_MAX).code != 0:
            bug.problems.append(f"unit {case} fails without the bug")
        elif run([unit, case], {"ATTUNE_PLANT": bug.name}, SECONDS_A_UNIT_MAX).code == 0:
            bug.problems.append(f"unit {case} does not notice")
        else:
            bug.units_failed.append(case)


def bug_print(bug, options):
    print(row(bug), flush=True)
    for catch in bug.catches:
        unexpected = catch.invariant and catch.invariant not in bug.expected
        if options.verbose or unexpected:
            print(f"         seed {catch.seed}: {catch.reason[:150]}", flush=True)


def bugs_check(simulator, unit, bugs, options):
    """All at the same time, as many as there are jobs; each is told when all of it is known."""
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        waiting = []
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        for bug in bugs:
            work = [pool.submit(simulator.first_failure, options.first + at * RANGE_STEP, options.seeds, "--plant", bug.name)
                    for at in range(options.ranges if bug.expected else 0)]
            waiting.append((bug, work, pool.submit(units_check, unit, bug) if unit else None))
        try:
            for bug, work, units in waiting:
                bug.catches = [each.result() for each in work]
                if units is not None:
                    units.result()
                bug_print(bug, options)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def seeds_text(bug, options):
    if not bug.catches:
        return "-", "-", "-"
    counts = [catch.seeds if catch.invariant else options.seeds + 1 for catch in bug.catches]
    shown = [f"> {options.seeds}" if count > options.seeds else str(count)
             for count in (statistics.median_high(counts), max(counts))]
    return shown[0], shown[1], f"{sum(catch.cpu_seconds for catch in bug.catches):.1f}"


def caught_text(bug):
    by = [f"{name} {count}x" for name, count in bug.invariants().items()]
    missed = sum(not catch.invariant for catch in bug.catches)
    return ", ".join(by + ([f"NOT CAUGHT {missed}x"] if missed else []) + [f"unit:{case}" for case in bug.units_failed] +
                     bug.problems)


def chain_text(bug):
    return ", then ".join(bug.chain + (["nothing"] if bug.missed else [])) or "-"


def row(bug):
    median, most, cpu = seeds_text(bug, arguments)
    expected = ",".join(bug.expected + [f"unit:{case}" for case in bug.units])
    return (f"{bug.colour():7} {bug.name}  {bug.what}\n         expected {expected}; caught by {caught_text(bug)}; "
            f"seeds {median} (median), {most} (most); {cpu} s")


def markdown(bugs, meta, path):
    with open(path, "w", encoding="ascii") as file:
        print("| bug | what is wrong | caught by (ranges of seeds) | and by, one after the other made hollow | seeds, median | "
              "most | CPU s |", file=file)
        print("|---|---|---|---|---|---|---|", file=file)
        for bug in bugs:
            print("|", " | ".join([bug.name, bug.what, caught_text(bug), chain_text(bug), *seeds_text(bug, arguments)]), "|",
                  file=file)
        for name, what, problem in meta:
            print(f"| {name} | {what} | {problem or 'as it must be'} | - | - | - | - |", file=file)


# --- the checks of the checks ----------------------------------------------------------------------------------------


def canary_check(simulator, options):
    """C01: of a sweep exactly the seeds that fail on purpose are reported (and those that fail anyhow)."""
    count = 10 if options.quick else 200
    first = options.first + CANARY_EVERY - 5 if options.quick else options.first
    swept = simulator.sweep(first, count, "--canary", jobs=options.jobs)
    told = {int(seed): why for seed, why in re.findall(r"^seed (\d+) violated: (\w+)", swept.output, re.MULTILINE)}
    canaries = {seed for seed in range(first, first + count) if seed % CANARY_EVERY == 0}
    missing = canaries - set(told)
    others = [seed for seed in set(told) - canaries if simulator.holds(seed)]
    if swept.code != VIOLATED or missing or others:
        return f"exit code {swept.code}, canaries not reported: {sorted(missing)}, reported without cause: {sorted(others)}"
    return ""


def lossless_check(simulator, options):
    """C02: a run that should lose, delay, repeat or reorder and cannot has proved nothing."""
    runs, seed = 0, options.first
    while runs < (4 if options.quick else 20):
        plan = run([simulator.program, "sim", "--seed", seed, "--lossless"])
        classes = re.search(r"classes of faults:(.*)$", plan.output, re.MULTILINE)
        if classes and set(classes[1].split()) & {"loss", "delay", "repeat", "reorder"}:
            runs += 1
            if plan.code == HELD or (plan.code != UNKNOWN and simulator.holds(seed)):
                return f"seed {seed} ends with {plan.code}"
        seed += 1
    return ""


def hollow_chain(simulator, bug, options):
    """What catches the bug once that which did always passes, and so on, until nothing does."""
    catch = min(bug.catches, key=lambda each: each.seeds)
    first, bound = catch.seed - catch.seeds + 1, min(options.seeds, 2 * catch.seeds + 8)
    while catch.invariant and len(bug.chain) < (1 if options.quick else CHAIN_MAX):
        bug.chain.append(catch.invariant)
        if catch.invariant == "S15":
            return ""  # an assertion of the engine: the process is gone, whatever the checks say
        catch = simulator.first_failure(first, bound, "--plant", bug.name, "--hollow", ",".join(bug.chain))
        if catch.invariant in bug.chain:
            return f"{bug.name} is reported by {catch.invariant}, which was hollowed; "
    bug.missed = Bug(bug.name, bug.what, bug.expected, [], [catch]).colour() == "red"
    return ""


def hollow_check(simulator, bugs, options):
    """C03: without the one check that catches a bug it is missed, and its row is red."""
    wanted = 2 if options.quick else 5
    chosen = [bug for bug in bugs if bug.catches and all(catch.invariant for catch in bug.catches)]
    if options.quick:
        chosen = [bug for bug in chosen if bug.name in QUICK_ALONE]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        problem = "".join(pool.map(lambda bug: hollow_chain(simulator, bug, options), chosen))
    alone = [bug for bug in chosen if bug.missed and len(bug.chain) == 1]
    for bug in chosen:
        if bug.chain:
            print(f"         {bug.name} {chain_text(bug)}")
    return problem or ("" if len(alone) >= wanted else f"only {len(alone)} bugs are missed without the one check that catches them")


def release_check(options):
    """A release refuses to be built with planted bugs, and one that was built knows none."""
    compiler = [os.environ.get("CC", "cc"), "-std=gnu17", "-fsyntax-only", "-I.", "-DATTUNE_PLANTS", "merkle/instrument.c"]
    if run(compiler).code != 0:
        return "merkle/instrument.c does not compile"
    if run([*compiler, "-DATTUNE_RELEASE"]).code == 0:
        return "a release with planted bugs compiles"
    program = pathlib.Path(options.release)
    if not program.exists():
        return f"{program} is not there: make simulator"
    refused = run([program, "sim", "--plant", "B07", "--seed", "1"])
    return "" if refused.code == USAGE else f"the release takes --plant: exit code {refused.code}"


def meta_check(simulator, bugs, options):
    rows = []
    for name, what, check in [
            ("C01", "one seed of 100 fails on purpose", lambda: canary_check(simulator, options)),
            ("C02", "a network that never drops, delays, repeats or reorders", lambda: lossless_check(simulator, options)),
            ("C03", "a check that always passes", lambda: hollow_check(simulator, bugs, options)),
            ("-", "a release with planted bugs", lambda: release_check(options))]:
        problem = check()
        rows.append((name, what, problem))
        print(f"{'red' if problem else 'green':7} {name:3}  {what}{': ' if problem else ''}{problem}", flush=True)
    return rows


def arguments_parse():
    parser = argparse.ArgumentParser(description="Checks the checks: planted bugs must be caught.")
    parser.add_argument("bugs", nargs="*", metavar="BUG")
    parser.add_argument("--out", default="build/gcc-plant", help="folder of the build of MODE=plant")
    parser.add_argument("--release", default="build/attune-chaos", help="a release of the program, which must refuse")
    parser.add_argument("--ranges", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=400, help="of a range, after which a bug is not caught")
    parser.add_argument("--first", type=int, default=1, help="the first seed of the first range")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--markdown", metavar="FILE")
    parser.add_argument("--verbose", action="store_true", help="the seeds and reasons too")
    parser.add_argument("--quick", action="store_true", help="one range, some bugs, no units")
    options = parser.parse_args()
    if options.quick:
        options.ranges, options.seeds, options.bugs = 1, min(options.seeds, 100), options.bugs or QUICK
    return options


def main():
    simulator = Simulator(ROOT / arguments.out / "attune-chaos")
    bugs = simulator.bugs()
    unknown = set(arguments.bugs) - {bug.name for bug in bugs}
    if unknown or not bugs:
        print(f"plant: there is no planted bug {' '.join(sorted(unknown)) or 'at all: make MODE=plant'}", file=sys.stderr)
        return USAGE
    bugs = [bug for bug in bugs if not arguments.bugs or bug.name in arguments.bugs]
    bugs_check(simulator, None if arguments.quick else ROOT / arguments.out / "unit", bugs, arguments)
    meta = meta_check(simulator, bugs, arguments) if arguments.quick or not arguments.bugs else []
    if arguments.markdown:
        markdown(bugs, meta, arguments.markdown)
    colours = [bug.colour() for bug in bugs] + ["red" if problem else "green" for _, _, problem in meta]
    if meta and not arguments.quick:
        met = {name for bug in bugs for name in [*bug.invariants(), *bug.chain]}
        print(f"checks that no planted bug met: {' '.join(name for name in simulator.checks() if name not in met) or 'none'}")
    print(f"{colours.count('green')} as they must be, {colours.count('yellow')} yellow, {colours.count('red')} red")
    return 1 if "red" in colours else 0


if __name__ == "__main__":
    arguments = arguments_parse()
    sys.exit(main())
