/* test_walk.c - whole walks against the differences of two sorted arrays. */
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/walking.h"

#include <check.h>
#include <stdlib.h>

/* Two sets: `common` items in both, and of each difference some only ours, some only theirs, some changed. */
static void make_pair(enum items_shape shape, size_t common, size_t differences, uint64_t *random,
                      struct items *ours, struct items *theirs) {
    uint32_t number = 0;
    items_init(ours);
    items_init(theirs);
    for (size_t i = 0; i < common; ++i) {
        const struct merkle_item item = items_item(items_slot(shape, random), number++);
        items_push(ours, item);
        items_push(theirs, item);
    }
    for (size_t i = 0; i < differences; ++i) {
        struct merkle_item item = items_item(items_slot(shape, random), number++);
        const unsigned side = (unsigned)(items_random(random) % 3);
        if (side != 0)
            items_push(ours, item);
        item.digest.bytes[0] ^= side == 2; /* the same key in two versions */
        if (side != 1)
            items_push(theirs, item);
    }
    items_sort(ours);
    items_sort(theirs);
}

static struct walking plain_walking(uint64_t salt) {
    return (struct walking){.allocator = &merkle_allocator_libc,
                            .salt = salt,
                            .random = salt,
                            .nodes_max = 1024,
                            .answer_size_max = 1 << 20,
                            .in_flight_max = 1};
}

START_TEST(finds_exactly_the_difference) {
    /* Wants and ranges are what only they have, haves what only we have, over sets of all sizes, differences and shapes,
     * with requests of any size answered in any order and answers cut anywhere (G1). */
    enum { PAIRS = 500 };
    uint64_t random = 1000 + (uint64_t)_i;
    static const size_t sizes[] = {0, 1, 5, 16, 17, 40, 300, 1200, 5000};
    for (size_t i = 0; i < PAIRS; ++i) {
        const size_t size = sizes[items_random(&random) % (i % 10 == 0 ? 9 : 8)];
        const size_t common = items_random(&random) % 4 == 0 ? 0 : size;
        size_t differences = items_random(&random) % 12;
        if (items_random(&random) % 4 == 0)
            differences = size;
        struct items ours, theirs;
        make_pair((enum items_shape)_i, common, differences, &random, &ours, &theirs);
        struct walking walking = plain_walking(items_random(&random));
        walking.nodes_max = i % 3 == 0 ? 1024 : 1 + items_random(&random) % 20;
        walking.answer_size_max = i % 2 == 0 ? 1 << 20 : items_random(&random) % 400;
        walking.in_flight_max = 1 + items_random(&random) % WALKING_IN_FLIGHT_MAX;
        walking_check(&walking, &ours, &theirs);
        items_close(&ours);
        items_close(&theirs);
    }
}
END_TEST

START_TEST(one_side_is_empty) {
    /* Against an empty tree everything is one range, or one path that we have; no request is needed. */
    uint64_t random = 1;
    for (size_t size = 1; size <= 4096; size *= 8) {
        struct items none, some;
        make_pair(ITEMS_UNIFORM, size, 0, &random, &none, &some);
        none.count = 0;
        struct walking walking = plain_walking(size);
        walking_check(&walking, &none, &some);
        ck_assert_uint_eq(walking.requests, 0);
        walking = plain_walking(size);
        walking_check(&walking, &some, &none);
        ck_assert_uint_eq(walking.requests, 0);
        items_close(&none);
        items_close(&some);
    }
}
END_TEST

START_TEST(many_items_in_one_slot) {
    /* Slots with far more items than a leaf takes are compared item by item at depth 16. */
    for (uint32_t seed = 1; seed <= 20; ++seed) {
        struct items ours, theirs;
        uint64_t random = seed;
        items_init(&ours);
        items_init(&theirs);
        for (uint32_t i = 0; i < 600; ++i) {
            const struct merkle_item item = items_item(i % 3 == 0 ? 77 : 78 + i % 2, i);
            if (items_random(&random) % 20 != 0)
                items_push(&ours, item);
            if (items_random(&random) % 20 != 0)
                items_push(&theirs, item);
        }
        items_sort(&ours);
        items_sort(&theirs);
        struct walking walking = plain_walking(seed);
        walking_check(&walking, &ours, &theirs);
        items_close(&ours);
        items_close(&theirs);
    }
}
END_TEST

START_TEST(equal_items_count) {
    /* An item that we have once and they twice is wanted once. */
    struct items ours, theirs;
    items_init(&ours);
    items_init(&theirs);
    struct merkle_item item = items_item(5, 1);
    items_push(&ours, item);
    items_push(&theirs, item);
    item.handle = 2;
    items_push(&theirs, item);
    struct walking walking = plain_walking(3);
    walking_check(&walking, &ours, &theirs);
    walking = plain_walking(3);
    walking_check(&walking, &theirs, &ours);
    items_close(&ours);
    items_close(&theirs);
}
END_TEST

