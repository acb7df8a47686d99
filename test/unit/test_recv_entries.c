/* test_recv_entries.c - what was pulled: merged, stored, asked for again; and what is made of answers that make no sense. */
#include "test/unit/support/solo.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 300, OTHERS_MAX = 16 };

/* Peer 1 and what it has. */
struct other {
    struct solo *solo;
    struct catalog *catalog;
    size_t walks_answered;
};

static void other_add(struct other *other, const char *entity, unsigned count) {
    struct merkle_buffer bytes;
    struct catalog_entry *entry;
    merkle_buffer_init(&bytes, &merkle_allocator_libc);
    solo_entry(&bytes, entity, solo_clock(count), 1, SIZE);
    ck_assert_int_eq(
        catalog_entry_decode(&merkle_allocator_libc, bytes.data, bytes.size_bytes, &entry), 0);
    ck_assert_int_eq(catalog_load(other->catalog, entry), 0);
    catalog_entry_release(entry);
    merkle_buffer_close(&bytes);
}

/* A node with `own_count` entries of its own, and a peer that has `count` others beside them. */
static struct other other_new(unsigned own_count, unsigned count) {
    struct other other = {.solo = solo_new()};
    char entity[8];
    ck_assert_int_eq(catalog_new(&merkle_allocator_libc, &other.catalog), 0);
    for (unsigned i = 0; i < own_count; i++) {
        (void)snprintf(entity, sizeof entity, "own%u", i);
        ck_assert_int_eq(solo_write(other.solo, 100 + i, entity, "f"), 1);
        solo_store_all(other.solo);
        ck_assert_int_eq(catalog_load(other.catalog, solo_find(other.solo, entity)), 0);
    }
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(entity, sizeof entity, "e%u", i);
        other_add(&other, entity, i + 1);
    }
    (void)solo_peer(other.solo, 1);
    solo_clear(other.solo);
    return other;
}

static void other_free(struct other *other) {
    catalog_free(other->catalog);
    solo_free(other->solo);
}

static struct gossip__exchange *exchange(struct other *other) {
    return other->solo->engine->members[0]->exchange;
}

static void answer_digest(struct other *other) {
    struct merkle_buffer walk;
    struct gossip__message answer = {.type = GOSSIP__DIGEST_ANSWER};
    uint32_t number = solo_sent_last(other->solo, 1, GOSSIP__DIGEST)->digest.exchange;
    merkle_buffer_init(&walk, &merkle_allocator_libc);
    solo_digest(other->solo, &answer, number);
    answer.digest.root = merkle_tree_root(catalog_tree(other->catalog));
    answer.digest.count = merkle_tree_count(catalog_tree(other->catalog));
    answer.digest.clock = solo_clock(100);
    ck_assert_int_eq(merkle_walk_answer_root(catalog_tree(other->catalog), number, &walk), 0);
    answer.digest.walk = (struct gossip__span){walk.data, walk.size_bytes};
    solo_receive(other->solo, 1, &answer);
    merkle_buffer_close(&walk);
}

static void answer_walks(struct other *other) {
    while (solo_sent(other->solo, 1, GOSSIP__WALK) > other->walks_answered) {
        struct merkle_buffer bytes;
        const struct gossip__walk walk = solo_sent_last(other->solo, 1, GOSSIP__WALK)->walk;
        other->walks_answered++;
        merkle_buffer_init(&bytes, &merkle_allocator_libc);
        ck_assert_int_eq(merkle_walk_answer(catalog_tree(other->catalog), walk.exchange,
                                            walk.request.data, walk.request.size_bytes,
                                            GOSSIP__WALK_ANSWER_SIZE_MAX, &bytes),
                         0);
        solo_receive(
            other->solo, 1,
            &(struct gossip__message){.type = GOSSIP__WALK_ANSWER,
                                      .walk_answer = {.exchange = walk.exchange,
                                                      .sequence = walk.sequence,
                                                      .answer = {bytes.data, bytes.size_bytes}}});
        merkle_buffer_close(&bytes);
    }
}

/* An exchange up to the pulls that it asks for. */
static void begin(struct other *other) {
    solo_clear(other->solo);
    other->walks_answered = 0;
    ck_assert_int_eq(solo_ask(other->solo, 9, GOSSIP_SYNC, "p1", 60000), 1);
    answer_digest(other);
    answer_walks(other);
}

