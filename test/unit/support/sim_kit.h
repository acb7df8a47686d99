/* sim_kit.h - runs of the simulator for tests, and worlds whose nodes have disks but no engines. */
#ifndef TEST_UNIT_SUPPORT_SIM_KIT_H
#define TEST_UNIT_SUPPORT_SIM_KIT_H

#include "test/sim/world.h"

/* A scenario's text, of which the test says the rest: three nodes, an interval of 500 ms, and two writes that reach all. */
#define SIM_KIT_HEAD "name: t\nnodes: 3\ninterval: 500ms\nload_ends: 12s\nactions:\n"
#define SIM_KIT_SET(at, node, entity)                                                              \
    "  - {at: " at ", do: set, nodes: [" node "], key: schema/" entity                             \
    ", body: '{\"fields\":{}}'}\n"
#define SIM_KIT_WRITES SIM_KIT_SET("4s", "n1", "a") SIM_KIT_SET("5s", "n2", "b")

/* Runs a scenario; `options` (may be NULL) has what the run needs beside it. */
void sim_kit_run(const char *text, const struct sim_options *options, struct sim_result *result);
/* The same with its trace, as one text that stays valid until the next call. */
const char *sim_kit_trace(const char *text, struct sim_result *result);

/* A world that stands still at 1000 ms, while the load goes on. */
struct sim_kit {
    struct sim sim;
    struct scenario scenario;
    struct sim_options options;
    struct sim_result result;
};
void sim_kit_open(struct sim_kit *kit, size_t nodes);
void sim_kit_close(struct sim_kit *kit);
/* An entry constraint/ENTITY/c with one version of this clock that has seen nothing else; the caller's to release. */
struct catalog_entry *sim_kit_entry(const char *entity, catalog_clock clock);
/* Puts it on a disk. */
void sim_kit_put(struct sim_disk *disk, struct catalog_entry *entry);
/* Starts the node's engine; what that hands to its disk lands. It founds a cluster if it is the first, or a founder. */
void sim_kit_start(struct sim_kit *kit, size_t index);
/* Asserts that this invariant was violated, with `what` in the reason, and forgets it; with NULL that none was. */
void sim_kit_verdict(struct sim_kit *kit, const char *id, const char *what);
/* An action on these links, without any other argument. */
struct scenario_action sim_kit_link(enum scenario_action_type type, size_t from, size_t to);

#endif
