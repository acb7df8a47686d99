/* test_walk_receive.c - answers as a hostile or broken peer would send them: refused whole, or believed within bounds. */
#include "merkle/walk.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/items.h"

#include <check.h>

enum { SALT = 3 };

static struct alloc_fault fault;
static struct merkle_allocator allocator;
static struct merkle_tree *ours, *theirs;
static struct merkle_walk *walk;
static struct merkle_buffer request, answer;

/* Two trees that differ in a tenth, and a walk with a request out and its honest answer at hand. */
static void setup(void) {
    uint64_t random = 8;
    fault = (struct alloc_fault){.allowed = SIZE_MAX};
    allocator = alloc_fault_allocator(&fault);
    ck_assert_int_eq(merkle_tree_new(&allocator, &ours), 0);
    ck_assert_int_eq(merkle_tree_new(&allocator, &theirs), 0);
    for (uint32_t i = 0; i < 4000; ++i) {
        const struct merkle_item item = items_item(items_slot(ITEMS_UNIFORM, &random), i);
        const unsigned draw = (unsigned)(items_random(&random) % 20);
        if (draw != 0)
            ck_assert_int_eq(merkle_tree_insert(ours, &item), 0);
        if (draw != 1)
            ck_assert_int_eq(merkle_tree_insert(theirs, &item), 0);
    }
    merkle_buffer_init(&request, &allocator);
    merkle_buffer_init(&answer, &allocator);
    ck_assert_int_eq(merkle_walk_new(&allocator, ours, SALT, &walk), 0);
    ck_assert_int_eq(merkle_walk_answer_root(theirs, SALT, &answer), 0);
    ck_assert_int_eq(merkle_walk_start(walk, answer.data, answer.size_bytes), 0);
    ck_assert_int_eq(merkle_walk_request(walk, 3, &request), 3);
    merkle_buffer_clear(&answer);
    ck_assert_int_eq(
        merkle_walk_answer(theirs, SALT, request.data, request.size_bytes, 1 << 20, &answer), 0);
}

static void teardown(void) {
    merkle_buffer_close(&request);
    merkle_buffer_close(&answer);
    merkle_walk_free(walk);
    merkle_tree_free(ours);
    merkle_tree_free(theirs);
    ck_assert_uint_eq(fault.live_blocks, 0);
}

struct counts {
    size_t frontier, wants, ranges, haves, calls;
};

static struct counts counts_now(void) {
    return (struct counts){merkle_walk_frontier_count(walk), merkle_walk_wants_count(walk),
                           merkle_walk_ranges_count(walk), merkle_walk_haves_count(walk),
                           fault.calls};
}

/* Gives an answer of exactly these bytes; if it is refused, nothing has changed and nothing was allocated. */
static int give(const uint8_t *bytes, size_t size_bytes) {
    uint8_t *exact = merkle_allocate(&merkle_allocator_libc, size_bytes, 1);
    if (size_bytes > 0)
        memcpy(exact, bytes, size_bytes);
    const struct counts before = counts_now();
    const int result =
        merkle_walk_receive(walk, request.data, request.size_bytes, exact, size_bytes);
    const struct counts after = counts_now();
    if (result != 0) {
        ck_assert_int_eq(result, MERKLE_EMALFORMED);
        ck_assert_mem_eq(&before, &after, sizeof(before));
    }
    merkle_release(&merkle_allocator_libc, exact);
    return result;
}

static void assert_refused(const char *bytes, size_t size_bytes) {
    uint8_t padded[400] = {0};
    memcpy(padded, bytes, size_bytes);
    ck_assert_int_eq(give((const uint8_t *)bytes, size_bytes), MERKLE_EMALFORMED);
    ck_assert_int_eq(give(padded, sizeof(padded)), MERKLE_EMALFORMED);
}

START_TEST(cut_answers_are_refused) {
    /* An answer that ends early is refused wherever it ends inside a node; nothing changes (G9). A cut between nodes
     * reads as fewer differences, which the roots show afterwards. */
    size_t refused = 0;
    for (size_t size = 0; size < answer.size_bytes; ++size)
        refused += give(answer.data, size) != 0;
    ck_assert_uint_gt(refused, answer.size_bytes * 3 / 4);
    ck_assert_int_eq(give(answer.data, answer.size_bytes), 0);
}
END_TEST

