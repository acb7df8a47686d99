/* test_message_read_agreement_codec.c - the messages of agreement and staged changes: what arrives, and what is refused. */
#include "gossip/bounds.h"
#include "test/unit/support/message_samples.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Encodes, decodes; the rejection, or GOSSIP_REJECT_COUNT if it was read. */
static enum gossip_rejection read_back(const struct gossip__message *sent,
                                       struct gossip__message *read) {
    struct message_bytes frame = message_sample_encode(sent);
    enum gossip_rejection rejection;
    int result = message_sample_decode(frame.bytes, frame.size_bytes, read, &rejection);
    free(frame.bytes);
    return result == 0 ? GOSSIP_REJECT_COUNT : rejection;
}

static void check_refused(const struct gossip__message *sent) {
    struct gossip__message read;
    ck_assert_int_eq(read_back(sent, &read), GOSSIP_REJECT_MESSAGE);
}

START_TEST(fields_arrive_in_their_places) {
    /* No two fields are mixed up alike in both directions. */
    struct gossip__message read;
    struct message_bytes frame = message_sample_encode(&message_samples[MESSAGE_SAMPLE_CONFIRM]);
    enum gossip_rejection rejection;
    ck_assert_int_eq(message_sample_decode(frame.bytes, frame.size_bytes, &read, &rejection), 0);
    ck_assert_uint_eq(read.confirm.sequence, 9);
    ck_assert_uint_eq(read.confirm.salt, UINT32_MAX);
    ck_assert_int_eq(read.confirm.key.kind, CATALOG_CONSTRAINT);
    ck_assert_mem_eq(read.confirm.key.entity.data, "posts", 5);
    ck_assert_mem_eq(read.confirm.key.name.data, "title", 5);
    ck_assert_uint_eq(read.confirm.pair_count, 2);
    ck_assert_uint_eq(read.confirm.pairs[1].origin.bytes[0], 8);
    ck_assert_uint_eq(read.confirm.pairs[1].clock, CLOCK_NOW + 1);
    gossip__message_close(&read);
    free(frame.bytes);

    frame = message_sample_encode(&message_samples[MESSAGE_SAMPLE_FORWARD]);
    ck_assert_int_eq(message_sample_decode(frame.bytes, frame.size_bytes, &read, &rejection), 0);
    ck_assert_uint_eq(read.forward.sequence, UINT64_MAX);
    ck_assert_int_eq(read.forward.staged, GOSSIP_STAGED_DROP);
    ck_assert(read.forward.skip_dead && !read.forward.cascade && read.forward.number_expected);
    ck_assert_uint_eq(read.forward.number, 7);
    ck_assert_uint_eq(read.forward.timeout_ms, 60000);
    ck_assert_uint_eq(read.forward.body.size_bytes, 0);
    gossip__message_close(&read);
    free(frame.bytes);

    frame = message_sample_encode(&message_samples[MESSAGE_SAMPLE_FORWARD_ANSWER]);
    ck_assert_int_eq(message_sample_decode(frame.bytes, frame.size_bytes, &read, &rejection), 0);
    ck_assert_int_eq(read.forward_answer.code, GOSSIP_ENOTAGREED);
    ck_assert_mem_eq(read.forward_answer.text.data, "db-2 is away", 12);
    ck_assert_uint_eq(read.forward_answer.line_count, 2);
    ck_assert_mem_eq(read.forward_answer.lines[1].name.data, "db-2", 4);
    ck_assert_int_eq(read.forward_answer.lines[1].state, GOSSIP_UNREACHABLE);
    ck_assert_uint_eq(read.forward_answer.lines[1].since_ms, GOSSIP_NEVER);
    gossip__message_close(&read);
    free(frame.bytes);
}
END_TEST

