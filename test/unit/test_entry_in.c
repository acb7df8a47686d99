/* test_entry_in.c - entries from peers: what is taken, what is refused, and that one does not spoil the others (G9). */
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/solo.h"

#include <check.h>
#include <string.h>

enum { ENTRIES_MAX = 8 };

/* A PUSH of peer 1 that is being put together. */
struct pushing {
    struct merkle_buffer bytes[ENTRIES_MAX];
    size_t count;
    uint64_t sequence;
};

static struct merkle_buffer *next(struct pushing *pushing) {
    ck_assert_uint_lt(pushing->count, ENTRIES_MAX);
    struct merkle_buffer *bytes = &pushing->bytes[pushing->count++];
    merkle_buffer_init(bytes, &merkle_allocator_libc);
    return bytes;
}

static void add(struct pushing *pushing, const char *entity, catalog_clock clock, uint8_t origin) {
    solo_entry(next(pushing), entity, clock, origin, 300);
}

/* Sends it; all that it stores is stored. Returns how many entries the acknowledgement says were refused. */
static uint64_t push(struct solo *solo, struct pushing *pushing, catalog_clock horizon) {
    struct gossip__span spans[ENTRIES_MAX];
    for (size_t i = 0; i < pushing->count; i++) {
        spans[i] = (struct gossip__span){pushing->bytes[i].data, pushing->bytes[i].size_bytes};
    }
    solo_clear(solo);
    solo_receive(solo, 1,
                 &(struct gossip__message){.type = GOSSIP__PUSH,
                                           .push = {.sequence = ++pushing->sequence,
                                                    .horizon = horizon,
                                                    .entries = spans,
                                                    .entry_count = pushing->count}});
    if (solo_flying(solo) > 0) { /* G11: acknowledged when it is on disk, not before */
        ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH_ACK), 0);
    }
    solo_store_all(solo);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH_ACK), 1);
    const struct gossip__push_ack *ack = &solo_sent_last(solo, 1, GOSSIP__PUSH_ACK)->push_ack;
    ck_assert_uint_eq(ack->sequence, pushing->sequence);
    struct merkle_digest root = merkle_tree_root(catalog_tree(solo->engine->catalog));
    ck_assert(merkle_digest_equal(&ack->root, &root));
    for (size_t i = 0; i < pushing->count; i++) {
        merkle_buffer_close(&pushing->bytes[i]);
    }
    pushing->count = 0;
    return ack->refused;
}

static uint64_t rejected(const struct solo *solo, enum gossip_rejection rejection) {
    return solo->engine->counters.rejected[rejection];
}

static struct solo *solo_with_peer(void) {
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    solo_clear(solo);
    return solo;
}

START_TEST(taken_and_stored) {
    /* What is new is merged, stored, and raises the clock; the same again changes nothing and is acknowledged at once. */
    struct solo *solo = solo_with_peer();
    struct pushing pushing = {0};
    add(&pushing, "a", solo_clock(5), 1);
    add(&pushing, "b", solo_clock(6), 1);
    ck_assert_uint_eq(push(solo, &pushing, 0), 0);
    ck_assert_uint_eq(solo_find(solo, "a")->clock, solo_clock(5));
    ck_assert_uint_eq(solo_find(solo, "b")->clock, solo_clock(6));
    ck_assert_uint_eq(solo->engine->stored.high_water, solo_clock(6));
    ck_assert_uint_eq(solo->engine->counters.entries_received, 2);
    ck_assert_uint_eq(solo->engine->counters.propagation_count, 2);
    uint64_t batches = solo->ticket_last;
    add(&pushing, "b", solo_clock(6), 1);
    ck_assert_uint_eq(push(solo, &pushing, 0), 0);
    ck_assert_uint_eq(solo->ticket_last, batches);
    ck_assert_uint_eq(solo->engine->counters.entries_repaired[GOSSIP_CAUSE_MISSED_PUSH], 0);
    solo_free(solo);
}
END_TEST

