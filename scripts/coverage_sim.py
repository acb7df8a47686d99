#!/usr/bin/env python3
"""coverage_sim.py - what simulations alone reach of the engine, the catalog and the tree (make coverage-sim).

    OUT=build/gcc-coverage SEEDS=1-200 scripts/coverage_sim.py

Runs a sweep with a program that counts lines, prints how much of merkle/, catalog/ and gossip/ was reached, and writes the
functions and lines that were not to $OUT/coverage-sim.txt. The driver (gossip/ev_*) is not counted: a simulation has none.
Lines with an assertion alone do not count either, as in `make coverage`.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

FOLDERS = ("merkle", "catalog", "gossip")
NOT_COUNTED = re.compile(r"\s*assert\(")


def run_seeds(out, seeds):
    first, _, last = seeds.partition("-")
    first, last = int(first), int(last or first)
    for counts in (out / "obj").rglob("*.gcda"):
        counts.unlink()
    command = [out / "attune-chaos", "sim", "--from", str(first), "--seeds", str(last - first + 1)]
    with open(out / "coverage-sim.log", "w", encoding="utf-8") as log:
        return subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode


def count(notes):
    """What gcov says of one object: {source: (lines, functions)}. Without counts all is at 0."""
    # With an absolute path gcov finds the counts beside the notes, and writes nothing.
    text = subprocess.run(["gcov", "--json-format", "--stdout", notes.resolve()], capture_output=True, text=True,
                          check=True).stdout
    found = {}
    for document in text.splitlines():
        for file in json.loads(document)["files"]:
            found[file["file"]] = ({line["line_number"]: line["count"] for line in file["lines"]},
                                   {function["demangled_name"]: (function["start_line"], function["execution_count"])
                                    for function in file["functions"]})
    return found


def count_all(out):
    lines, functions = collections.defaultdict(collections.Counter), collections.defaultdict(dict)
    notes = [path for folder in FOLDERS for path in sorted((out / "obj" / folder).glob("*.gcno"))
             if not path.name.startswith("ev_")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(count, notes):
            for source, (source_lines, source_functions) in found.items():
                if not source.startswith(FOLDERS):
                    continue
                text = pathlib.Path(source).read_text(encoding="utf-8").splitlines()
                for number, times in source_lines.items():
                    if not NOT_COUNTED.match(text[number - 1]):
                        lines[source][number] += times
                for name, (start, times) in source_functions.items():
                    functions[source][name] = (start, functions[source].get(name, (0, 0))[1] + times)
    return lines, functions


def ranges(numbers):
    """7, 8, 9, 12 as 7-9 12."""
    parts = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return " ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in parts)


def missing_of(source, lines, functions):
    """The functions that were never called, and the lines that were not reached in the others."""
    starts = sorted((start, name, times) for name, (start, times) in functions.items())
    never = [(start, name) for start, name, times in starts if times == 0]
    missed = []
    for number, times in lines.items():
        inside = [times_of for start, _, times_of in starts if start <= number]
        if times == 0 and (not inside or inside[-1] > 0):
            missed.append(number)
    text = [f"{source}:{start}: {name}() is never called" for start, name in never]
    return text + ([f"{source}: lines {ranges(missed)}"] if missed else [])


def share(part, whole):
    return f"{part} of {whole} ({100 * part / whole:.1f} %)"


def main():
    out = pathlib.Path(os.environ["OUT"])
    seeds = os.environ.get("SEEDS", "1-200")
    code = run_seeds(out, seeds)
    lines, functions = count_all(out)
    report = []
    for folder in FOLDERS:
        own = [source for source in sorted(lines) if source.startswith(folder + "/")]
        reached = sum(times > 0 for source in own for times in lines[source].values())
        called = sum(times > 0 for source in own for _, times in functions[source].values())
        print(f"{folder + '/':10} lines {share(reached, sum(len(lines[source]) for source in own))}, "
              f"functions {share(called, sum(len(functions[source]) for source in own))}")
        for source in own:
            report += missing_of(source, lines[source], functions[source])
    reached = sum(times > 0 for counter in lines.values() for times in counter.values())
    print(f"{'all':10} lines {share(reached, sum(len(counter) for counter in lines.values()))}")
    target = out / "coverage-sim.txt"
    target.write_text("\n".join(report) + "\n", encoding="utf-8")
    print(f"coverage-sim: seeds {seeds} (exit code {code}); what is not reached: {target}")
    return 0 if code in (0, 5) else 1


if __name__ == "__main__":
    sys.exit(main())
