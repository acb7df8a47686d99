/* simulate.h - running simulations for attune-chaos sim: what one run and a sweep have in common. */
#ifndef CHAOS_SIMULATE_H
#define CHAOS_SIMULATE_H

#include "bin/chaos/command_sim.h"
#include "test/sim/sim.h"

/* One seed or file of 20 is run twice and compared, event by event. */
enum { SIMULATE_TWICE_EVERY = 20, SIMULATE_CANARY_EVERY = 100, SIMULATE_AGAIN_SIZE_MAX = 1024 };

/* Makes the planted bug and the other switches of the arguments true. False: complained. */
bool simulate_prepare(const struct sim_arguments *arguments);

/* The expanded scenario of a seed, or of the arguments' file, with only the classes that they leave. False: complained. */
bool simulate_scenario(const struct sim_arguments *arguments, uint64_t seed,
                       struct scenario *scenario);

/* Runs it; `extra` has what the caller wants beside (trace, report, records), and may be NULL. The run's own clock is set. */
void simulate_run(const struct sim_arguments *arguments, const struct scenario *scenario,
                  const struct sim_options *extra, struct sim_result *result);

/* The same, twice; two runs that differ are a violation of "REPLAY", and the first event that differs is its reason. */
void simulate_run_twice(const struct sim_arguments *arguments, const struct scenario *scenario,
                        struct sim_result *result);

/* "17, commit 0123abc, gcc-release, trace 0123..., quiet, n3": all that a failure is found again by. */
void simulate_describe(const struct scenario *scenario, const struct sim_result *result, char *text,
                       size_t size_bytes);

/* The line that runs the seed, or the arguments' file, again as these arguments did. */
void simulate_again(const struct sim_arguments *arguments, uint64_t seed, char *text,
                    size_t size_bytes);

/* simulate_shrink.c: makes the failing scenario small, each run in a process of its own where it may crash. Returns how many
 * runs it took. */
unsigned simulate_shrink(const struct sim_arguments *arguments, struct scenario *scenario,
                         const struct sim_result *failure);

#endif
