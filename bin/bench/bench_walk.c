/* bench_walk.c - finding what differs between two trees: bytes in both directions, round trips and CPU time.
 *
 * n items, d of them missing on one side at random places, half of the samples on the initiator's side and half on the
 * other. Bytes are those of the frames as they would be sent (see the sizes below); what is then fetched is not counted,
 * as it is not for the systems compared with. A round trip is one set of requests that need not wait for each other.
 */
#include "bin/bench/bench.h"
#include "merkle/merkle.h"

#include <stdio.h>
#include <stdlib.h>

/* What the frames of gossip/ add to the walk's own bytes:
 *   each frame      length 4, array 1, type 1, exchange 5                                                           = 11
 *   DIGEST          11 + root 18, count 3, clock 9, seen 1, horizon 1, changes 3, table 7, flags 1, wall clock 1    = 55
 *   DIGEST_ANSWER   the same, with the walk in place of the wall clock: the header of its bytes                     = 55
 *   WALK, answer    11 + sequence 1, header of the bytes 2 or 3
 * (no member updates: they are not part of the comparison). */
enum {
    DIGEST_FRAME_BYTES = 55,
    DIGEST_ANSWER_FRAME_BYTES = 55,
    WALK_FRAME_BYTES = 15,
    NODES_PER_REQUEST = 1024,
    ANSWER_SIZE_MAX = 1024 * 1024,
    SIZES = 4,
    DIFFERENCES = 6,
};

static const uint32_t sizes[SIZES] = {1000, 10000, 100000, 1000000};
static const uint32_t differences[DIFFERENCES] = {0, 1, 10, 100, 1000, 10000};

/* negentropy's bytes and round trips for the same (n, d); 0: not measured. */
static const struct {
    double bytes;
    int round_trips;
} negentropy[SIZES][DIFFERENCES] = {
    {{341, 1}, {934, 2}, {4827, 2}, {25837, 2}, {0, 0}, {0, 0}},
    {{338, 1}, {1119, 2}, {7483, 2}, {44585, 2}, {200938, 2}, {0, 0}},
    {{338, 1}, {1854, 2}, {14599, 2}, {114750, 2}, {815357, 2}, {3.02e6, 3}},
    {{339, 1}, {2294, 3}, {19270, 3}, {162027, 3}, {1.33e6, 3}, {10.27e6, 3}},
};

struct sample {
    size_t bytes, round_trips, wants, ranges, haves;
    double seconds;
};

struct pair {
    struct merkle_tree *ours, *theirs;
    uint64_t salt;
};

static struct merkle_item item_of(uint64_t *random, uint32_t handle) {
    struct merkle_item item = {.slot = bench_random(random), .handle = handle};
    const uint64_t halves[2] = {bench_random(random), bench_random(random)};
    for (size_t i = 0; i < sizeof(item.digest.bytes); ++i)
        item.digest.bytes[i] = (uint8_t)(halves[i / 8] >> (i % 8 * 8));
    return item;
}

/* All requests of one round trip and their answers; false at its end or if memory is short (then `*result`). */
static size_t round_trip(const struct pair *pair, struct merkle_walk *walk,
                         struct merkle_buffer requests[], struct merkle_buffer *answer,
                         size_t requests_max, struct sample *sample) {
    size_t count = 0;
    for (; count < requests_max; ++count) {
        merkle_buffer_clear(&requests[count]);
        if (merkle_walk_request(walk, NODES_PER_REQUEST, &requests[count]) <= 0)
            break;
    }
    for (size_t i = 0; i < count; ++i) {
        merkle_buffer_clear(answer);
        if (merkle_walk_answer(pair->theirs, pair->salt, requests[i].data, requests[i].size_bytes,
                               ANSWER_SIZE_MAX, answer) != 0 ||
            merkle_walk_receive(walk, requests[i].data, requests[i].size_bytes, answer->data,
                                answer->size_bytes) != 0)
            abort();
        sample->bytes += 2 * WALK_FRAME_BYTES + requests[i].size_bytes + answer->size_bytes;
    }
    return count;
}

static struct sample walk_once(const struct pair *pair) {
    enum { REQUESTS_MAX = 256 };
    static struct merkle_buffer requests[REQUESTS_MAX];
    struct merkle_buffer answer;
    struct merkle_walk *walk;
    struct sample sample = {.bytes = DIGEST_FRAME_BYTES + DIGEST_ANSWER_FRAME_BYTES,
                            .round_trips = 1};
    for (size_t i = 0; i < REQUESTS_MAX; ++i)
        merkle_buffer_init(&requests[i], &merkle_allocator_libc);
    merkle_buffer_init(&answer, &merkle_allocator_libc);

