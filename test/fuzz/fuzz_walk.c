/* fuzz_walk.c - whatever a peer sends in a walk, to either side; and whatever order of changes a tree sees.
 *
 *      byte 0   what: 0 a request, 1 an answer, 2 an honest answer with these bytes xored into it, 3 changes to a tree
 *      byte 1   which pair of trees, which of its requests
 *      byte 2   which allocation fails (255: none)
 *      rest     the bytes
 *
 * Beside the sanitizers' findings these are failures: a result that is no documented code, a refused message that changed
 * something, a frontier that grows beyond its bound, a walk that cannot be continued.
 */
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/items.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SALT = 77, ANSWER_SIZE_MAX = 3000 };

struct pair {
    struct merkle_tree *ours, *theirs;
};

/* Made once: nothing that is fuzzed with them changes them. */
static struct pair pair_of(unsigned which) {
    static struct pair pairs[ITEMS_SHAPE_COUNT];
    struct pair *pair = &pairs[which % ITEMS_SHAPE_COUNT];
    if (pair->ours != NULL)
        return *pair;
    uint64_t random = which % ITEMS_SHAPE_COUNT;
    if (merkle_tree_new(&merkle_allocator_libc, &pair->ours) != 0 ||
        merkle_tree_new(&merkle_allocator_libc, &pair->theirs) != 0)
        abort();
    for (uint32_t i = 0; i < 700; ++i) {
        const enum items_shape shape = (enum items_shape)(which % ITEMS_SHAPE_COUNT);
        const struct merkle_item item = items_item(items_slot(shape, &random), i);
        if (i % 9 != 0 && merkle_tree_insert(pair->ours, &item) != 0)
            abort();
        if (i % 11 != 0 && merkle_tree_insert(pair->theirs, &item) != 0)
            abort();
    }
    return *pair;
}

static size_t drain(struct merkle_walk *walk) {
    struct merkle_walk_want want;
    struct merkle_path range;
    struct merkle_walk_have have;
    size_t count = 0;
    while (merkle_walk_take_wants(walk, &want, 1) == 1)
        ++count;
    while (merkle_walk_take_ranges(walk, &range, 1) == 1)
        ++count;
    while (merkle_walk_take_haves(walk, &have, 1) == 1)
        ++count;
    return count;
}

/* An answer to a request of a walk that began honestly. */
static void fuzz_answer(const struct merkle_allocator *allocator, struct alloc_fault *fault,
                        struct pair pair, unsigned requests, bool honest, const uint8_t *bytes,
                        size_t size) {
    struct merkle_walk *walk = NULL;
    struct merkle_buffer request, answer;
    const size_t allowed = fault->allowed;
    fault->allowed = SIZE_MAX;
    merkle_buffer_init(&request, allocator);
    merkle_buffer_init(&answer, allocator);
    int result = merkle_walk_new(allocator, pair.ours, SALT, &walk);
    assert(result == 0);
    result = merkle_walk_answer_root(pair.theirs, SALT, &answer);
    assert(result == 0);
    result = merkle_walk_start(walk, answer.data, answer.size_bytes);
    assert(result == 0);
    int taken = 0;
    for (unsigned i = 0; i <= requests; ++i) {
        merkle_buffer_clear(&request);
        merkle_buffer_clear(&answer);
        taken = merkle_walk_request(walk, 4, &request);
        if (taken == 0)
            break;
        result = merkle_walk_answer(pair.theirs, SALT, request.data, request.size_bytes,
                                    ANSWER_SIZE_MAX, &answer);
        assert(result == 0);
        if (i < requests)
            result = merkle_walk_receive(walk, request.data, request.size_bytes, answer.data,
                                         answer.size_bytes);
        assert(result == 0);
    }
    for (size_t i = 0; honest && i < size && i < answer.size_bytes; ++i)
        answer.data[i] ^= bytes[i];
    drain(walk);
    const size_t frontier = merkle_walk_frontier_count(walk);
    fault->allowed = allowed;
    if (taken > 0)
        result =
            merkle_walk_receive(walk, request.data, request.size_bytes,
                                honest ? answer.data : bytes, honest ? answer.size_bytes : size);
    fault->allowed = SIZE_MAX;
    assert(result == 0 || result == MERKLE_EMALFORMED || result == MERKLE_ENOMEM);
    assert(merkle_walk_frontier_count(walk) <= frontier + (size_t)taken * 256);
    if (result != 0) {
        assert(merkle_walk_frontier_count(walk) == frontier);
        const size_t learnt = drain(walk);
        assert(learnt == 0);
    }
    drain(walk);
    merkle_buffer_clear(&request);
    taken = merkle_walk_request(walk, 1024, &request);
    assert(taken >= 0);
    merkle_walk_free(walk);
    merkle_buffer_close(&request);
    merkle_buffer_close(&answer);
}

