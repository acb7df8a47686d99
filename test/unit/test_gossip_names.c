/* test_gossip_names.c - every number of this folder that people see has a name, and no two have the same. */
#include "gossip/message.h"

#include <check.h>
#include <string.h>

static void check_word(const char *word) {
    ck_assert_ptr_nonnull(word);
    ck_assert_uint_gt(strlen(word), 0);
    /* Labels of metrics: lower case, digits, underscores. */
    ck_assert_uint_eq(strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(word));
}

START_TEST(each_error_has_a_name_and_a_message) {
    /* Codes of this folder and of those below can be asked for in one place; no number is taken twice. */
    static const struct {
        int code;
        const char *name, *message;
    } errors[] = {
#define X(code, number, name, message) {code, name, message},
        GOSSIP_ERRORS(X) CATALOG_ERRORS(X)
#undef X
#define X(code, number, message) {code, NULL, message},
            MERKLE_ERRORS(X)
#undef X
    };
    size_t count = sizeof errors / sizeof *errors;
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_lt(errors[i].code, 0);
        ck_assert_str_eq(gossip_error_message(errors[i].code), errors[i].message);
        ck_assert_ptr_nonnull(gossip_error_name(errors[i].code));
        if (errors[i].name != NULL) {
            check_word(errors[i].name);
            ck_assert_str_eq(gossip_error_name(errors[i].code), errors[i].name);
        }
        for (size_t j = 0; j < i; j++) {
            ck_assert_int_ne(errors[i].code, errors[j].code);
        }
    }
    ck_assert_ptr_null(gossip_error_name(0));
    ck_assert_ptr_null(gossip_error_message(-9999));
}
END_TEST

/* Demands that a table names every number from `first` to `count` - 1, each otherwise, and none outside. */
#define CHECK_TABLE(function, type, first, count)                                                  \
    do {                                                                                           \
        for (int number = (first); number < (int)(count); number++) {                              \
            check_word(function((enum type)number));                                               \
            for (int other = (first); other < number; other++) {                                   \
                ck_assert_str_ne(function((enum type)number), function((enum type)other));         \
            }                                                                                      \
        }                                                                                          \
        ck_assert_ptr_null(function((enum type)(count)));                                          \
        if ((first) > 0) {                                                                         \
            ck_assert_ptr_null(function((enum type)0));                                            \
        }                                                                                          \
    } while (0)

START_TEST(each_number_has_a_name_of_its_own) {
    /* A label that is missing or doubled would merge two series. */
    CHECK_TABLE(gossip_close_reason_name, gossip_close_reason, 0, GOSSIP_CLOSE_REASON_COUNT);
    CHECK_TABLE(gossip_phase_name, gossip_phase, 0, GOSSIP_PHASE_COUNT);
    CHECK_TABLE(gossip_member_state_name, gossip_member_state, 1, GOSSIP_MEMBER_STATE_COUNT);
    CHECK_TABLE(gossip_exchange_result_name, gossip_exchange_result, 0,
                GOSSIP_EXCHANGE_RESULT_COUNT);
    CHECK_TABLE(gossip_push_result_name, gossip_push_result, 0, GOSSIP_PUSH_RESULT_COUNT);
    CHECK_TABLE(gossip_cause_name, gossip_cause, 0, GOSSIP_CAUSE_COUNT);
    CHECK_TABLE(gossip_rejection_name, gossip_rejection, 0, GOSSIP_REJECT_COUNT);
    CHECK_TABLE(gossip__message_name, gossip__message_type, 1, GOSSIP__MESSAGE_TYPE_COUNT);
}
END_TEST

START_TEST(words_of_the_manual_are_kept) {
    /* What DESIGN 10.4 prints in metrics. */
    ck_assert_str_eq(gossip_cause_name(GOSSIP_CAUSE_MISSED_PUSH), "missed_push");
    ck_assert_str_eq(gossip_cause_name(GOSSIP_CAUSE_LATE_JOIN), "late_join");
    ck_assert_str_eq(gossip_close_reason_name(GOSSIP_CLOSE_DUPLICATE_ID), "duplicate_id");
    ck_assert_str_eq(gossip__message_name(GOSSIP__DIGEST_ANSWER), "digest_answer");
    ck_assert_int_eq(gossip__message_phase(GOSSIP__HELLO), GOSSIP_PHASE_HELLO);
    ck_assert_int_eq(gossip__message_phase(GOSSIP__DIGEST_ANSWER), GOSSIP_PHASE_DIGEST);
    ck_assert_int_eq(gossip__message_phase(GOSSIP__WALK), GOSSIP_PHASE_WALK);
    ck_assert_int_eq(gossip__message_phase(GOSSIP__ENTRIES), GOSSIP_PHASE_ENTRIES);
    ck_assert_int_eq(gossip__message_phase(GOSSIP__PUSH_ACK), GOSSIP_PHASE_PUSH);
    ck_assert_int_eq(gossip__message_phase(GOSSIP__ADMIT), GOSSIP_PHASE_MEMBERS);
    ck_assert_int_eq(gossip__message_phase(GOSSIP__FORWARD_ANSWER), GOSSIP_PHASE_AGREEMENT);
}
END_TEST

START_TEST(bounds_of_histograms_rise) {
    /* Prometheus takes no other. */
    for (size_t i = 1; i < GOSSIP_PROPAGATION_BUCKETS; i++) {
        ck_assert_uint_lt(gossip_propagation_bounds_ms[i - 1], gossip_propagation_bounds_ms[i]);
    }
    for (size_t i = 1; i < GOSSIP_ROUND_TRIP_BUCKETS; i++) {
        ck_assert_uint_lt(gossip_round_trip_bounds[i - 1], gossip_round_trip_bounds[i]);
    }
}
END_TEST

Suite *gossip_names_suite(void);
Suite *gossip_names_suite(void) {
    Suite *suite = suite_create("gossip_names");
    TCase *tcase = tcase_create("gossip_error_name");
    tcase_add_test(tcase, each_error_has_a_name_and_a_message);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("gossip_name");
    tcase_add_test(tcase, each_number_has_a_name_of_its_own);
    tcase_add_test(tcase, words_of_the_manual_are_kept);
    tcase_add_test(tcase, bounds_of_histograms_rise);
    suite_add_tcase(suite, tcase);
    return suite;
}