START_TEST(malformed_does_not_spoil_the_others) {
    /* G9: an entry that does not decode is refused and counted; those before and after it are taken. */
    struct solo *solo = solo_with_peer();
    struct pushing pushing = {0};
    add(&pushing, "before", solo_clock(1), 1);
    ck_assert_int_eq(merkle_buffer_append(next(&pushing), "\x93\xc0\xc0\xc0", 4), 0);
    struct merkle_buffer *cut = next(&pushing);
    solo_entry(cut, "cut", solo_clock(2), 1, 300);
    cut->size_bytes--;
    (void)next(&pushing); /* no bytes at all */
    add(&pushing, "after", solo_clock(3), 1);
    ck_assert_uint_eq(push(solo, &pushing, 0), 3);
    ck_assert_ptr_nonnull(solo_find(solo, "before"));
    ck_assert_ptr_nonnull(solo_find(solo, "after"));
    ck_assert_ptr_null(solo_find(solo, "cut"));
    ck_assert_uint_eq(rejected(solo, GOSSIP_REJECT_ENTRY), 3);
    ck_assert_int_eq(solo_closed(solo, 1), GOSSIP_CLOSE_NONE);
    solo_free(solo);
}
END_TEST

START_TEST(clock_past_2200) {
    /* G9: a clock past 2200 is refused, lest it use up the clocks of all; the mark does not move. */
    struct solo *solo = solo_with_peer();
    struct pushing pushing = {0};
    add(&pushing, "far", CATALOG_CLOCK_MAX + 1, 1);
    add(&pushing, "good", solo_clock(1), 1);
    ck_assert_uint_eq(push(solo, &pushing, 0), 1);
    ck_assert_uint_eq(rejected(solo, GOSSIP_REJECT_CLOCK), 1);
    ck_assert_uint_eq(rejected(solo, GOSSIP_REJECT_ENTRY), 0);
    ck_assert_uint_eq(solo->engine->state.high_water, solo_clock(1));
    ck_assert_ptr_null(solo_find(solo, "far"));
    solo_free(solo);
}
END_TEST

START_TEST(sender_behind_our_horizon) {
    /* G3, G7: from a sender behind our horizon nothing is taken: what is absent here may have been dropped and forgotten, and
     * what is present may be newer than it knows. */
    struct solo *solo = solo_with_peer();
    struct pushing pushing = {0};
    add(&pushing, "present", solo_clock(1), 1);
    ck_assert_uint_eq(push(solo, &pushing, 0), 0);
    solo->engine->state.seen = solo->engine->stored.seen = solo_clock(5);
    solo->engine->state.horizon = solo->engine->stored.horizon = solo_clock(5);
    add(&pushing, "absent", solo_clock(2), 1);
    add(&pushing, "present", solo_clock(9), 1);
    ck_assert_uint_eq(push(solo, &pushing, solo_clock(5) - 1), 2);
    ck_assert_uint_eq(rejected(solo, GOSSIP_REJECT_HORIZON), 2);
    ck_assert_ptr_null(solo_find(solo, "absent"));
    ck_assert_uint_eq(solo_find(solo, "present")->clock, solo_clock(1));
    add(&pushing, "present", solo_clock(9), 1);
    ck_assert_uint_eq(push(solo, &pushing, solo_clock(5)), 0);
    ck_assert_uint_eq(solo_find(solo, "present")->clock, solo_clock(9));
    add(&pushing, "absent", solo_clock(7), 1);
    ck_assert_uint_eq(push(solo, &pushing, solo_clock(5)), 0); /* as far as we are */
    ck_assert_ptr_nonnull(solo_find(solo, "absent"));
    solo_free(solo);
}
END_TEST