START_TEST(two_levels_a_round_trip) {
    /* With 16^4 items and one difference, the walk is done in two requests after the first answer, and in few bytes. */
    struct items ours, theirs;
    uint64_t random = 12;
    make_pair(ITEMS_UNIFORM, 65536, 0, &random, &ours, &theirs);
    items_delete(&ours, 4321);
    struct walking walking = plain_walking(5);
    walking_check(&walking, &ours, &theirs);
    ck_assert_uint_le(walking.requests, 2);
    ck_assert_uint_le(walking.request_bytes + walking.answer_bytes, 450);
    items_close(&ours);
    items_close(&theirs);
}
END_TEST

START_TEST(a_million_against_a_leaf_is_told_in_paths) {
    /* What a small tree lacks of a large one is told as whole paths, not item by item. */
    struct items ours, theirs;
    uint64_t random = 13;
    make_pair(ITEMS_UNIFORM, 50000, 0, &random, &ours, &theirs);
    for (size_t i = 0; i < 10; ++i)
        theirs.rows[i] = theirs.rows[i * 5000];
    theirs.count = 10;
    struct merkle_tree *large = items_tree(&merkle_allocator_libc, &ours);
    struct merkle_tree *small = items_tree(&merkle_allocator_libc, &theirs);
    struct merkle_walk *walk;
    struct merkle_buffer answer;
    merkle_buffer_init(&answer, &merkle_allocator_libc);
    ck_assert_int_eq(merkle_walk_new(&merkle_allocator_libc, large, 1, &walk), 0);
    ck_assert_int_eq(merkle_walk_answer_root(small, 1, &answer), 0);
    ck_assert_int_eq(merkle_walk_start(walk, answer.data, answer.size_bytes), 0);
    ck_assert_uint_le(merkle_walk_haves_count(walk), 10 * 16 * 4);
    ck_assert_uint_eq(merkle_walk_wants_count(walk), 0);
    merkle_buffer_close(&answer);
    merkle_walk_free(walk);
    merkle_tree_free(large);
    merkle_tree_free(small);
    struct walking walking = plain_walking(1);
    walking_check(&walking, &ours, &theirs);
    items_close(&ours);
    items_close(&theirs);
}
END_TEST

START_TEST(memory_may_end_anywhere) {
    /* Each allocation of a walk can fail; the step repeated, the walk finds the same. */
    for (int shape = 0; shape < ITEMS_SHAPE_COUNT; ++shape) {
        struct items ours, theirs;
        uint64_t random = 50 + (uint64_t)shape;
        make_pair((enum items_shape)shape, 300, 120, &random, &ours, &theirs);
        for (size_t allowed = 0;; ++allowed) {
            struct alloc_fault fault = {.allowed = SIZE_MAX};
            const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
            struct walking walking = plain_walking(allowed);
            walking.salt = 9;
            walking.allocator = &allocator;
            walking.in_flight_max = 4;
            walking.nodes_max = 7;
            walking.ours = items_tree(&merkle_allocator_libc, &ours);
            walking.theirs = items_tree(&merkle_allocator_libc, &theirs);
            fault.allowed = allowed;
            walking_run(&walking);
            ck_assert_uint_eq(walking.out_of_memory, fault.fired);
            ck_assert_uint_eq(fault.live_blocks, 0);
            struct items missing, surplus;
            items_init(&missing);
            items_init(&surplus);
            items_subtract(&theirs, &ours, &missing);
            items_subtract(&ours, &theirs, &surplus);
            ck_assert(items_equal(&walking.wanted, &missing));
            ck_assert(items_equal(&walking.had, &surplus));
            items_close(&missing);
            items_close(&surplus);
            merkle_tree_free(walking.ours);
            merkle_tree_free(walking.theirs);
            const bool done = fault.fired == 0;
            walking_close(&walking);
            if (done) {
                ck_assert_uint_gt(allowed, 5);
                break;
            }
        }
        items_close(&ours);
        items_close(&theirs);
    }
}
END_TEST

/* What changes while a walk is under way: items come to our tree (as pulls and writes do) and to theirs. */
struct growth {
    uint32_t number;
    struct items ours, theirs;
};

static void grow_both(struct walking *walking) {
    struct growth *growth = walking->context;
    for (int i = 0; i < 5; ++i) {
        const uint64_t slot = items_slot(ITEMS_MIXED, &walking->random);
        const struct merkle_item item = items_item(slot, 1000000 + growth->number++);
        ck_assert_int_eq(merkle_tree_insert(i % 2 == 0 ? walking->ours : walking->theirs, &item),
                         0);
        items_push(i % 2 == 0 ? &growth->ours : &growth->theirs, item);
    }
}

