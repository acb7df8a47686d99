/* message_samples.c - one message of each type and shape, see message_samples.h. */
#include "test/unit/support/message_samples.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

const struct gossip__member_update message_sample_rows[2] = {
    {.id = {{1, 2, 3}},
     .name = {"db-1", 4},
     .address = {"10.0.0.1:7740", 13},
     .incarnation = 65536,
     .state = GOSSIP_MEMBER_ALIVE,
     .ready = true},
    {.id = {{0xff}},
     .name = {"d\xc3\xa9j\xc3\xa0", 6},
     .address = {"[::1]:7740", 10},
     .incarnation = UINT64_MAX,
     .state = GOSSIP_MEMBER_REMOVED},
};
static const struct gossip__span entries[] = {
    {(const uint8_t *)"first", 5}, {(const uint8_t *)"", 0}, {(const uint8_t *)"third", 5}};
static const struct merkle_fingerprint prints[] = {{{1, 2, 3, 4, 5}}, {{6, 7, 8, 9, 10}}};
const struct gossip__pull_path message_sample_paths[3] = {
    {.path = {0, 0}, .fingerprints = prints, .fingerprint_count = 2},
    {.path = {UINT64_C(0xabc0000000000000), 3}, .fingerprints = prints, .fingerprint_count = 1},
    {.path = {UINT64_MAX, 16}, .fingerprints = prints + 1, .fingerprint_count = 1},
};

static const struct gossip__agreement_pair pairs[] = {{{{7}}, CLOCK_NOW}, {{{8}}, CLOCK_NOW + 1}};
static const struct gossip__forward_line lines[] = {
    {{"db-1", 4}, GOSSIP_AGREED, 12}, {{"db-2", 4}, GOSSIP_UNREACHABLE, GOSSIP_NEVER}};

