/* bench_exchange.c - finding what differs between two catalogs, in the frames of two real engines.
 *
 * Two engines of n entries each, of which d are missing on one side; one exchange is run and its bytes are counted by phase.
 * What bench_walk measures on bare trees is here the whole protocol: lengths, headers, member fingerprints. Pulls and the
 * entries themselves are not counted, as values are not for the systems compared with.
 */
#include "bin/bench/bench.h"
#include "bin/bench/bench_world.h"

#include <stdio.h>

enum { SIZES = 3, DIFFERENCES = 5, SAMPLES = 7, AT_REST_MS = 60000 };

static const uint32_t sizes[SIZES] = {1000, 10000, 100000};
static const uint32_t differences[DIFFERENCES] = {0, 1, 10, 100, 1000};
static const double negentropy[SIZES][DIFFERENCES] = {
    {341, 934, 4827, 25837, 0},
    {338, 1119, 7483, 44585, 200938},
    {338, 1854, 14599, 114750, 815357},
};

static uint64_t finding_bytes(const struct bench_world *world) {
    const struct bench_traffic traffic = bench_world_traffic(world);
    return traffic.phase_bytes[GOSSIP_PHASE_DIGEST] + traffic.phase_bytes[GOSSIP_PHASE_WALK];
}

/* Removes d entries of the second engine, as if it had missed them. */
static void miss(struct bench_world *world, struct catalog_entry **entries, uint32_t count,
                 uint32_t d, uint64_t *random) {
    for (uint32_t i = 0; i < d;) {
        struct catalog_key key = catalog_entry_key(entries[bench_random(random) % count]);
        i += catalog_unload(gossip_catalog(bench_world_engine(world, 1)), &key) == 0;
    }
}

/* Bytes of one exchange, without the digests that verify it afterwards (one exchange at rest). */
static uint64_t sample(struct bench_world *world, struct catalog_entry **entries, uint32_t n,
                       uint32_t d, uint64_t at_rest, uint64_t *random) {
    miss(world, entries, n, d, random);
    uint64_t before = finding_bytes(world);
    struct gossip_operation operation = {.type = GOSSIP_SYNC, .member = {"n0", 2}};
    bench_world_operate(world, 1, &operation);
    return finding_bytes(world) - before - (d == 0 ? 0 : at_rest);
}

int bench_exchange(void) {
    int over = 0;
    printf("%9s %6s %10s %12s %6s\n", "n", "d", "bytes", "negentropy", "ratio");
    for (unsigned i = 0; i < SIZES; i++) {
        uint64_t random = 42 + i;
        struct bench_world *world = bench_world_new(2);
        struct catalog_entry **entries = bench_entries_new(sizes[i]);
        bench_world_add(world, entries, sizes[i], true);
        bench_world_add(world, entries, sizes[i], true);
        bench_world_run_until(world, AT_REST_MS);
        uint64_t at_rest = sample(world, entries, sizes[i], 0, 0, &random);
        for (unsigned j = 0; j < DIFFERENCES; j++) {
            uint64_t sum = 0;
            for (unsigned k = 0; k < SAMPLES; k++) {
                sum += sample(world, entries, sizes[i], differences[j], at_rest, &random);
            }
            double mean = (double)sum / SAMPLES;
            double ratio = negentropy[i][j] > 0 ? mean / negentropy[i][j] : 0;
            over += differences[j] > 0 && ratio > 0.4;
            printf("%9u %6u %10.0f %12.0f %6.3f%s\n", sizes[i], differences[j], mean,
                   negentropy[i][j], ratio, differences[j] > 0 && ratio > 0.4 ? " over 0.4" : "");
        }
        bench_entries_free(entries, sizes[i]);
        bench_world_free(world);
    }
    return over > 0;
}
