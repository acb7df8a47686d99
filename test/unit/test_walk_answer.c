/* test_walk_answer.c - the answering side: known answers, limits, malformed requests, memory. */
#include "merkle/walk.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/items.h"

#include <check.h>
#include <string.h>

static struct merkle_tree *tree_of(enum items_shape shape, uint32_t count, uint64_t seed) {
    struct items items;
    items_init(&items);
    for (uint32_t i = 0; i < count; ++i)
        items_push(&items, items_item(items_slot(shape, &seed), i));
    struct merkle_tree *tree = items_tree(&merkle_allocator_libc, &items);
    items_close(&items);
    return tree;
}

/* A request with all of the first two levels of another tree. */
static void request_of(struct merkle_tree *tree, struct merkle_buffer *request) {
    const struct merkle_path root = {.depth = 0};
    for (unsigned i = 0; i < 16; ++i) {
        const struct merkle_path child = merkle__path_child(root, i);
        if (merkle_tree_path_count(tree, child) > 16)
            merkle__node_write_inner(request, tree, 1, child);
        else
            merkle__node_write(request, MERKLE__NODE_EXPAND, child);
    }
}

START_TEST(known_answers) {
    /* An empty tree answers EMPTY, a tree of one item a LEAF with its fingerprint, in these bytes. */
    struct merkle_tree *tree = tree_of(ITEMS_UNIFORM, 0, 1);
    struct merkle_buffer answer;
    merkle_buffer_init(&answer, &merkle_allocator_libc);
    ck_assert_int_eq(merkle_walk_answer_root(tree, 7, &answer), 0);
    ck_assert_uint_eq(answer.size_bytes, 2);
    ck_assert_mem_eq(answer.data, "\x01\x50", 2);
    const struct merkle_item item = items_item(5, 6);
    ck_assert_int_eq(merkle_tree_insert(tree, &item), 0);
    merkle_buffer_clear(&answer);
    ck_assert_int_eq(merkle_walk_answer_root(tree, 7, &answer), 0);
    const struct merkle_fingerprint fingerprint = merkle_fingerprint_of_item(5, &item.digest, 7);
    ck_assert_uint_eq(answer.size_bytes, 8);
    ck_assert_mem_eq(answer.data, "\x01\x40\x01", 3);
    ck_assert_mem_eq(answer.data + 3, fingerprint.bytes, 5);
    merkle_buffer_close(&answer);
    merkle_tree_free(tree);
}
END_TEST

START_TEST(expand_is_answered_with_up_to_32_items) {
    /* EXPAND is answered with a LEAF up to 32 items and with the children from 33 on; INNER with a LEAF up to 16. */
    for (uint32_t count = 15; count <= 34; ++count) {
        struct merkle_tree *tree = tree_of(ITEMS_UNIFORM, count, 9);
        struct merkle_buffer answer;
        merkle_buffer_init(&answer, &merkle_allocator_libc);
        ck_assert_int_eq(merkle_walk_answer_root(tree, 7, &answer), 0);
        const unsigned kind = answer.data[1] >> 4;
        ck_assert_int_eq(kind == MERKLE__NODE_LEAF, count <= 32);
        static const uint8_t inner[3 + 5] = {0x20, 0x00, 0x01, 1, 2, 3, 4, 5};
        merkle_buffer_clear(&answer);
        ck_assert_int_eq(merkle_walk_answer(tree, 7, inner, sizeof(inner), 1000, &answer), 0);
        ck_assert_int_eq(answer.data[1] == MERKLE__NODE_LEAF << 4, count <= 16);
        merkle_buffer_close(&answer);
        merkle_tree_free(tree);
    }
}
END_TEST

