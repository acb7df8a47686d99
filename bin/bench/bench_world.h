/* bench_world.h - engines wired in memory: frames arrive at once and in order, stores succeed at once, time is made up.
 *
 * What is measured so is the protocol alone: frames and bytes do not depend on the machine. Everything ends the program if it
 * cannot be had, as a benchmark has nobody to tell.
 */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include "gossip/gossip.h"

struct bench_world;

/* No engines yet, time 0. `engines_max` is how many there will be at most. */
struct bench_world *bench_world_new(size_t engines_max);
void bench_world_free(struct bench_world *world);

/* Adds an engine named n0, n1, ..., with these entries (held), as on a fresh disk, and starts it. The first founds the
 * cluster, the others join it there. `pushes_lost` as in struct gossip_config. */
void bench_world_add(struct bench_world *world, struct catalog_entry **entries, size_t count,
                     bool pushes_lost);
struct gossip *bench_world_engine(struct bench_world *world, size_t index);

/* Runs all timers until then. */
void bench_world_run_until(struct bench_world *world, gossip_time_ms end_ms);
gossip_time_ms bench_world_now(const struct bench_world *world);

/* Hands an operation to an engine and runs all of them until it has been answered, at this instant if that can be. It must
 * succeed, within a minute. */
void bench_world_operate(struct bench_world *world, size_t index,
                         struct gossip_operation *operation);

/* What all engines have sent so far. */
struct bench_traffic {
    uint64_t phase_bytes[GOSSIP_PHASE_COUNT]; /* whole frames */
};
struct bench_traffic bench_world_traffic(const struct bench_world *world);

/* `count` schemas of one field, of random keys, made by planning an import into an empty catalog; they are the caller's, held
 * once each, as is the array. */
struct catalog_entry **bench_entries_new(size_t count);
void bench_entries_free(struct catalog_entry **entries, size_t count);

#endif