/* One of each type and shape. */
const struct gossip__message message_samples[MESSAGE_SAMPLE_COUNT] = {
    {.type = GOSSIP__HELLO,
     .hello = {.protocol_min = 1,
               .protocol_max = 1,
               .format = CATALOG_FORMAT,
               .cluster_name = {"attune", 6},
               .cluster_id = {{9}},
               .node_id = {{1}},
               .origin = {{2}},
               .name = {"db-1", 4},
               .address = {"127.0.0.1:7740", 14},
               .incarnation = 65536,
               .ready = true,
               .had_entry = true}},
    {.type = GOSSIP__HELLO, /* in no cluster yet */
     .hello = {.cluster_name = {"a", 1},
               .node_id = {{1}},
               .origin = {{2}},
               .name = {"b", 1},
               .address = {"c:1", 3},
               .removed = true}},
    {.type = GOSSIP__HELLO, /* of a node that has taken a new id */
     .hello = {.cluster_name = {"a", 1},
               .cluster_id = {{9}},
               .node_id = {{1}},
               .origin = {{2}},
               .name = {"b", 1},
               .address = {"c:1", 3},
               .had_entry = true,
               .replaces = {{7}}}},
    {.type = GOSSIP__REFUSE,
     .refuse = {.reason = GOSSIP_CLOSE_CLUSTER_ID, .text = {"another cluster", 15}}},
    {.type = GOSSIP__DIGEST, .digest = {DIGEST_FIELDS}},
    {.type = GOSSIP__DIGEST, .digest = {DIGEST_FIELDS, .wall_s = 1700000000}},
    {.type = GOSSIP__DIGEST, .digest = {DIGEST_FIELDS, .updates = {message_sample_rows, 2}}},
    {.type = GOSSIP__DIGEST, /* differences of clocks both ways, up to the ends */
     .digest = {.exchange = 1, .clock = 5, .seen = CATALOG_CLOCK_MAX, .healing = true}},
    {.type = GOSSIP__DIGEST,
     .digest = {.clock = CATALOG_CLOCK_MAX, .horizon = CATALOG_CLOCK_MAX, .wall_s = UINT64_MAX}},
    {.type = GOSSIP__DIGEST_ANSWER,
     .digest = {DIGEST_FIELDS, .settling = true, .age_known = true, .age_ms = 70000}},
    {.type = GOSSIP__DIGEST_ANSWER,
     .digest = {DIGEST_FIELDS, .walk = {(const uint8_t *)"walk", 4},
                .updates = {message_sample_rows, 1}}},
    {.type = GOSSIP__WALK,
     .walk = {.exchange = UINT32_MAX, .sequence = 1, .request = {(const uint8_t *)"ask", 3}}},
    {.type = GOSSIP__WALK_ANSWER,
     .walk_answer = {.exchange = 0, .sequence = UINT64_MAX, .answer = {NULL, 0}}},
    {.type = GOSSIP__PULL,
     .pull = {.exchange = 7, .sequence = 300, .paths = message_sample_paths, .path_count = 3}},
    {.type = GOSSIP__PULL_RANGE,
     .pull_range = {.exchange = 7,
                    .sequence = 8,
                    .slot_first = 9,
                    .slot_last = UINT64_MAX,
                    .skip = 10,
                    .size_max = 262144}},
    {.type = GOSSIP__ENTRIES,
     .entries = {.exchange = 7,
                 .sequence = 8,
                 .horizon = CLOCK_NOW,
                 .missing = 2,
                 .more = true,
                 .next_slot = UINT64_MAX,
                 .next_skip = 1,
                 .entries = entries,
                 .entry_count = 3}},
    {.type = GOSSIP__ENTRIES, .entries = {.exchange = 7, .sequence = 8}},
    {.type = GOSSIP__PUSH,
     .push = {.sequence = 1, .horizon = CLOCK_NOW, .entries = entries, .entry_count = 1}},
    {.type = GOSSIP__PUSH_ACK,
     .push_ack = {.sequence = 1, .root = {{5}}, .horizon = CLOCK_NOW, .refused = 2}},
    {.type = GOSSIP__PING, .ping = {.sequence = 128}},
    {.type = GOSSIP__PONG, .ping = {.sequence = 65536}},
    {.type = GOSSIP__PROBE, .probe = {.sequence = 1, .target = {{1}}}},
    {.type = GOSSIP__PROBE_ANSWER, .probe = {.sequence = 1, .target = {{1}}}},
    {.type = GOSSIP__MEMBERS,
     .members = {.answer_wanted = true, .updates = {message_sample_rows, 2}}},
    {.type = GOSSIP__MEMBERS, .members = {.answer_wanted = false}},
    {.type = GOSSIP__ADMIT,
     .admit = {.cluster_id = {{9}},
               .horizon = CLOCK_NOW,
               .clock = CLOCK_NOW + 1,
               .had_entry = true,
               .updates = {message_sample_rows, 2}}},
    {.type = GOSSIP__CONFIRM,
     .confirm = {.sequence = 9,
                 .salt = UINT32_MAX,
                 .key = {CATALOG_CONSTRAINT, {"posts", 5}, {"title", 5}},
                 .pairs = pairs,
                 .pair_count = 2}},
    {.type = GOSSIP__CONFIRMATION,
     .confirmation = {.sequence = 9,
                      .salt = 1,
                      .result = GOSSIP__CONFIRMATION_LACKS,
                      .table = {{1, 2, 3, 4, 5}},
                      .horizon = CLOCK_NOW}},
    {.type = GOSSIP__FORWARD,
     .forward = {.sequence = UINT64_MAX,
                 .staged = GOSSIP_STAGED_DROP,
                 .skip_dead = true,
                 .number_expected = true,
                 .number = 7,
                 .timeout_ms = 60000,
                 .key = {CATALOG_SCHEMA, {"posts", 5}, {"", 0}},
                 .body = {(const uint8_t *)"", 0}}},
    {.type = GOSSIP__FORWARD,
     .forward = {.sequence = 1,
                 .staged = GOSSIP_STAGED_SET,
                 .cascade = true,
                 .key = {CATALOG_INDEX, {"posts", 5}, {"by_title", 8}},
                 .body = {(const uint8_t *)"\x80", 1}}},
    {.type = GOSSIP__FORWARD_ANSWER,
     .forward_answer = {.sequence = UINT64_MAX,
                        .code = GOSSIP_ENOTAGREED,
                        .text = {"db-2 is away", 12},
                        .lines = lines,
                        .line_count = 2}},
    {.type = GOSSIP__FORWARD_ANSWER, .forward_answer = {.sequence = 1}},
};

struct message_bytes message_sample_encode(const struct gossip__message *message) {
    struct merkle_buffer buffer;
    merkle_buffer_init(&buffer, &merkle_allocator_libc);
    ck_assert_int_eq(gossip__message_encode(message, &buffer), 0);
    ck_assert_uint_gt(buffer.size_bytes, 4);
    struct message_bytes frame = {.size_bytes = buffer.size_bytes - 4};
    size_t length = 0;
    for (size_t i = 0; i < 4; i++) {
        length = length << 8 | buffer.data[i];
    }
    ck_assert_uint_eq(length, frame.size_bytes);
    frame.bytes = malloc(frame.size_bytes);
    ck_assert_ptr_nonnull(frame.bytes);
    memcpy(frame.bytes, buffer.data + 4, frame.size_bytes);
    merkle_buffer_close(&buffer);
    return frame;
}

int message_sample_decode(const uint8_t *bytes, size_t size_bytes, struct gossip__message *message,
                          enum gossip_rejection *rejection) {
    return gossip__message_decode(&merkle_allocator_libc, bytes, size_bytes, message, rejection);
}

bool message_bytes_equal(const struct message_bytes *a, const struct message_bytes *b) {
    return a->size_bytes == b->size_bytes && memcmp(a->bytes, b->bytes, a->size_bytes) == 0;
}