START_TEST(forked_content) {
    /* Two contents under one (clock, origin) are counted, and all nodes keep the same one, whichever came first. */
    struct merkle_digest digests[2];
    for (unsigned order = 0; order < 2; order++) {
        struct solo *solo = solo_with_peer();
        struct pushing pushing = {0};
        solo_entry(next(&pushing), "e", solo_clock(1), 1, order == 0 ? 300 : 400);
        ck_assert_uint_eq(push(solo, &pushing, 0), 0);
        ck_assert_uint_eq(rejected(solo, GOSSIP_REJECT_FORKED), 0);
        solo_entry(next(&pushing), "e", solo_clock(1), 1, order == 0 ? 400 : 300);
        add(&pushing, "other", solo_clock(2), 1);
        ck_assert_uint_eq(push(solo, &pushing, 0), 0);
        ck_assert_uint_eq(rejected(solo, GOSSIP_REJECT_FORKED), 1);
        ck_assert_ptr_nonnull(solo_find(solo, "other"));
        digests[order] = solo_find(solo, "e")->digest;
        solo_free(solo);
    }
    ck_assert(merkle_digest_equal(&digests[0], &digests[1]));
}
END_TEST

/* An entry of 120 concurrent versions of nearly 32 KiB: just below the limit of an entry. */
static void big(struct merkle_buffer *bytes, uint8_t origin_first) {
    enum { VERSIONS = 120, BODY = 32 * 1024 };
    static char body[BODY];
    static struct made_version versions[VERSIONS];
    static struct made_pair pairs[VERSIONS];
    memset(body, 'x', sizeof body);
    body[0] = (char)0xda;
    body[1] = (char)((BODY - 3) >> 8);
    body[2] = (char)((BODY - 3) & 0xff);
    for (unsigned i = 0; i < VERSIONS; i++) {
        uint8_t origin = (uint8_t)(origin_first + i);
        versions[i] = (struct made_version){
            solo_clock(i + origin_first), origin, "n", 1, CATALOG_ACTIVE, body, BODY, NULL, 0, 0};
        pairs[i] = (struct made_pair){origin, solo_clock(i + origin_first)};
    }
    struct catalog_key key = entry_maker_key(SOLO_KIND, "big", "n");
    entry_maker_bytes(&key, versions, VERSIONS, pairs, VERSIONS, bytes);
}

START_TEST(too_big) {
    /* G8: a merge over the size limit is refused, what stood stands, and the others of the message are taken. */
    struct solo *solo = solo_with_peer();
    struct merkle_buffer half;
    struct pushing pushing = {0};
    merkle_buffer_init(&half, &merkle_allocator_libc);
    big(&half, 1);
    ck_assert_int_eq(merkle_buffer_append(next(&pushing), half.data, half.size_bytes), 0);
    ck_assert_uint_eq(push(solo, &pushing, 0), 0);
    struct merkle_digest before = solo_find(solo, "big")->digest;
    merkle_buffer_clear(&half);
    big(&half, 121);
    ck_assert_int_eq(merkle_buffer_append(next(&pushing), half.data, half.size_bytes), 0);
    ck_assert_uint_eq(push(solo, &pushing, 0), 1);
    add(&pushing, "small", solo_clock(1), 1);
    ck_assert_uint_eq(push(solo, &pushing, 0), 0);
    ck_assert_uint_eq(rejected(solo, GOSSIP_REJECT_MERGE), 1);
    ck_assert(merkle_digest_equal(&solo_find(solo, "big")->digest, &before));
    ck_assert_ptr_nonnull(solo_find(solo, "small"));
    merkle_buffer_close(&half);
    solo_free(solo);
}
END_TEST

START_TEST(store_down_refuses) {
    /* While the store is down nothing is taken, and the acknowledgement says so, so that the sender does not conclude. */
    struct solo *solo = solo_with_peer();
    struct pushing pushing = {0};
    (void)solo_write(solo, 1, "x", "f");
    solo_store(solo, CATALOG_EFULL);
    add(&pushing, "a", solo_clock(1), 1);
    ck_assert_uint_eq(push(solo, &pushing, 0), 1);
    ck_assert_ptr_null(solo_find(solo, "a"));
    solo_free(solo);
}
END_TEST

