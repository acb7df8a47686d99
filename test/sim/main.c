/* main.c - throw-away */
#include "test/sim/sim.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
int main(int argc, char **argv) {
    uint64_t from = strtoull(argv[1], 0, 10), to = argc > 2 ? strtoull(argv[2], 0, 10) : from;
    uint64_t held = 0, fail = 0, unk = 0, node_ms = 0;
    clock_t c0 = clock();
    for (uint64_t s = from; s <= to; s++) {
        struct choice choice;
        struct scenario scenario;
        struct sim_result r;
        choice_seed(&choice, s);
        scenario_draw(&scenario, &choice, s, 0);
        if (argc > 3)
            scenario_print(&scenario, stdout);
        scenario_expand(&scenario);
        struct sim_options o = {.scenario = &scenario, .trace = argc > 3 ? stdout : NULL};
        sim_run(&o, &r);
        node_ms += r.stats.node_ms;
        if (r.verdict == CHAOS_HELD)
            held++;
        else if (r.verdict == CHAOS_UNKNOWN)
            unk++;
        else
            fail++;
        if (r.verdict != CHAOS_HELD) {
            printf("seed %" PRIu64 " %s n=%zu core=%zu: %s | ", s, chaos_verdict_name(r.verdict),
                   scenario.node_count, scenario.core.count, r.reason);
            for (unsigned i = 1; i < SCENARIO_CLASS_COUNT; i++) {
                if (scenario.classes[i])
                    printf(" %s", scenario_class_name(i));
            }
            printf("\n");
            fflush(stdout);
        }
        if (from == to)
            printf("hash %016" PRIx64 " settle %" PRIu64 "\n", r.trace_hash,
                   r.stats.settle_intervals);
        scenario_close(&scenario);
    }
    printf("%" PRIu64 " held %" PRIu64 " failed %" PRIu64 " unknown; %.0f node-s/core-s\n", held,
           fail, unk, (double)node_ms / 1000 / ((double)(clock() - c0) / CLOCKS_PER_SEC));
}