static size_t wanted(struct other *other) {
    const struct gossip__pull *pull = &solo_sent_last(other->solo, 1, GOSSIP__PULL)->pull;
    size_t count = 0;
    for (size_t i = 0; i < pull->path_count; i++) {
        count += pull->paths[i].fingerprint_count;
    }
    return count;
}

/* ENTRIES to the last request of this type, with the other's entries e<first> to e<first + count - 1>. */
static void answer(struct other *other, enum gossip__message_type type, unsigned first,
                   unsigned count, struct gossip__entries entries) {
    const struct gossip__message *message = solo_sent_last(other->solo, 1, type);
    struct gossip__span spans[OTHERS_MAX];
    char entity[8];
    for (unsigned i = 0; i < count; i++) {
        int length = snprintf(entity, sizeof entity, "e%u", first + i);
        struct catalog_key key = {SOLO_KIND, {entity, (size_t)length}, {"n", 1}};
        struct catalog_entry *entry = catalog_find(other->catalog, &key);
        ck_assert_ptr_nonnull(entry);
        spans[i] = (struct gossip__span){entry->bytes, entry->size_bytes};
    }
    bool range = type == GOSSIP__PULL_RANGE;
    entries.exchange = range ? message->pull_range.exchange : message->pull.exchange;
    entries.sequence = range ? message->pull_range.sequence : message->pull.sequence;
    if (entries.entries == NULL) {
        entries.entries = spans;
        entries.entry_count = count;
    }
    solo_receive(other->solo, 1,
                 &(struct gossip__message){.type = GOSSIP__ENTRIES, .entries = entries});
}

START_TEST(pulled_then_digest_again) {
    /* G11: the exchange goes on when what was pulled is on disk; equal roots then count, with the later clock. */
    struct other other = other_new(5, 3);
    begin(&other);
    ck_assert_uint_eq(wanted(&other), 3);
    answer(&other, GOSSIP__PULL, 0, 3, (struct gossip__entries){0});
    ck_assert_uint_eq(solo_flying(other.solo), 1);
    ck_assert_uint_gt(exchange(&other)->unstored_bytes, 3 * SIZE);
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__DIGEST), 1);
    solo_store_all(other.solo);
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__DIGEST), 2);
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__PUSH), 0);
    answer_digest(&other);
    ck_assert_int_eq(solo_reply(other.solo, 9), 0);
    ck_assert_uint_eq(other.solo->engine->counters.exchanges[GOSSIP_EXCHANGE_REPAIRED], 1);
    ck_assert_uint_eq(other.solo->engine->members[0]->counted, solo_clock(100));
    other_free(&other);
}
END_TEST

START_TEST(cut_answer_is_asked_again) {
    /* An answer that ended early is asked again for just what it did not hold. */
    struct other other = other_new(5, 6);
    begin(&other);
    ck_assert_uint_eq(wanted(&other), 6);
    answer(&other, GOSSIP__PULL, 0, 2, (struct gossip__entries){0});
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__PULL), 2);
    ck_assert_uint_eq(wanted(&other), 4);
    answer(&other, GOSSIP__PULL, 2, 3, (struct gossip__entries){0});
    ck_assert_uint_eq(wanted(&other), 1);
    answer(&other, GOSSIP__PULL, 5, 1, (struct gossip__entries){0});
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__PULL), 3);
    solo_store_all(other.solo);
    answer_digest(&other);
    ck_assert_int_eq(solo_reply(other.solo, 9), 0);
    ck_assert_uint_eq(catalog_count(other.solo->engine->catalog).all, 11);
    other_free(&other);
}
END_TEST

START_TEST(answer_of_nothing_we_can_read) {
    /* G8: entries that do not decode here are not asked for again and again: the walk is left unfinished. */
    struct other other = other_new(5, 6);
    static const struct gossip__span nonsense[] = {{(const uint8_t *)"\xc0", 1}};
    begin(&other);
    answer(&other, GOSSIP__PULL, 0, 0,
           (struct gossip__entries){.entries = nonsense, .entry_count = 1});
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__PULL), 1);
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__DIGEST), 2);
    ck_assert(!other.solo->engine->members[0]->agreed_known);
    ck_assert_uint_eq(other.solo->engine->counters.rejected[GOSSIP_REJECT_ENTRY], 1);
    other_free(&other);
}
END_TEST