START_TEST(questions_that_make_no_sense) {
    /* B3, B10: keys that are none, no version at all, too many of them, clocks past 2200, origins of zeros. */
    static struct gossip__agreement_pair many[GOSSIP__CONFIRM_PAIRS_MAX + 1];
    static const struct catalog_key bad[] = {{0, {"posts", 5}, {"", 0}},
                                             {CATALOG_SCHEMA, {"", 0}, {"", 0}},
                                             {CATALOG_SCHEMA, {"a/b", 3}, {"", 0}},
                                             {CATALOG_SCHEMA, {"posts", 5}, {"x", 1}},
                                             {CATALOG_INDEX, {"posts", 5}, {"", 0}}};
    struct gossip__message message = message_samples[MESSAGE_SAMPLE_CONFIRM];
    struct gossip__message read;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        message.confirm.key = bad[i];
        check_refused(&message);
    }
    message = message_samples[MESSAGE_SAMPLE_CONFIRM];
    message.confirm.pair_count = 0;
    check_refused(&message);
    for (size_t i = 0; i <= GOSSIP__CONFIRM_PAIRS_MAX; i++) {
        many[i] = (struct gossip__agreement_pair){{{1}}, CLOCK_NOW};
    }
    message.confirm.pairs = many;
    message.confirm.pair_count = GOSSIP__CONFIRM_PAIRS_MAX + 1;
    check_refused(&message);
    message.confirm.pair_count = GOSSIP__CONFIRM_PAIRS_MAX;
    ck_assert_int_eq(read_back(&message, &read), GOSSIP_REJECT_COUNT);
    gossip__message_close(&read);
    message.confirm.pair_count = 2;
    many[1].clock = CATALOG_CLOCK_MAX + 1;
    check_refused(&message);
    many[1] = (struct gossip__agreement_pair){{{0}}, CLOCK_NOW};
    check_refused(&message);
}
END_TEST

START_TEST(answers_that_make_no_sense) {
    /* B3: results, states and codes that are none, a sentence or a list without end, names that are none. */
    struct gossip__message message = message_samples[MESSAGE_SAMPLE_CONFIRMATION];
    message.confirmation.result = (enum gossip__confirmation_result)0;
    check_refused(&message);
    message.confirmation.result = (enum gossip__confirmation_result)4;
    check_refused(&message);
    static char text[GOSSIP__FORWARD_TEXT_SIZE_MAX + 1];
    memset(text, 'x', sizeof text);
    message = message_samples[MESSAGE_SAMPLE_FORWARD_ANSWER];
    message.forward_answer.text = (struct catalog_text){text, sizeof text};
    check_refused(&message);
    message = message_samples[MESSAGE_SAMPLE_FORWARD_ANSWER];
    message.forward_answer.code = -(GOSSIP__FORWARD_CODE_MAX + 1);
    check_refused(&message);
    struct gossip__forward_line line = {{"db-1", 4}, GOSSIP_AGREED, 0};
    message = message_samples[MESSAGE_SAMPLE_FORWARD_ANSWER];
    message.forward_answer.lines = &line;
    message.forward_answer.line_count = 1;
    line.state = (enum gossip_agreement_state)(GOSSIP_NOT_ASKED + 1);
    check_refused(&message);
    line = (struct gossip__forward_line){{"a/b", 3}, GOSSIP_AGREED, 0};
    check_refused(&message);
}
END_TEST

START_TEST(changes_that_make_no_sense) {
    /* B3: a change that there is not, a body above its limit, a key that is none. */
    static uint8_t body[CATALOG_BODY_SIZE_MAX + 1];
    struct gossip__message message = message_samples[MESSAGE_SAMPLE_FORWARD];
    struct gossip__message read;
    message.forward.staged = (enum gossip_staged)0;
    check_refused(&message);
    message.forward.staged = (enum gossip_staged)(GOSSIP_STAGED_ABORT + 1);
    check_refused(&message);
    message = message_samples[MESSAGE_SAMPLE_FORWARD];
    message.forward.body = (struct gossip__span){body, sizeof body};
    check_refused(&message);
    message.forward.body.size_bytes = CATALOG_BODY_SIZE_MAX;
    ck_assert_int_eq(read_back(&message, &read), GOSSIP_REJECT_COUNT);
    gossip__message_close(&read);
    message.forward.key.entity = (struct catalog_text){"a\n", 2};
    check_refused(&message);
}
END_TEST

Suite *message_read_agreement_codec_suite(void);
Suite *message_read_agreement_codec_suite(void) {
    Suite *suite = suite_create("message_read_agreement_codec");
    TCase *tcase = tcase_create("message_decode_agreement");
    tcase_add_test(tcase, fields_arrive_in_their_places);
    tcase_add_test(tcase, questions_that_make_no_sense);
    tcase_add_test(tcase, answers_that_make_no_sense);
    tcase_add_test(tcase, changes_that_make_no_sense);
    suite_add_tcase(suite, tcase);
    return suite;
}
