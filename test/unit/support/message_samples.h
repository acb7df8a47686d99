/* message_samples.h - one message of each type and shape, and its way to bytes and back. */
#ifndef TEST_UNIT_SUPPORT_MESSAGE_SAMPLES_H
#define TEST_UNIT_SUPPORT_MESSAGE_SAMPLES_H

#include "gossip/message.h"

#define CLOCK_NOW UINT64_C(0x018f000000000000) /* some day in 2024 */
#define DIGEST_FIELDS                                                                              \
    .exchange = 0xdeadbeef, .root = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},     \
    .count = 100000, .clock = CLOCK_NOW + 3, .seen = CLOCK_NOW + 3, .horizon = CLOCK_NOW + 3,      \
    .changes = 123456, .table = {{1, 2, 3, 4, 5}}, .ready = true

enum {
    MESSAGE_SAMPLE_COUNT = 32,
    MESSAGE_SAMPLE_DIGEST = 4,
    MESSAGE_SAMPLE_PROBE = 21,
    MESSAGE_SAMPLE_ADMIT = 25,
    MESSAGE_SAMPLE_CONFIRM = 26,
    MESSAGE_SAMPLE_CONFIRMATION = 27,
    MESSAGE_SAMPLE_FORWARD = 28,
    MESSAGE_SAMPLE_FORWARD_ANSWER = 30
};
extern const struct gossip__message message_samples[MESSAGE_SAMPLE_COUNT];
extern const struct gossip__member_update message_sample_rows[2];
extern const struct gossip__pull_path message_sample_paths[3];

/* An encoded message without its length, in a block of just its size, for the test to free. */
struct message_bytes {
    uint8_t *bytes;
    size_t size_bytes;
};
struct message_bytes message_sample_encode(const struct gossip__message *message);
int message_sample_decode(const uint8_t *bytes, size_t size_bytes, struct gossip__message *message,
                          enum gossip_rejection *rejection);
bool message_bytes_equal(const struct message_bytes *a, const struct message_bytes *b);

#endif