START_TEST(missing_is_found_by_the_next_walk) {
    /* What is not there any more leaves the walk unfinished: nothing is concluded, and the next walk finds what is. */
    struct other other = other_new(5, 2);
    begin(&other);
    answer(&other, GOSSIP__PULL, 0, 1, (struct gossip__entries){.missing = 1});
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__PULL), 1);
    solo_store_all(other.solo);
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__DIGEST), 2);
    ck_assert(!exchange(&other)->finished_once);
    other_add(&other, "e1", 50); /* it had changed */
    answer_digest(&other);
    answer_walks(&other);
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__PULL), 2);
    answer(&other, GOSSIP__PULL, 1, 1, (struct gossip__entries){0});
    solo_store_all(other.solo);
    ck_assert(!other.solo->engine->members[0]->agreed_known);
    answer_digest(&other);
    ck_assert_int_eq(solo_reply(other.solo, 9), 0);
    ck_assert_uint_eq(solo_find(other.solo, "e1")->clock, solo_clock(50));
    other_free(&other);
}
END_TEST

START_TEST(empty_answer_leaves_it_unfinished) {
    /* An answer with less than was asked, and no word of it, is not asked for again at once, and concludes nothing. */
    struct other other = other_new(5, 2);
    begin(&other);
    answer(&other, GOSSIP__PULL, 0, 0, (struct gossip__entries){0});
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__PULL), 1);
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__DIGEST), 2);
    ck_assert(!exchange(&other)->finished_once);
    other_free(&other);
}
END_TEST

START_TEST(endless_walks_are_given_up) {
    /* G8: whoever never gives what it says it has is walked GOSSIP__WALKS_PER_EXCHANGE times, then left for later. */
    struct other other = other_new(5, 2);
    begin(&other);
    for (unsigned i = 1; i < GOSSIP__WALKS_PER_EXCHANGE; i++) {
        answer(&other, GOSSIP__PULL, 0, 0, (struct gossip__entries){0});
        ck_assert_int_eq(solo_reply(other.solo, 9), 1);
        answer_digest(&other);
        answer_walks(&other);
    }
    answer(&other, GOSSIP__PULL, 0, 0, (struct gossip__entries){0});
    answer_digest(&other);
    ck_assert_int_eq(solo_reply(other.solo, 9), GOSSIP_EUNREACHABLE);
    ck_assert_ptr_null(exchange(&other));
    ck_assert_uint_eq(other.solo->engine->counters.exchanges[GOSSIP_EXCHANGE_UNFINISHED], 1);
    other_free(&other);
}
END_TEST

START_TEST(answers_of_repeats_are_ignored) {
    /* A second answer to one request, or one of an exchange that is over, changes nothing. */
    struct other other = other_new(5, 3);
    begin(&other);
    answer(&other, GOSSIP__PULL, 0, 3, (struct gossip__entries){0});
    answer(&other, GOSSIP__PULL, 0, 3, (struct gossip__entries){0});
    ck_assert_uint_eq(other.solo->engine->counters.entries_received, 3);
    solo_store_all(other.solo);
    answer(&other, GOSSIP__PULL, 0, 3, (struct gossip__entries){0}); /* in state DIGEST */
    answer_digest(&other);
    answer(&other, GOSSIP__PULL, 0, 3, (struct gossip__entries){0}); /* over */
    ck_assert_uint_eq(other.solo->engine->counters.entries_received, 3);
    ck_assert_int_eq(solo_closed(other.solo, 1), GOSSIP_CLOSE_NONE);
    other_free(&other);
}
END_TEST