START_TEST(bits_may_flip) {
    /* Any flipped bit is refused without a change, or taken as another answer to the same request, within its bounds. */
    size_t refused = 0;
    const struct counts before = counts_now();
    for (size_t i = 0; i < answer.size_bytes * 8; ++i) {
        answer.data[i / 8] ^= (uint8_t)(1u << (i % 8));
        const struct counts last = counts_now();
        refused += give(answer.data, answer.size_bytes) != 0;
        ck_assert_uint_le(counts_now().frontier, last.frontier + 3 * 256);
        answer.data[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
    ck_assert_uint_gt(refused, 100);
    ck_assert_uint_ge(counts_now().frontier, before.frontier);
}
END_TEST

START_TEST(bytes_may_be_noise) {
    /* Random bytes after a right number of nodes never do harm. */
    uint64_t random = 4;
    for (int i = 0; i < 20000; ++i) {
        uint8_t noise[64];
        for (size_t j = 0; j < sizeof(noise); ++j)
            noise[j] = (uint8_t)(items_random(&random) >> 20);
        noise[0] = (uint8_t)(1 + i % 4);
        if (i % 2 == 0)
            noise[1] = (uint8_t)((noise[1] & 0x70) | 1);
        give(noise, items_random(&random) % sizeof(noise));
    }
}
END_TEST

START_TEST(nodes_must_have_been_asked) {
    /* Numbers of nodes that are none or too many, nodes elsewhere, nodes twice or out of order, and kinds that the request
     * does not allow: each is refused. */
    ck_assert_int_eq(give(NULL, 0), MERKLE_EMALFORMED);
    assert_refused("\x00", 1);             /* none answered: it would be asked for ever */
    assert_refused("\x04", 1);             /* more than were asked */
    assert_refused("\x83\x00", 2);         /* 3, the long way */
    assert_refused("\x01\x50", 2);         /* the root, which was not asked */
    assert_refused("\x01\x53\xff\xf0", 4); /* two levels down */
    struct merkle__reader reader = {.data = request.data, .size_bytes = request.size_bytes};
    struct merkle__node asked;
    ck_assert_int_eq(merkle__node_read(&reader, &asked), 0);
    ck_assert_int_eq(asked.kind, MERKLE__NODE_INNER);
    ck_assert_uint_eq(asked.path.depth, 1);
    const uint8_t at = (uint8_t)(asked.path.prefix >> 56);
    ck_assert_uint_eq(asked.present, UINT16_MAX);
    const uint8_t refused[][6] = {
        {1, 0x61, at},                                         /* SOME for the node itself */
        {1, 0x62, (uint8_t)(at | 3)},                          /* SOME for a child that we named */
        {1, 0x12, (uint8_t)(at | 3)},                          /* EXPAND */
        {1, 0x51, at, 0x51, at},                               /* twice */
        {1, 0x51, at, 0x52, (uint8_t)(at | 3)},                /* itself and a child */
        {1, 0x52, (uint8_t)(at | 3), 0x51, at},                /* a child and itself */
        {1, 0x52, (uint8_t)(at | 3), 0x52, (uint8_t)(at | 3)}, /* a child twice */
        {1, 0x52, (uint8_t)(at | 3), 0x52, (uint8_t)(at | 2)}, /* out of order */
    };
    static const size_t sizes[] = {3, 3, 3, 5, 5, 5, 5, 5};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); ++i)
        ck_assert_int_eq(give(refused[i], sizes[i]), MERKLE_EMALFORMED);
    const uint8_t allowed[] = {1, 0x52, (uint8_t)(at | 2), 0x52, (uint8_t)(at | 3)};
    ck_assert_int_eq(give(allowed, sizeof(allowed)), 0);
}
END_TEST

