/* walking.c - the engine's part of a walk, without a network. */
#include "test/unit/support/walking.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct flight {
    struct merkle_buffer request;
    bool used;
};

/* The first result that is not ENOMEM. */
#define UNTIL_MEMORY(walking, result, call)                                                        \
    while (((result) = (call)) == MERKLE_ENOMEM)                                                   \
    (walking)->out_of_memory++

static void all_under(const struct merkle_tree *tree, struct merkle_path path,
                      struct items *items) {
    const size_t count = merkle_tree_path_count(tree, path);
    struct merkle_item *rows = calloc(count + 1, sizeof(*rows));
    ck_assert_ptr_nonnull(rows);
    ck_assert_uint_eq(merkle_tree_range(tree, merkle_path_slot_first(path),
                                        merkle_path_slot_last(path), 0, rows, count + 1),
                      count);
    for (size_t i = 0; i < count; ++i)
        items_push(items, rows[i]);
    free(rows);
}

static void one_item(const struct merkle_tree *tree, uint64_t slot, uint32_t handle,
                     struct items *items) {
    struct merkle_item item;
    for (size_t skip = 0; merkle_tree_range(tree, slot, slot, skip, &item, 1) == 1; ++skip) {
        if (item.handle == handle) {
            items_push(items, item);
            return;
        }
    }
    ck_abort_msg("an item is had that is not there");
}

/* Some of each list at a time, so that they are taken while they grow. */
static void take_lists(struct walking *walking, struct merkle_walk *walk) {
    struct merkle_walk_want wants[5];
    struct merkle_path ranges[3];
    struct merkle_walk_have haves[4];
    size_t count = merkle_walk_take_wants(walk, wants, 5);
    for (size_t i = 0; i < count; ++i) {
        struct merkle_item item;
        if (merkle_tree_find_fingerprints(walking->theirs, walking->salt, wants[i].path,
                                          &wants[i].fingerprint, 1, &item) == 1)
            items_push(&walking->wanted, item);
        else
            walking->lost_wants++;
    }
    count = merkle_walk_take_ranges(walk, ranges, 3);
    for (size_t i = 0; i < count; ++i)
        all_under(walking->theirs, ranges[i], &walking->wanted);
    count = merkle_walk_take_haves(walk, haves, 4);
    for (size_t i = 0; i < count; ++i) {
        if (haves[i].whole_path)
            all_under(walking->ours, haves[i].path, &walking->had);
        else
            one_item(walking->ours, haves[i].slot, haves[i].handle, &walking->had);
    }
}

static void step_begin(struct walking *walking, struct merkle_walk *walk) {
    if (walking->change != NULL)
        walking->change(walking);
    const size_t frontier = merkle_walk_frontier_count(walk);
    if (frontier > walking->frontier_max)
        walking->frontier_max = frontier;
}

static void walk_begin(struct walking *walking, struct merkle_walk **walk) {
    struct merkle_buffer answer;
    int result;
    merkle_buffer_init(&answer, walking->allocator);
    UNTIL_MEMORY(walking, result,
                 merkle_walk_new(walking->allocator, walking->ours, walking->salt, walk));
    UNTIL_MEMORY(walking, result,
                 (merkle_buffer_clear(&answer),
                  merkle_walk_answer_root(walking->theirs, walking->salt, &answer)));
    walking->answer_bytes += answer.size_bytes;
    UNTIL_MEMORY(walking, result, merkle_walk_start(*walk, answer.data, answer.size_bytes));
    ck_assert_int_eq(result, 0);
    merkle_buffer_close(&answer);
}

static size_t requests_send(struct walking *walking, struct merkle_walk *walk,
                            struct flight flights[WALKING_IN_FLIGHT_MAX]) {
    size_t in_flight = 0;
    for (size_t i = 0; i < walking->in_flight_max; ++i) {
        if (!flights[i].used) {
            int taken;
            merkle_buffer_init(&flights[i].request, walking->allocator);
            UNTIL_MEMORY(walking, taken,
                         (merkle_buffer_clear(&flights[i].request),
                          merkle_walk_request(walk, walking->nodes_max, &flights[i].request)));
            ck_assert_int_ge(taken, 0);
            ck_assert_uint_le((size_t)taken, walking->nodes_max);
            flights[i].used = taken > 0;
            walking->requests += taken > 0;
            walking->request_bytes += flights[i].request.size_bytes;
            if (taken == 0)
                merkle_buffer_close(&flights[i].request);
        }
        in_flight += flights[i].used;
    }
    return in_flight;
}

static void one_receive(struct walking *walking, struct merkle_walk *walk, struct flight *flight) {
    struct merkle_buffer answer;
    int result;
    merkle_buffer_init(&answer, walking->allocator);
    UNTIL_MEMORY(
        walking, result,
        (merkle_buffer_clear(&answer),
         merkle_walk_answer(walking->theirs, walking->salt, flight->request.data,
                            flight->request.size_bytes, walking->answer_size_max, &answer)));
    ck_assert_int_eq(result, 0);
    walking->answer_bytes += answer.size_bytes;
    step_begin(walking, walk);
    UNTIL_MEMORY(walking, result,
                 merkle_walk_receive(walk, flight->request.data, flight->request.size_bytes,
                                     answer.data, answer.size_bytes));
    ck_assert_int_eq(result, 0);
    merkle_buffer_close(&answer);
    merkle_buffer_close(&flight->request);
    flight->used = false;
}

void walking_run(struct walking *walking) {
    struct flight flights[WALKING_IN_FLIGHT_MAX] = {{.used = false}};
    struct merkle_walk *walk = NULL;
    ck_assert_uint_le(walking->in_flight_max, WALKING_IN_FLIGHT_MAX);
    walk_begin(walking, &walk);
    for (;;) {
        step_begin(walking, walk);
        if (requests_send(walking, walk, flights) == 0)
            break;
        size_t chosen = items_random(&walking->random) % walking->in_flight_max;
        while (!flights[chosen].used)
            chosen = (chosen + 1) % walking->in_flight_max;
        one_receive(walking, walk, &flights[chosen]);
        take_lists(walking, walk);
    }
    while (merkle_walk_wants_count(walk) + merkle_walk_ranges_count(walk) +
               merkle_walk_haves_count(walk) >
           0)
        take_lists(walking, walk);
    ck_assert_uint_eq(merkle_walk_frontier_count(walk), 0);
    merkle_walk_free(walk);
    items_sort(&walking->wanted);
    items_sort(&walking->had);
}

void walking_close(struct walking *walking) {
    items_close(&walking->wanted);
    items_close(&walking->had);
}

void walking_check(struct walking *walking, const struct items *ours, const struct items *theirs) {
    struct items missing, surplus;
    items_init(&missing);
    items_init(&surplus);
    items_subtract(theirs, ours, &missing);
    items_subtract(ours, theirs, &surplus);
    walking->ours = items_tree(walking->allocator, ours);
    walking->theirs = items_tree(walking->allocator, theirs);
    walking_run(walking);
    ck_assert_uint_eq(walking->wanted.count, missing.count);
    ck_assert(items_equal(&walking->wanted, &missing));
    ck_assert_uint_eq(walking->had.count, surplus.count);
    ck_assert(items_equal(&walking->had, &surplus));
    ck_assert_uint_eq(walking->lost_wants, 0);
    merkle_tree_free(walking->ours);
    merkle_tree_free(walking->theirs);
    walking_close(walking);
    items_close(&missing);
    items_close(&surplus);
}