START_TEST(refused_push_concludes_nothing) {
    /* G3: a walk counts as finished when the other has taken all that it lacked; one entry refused, and it does not. */
    for (uint64_t refused = 0; refused < 2; refused++) {
        struct other other = other_new(5, 3);
        ck_assert_int_eq(solo_write(other.solo, 50, "mine", "f"), 1);
        solo_store_all(other.solo);
        begin(&other);
        answer(&other, GOSSIP__PULL, 0, 3, (struct gossip__entries){0});
        ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__PUSH), 0);
        solo_store_all(other.solo);
        const struct gossip__push *push = &solo_sent_last(other.solo, 1, GOSSIP__PUSH)->push;
        ck_assert_uint_eq(push->exchange, exchange(&other)->number);
        ck_assert_uint_eq(push->entry_count, 1);
        ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__DIGEST), 1);
        solo_receive(other.solo, 1,
                     &(struct gossip__message){
                         .type = GOSSIP__PUSH_ACK,
                         .push_ack = {.sequence = push->sequence, .refused = refused}});
        /* Taken: another digest shows whether all is equal. Refused: this exchange is over, and not counted. */
        ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__DIGEST), refused == 0 ? 2 : 1);
        ck_assert(refused == 0 ? exchange(&other)->finished_once : exchange(&other) == NULL);
        ck_assert(refused == 0 || !other.solo->engine->members[0]->agreed_known);
        ck_assert_uint_eq(other.solo->engine->counters.exchanges[GOSSIP_EXCHANGE_UNFINISHED],
                          refused);
        other_free(&other);
    }
}
END_TEST

START_TEST(failed_store_ends_it) {
    /* G11: what was pulled and could not be stored is not had: the exchange ends unfinished and concludes nothing. */
    struct other other = other_new(5, 3);
    begin(&other);
    answer(&other, GOSSIP__PULL, 0, 3, (struct gossip__entries){0});
    solo_store(other.solo, CATALOG_EIO);
    ck_assert_ptr_null(exchange(&other));
    ck_assert_uint_eq(other.solo->engine->counters.exchanges[GOSSIP_EXCHANGE_UNFINISHED], 1);
    ck_assert(!other.solo->engine->members[0]->agreed_known);
    ck_assert_uint_eq(catalog_count(other.solo->engine->catalog).all, 5);
    other_free(&other);
}
END_TEST

START_TEST(too_much_unstored_holds_pulls) {
    /* G8: above GOSSIP__UNSTORED_SIZE_MAX pulled and not on disk nothing more is pulled; it goes on when some is stored. */
    struct other other = other_new(5, 3);
    begin(&other);
    answer(&other, GOSSIP__PULL, 0, 1, (struct gossip__entries){0});
    struct gossip__exchange *walking = exchange(&other);
    walking->unstored_bytes += GOSSIP__UNSTORED_SIZE_MAX;
    gossip__exchange_range_resume(other.solo->engine, walking,
                                  &(struct gossip__range){.slot_last = UINT64_MAX});
    solo_run(other.solo, 40);
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__PULL_RANGE), 0);
    walking->unstored_bytes -= GOSSIP__UNSTORED_SIZE_MAX;
    solo_store_all(other.solo);
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__PULL_RANGE), 1);
    other_free(&other);
}
END_TEST

/* --- ranges --------------------------------------------------------------------------------- */

/* A node that has nothing, and a peer that has enough for subtrees to be pulled whole. */
static struct other range_begin(void) {
    struct other other = other_new(0, 9);
    begin(&other);
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__PULL_RANGE), 1);
    return other;
}

START_TEST(range_is_resumed) {
    /* A range that says more is asked for from where it ended, in the same slots. */
    struct other other = range_begin();
    struct gossip__pull_range first = solo_sent_last(other.solo, 1, GOSSIP__PULL_RANGE)->pull_range;
    ck_assert_uint_eq(first.size_max, GOSSIP__ENTRIES_SIZE_SOFT);
    uint64_t middle = first.slot_first + (first.slot_last - first.slot_first) / 2;
    answer(&other, GOSSIP__PULL_RANGE, 0, 4,
           (struct gossip__entries){.more = true, .next_slot = middle, .next_skip = 2});
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__PULL_RANGE), 2);
    struct gossip__pull_range second =
        solo_sent_last(other.solo, 1, GOSSIP__PULL_RANGE)->pull_range;
    ck_assert_uint_eq(second.slot_first, middle);
    ck_assert_uint_eq(second.skip, 2);
    ck_assert_uint_eq(second.slot_last, first.slot_last);
    /* the same slot, further on, is progress too */
    answer(&other, GOSSIP__PULL_RANGE, 4, 1,
           (struct gossip__entries){.more = true, .next_slot = middle, .next_skip = 3});
    answer(&other, GOSSIP__PULL_RANGE, 5, 4, (struct gossip__entries){0});
    solo_store_all(other.solo);
    answer_digest(&other);
    ck_assert_int_eq(solo_reply(other.solo, 9), 0);
    ck_assert_uint_eq(catalog_count(other.solo->engine->catalog).all, 9);
    other_free(&other);
}
END_TEST

