/* chaos.h - what the commands of attune-chaos share: the table of commands, complaints, arguments, probes.
 *
 *   main.c            finds the command                    sweep.c, sweep_*.c        many seeds in many processes
 *   command_sim.c     simulated nodes
 *   command_run.c     real processes (real.h)              probes.c                  what was reached
 *   command_explore.c every state of a small world
 *   command_list.c    what there is                        arguments.c               numbers, and why not
 *                                                          output.c                  reports and other files
 *
 * Exit codes are those of test/sim/verdict.h.
 */
#ifndef CHAOS_CHAOS_H
#define CHAOS_CHAOS_H

#include "test/sim/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Each gets its name as argv[0] ("attune-chaos sim"), and returns an exit code. */
struct command {
    const char *name;
    const char *what;
    int (*run)(int argc, char **argv);
};

int command_sim(int argc, char **argv);
int command_run(int argc, char **argv);
int command_explore(int argc, char **argv);
int command_list(int argc, char **argv);

/* One line on stderr, with the program's name in front. */
void chaos_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- arguments (arguments.c) ----------------------------------------------------------------------------------------- */

/* A whole decimal number from `min` to `max`, digits only. False: complained, naming the option. */
bool argument_number(const char *option, const char *text, uint64_t min, uint64_t max,
                     uint64_t *value);
/* Whether so many seeds from `from` on exist (count > 0). False: complained. */
bool argument_seeds(uint64_t from, uint64_t count);

/* --- files (output.c) ----------------------------------------------------------------------------------------------- */

/* Whether the file could be written; nothing is changed. NULL, no file: true. "-" is stdout. False: complained. */
bool output_possible(const char *path);
/* Empties it. NULL: complained. */
FILE *output_open(const char *path);
/* `written`: what the writer says, with `errno`. False: something was not written; complained. */
bool output_close(const char *path, FILE *file, bool written);

/* --- probes (probes.c) ----------------------------------------------------------------------------------------------- */

struct attune_probe;

/* Those that are linked into this program; none in a build without ATTUNE_PROBES. */
size_t probes_count(void);
struct attune_probe *probes_at(size_t index);
size_t probes_missing(void); /* how many were not hit */
/* "NAME (FILE:LINE)", a line each, of those with fewer hits than `least`; returns how many there were. */
size_t probes_print_missing(FILE *file, uint64_t least);

#endif