    const double begin = bench_cpu_seconds();
    const struct merkle_digest ours = merkle_tree_root(pair->ours);
    const struct merkle_digest theirs = merkle_tree_root(pair->theirs);
    if (!merkle_digest_equal(&ours, &theirs)) {
        if (merkle_walk_new(&merkle_allocator_libc, pair->ours, pair->salt, &walk) != 0 ||
            merkle_walk_answer_root(pair->theirs, pair->salt, &answer) != 0 ||
            merkle_walk_start(walk, answer.data, answer.size_bytes) != 0)
            abort();
        sample.bytes += answer.size_bytes;
        while (round_trip(pair, walk, requests, &answer, REQUESTS_MAX, &sample) > 0)
            sample.round_trips++;
        sample.seconds = bench_cpu_seconds() - begin;
        sample.wants = merkle_walk_wants_count(walk);
        sample.ranges = merkle_walk_ranges_count(walk);
        sample.haves = merkle_walk_haves_count(walk);
        merkle_walk_free(walk);
    } else {
        sample.seconds = bench_cpu_seconds() - begin;
    }
    merkle_buffer_close(&answer);
    for (size_t i = 0; i < REQUESTS_MAX; ++i)
        merkle_buffer_close(&requests[i]);
    return sample;
}

/* Takes d random items out of one tree, walks, and puts them back. The walk is timed the second time too, when the path
 * is in the cache; both count, the smaller as `warm`. */
static void one_sample(struct pair *pair, const struct merkle_item *items, uint32_t size,
                       uint32_t difference, uint64_t *random, struct sample *cold, double *warm_s) {
    struct merkle_tree *lacking = bench_random(random) % 2 == 0 ? pair->ours : pair->theirs;
    uint32_t *missing = bench_allocate(difference, sizeof(*missing));
    for (uint32_t i = 0; i < difference;) {
        const uint32_t chosen = (uint32_t)(bench_random(random) % size);
        if (merkle_tree_remove(lacking, items[chosen].slot, items[chosen].handle) == 0)
            missing[i++] = chosen;
    }
    merkle_tree_root(lacking);
    pair->salt = bench_random(random);
    *cold = walk_once(pair);
    *warm_s = cold->seconds;
    for (int i = 0; i < 3; ++i) {
        const double again_s = walk_once(pair).seconds;
        *warm_s = again_s < *warm_s ? again_s : *warm_s;
    }
    for (uint32_t i = 0; i < difference; ++i)
        if (merkle_tree_insert(lacking, &items[missing[i]]) != 0)
            abort();
    free(missing);
}

static void one_row(struct pair *pair, const struct merkle_item *items, size_t size_index,
                    size_t difference_index, uint64_t *random) {
    const uint32_t size = sizes[size_index], difference = differences[difference_index];
    const double theirs = negentropy[size_index][difference_index].bytes;
    const int samples = difference <= 10 ? 200 : difference <= 100 ? 30 : 4;
    double bytes = 0, cold_s = 0, warm_s = 0;
    size_t bytes_max = 0, round_trips_max = 0;
    for (int i = 0; i < samples; ++i) {
        struct sample sample;
        double warm_sample_s;
        one_sample(pair, items, size, difference, random, &sample, &warm_sample_s);
        bytes += (double)sample.bytes / samples;
        cold_s += sample.seconds / samples;
        warm_s += warm_sample_s / samples;
        bytes_max = sample.bytes > bytes_max ? sample.bytes : bytes_max;
        round_trips_max =
            sample.round_trips > round_trips_max ? sample.round_trips : round_trips_max;
    }
    printf("%9u %7u %12.0f %10zu %5zu %10.1f %10.1f", size, difference, bytes, bytes_max,
           round_trips_max, cold_s * 1e6, warm_s * 1e6);
    if (theirs > 0) {
        const int round_trips = negentropy[size_index][difference_index].round_trips;
        printf(" %12.0f %5d %8.3f%s%s\n", theirs, round_trips, bytes / theirs,
               difference > 0 ? bench_mark(bytes / theirs, 0.4) : "",
               (int)round_trips_max > round_trips + 1 ? "  <- too many round trips" : "");
    } else {
        printf("\n");
    }
}

int bench_walk(void) {
    printf("%9s %7s %12s %10s %5s %10s %10s %12s %5s %8s\n", "n", "d", "bytes", "largest", "trips",
           "us cold", "us warm", "negentropy", "trips", "ratio");
    for (size_t i = 0; i < SIZES; ++i) {
        uint64_t random = sizes[i];
        struct merkle_item *items = bench_allocate(sizes[i], sizeof(*items));
        struct pair pair;
        if (merkle_tree_new(&merkle_allocator_libc, &pair.ours) != 0 ||
            merkle_tree_new(&merkle_allocator_libc, &pair.theirs) != 0)
            return 1;
        for (uint32_t j = 0; j < sizes[i]; ++j) {
            items[j] = item_of(&random, j);
            if (merkle_tree_insert(pair.ours, &items[j]) != 0 ||
                merkle_tree_insert(pair.theirs, &items[j]) != 0)
                return 1;
        }
        merkle_tree_root(pair.ours);
        merkle_tree_root(pair.theirs);
        for (size_t j = 0; j < DIFFERENCES; ++j)
            if (differences[j] * 10 <= sizes[i])
                one_row(&pair, items, i, j, &random);
        merkle_tree_free(pair.ours);
        merkle_tree_free(pair.theirs);
        free(items);
    }
    printf(
        "us: both sides together; cold: the first walk after the change. Figures to reach at n = "
        "1,000,000: d=1 20 us, d=100 500 us.\n");
    return 0;
}