START_TEST(nonsense_ends_close_the_session) {
    /* G9: an end that does not lead forward, leads out of the range, or comes without entries closes the session. */
    for (unsigned i = 0; i < 4; i++) {
        struct other other = range_begin();
        struct gossip__pull_range range =
            solo_sent_last(other.solo, 1, GOSSIP__PULL_RANGE)->pull_range;
        struct gossip__entries entries = {.more = true, .next_slot = range.slot_first + 1};
        unsigned count = 2;
        if (i == 0) {
            entries.next_slot = range.slot_first; /* where it began */
        } else if (i == 1) {
            count = 0;
        } else if (i == 2) {
            struct gossip__request *request = &exchange(&other)->requests[0];
            request->range.slot_last = range.slot_first + 10;
            entries.next_slot = request->range.slot_last + 1;
        } else {
            exchange(&other)->requests[0].range.skip = 5;
            entries.next_slot = range.slot_first;
            entries.next_skip = 5;
        }
        answer(&other, GOSSIP__PULL_RANGE, 0, count, entries);
        ck_assert_int_eq(solo_closed(other.solo, 1), GOSSIP_CLOSE_MALFORMED);
        ck_assert_uint_eq(other.solo->engine->counters.rejected[GOSSIP_REJECT_MESSAGE], 1);
        ck_assert_uint_eq(other.solo->engine->counters.exchanges[GOSSIP_EXCHANGE_LOST], 1);
        ck_assert_uint_eq(solo_flying(other.solo), 0); /* nothing of it was taken */
        other_free(&other);
    }
}
END_TEST

START_TEST(requests_are_repeated) {
    /* A lost request is sent again as it was, GOSSIP__REQUEST_TRIES times in all; then the exchange times out. */
    struct other other = other_new(5, 3);
    begin(&other);
    struct gossip__pull first = solo_sent_last(other.solo, 1, GOSSIP__PULL)->pull;
    for (unsigned i = 1; i < GOSSIP__REQUEST_TRIES; i++) {
        for (unsigned j = 0; solo_sent(other.solo, 1, GOSSIP__PULL) == i && j < 100; j++) {
            solo_run(other.solo, 50);
        }
        ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__PULL), i + 1);
        ck_assert_uint_eq(solo_sent_last(other.solo, 1, GOSSIP__PULL)->pull.sequence,
                          first.sequence);
    }
    solo_run(other.solo, 5000);
    ck_assert_uint_eq(solo_sent(other.solo, 1, GOSSIP__PULL), GOSSIP__REQUEST_TRIES);
    ck_assert_uint_ge(other.solo->engine->counters.exchanges[GOSSIP_EXCHANGE_TIMEOUT], 1);
    ck_assert_int_eq(solo_reply(other.solo, 9), GOSSIP_EUNREACHABLE);
    other_free(&other);
}
END_TEST

Suite *recv_entries_suite(void);
Suite *recv_entries_suite(void) {
    Suite *suite = suite_create("recv_entries");
    TCase *pull = tcase_create("recv_entries_pull");
    TCase *range = tcase_create("recv_entries_range");
    tcase_add_test(pull, pulled_then_digest_again);
    tcase_add_test(pull, cut_answer_is_asked_again);
    tcase_add_test(pull, answer_of_nothing_we_can_read);
    tcase_add_test(pull, missing_is_found_by_the_next_walk);
    tcase_add_test(pull, empty_answer_leaves_it_unfinished);
    tcase_add_test(pull, endless_walks_are_given_up);
    tcase_add_test(pull, answers_of_repeats_are_ignored);
    tcase_add_test(pull, refused_push_concludes_nothing);
    tcase_add_test(pull, failed_store_ends_it);
    tcase_add_test(pull, too_much_unstored_holds_pulls);
    tcase_add_test(pull, requests_are_repeated);
    tcase_add_test(range, range_is_resumed);
    tcase_add_test(range, nonsense_ends_close_the_session);
    suite_add_tcase(suite, pull);
    suite_add_tcase(suite, range);
    return suite;
}
