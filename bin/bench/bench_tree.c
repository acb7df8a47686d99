/* bench_tree.c - keeping the digest of a million items: what each write of a node pays, and what a start pays.
 *
 * Processor time; the smallest of several runs counts, as what disturbs a run only makes it slower. Slots are random, as hashes of keys are;
 * "in slot order" is a start, which reads its rows so.
 */
#include "bin/bench/bench.h"
#include "merkle/merkle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS = 1000000, CHANGES = 200000, INSERTS = 200000, RUNS = 3 };

struct figures {
    double insert_us, insert_late_us, change_us, build_s, build_sorted_s, bytes_per_item, access_ns;
};

static struct merkle_item item_of(uint64_t *random, uint32_t handle) {
    struct merkle_item item = {.slot = bench_random(random), .handle = handle};
    for (size_t i = 0; i < sizeof(item.digest.bytes); ++i)
        item.digest.bytes[i] = (uint8_t)(item.slot >> (i % 8 * 8)) ^ (uint8_t)i;
    return item;
}

static int compare_slots(const void *a, const void *b) {
    const struct merkle_item *left = a, *right = b;
    return (left->slot > right->slot) - (left->slot < right->slot);
}

/* A tree of the first `count` items with its root; seconds for the items, and for all. NULL if memory is short. */
static struct merkle_tree *build(const struct merkle_item *items, size_t count, double *insert_s,
                                 double *build_s) {
    struct merkle_tree *tree;
    const double begin = bench_cpu_seconds();
    if (merkle_tree_new(&merkle_allocator_libc, &tree) != 0)
        return NULL;
    for (size_t i = 0; i < count; ++i) {
        if (merkle_tree_insert(tree, &items[i]) != 0) {
            merkle_tree_free(tree);
            return NULL;
        }
    }
    *insert_s = bench_cpu_seconds() - begin;
    merkle_tree_root(tree);
    *build_s = bench_cpu_seconds() - begin;
    return tree;
}

static void keep_smaller(double *kept, double figure) {
    if (*kept == 0 || figure < *kept)
        *kept = figure;
}

/* What a random access costs here and now: hashing 200 bytes at random places of 200 MB. The figures come from a machine
 * where that takes 200 ns. */
static double access_ns(uint64_t *random) {
    enum { RECORDS = 1000000, RECORD_BYTES = 200 };
    uint8_t *records = bench_allocate(RECORDS, RECORD_BYTES);
    memset(records, 1, (size_t)RECORDS * RECORD_BYTES);
    volatile unsigned used = 0; /* so that nothing is left out */
    const double begin = bench_cpu_seconds();
    for (size_t i = 0; i < RECORDS; ++i) {
        const uint8_t *record = records + bench_random(random) % RECORDS * RECORD_BYTES;
        used = used + (merkle_digest_of(record, RECORD_BYTES, MERKLE_SEED_ENTRY).bytes[0] & 1u);
    }
    const double seconds = bench_cpu_seconds() - begin;
    free(records);
    return seconds / RECORDS * 1e9;
}

static int run_once(const struct merkle_item *items, struct figures *best) {
    double insert_s, build_s;
    struct merkle_tree *tree = build(items, ITEMS, &insert_s, &build_s);
    if (tree == NULL)
        return 1;
    keep_smaller(&best->insert_us, insert_s / ITEMS * 1e6);
    keep_smaller(&best->build_s, build_s);
    keep_smaller(&best->bytes_per_item, (double)merkle_tree_memory_bytes(tree) / ITEMS);

    double begin = bench_cpu_seconds();
    for (uint32_t i = 0; i < CHANGES; ++i) {
        const struct merkle_item *item = &items[i]; /* a random place in the tree */
        struct merkle_digest digest = item->digest;
        digest.bytes[0] = (uint8_t)i;
        merkle_tree_replace(tree, item->slot, item->handle, &digest);
        merkle_tree_root(tree);
    }
    keep_smaller(&best->change_us, (bench_cpu_seconds() - begin) / CHANGES * 1e6);

    int failures = 0;
    begin = bench_cpu_seconds();
    for (uint32_t i = 0; i < INSERTS; ++i)
        failures += merkle_tree_insert(tree, &items[ITEMS + i]) != 0;
    keep_smaller(&best->insert_late_us, (bench_cpu_seconds() - begin) / INSERTS * 1e6);
    merkle_tree_free(tree);
    return failures > 0;
}

int bench_tree(void) {
    uint64_t random = 1;
    struct figures best = {.insert_us = 0};
    struct merkle_item *items = bench_allocate(ITEMS + INSERTS, sizeof(*items));
    for (uint32_t i = 0; i < ITEMS + INSERTS; ++i)
        items[i] = item_of(&random, i);
    int result = 0;
    best.access_ns = access_ns(&random);
    for (int i = 0; i < RUNS && result == 0; ++i)
        result = run_once(items, &best);
    qsort(items, ITEMS, sizeof(*items), compare_slots);
    for (int i = 0; i < RUNS && result == 0; ++i) {
        double insert_s, build_s = 0;
        struct merkle_tree *tree = build(items, ITEMS, &insert_s, &build_s);
        result = tree == NULL;
        merkle_tree_free(tree);
        keep_smaller(&best.build_sorted_s, build_s);
    }
    free(items);
    if (result != 0)
        return result;

    printf("%d items, random slots; processor time, the best of %d runs\n", ITEMS, RUNS);
    printf("a random access (200 bytes hashed, of 200 MB) takes %.0f ns here; 200 ns where the "
           "figures come from\n",
           best.access_ns);
    printf("%-26s %10s %14s %20s %14s\n", "", "attune", "negentropy", "merkle-search-tree",
           "Riak hashtree");
    printf("%-26s %7.3f us %14s %20s %14s%s\n", "insert", best.insert_us, "0.76 us", "0.65 us",
           "2.2 us", bench_mark(best.insert_us, 0.25));
    printf("%-26s %7.3f us\n", "  into the full tree", best.insert_late_us);
    printf("%-26s %7.3f us %14s %20s %14s%s\n", "one change, then the root", best.change_us, "-",
           "5.2 us", "0.44 ms", bench_mark(best.change_us, 1));
    printf("%-26s %7.3f s  %14s %20s %14s%s\n", "full build and root", best.build_s, "0.6 s", "-",
           "10.3 s", bench_mark(best.build_s, 0.3));
    printf("%-26s %7.3f s\n", "  from rows in slot order", best.build_sorted_s);
    printf("%-26s %7.1f B  %14s %20s %14s%s\n", "memory an item", best.bytes_per_item, "73 B",
           "118 B", "118 B", bench_mark(best.bytes_per_item, 55));
    return 0;
}