START_TEST(repeat_waits_for_the_first) {
    /* G11: a repeat of what is still in flight is acknowledged when that is on disk, not before. */
    struct solo *solo = solo_with_peer();
    struct merkle_buffer bytes;
    merkle_buffer_init(&bytes, &merkle_allocator_libc);
    solo_entry(&bytes, "a", solo_clock(1), 1, 300);
    struct gossip__span span = {bytes.data, bytes.size_bytes};
    for (uint64_t sequence = 1; sequence <= 2; sequence++) {
        solo_receive(solo, 1,
                     &(struct gossip__message){
                         .type = GOSSIP__PUSH,
                         .push = {.sequence = sequence, .entries = &span, .entry_count = 1}});
    }
    ck_assert_uint_eq(solo_flying(solo), 1);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH_ACK), 0);
    solo_store(solo, 0);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH_ACK), 2);
    /* And one that failed is not acknowledged at all. */
    solo_clear(solo);
    merkle_buffer_clear(&bytes);
    solo_entry(&bytes, "b", solo_clock(2), 1, 300);
    span = (struct gossip__span){bytes.data, bytes.size_bytes};
    solo_receive(
        solo, 1,
        &(struct gossip__message){.type = GOSSIP__PUSH,
                                  .push = {.sequence = 3, .entries = &span, .entry_count = 1}});
    solo_store(solo, CATALOG_EIO);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH_ACK), 0);
    merkle_buffer_close(&bytes);
    solo_free(solo);
}
END_TEST

START_TEST(cause_of_repairs) {
    /* Repairs are counted by why they were needed; a fresh push is none. */
    struct solo *solo = solo_with_peer();
    struct gossip *engine = solo->engine;
    engine->walked_since_start = false;
    ck_assert_int_eq(gossip__entries_cause(engine), GOSSIP_CAUSE_RESTART);
    engine->walked_since_start = true;
    ck_assert_int_eq(gossip__entries_cause(engine), GOSSIP_CAUSE_MISSED_PUSH);
    engine->state.healing = true;
    ck_assert_int_eq(gossip__entries_cause(engine), GOSSIP_CAUSE_CORRUPTION);
    engine->state.ready = false;
    ck_assert_int_eq(gossip__entries_cause(engine), GOSSIP_CAUSE_LATE_JOIN);
    engine->state.ready = true;
    engine->state.healing = false;
    struct merkle_buffer bytes;
    merkle_buffer_init(&bytes, &merkle_allocator_libc);
    for (uint8_t origin = 1; origin <= 2; origin++) { /* the second is a conflict with the first */
        merkle_buffer_clear(&bytes);
        solo_entry(&bytes, "a", solo_clock(origin), origin, origin * 300);
        struct gossip__span span = {bytes.data, bytes.size_bytes};
        solo_receive(
            solo, 1,
            &(struct gossip__message){
                .type = GOSSIP__PUSH,
                .push = {.sequence = origin, .exchange = 5, .entries = &span, .entry_count = 1}});
        solo_store_all(solo);
    }
    ck_assert_uint_eq(engine->counters.entries_repaired[GOSSIP_CAUSE_MISSED_PUSH], 1);
    ck_assert_uint_eq(engine->counters.entries_repaired[GOSSIP_CAUSE_CONFLICT], 1);
    merkle_buffer_close(&bytes);
    solo_free(solo);
}
END_TEST

Suite *entry_in_suite(void);
Suite *entry_in_suite(void) {
    Suite *suite = suite_create("entry_in");
    TCase *take = tcase_create("entries_take");
    TCase *cause = tcase_create("entries_cause");
    tcase_add_test(take, taken_and_stored);
    tcase_add_test(take, malformed_does_not_spoil_the_others);
    tcase_add_test(take, clock_past_2200);
    tcase_add_test(take, sender_behind_our_horizon);
    tcase_add_test(take, forked_content);
    tcase_add_test(take, too_big);
    tcase_add_test(take, store_down_refuses);
    tcase_add_test(take, repeat_waits_for_the_first);
    tcase_add_test(cause, cause_of_repairs);
    suite_add_tcase(suite, take);
    suite_add_tcase(suite, cause);
    return suite;
}
