/* fuzz_world.c - the whole cluster, steered by coverage: the bytes are the choices of a simulation (test/sim/choice.h).
 *
 *      first       how many nodes (3 or 4), the seed of identities and writes
 *      then        the plan: which faults there are, and when (scenario_draw())
 *      the rest    what happens in the run: delays, losses, what a crash leaves; 0, the mild choice, when they are used up
 *
 * A broken promise is a crash: its reason and the plan go to stderr, and with TRACE set in the environment what happened. A run
 * that proves nothing is none.
 */
#include "test/sim/sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

/* Ten times what a usual run has: what goes on for longer than that is a storm of messages, and too slow to learn from. */
enum { NODES_MIN = 3, NODES_SPAN = 2, EVENTS_MAX = 60000 };

static void fail(const struct scenario *scenario, const struct sim_result *result) {
    fprintf(stderr, "%s: %s\n", chaos_verdict_name(result->verdict), result->reason);
    scenario_print(scenario, stderr);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    struct choice choice;
    struct scenario scenario;
    struct sim_result result;
    choice_bytes(&choice, data, size_bytes);
    size_t nodes = NODES_MIN + (size_t)choice_below(&choice, NODES_SPAN, "nodes");
    uint64_t seed = choice_below(&choice, UINT16_MAX, "seed");
    scenario_draw(&scenario, &choice, seed, nodes);
    assert(scenario.node_count == nodes && !scenario.real_store);
    scenario_expand(&scenario);
    sim_run(&(struct sim_options){.scenario = &scenario,
                                  .choice = &choice,
                                  .events_max = EVENTS_MAX,
                                  .trace = getenv("TRACE") != NULL ? stderr : NULL},
            &result);
    if (result.verdict != CHAOS_HELD && result.verdict != CHAOS_UNKNOWN) {
        fail(&scenario, &result);
    }
    scenario_close(&scenario);
    return 0;
}