START_TEST(some_stands_for_what_will_be_fetched) {
    /* A child that the request shows as empty is answered SOME, and an equal child not at all. */
    struct merkle_tree *tree = tree_of(ITEMS_UNIFORM, 2000, 2);
    const struct merkle_path root = {.depth = 0};
    struct merkle_digest digests[MERKLE_FAN_OUT];
    merkle__tree_children(tree, root, digests);
    struct merkle_buffer request, answer;
    merkle_buffer_init(&request, &merkle_allocator_libc);
    merkle_buffer_init(&answer, &merkle_allocator_libc);
    ck_assert_int_eq(merkle_buffer_append(&request, "\x20\x7f\xff", 3), 0); /* all but child 15 */
    for (unsigned i = 0; i < 15; ++i) {
        const struct merkle_fingerprint fingerprint = merkle_fingerprint_of_digest(&digests[i], 3);
        ck_assert_int_eq(merkle_buffer_append(&request, fingerprint.bytes, 5), 0);
    }
    ck_assert_int_eq(merkle_walk_answer(tree, 3, request.data, request.size_bytes, 1000, &answer),
                     0);
    ck_assert_uint_eq(answer.size_bytes, 3);
    ck_assert_mem_eq(answer.data, "\x01\x61\xf0", 3);
    merkle_buffer_close(&request);
    merkle_buffer_close(&answer);
    merkle_tree_free(tree);
}
END_TEST

START_TEST(answers_end_at_the_limit) {
    /* An answer is never over its limit unless it is one node alone, and says how many nodes it answers. */
    struct merkle_tree *tree = tree_of(ITEMS_UNIFORM, 6000, 3), *other = tree_of(0, 5900, 4);
    struct merkle_buffer request, whole, answer;
    merkle_buffer_init(&request, &merkle_allocator_libc);
    merkle_buffer_init(&whole, &merkle_allocator_libc);
    merkle_buffer_init(&answer, &merkle_allocator_libc);
    request_of(other, &request);
    ck_assert_int_eq(
        merkle_walk_answer(tree, 1, request.data, request.size_bytes, SIZE_MAX, &whole), 0);
    ck_assert_uint_eq(whole.data[0], 16);
    for (size_t limit = 0; limit <= whole.size_bytes; limit += 37) {
        merkle_buffer_clear(&answer);
        ck_assert_int_eq(merkle_buffer_append(&answer, "before", 6), 0);
        ck_assert_int_eq(
            merkle_walk_answer(tree, 1, request.data, request.size_bytes, limit, &answer), 0);
        ck_assert_mem_eq(answer.data, "before", 6);
        const size_t answered = answer.data[6];
        ck_assert_uint_ge(answered, 1);
        ck_assert_uint_lt(answered, 16);
        ck_assert(answered == 1 || answer.size_bytes - 6 <= limit);
        ck_assert_mem_eq(answer.data + 7, whole.data + 1, answer.size_bytes - 7);
    }
    merkle_buffer_clear(&answer);
    ck_assert_int_eq(
        merkle_walk_answer(tree, 1, request.data, request.size_bytes, whole.size_bytes, &answer),
        0);
    ck_assert_uint_eq(answer.size_bytes, whole.size_bytes);
    merkle_buffer_close(&request);
    merkle_buffer_close(&whole);
    merkle_buffer_close(&answer);
    merkle_tree_free(tree);
    merkle_tree_free(other);
}
END_TEST