static void fuzz_request(const struct merkle_allocator *allocator, struct pair pair,
                         const uint8_t *bytes, size_t size) {
    struct merkle_buffer answer;
    merkle_buffer_init(&answer, allocator);
    const int result = merkle_walk_answer(pair.theirs, SALT, bytes, size, ANSWER_SIZE_MAX, &answer);
    assert(result == 0 || result == MERKLE_EMALFORMED || result == MERKLE_ENOMEM);
    assert(result == 0 || answer.size_bytes == 0);
    assert(result != 0 || answer.size_bytes > 0);
    merkle_buffer_close(&answer);
}

/* Three bytes a change: what, slot, handle. Slots are few and near, so that leaves grow, split and join. */
static void fuzz_changes(const struct merkle_allocator *allocator, struct alloc_fault *fault,
                         const uint8_t *bytes, size_t size) {
    struct merkle_tree *tree;
    if (merkle_tree_new(allocator, &tree) != 0)
        return;
    for (size_t i = 0; i + 3 <= size; i += 3) {
        const uint64_t slot = (uint64_t)(bytes[i + 1] & 3) << 62 | (uint64_t)(bytes[i + 1] >> 2);
        const struct merkle_item item = items_item(slot, bytes[i + 2]);
        const size_t count = merkle_tree_count(tree);
        int result;
        if (bytes[i] % 4 < 2) {
            result = merkle_tree_insert(tree, &item);
            assert(result == 0 || result == MERKLE_EEXISTS || result == MERKLE_ENOMEM);
            assert(merkle_tree_count(tree) == count + (result == 0));
        } else if (bytes[i] % 4 == 2) {
            result = merkle_tree_remove(tree, slot, bytes[i + 2]);
            assert(result == 0 || result == MERKLE_ENOTFOUND || result == MERKLE_ENOMEM);
            assert(merkle_tree_count(tree) == count - (result == 0));
        } else {
            const struct merkle_digest digest = items_item(0, bytes[i]).digest;
            result = merkle_tree_replace(tree, slot, bytes[i + 2], &digest);
            assert(result == 0 || result == MERKLE_ENOTFOUND);
        }
        if (bytes[i] >= 128)
            merkle_tree_root(tree);
    }
    const bool fine = merkle_tree_verify(tree);
    assert(fine);
    merkle_tree_free(tree);
    assert(fault->live_blocks == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3)
        return 0;
    const struct pair pair = pair_of(data[1] & 15);
    struct alloc_fault fault = {.allowed = data[2] == 255 ? SIZE_MAX : data[2]};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    if (data[0] % 4 == 0)
        fuzz_request(&allocator, pair, data + 3, size - 3);
    else if (data[0] % 4 == 3)
        fuzz_changes(&allocator, &fault, data + 3, size - 3);
    else
        fuzz_answer(&allocator, &fault, pair, data[1] >> 4, data[0] % 4 == 2, data + 3, size - 3);
    assert(fault.live_blocks == 0);
    return 0;
}
