/* test_real_hostile.c - what strangers and liars send is what no honest peer sends, and nothing that attune believes. */
#include "bin/chaos/real_hostile.h"
#include "bin/chaos/real_proxy.h"
#include "gossip/message.h"

#include <check.h>

/* What a liar's frame is to a receiver. */
static int read_lie(uint64_t number, enum gossip__message_type *type) {
    struct real_hostile hostile;
    struct gossip__message message;
    enum gossip_rejection rejection = GOSSIP_REJECT_FRAME;
    real_hostile_liar(&hostile, number);
    ck_assert_uint_eq(real_frame_size(hostile.bytes, hostile.size_bytes), hostile.size_bytes);
    int result = gossip__message_decode(&merkle_allocator_libc, hostile.bytes + 4,
                                        hostile.size_bytes - 4, &message, &rejection);
    *type = result == 0 ? message.type : GOSSIP__MESSAGE_TYPE_COUNT;
    if (result == 0) {
        gossip__message_close(&message);
    }
    return result == 0 || rejection == GOSSIP_REJECT_UNKNOWN_TYPE ? 0 : result;
}

/* No lie carries an entry, a clock or the state of a member: these are believed from members, so a run in which they are
 * lied about would show nothing. */
START_TEST(lies_change_nothing) {
    for (uint64_t i = 0; i < real_hostile_liar_kinds(); i++) {
        enum gossip__message_type type;
        (void)read_lie(i, &type);
        ck_assert_int_ne(type, GOSSIP__HELLO);
        ck_assert_int_ne(type, GOSSIP__DIGEST);
        ck_assert_int_ne(type, GOSSIP__DIGEST_ANSWER);
        ck_assert_int_ne(type, GOSSIP__ENTRIES);
        ck_assert_int_ne(type, GOSSIP__PUSH);
        ck_assert_int_ne(type, GOSSIP__PUSH_ACK);
        ck_assert_int_ne(type, GOSSIP__ADMIT);
    }
}
END_TEST

/* Some are messages (of today or the future), and at least ten are none. */
START_TEST(lies_are_of_both_kinds) {
    size_t messages = 0;
    size_t malformed = 0;
    for (uint64_t i = 0; i < real_hostile_liar_kinds(); i++) {
        enum gossip__message_type type;
        *(read_lie(i, &type) == 0 ? &messages : &malformed) += 1;
    }
    ck_assert_uint_ge(messages, 10);
    ck_assert_uint_ge(malformed, 10);
}
END_TEST

/* Every kind of stranger fits its buffer, and says something or stays silent on purpose. */
START_TEST(strangers_are_made) {
    struct real_hostile hostile;
    struct real_random random = {.state = 1};
    for (uint64_t i = 0; i < 3 * real_hostile_stranger_kinds(); i++) {
        real_hostile_stranger(&hostile, i, &random);
        ck_assert(hostile.size_bytes > 0 || hostile.silent);
        ck_assert_uint_le(hostile.size_bytes, REAL_HOSTILE_SIZE_MAX);
    }
}
END_TEST

Suite *real_hostile_suite(void);
Suite *real_hostile_suite(void) {
    Suite *suite = suite_create("real_hostile");
    TCase *liar = tcase_create("real_hostile_liar");
    tcase_add_test(liar, lies_change_nothing);
    tcase_add_test(liar, lies_are_of_both_kinds);
    suite_add_tcase(suite, liar);
    TCase *stranger = tcase_create("real_hostile_stranger");
    tcase_add_test(stranger, strangers_are_made);
    suite_add_tcase(suite, stranger);
    return suite;
}