START_TEST(malformed_requests_change_nothing) {
    /* Requests that are empty, cut, of answers' nodes or with flipped bits are refused or answered, never more, and a
     * refusal appends nothing (G9). */
    struct merkle_tree *tree = tree_of(ITEMS_MIXED, 3000, 5), *other = tree_of(ITEMS_MIXED, 900, 6);
    struct merkle_buffer request, answer;
    merkle_buffer_init(&request, &merkle_allocator_libc);
    merkle_buffer_init(&answer, &merkle_allocator_libc);
    request_of(other, &request);
    ck_assert_int_eq(merkle_walk_answer(tree, 1, NULL, 0, 1000, &answer), MERKLE_EMALFORMED);
    for (unsigned kind = MERKLE__NODE_LEAF; kind <= MERKLE__NODE_SOME; ++kind) {
        const uint8_t bytes[7] = {(uint8_t)(kind << 4), kind == MERKLE__NODE_LEAF};
        ck_assert_int_eq(
            merkle_walk_answer(tree, 1, bytes, kind == MERKLE__NODE_LEAF ? 7 : 1, 1000, &answer),
            MERKLE_EMALFORMED);
    }
    size_t refused = 0;
    for (size_t i = 0; i < request.size_bytes * 9; ++i) {
        uint8_t *block = merkle_allocate(&merkle_allocator_libc, request.size_bytes, 1);
        const size_t size = i % 9 == 8 ? i / 9 : request.size_bytes;
        memcpy(block, request.data, request.size_bytes);
        if (i % 9 < 8)
            block[i / 9] ^= (uint8_t)(1u << (i % 9));
        uint8_t *exact = merkle_allocate(&merkle_allocator_libc, size, 1);
        memcpy(exact, block, size);
        const int result = merkle_walk_answer(tree, 1, exact, size, 1 << 16, &answer);
        ck_assert(result == 0 || result == MERKLE_EMALFORMED);
        if (result != 0) {
            ck_assert_uint_eq(answer.size_bytes, 0);
            refused++;
        }
        merkle_buffer_clear(&answer);
        merkle_release(&merkle_allocator_libc, exact);
        merkle_release(&merkle_allocator_libc, block);
    }
    ck_assert_uint_gt(refused, 50);
    merkle_buffer_close(&request);
    merkle_buffer_close(&answer);
    merkle_tree_free(tree);
    merkle_tree_free(other);
}
END_TEST

START_TEST(memory_may_end) {
    /* Each allocation of an answer can fail: ENOMEM, and what was in the buffer before stands alone. */
    struct merkle_tree *tree = tree_of(ITEMS_COLLIDING, 3000, 7), *other = tree_of(0, 3000, 8);
    struct merkle_buffer request;
    merkle_buffer_init(&request, &merkle_allocator_libc);
    request_of(other, &request);
    for (size_t allowed = 0;; ++allowed) {
        struct alloc_fault fault = {.allowed = SIZE_MAX};
        const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        struct merkle_buffer answer;
        merkle_buffer_init(&answer, &allocator);
        ck_assert_int_eq(merkle_buffer_append(&answer, "before", 6), 0);
        fault.allowed = allowed;
        const int result =
            merkle_walk_answer(tree, 1, request.data, request.size_bytes, SIZE_MAX, &answer);
        if (result != 0) {
            ck_assert_int_eq(result, MERKLE_ENOMEM);
            ck_assert_uint_eq(fault.fired, 1);
            ck_assert_uint_eq(answer.size_bytes, 6);
        }
        ck_assert_mem_eq(answer.data, "before", 6);
        merkle_buffer_close(&answer);
        ck_assert_uint_eq(fault.live_blocks, 0);
        if (result == 0) {
            ck_assert_uint_gt(allowed, 0);
            break;
        }
    }
    merkle_buffer_close(&request);
    merkle_tree_free(tree);
    merkle_tree_free(other);
}
END_TEST

Suite *walk_answer_suite(void);

Suite *walk_answer_suite(void) {
    Suite *suite = suite_create("walk_answer");
    TCase *answer = tcase_create("merkle_walk_answer");
    tcase_add_test(answer, known_answers);
    tcase_add_test(answer, expand_is_answered_with_up_to_32_items);
    tcase_add_test(answer, some_stands_for_what_will_be_fetched);
    tcase_add_test(answer, answers_end_at_the_limit);
    tcase_add_test(answer, malformed_requests_change_nothing);
    tcase_add_test(answer, memory_may_end);
    suite_add_tcase(suite, answer);
    return suite;
}
