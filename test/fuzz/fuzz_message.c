/* fuzz_message.c - any bytes as a message: refused, or well formed in one way only.
 *
 * The first byte decides which allocation fails (255: none). The rest is a frame without its length. What is accepted is
 * encoded and decoded again: the bytes must not grow, and the second encoding must equal the first.
 */
#include "gossip/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct budget {
    unsigned allowed;
};

static void *budget_resize(void *context, void *memory, size_t size_bytes) {
    struct budget *budget = context;
    if (size_bytes == 0) {
        free(memory);
        return NULL;
    }
    if (budget->allowed == 0) {
        return NULL;
    }
    budget->allowed -= budget->allowed < 255 ? 1 : 0;
    return realloc(memory, size_bytes);
}

static void encode(const struct gossip__message *message, struct merkle_buffer *frame) {
    merkle_buffer_init(frame, &merkle_allocator_libc);
    int result = gossip__message_encode(message, frame);
    assert(result == 0);
    assert(frame->size_bytes > 4);
}

/* Reads what an engine would read of a message, so that a pointer that leads outside the frame is noticed. */
static uint64_t spans_touch(const struct gossip__span *spans, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < spans[i].size_bytes; j++) {
            sum += spans[i].data[j];
        }
    }
    return sum;
}

static uint64_t message_touch(const struct gossip__message *message) {
    uint64_t sum = 0;
    switch (message->type) {
    case GOSSIP__ENTRIES:
        return spans_touch(message->entries.entries, message->entries.entry_count);
    case GOSSIP__PUSH:
        return spans_touch(message->push.entries, message->push.entry_count);
    case GOSSIP__PULL:
        for (size_t i = 0; i < message->pull.path_count; i++) {
            const struct gossip__pull_path *path = &message->pull.paths[i];
            assert(path->path.depth <= MERKLE_DEPTH_MAX);
            assert(path->fingerprint_count > 0);
            sum += path->fingerprints[path->fingerprint_count - 1].bytes[4];
        }
        return sum;
    case GOSSIP__CONFIRM:
        assert(message->confirm.pair_count > 0);
        for (size_t i = 0; i < message->confirm.pair_count; i++) {
            sum += message->confirm.pairs[i].clock + message->confirm.pairs[i].origin.bytes[15];
        }
        assert(catalog_key_check(&message->confirm.key) == 0);
        return sum;
    case GOSSIP__FORWARD:
        assert(catalog_key_check(&message->forward.key) == 0);
        return spans_touch(&message->forward.body, 1);
    case GOSSIP__FORWARD_ANSWER:
        assert(message->forward_answer.code <= 0);
        for (size_t i = 0; i < message->forward_answer.line_count; i++) {
            const struct catalog_text name = message->forward_answer.lines[i].name;
            sum += (unsigned char)name.data[name.size_bytes - 1];
        }
        return sum;
    default:
        return sum;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    struct budget budget = {data[0]};
    struct merkle_allocator allocator = {budget_resize, &budget};
    struct gossip__message message;
    enum gossip_rejection rejection;
    int result = gossip__message_decode(&allocator, data + 1, size - 1, &message, &rejection);
    if (result != 0) {
        assert(result == GOSSIP_EMALFORMED || (result == GOSSIP_ENOMEM && budget.allowed == 0));
        return 0;
    }
    volatile uint64_t sum = message_touch(&message);
    (void)sum;
    struct merkle_buffer first;
    struct merkle_buffer second;
    encode(&message, &first);
    assert(first.size_bytes - 4 <= size - 1);
    gossip__message_close(&message);
    result = gossip__message_decode(&merkle_allocator_libc, first.data + 4, first.size_bytes - 4,
                                    &message, &rejection);
    assert(result == 0);
    encode(&message, &second);
    assert(second.size_bytes == first.size_bytes);
    assert(memcmp(second.data, first.data, first.size_bytes) == 0);
    gossip__message_close(&message);
    merkle_buffer_close(&second);
    merkle_buffer_close(&first);
    return 0;
}
