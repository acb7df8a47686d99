#!/usr/bin/env python3
"""chaos_soak.py - real nodes under all faults at once for as long as is wanted (not part of make check).

    ATTUNE_MINUTES=30 ATTUNE_NODES=7 ATTUNE_SEED=1 test/process/chaos_soak.py [FLAGS of attune-chaos run...]

Draws a scenario from the seed: writes all the time, and every few seconds one more fault of any class that this machine can
inject, so that several are in force at once. It is written to soak.yaml, and attune-chaos run does the rest: at the end all
nodes must be equal, with everything that was acknowledged, and with the memory and the descriptors of the start.
"""
import os
import random
import subprocess
import sys

from nodes import BUILD, number

MINUTES = number("MINUTES", 30)
NODES = number("NODES", 7)
SEED = number("SEED", 1)
GAP_SECONDS = (1.5, 4.0)
# Class: how often, compared with the others, and what it takes.
FAULTS = {
    "loss": (6, "links percent for"),
    "delay": (6, "links span for"),
    "repeat": (3, "links percent for"),
    "reorder": (3, "links percent for"),
    "partition": (5, "some for"),
    "one_way": (3, "some for"),
    "flap": (3, "some flap for"),
    "slow_link": (3, "links rate for"),
    "fragment": (3, "links for"),
    "hang": (2, "one for"),
    "reset": (3, "links"),
    "corrupt": (3, "links percent for"),
    "crash": (6, "one for"),
    "stop": (4, "one for"),
    "freeze": (6, "one for"),
    "disk_full": (2, "one for"),
    "disk_error": (2, "one for"),
    "disk_slow": (2, "one slow for"),
    "clock": (2, "one clock for"),
    "stranger": (3, "one few"),
    "liar": (3, "one few"),
    # What takes a disk away comes seldom: a node needs time to have everything again.
    "wipe": (0, "one for"),
    "damage": (0, "one bits"),
    "disk_lie": (0, "one for"),
    "clone": (0, "one long"),
}
SELDOM = ["wipe", "damage", "disk_lie", "clone", "restore", "mass_restart"]
SELDOM_SECONDS = 45


def names(chance, count):
    return "[" + ", ".join(f"n{i}" for i in sorted(chance.sample(range(1, NODES + 1), count))) + "]"


def arguments(chance, wanted):
    words = {
        "links": lambda: f"nodes: {names(chance, chance.randint(1, NODES - 1))}",
        "some": lambda: f"nodes: {names(chance, chance.randint(1, NODES // 2))}",
        "one": lambda: f"nodes: {names(chance, 1)}",
        "percent": lambda: f"percent: {chance.choice([5, 20, 50, 90])}",
        "span": lambda: f"span: {chance.choice(['50ms', '300ms', '2s'])}",
        "flap": lambda: f"span: {chance.choice(['300ms', '1s', '3s'])}",
        "slow": lambda: f"span: {chance.choice(['200ms', '2s'])}",
        "clock": lambda: f"span: {chance.choice(['1h', '-1h', '30s', '-30s'])}",
        "rate": lambda: f"count: {chance.choice([2000, 20000])}",
        "few": lambda: f"count: {chance.randint(1, 20)}",
        "bits": lambda: f"count: {chance.randint(1, 3)}",
        "for": lambda: f"for: {chance.randint(1, 12)}s",
        "long": lambda: "for: 25s",
    }
    return [words[word]() for word in wanted.split()]


def action(at, name, words):
    return f"  - {{at: {int(at * 1000)}ms, do: {name}, {', '.join(words)}}}"


def seldom(chance, at, index):
    """Each class in turn; a restored disk was kept half the time before."""
    name = SELDOM[index % len(SELDOM)]
    if name == "restore":
        node = [f"nodes: {names(chance, 1)}"]
        return [action(at - SELDOM_SECONDS / 2, "backup", node), action(at, "restore", node + ["for: 1s"])]
    if name == "mass_restart":
        return [action(at, name, [f"nodes: {names(chance, NODES)}", "for: 1s"])]
    return [action(at, name, arguments(chance, FAULTS[name][1]))]


def scenario():
    chance = random.Random(SEED)
    end = MINUTES * 60
    actions, at, index = [], 3.0, 0
    often = [name for name, (weight, _) in FAULTS.items() for _ in range(weight)]
    while at < end - 5:
        name = chance.choice(often)
        actions.append(action(at, name, arguments(chance, FAULTS[name][1])))
        at += chance.uniform(*GAP_SECONDS)
    at = SELDOM_SECONDS
    while at < end - 5:
        actions += seldom(chance, at, index)
        at += SELDOM_SECONDS
        index += 1
    return "\n".join([f"name: soak of {MINUTES} minutes, seed {SEED}", f"nodes: {NODES}", f"seed: {SEED}", f"load_ends: {end}s",
                      "load:", f"  - {{from: 1s, until: {end - 1}s, every: 200ms}}", "actions:", *actions, ""])


def main():
    with open("soak.yaml", "w", encoding="utf-8") as file:
        file.write(scenario())
    return subprocess.run([os.path.join(BUILD, "attune-chaos"), "run", "soak.yaml", *sys.argv[1:]], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