START_TEST(trees_may_change_on_the_way) {
    /* With both trees growing between all steps, all that they had and we lacked when the walk began is found. */
    for (uint64_t seed = 1; seed <= 40; ++seed) {
        uint64_t random = seed;
        struct growth growth = {.number = 0};
        make_pair((enum items_shape)(seed % ITEMS_SHAPE_COUNT), 800, 100, &random, &growth.ours,
                  &growth.theirs);
        struct items missing, unfound;
        items_init(&missing);
        items_init(&unfound);
        items_subtract(&growth.theirs, &growth.ours, &missing);
        struct walking walking = plain_walking(seed);
        walking.nodes_max = 5;
        walking.in_flight_max = 3;
        walking.change = grow_both;
        walking.context = &growth;
        walking.ours = items_tree(&merkle_allocator_libc, &growth.ours);
        walking.theirs = items_tree(&merkle_allocator_libc, &growth.theirs);
        walking_run(&walking);
        ck_assert_uint_gt(growth.number, 0);
        items_subtract(&missing, &walking.wanted, &unfound);
        ck_assert_uint_eq(unfound.count, 0);
        merkle_tree_free(walking.ours);
        merkle_tree_free(walking.theirs);
        walking_close(&walking);
        items_close(&missing);
        items_close(&unfound);
        items_close(&growth.ours);
        items_close(&growth.theirs);
    }
}
END_TEST

START_TEST(deepest_first) {
    /* Requests take the deepest nodes first and put nothing on the frontier that overlaps: it stays far below the number
     * of differences. */
    struct items ours, theirs;
    uint64_t random = 31;
    make_pair(ITEMS_UNIFORM, 20000, 4000, &random, &ours, &theirs);
    struct walking walking = plain_walking(31);
    walking.nodes_max = 1;
    walking_check(&walking, &ours, &theirs);
    ck_assert_uint_le(walking.frontier_max, 16 + 256 + 256);
    items_close(&ours);
    items_close(&theirs);
}
END_TEST

START_TEST(a_request_without_memory_takes_nothing) {
    /* Each allocation of a request can fail: the nodes are still on the frontier, and the buffer holds what it held. */
    struct items ours, theirs;
    uint64_t random = 32;
    make_pair(ITEMS_UNIFORM, 3000, 300, &random, &ours, &theirs);
    struct merkle_tree *a = items_tree(&merkle_allocator_libc, &ours);
    struct merkle_tree *b = items_tree(&merkle_allocator_libc, &theirs);
    struct merkle_walk *walk;
    struct merkle_buffer answer;
    merkle_buffer_init(&answer, &merkle_allocator_libc);
    ck_assert_int_eq(merkle_walk_new(&merkle_allocator_libc, a, 1, &walk), 0);
    ck_assert_int_eq(merkle_walk_answer_root(b, 1, &answer), 0);
    ck_assert_int_eq(merkle_walk_start(walk, answer.data, answer.size_bytes), 0);
    ck_assert_uint_eq(merkle_walk_frontier_count(walk), 16);
    for (size_t allowed = 0;; ++allowed) {
        struct alloc_fault fault = {.allowed = SIZE_MAX};
        const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        struct merkle_buffer request;
        merkle_buffer_init(&request, &allocator);
        ck_assert_int_eq(merkle_buffer_append(&request, "before", 6), 0);
        fault.allowed = allowed;
        const int taken = merkle_walk_request(walk, 1024, &request);
        ck_assert_mem_eq(request.data, "before", 6);
        if (taken < 0) {
            ck_assert_int_eq(taken, MERKLE_ENOMEM);
            ck_assert_uint_eq(fault.fired, 1);
            ck_assert_uint_eq(request.size_bytes, 6);
            ck_assert_uint_eq(merkle_walk_frontier_count(walk), 16);
        }
        merkle_buffer_close(&request);
        ck_assert_uint_eq(fault.live_blocks, 0);
        if (taken >= 0) {
            ck_assert_int_eq(taken, 16);
            ck_assert_uint_gt(allowed, 1);
            break;
        }
    }
    merkle_buffer_close(&answer);
    merkle_walk_free(walk);
    merkle_tree_free(a);
    merkle_tree_free(b);
    items_close(&ours);
    items_close(&theirs);
}
END_TEST

Suite *walk_suite(void);

Suite *walk_suite(void) {
    Suite *suite = suite_create("walk");
    TCase *whole = tcase_create("merkle_walk");
    tcase_add_loop_test(whole, finds_exactly_the_difference, 0, ITEMS_SHAPE_COUNT);
    tcase_add_test(whole, one_side_is_empty);
    tcase_add_test(whole, many_items_in_one_slot);
    tcase_add_test(whole, equal_items_count);
    tcase_add_test(whole, two_levels_a_round_trip);
    tcase_add_test(whole, a_million_against_a_leaf_is_told_in_paths);
    tcase_add_test(whole, memory_may_end_anywhere);
    tcase_add_test(whole, trees_may_change_on_the_way);
    suite_add_tcase(suite, whole);
    TCase *request = tcase_create("merkle_walk_request");
    tcase_add_test(request, deepest_first);
    tcase_add_test(request, a_request_without_memory_takes_nothing);
    suite_add_tcase(suite, request);
    return suite;
}