START_TEST(a_leaf_has_its_bounds) {
    /* To INNER a LEAF holds 16 items at most, to EXPAND 32; a size declared at depth 16 allocates nothing. */
    struct merkle__reader reader = {.data = request.data, .size_bytes = request.size_bytes};
    struct merkle__node asked;
    ck_assert_int_eq(merkle__node_read(&reader, &asked), 0);
    uint8_t leaf[3 + 1 + 33 * 5] = {1, 0x41, (uint8_t)(asked.path.prefix >> 56), 17};
    ck_assert_int_eq(give(leaf, 4 + 17 * 5), MERKLE_EMALFORMED);
    leaf[3] = 16;
    ck_assert_int_eq(give(leaf, 4 + 16 * 5), 0);
    uint8_t root[3 + 33 * 5] = {1, 0x40, 33};
    ck_assert_int_eq(merkle_walk_start(walk, root, 3 + 33 * 5), MERKLE_EMALFORMED);
    root[2] = 32;
    ck_assert_int_eq(merkle_walk_start(walk, root, 3 + 32 * 5), 0);
    static const uint8_t expand[] = {0x90, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t huge[] = {1, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f};
    const size_t calls = fault.calls;
    ck_assert_int_eq(merkle_walk_receive(walk, expand, sizeof(expand), huge, sizeof(huge)),
                     MERKLE_EMALFORMED);
    ck_assert_uint_eq(fault.calls, calls);
}
END_TEST

START_TEST(what_was_not_reached_goes_back) {
    /* Nodes behind the number that the answer reached are on the frontier again, and only those. */
    struct merkle_walk *fresh;
    struct merkle_buffer first, part;
    merkle_buffer_init(&first, &allocator);
    merkle_buffer_init(&part, &allocator);
    ck_assert_int_eq(merkle_walk_new(&allocator, ours, SALT, &fresh), 0);
    ck_assert_int_eq(merkle_walk_answer_root(theirs, SALT, &part), 0);
    ck_assert_int_eq(merkle_walk_start(fresh, part.data, part.size_bytes), 0);
    const size_t all = merkle_walk_frontier_count(fresh);
    ck_assert_uint_eq(all, 16);
    ck_assert_int_eq(merkle_walk_request(fresh, 1024, &first), 16);
    ck_assert_uint_eq(merkle_walk_frontier_count(fresh), 0);
    /* "one answered, no child differs" */
    ck_assert_int_eq(
        merkle_walk_receive(fresh, first.data, first.size_bytes, (const uint8_t *)"\x01", 1), 0);
    ck_assert_uint_eq(merkle_walk_frontier_count(fresh), 15);
    merkle_walk_free(fresh);
    merkle_buffer_close(&first);
    merkle_buffer_close(&part);
}
END_TEST

START_TEST(memory_may_end) {
    /* Each allocation of receiving can fail: nothing has changed then, and the same answer can be given again. */
    for (size_t allowed = 0;; ++allowed) {
        struct merkle_walk *fresh;
        struct merkle_buffer bytes;
        merkle_buffer_init(&bytes, &allocator);
        ck_assert_int_eq(merkle_walk_new(&allocator, ours, SALT, &fresh), 0);
        fault.fired = 0;
        fault.allowed = allowed;
        const int result = merkle_walk_receive(fresh, request.data, request.size_bytes, answer.data,
                                               answer.size_bytes);
        fault.allowed = SIZE_MAX;
        if (result != 0) {
            ck_assert_int_eq(result, MERKLE_ENOMEM);
            ck_assert_uint_eq(fault.fired, 1);
            ck_assert_uint_eq(merkle_walk_frontier_count(fresh) + merkle_walk_wants_count(fresh) +
                                  merkle_walk_ranges_count(fresh) + merkle_walk_haves_count(fresh),
                              0);
        } else {
            ck_assert_uint_gt(merkle_walk_frontier_count(fresh), 0);
        }
        merkle_buffer_close(&bytes);
        merkle_walk_free(fresh);
        if (result == 0) {
            ck_assert_uint_gt(allowed, 1);
            break;
        }
    }
}
END_TEST

Suite *walk_receive_suite(void);

Suite *walk_receive_suite(void) {
    Suite *suite = suite_create("walk_receive");
    TCase *receive = tcase_create("merkle_walk_receive");
    tcase_add_checked_fixture(receive, setup, teardown);
    tcase_add_test(receive, cut_answers_are_refused);
    tcase_add_test(receive, bits_may_flip);
    tcase_add_test(receive, bytes_may_be_noise);
    tcase_add_test(receive, nodes_must_have_been_asked);
    tcase_add_test(receive, a_leaf_has_its_bounds);
    tcase_add_test(receive, what_was_not_reached_goes_back);
    tcase_add_test(receive, memory_may_end);
    suite_add_tcase(suite, receive);
    return suite;
}
