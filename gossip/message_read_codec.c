/* message_read_codec.c - frames as messages.
 *
 * 1. catalog_msgpack_check walks the bytes without allocating: depth, declared counts, canonical form.
 * 2. msgpack-c unpacks them. What it takes is bounded now, by the bytes that really came: 24 for each one-byte value.
 * 3. The fields are read in order. The first that does not fit marks the reader, and all that follow read as nothing,
 *    so that it is looked at once, at the end.
 *
 * Texts, blobs and entries stay where they are, in the frame. A message has one array at most: it is `memory`. Its size
 * comes from a count that step 1 has held against the bytes.
 */
#include "gossip/bounds.h"
#include "gossip/message_reader_codec.h"
#include "merkle/instrument.h"

#include <assert.h>
#include <string.h>

/* --- arrays ----------------------------------------------------------------------------------------------------------- */

static void take_update(struct gossip__reader *rows, struct gossip__member_update *row) {
    struct gossip__reader fields = gossip__reader_array(rows);
    *row = (struct gossip__member_update){
        .id = gossip__reader_id(&fields),
    };
    row->name = gossip__reader_name(&fields);
    row->address = gossip__reader_address(&fields);
    row->incarnation = gossip__reader_number(&fields);
    uint64_t state = gossip__reader_number(&fields);
    gossip__reader_require(&fields,
                           state >= GOSSIP_MEMBER_JOINING && state < GOSSIP_MEMBER_STATE_COUNT);
    row->state = fields.failed ? GOSSIP_MEMBER_JOINING : (enum gossip_member_state)state;
    row->ready = gossip__reader_boolean(&fields);
    gossip__reader_require(rows, !fields.failed);
}

static struct gossip__member_updates take_updates(struct gossip__reader *reader) {
    struct gossip__reader rows = gossip__reader_array(reader);
    size_t count = rows.left;
    struct gossip__member_update *updates =
        gossip__reader_make_array(reader, &rows, sizeof *updates);
    if (updates == NULL) {
        return (struct gossip__member_updates){0};
    }
    for (size_t i = 0; i < count; i++) {
        take_update(&rows, &updates[i]);
    }
    gossip__reader_require(reader, !rows.failed);
    return (struct gossip__member_updates){updates, count};
}

static const struct gossip__span *take_entries(struct gossip__reader *reader, size_t *count) {
    struct gossip__reader elements = gossip__reader_array(reader);
    *count = elements.left;
    struct gossip__span *entries = gossip__reader_make_array(reader, &elements, sizeof *entries);
    for (size_t i = 0; entries != NULL && i < *count; i++) {
        entries[i] = gossip__reader_span(&elements);
    }
    gossip__reader_require(reader, !elements.failed);
    return entries;
}

static bool path_is_clean(uint64_t prefix, uint64_t depth) {
    if (depth > MERKLE_DEPTH_MAX) {
        return false;
    }
    return depth == 0 ? prefix == 0 : depth == MERKLE_DEPTH_MAX || prefix << (4 * depth) == 0;
}

static void take_pull_path(struct gossip__reader *paths, struct gossip__pull_path *path) {
    struct gossip__reader fields = gossip__reader_array(paths);
    uint64_t prefix = gossip__reader_number(&fields);
    uint64_t depth = gossip__reader_number(&fields);
    struct gossip__span prints = gossip__reader_span(&fields);
    gossip__reader_require(&fields, path_is_clean(prefix, depth));
    gossip__reader_require(&fields, prints.size_bytes > 0);
    gossip__reader_require(&fields, prints.size_bytes % sizeof *path->fingerprints == 0);
    if (fields.failed) {
        paths->failed = true;
        return;
    }
    static_assert(sizeof *path->fingerprints == 5 && _Alignof(struct merkle_fingerprint) == 1,
                  "fingerprints are read where they lie in the frame");
    *path = (struct gossip__pull_path){
        .path = {.prefix = prefix, .depth = (uint8_t)depth},
        .fingerprints = (const struct merkle_fingerprint *)prints.data,
        .fingerprint_count = prints.size_bytes / sizeof *path->fingerprints,
    };
}

/* --- messages ---------------------------------------------------------------------------------------------------- */

static void take_hello(struct gossip__reader *reader, struct gossip__hello *hello) {
    *hello = (struct gossip__hello){.protocol_min = gossip__reader_number(reader)};
    hello->protocol_max = gossip__reader_number(reader);
    hello->format = gossip__reader_number(reader);
    hello->cluster_name = gossip__reader_name(reader);
    hello->cluster_id = gossip__reader_id_or_nil(reader);
    hello->node_id = gossip__reader_id(reader);
    hello->origin = gossip__reader_id(reader);
    hello->name = gossip__reader_name(reader);
    hello->address = gossip__reader_address(reader);
    hello->incarnation = gossip__reader_number(reader);
    hello->ready = gossip__reader_boolean(reader);
    hello->had_entry = gossip__reader_boolean(reader);
    hello->removed = gossip__reader_boolean(reader);
    if (!reader->failed && reader->left > 0) {
        hello->replaces = gossip__reader_id(reader);
    }
}

/* The text of a stranger ends up in a log: the check of the frame has seen that it is UTF-8, the log escapes it. */
static void take_refuse(struct gossip__reader *reader, struct gossip__refuse *refuse) {
    uint64_t reason = gossip__reader_number(reader);
    *refuse = (struct gossip__refuse){
        .reason = reason < GOSSIP_CLOSE_REASON_COUNT ? (enum gossip_close_reason)reason
                                                     : GOSSIP_CLOSE_NONE,
        .text = gossip__reader_text(reader),
    };
}

static void take_digest(struct gossip__reader *reader, enum gossip__message_type type,
                        struct gossip__digest *digest) {
    *digest = (struct gossip__digest){.exchange = gossip__reader_exchange(reader)};
    gossip__reader_bytes(reader, digest->root.bytes, sizeof digest->root.bytes);
    digest->count = gossip__reader_number(reader);
    digest->clock = gossip__reader_clock(reader);
    digest->seen = gossip__reader_clock_below(reader, digest->clock);
    digest->horizon = gossip__reader_clock_below(reader, digest->seen);
    digest->changes = gossip__reader_number(reader);
    gossip__reader_bytes(reader, digest->table.bytes, sizeof digest->table.bytes);
    uint64_t flags = gossip__reader_number(reader);
    digest->ready = (flags & 1) != 0;
    digest->healing = (flags & 2) != 0;
    digest->settling = (flags & 4) != 0;
    digest->whole = (flags & 8) != 0;
    if (type == GOSSIP__DIGEST_ANSWER) {
        uint64_t age = gossip__reader_number(reader);
        digest->age_known = age > 0;
        digest->age_ms = age > 0 ? age - 1 : 0;
    }
    if (reader->failed || reader->left == 0) {
        return;
    }
    if (type == GOSSIP__DIGEST_ANSWER) {
        digest->walk = gossip__reader_span(reader);
    } else {
        digest->wall_s = gossip__reader_number(reader);
    }
    digest->updates = take_updates(reader);
}

static struct gossip__span take_walk(struct gossip__reader *reader, uint32_t *exchange,
                                     uint64_t *sequence) {
    *exchange = gossip__reader_exchange(reader);
    *sequence = gossip__reader_number(reader);
    return gossip__reader_span(reader);
}

static void take_pull(struct gossip__reader *reader, struct gossip__pull *pull) {
    *pull = (struct gossip__pull){.exchange = gossip__reader_exchange(reader)};
    pull->sequence = gossip__reader_number(reader);
    struct gossip__reader elements = gossip__reader_array(reader);
    size_t count = elements.left;
    struct gossip__pull_path *paths = gossip__reader_make_array(reader, &elements, sizeof *paths);
    for (size_t i = 0; paths != NULL && i < count; i++) {
        take_pull_path(&elements, &paths[i]);
    }
    gossip__reader_require(reader, !elements.failed);
    pull->paths = paths;
    pull->path_count = count;
}

static void take_pull_range(struct gossip__reader *reader, struct gossip__pull_range *range) {
    *range = (struct gossip__pull_range){.exchange = gossip__reader_exchange(reader)};
    range->sequence = gossip__reader_number(reader);
    range->slot_first = gossip__reader_number(reader);
    range->slot_last = gossip__reader_number(reader);
    range->skip = gossip__reader_number(reader);
    range->size_max = gossip__reader_number(reader);
    gossip__reader_require(reader, range->slot_first <= range->slot_last);
}

static void take_entries_message(struct gossip__reader *reader, struct gossip__entries *entries) {
    *entries = (struct gossip__entries){.exchange = gossip__reader_exchange(reader)};
    entries->sequence = gossip__reader_number(reader);
    entries->horizon = gossip__reader_clock(reader);
    entries->missing = gossip__reader_number(reader);
    entries->more = gossip__reader_boolean(reader);
    entries->next_slot = gossip__reader_number(reader);
    entries->next_skip = gossip__reader_number(reader);
    entries->entries = take_entries(reader, &entries->entry_count);
}

static void take_push(struct gossip__reader *reader, struct gossip__push *push) {
    *push = (struct gossip__push){.sequence = gossip__reader_number(reader)};
    push->exchange = gossip__reader_exchange(reader);
    push->horizon = gossip__reader_clock(reader);
    push->entries = take_entries(reader, &push->entry_count);
}

static void take_push_ack(struct gossip__reader *reader, struct gossip__push_ack *acknowledgement) {
    *acknowledgement = (struct gossip__push_ack){.sequence = gossip__reader_number(reader)};
    gossip__reader_bytes(reader, acknowledgement->root.bytes, sizeof acknowledgement->root.bytes);
    acknowledgement->horizon = gossip__reader_clock(reader);
    acknowledgement->refused = gossip__reader_number(reader);
}

static void take_admit(struct gossip__reader *reader, struct gossip__admit *admit) {
    *admit = (struct gossip__admit){.cluster_id = gossip__reader_id(reader)};
    admit->horizon = gossip__reader_clock(reader);
    admit->clock = gossip__reader_clock(reader);
    admit->had_entry = gossip__reader_boolean(reader);
    admit->updates = take_updates(reader);
}

static void take_message(struct gossip__reader *reader, struct gossip__message *message) {
    switch (message->type) {
    case GOSSIP__HELLO:
        take_hello(reader, &message->hello);
        return;
    case GOSSIP__REFUSE:
        take_refuse(reader, &message->refuse);
        return;
    case GOSSIP__DIGEST:
    case GOSSIP__DIGEST_ANSWER:
        take_digest(reader, message->type, &message->digest);
        return;
    case GOSSIP__WALK:
        message->walk.request = take_walk(reader, &message->walk.exchange, &message->walk.sequence);
        return;
    case GOSSIP__WALK_ANSWER:
        message->walk_answer.answer =
            take_walk(reader, &message->walk_answer.exchange, &message->walk_answer.sequence);
        return;
    case GOSSIP__PULL:
        take_pull(reader, &message->pull);
        return;
    case GOSSIP__PULL_RANGE:
        take_pull_range(reader, &message->pull_range);
        return;
    case GOSSIP__ENTRIES:
        take_entries_message(reader, &message->entries);
        return;
    case GOSSIP__PUSH:
        take_push(reader, &message->push);
        return;
    case GOSSIP__PUSH_ACK:
        take_push_ack(reader, &message->push_ack);
        return;
    case GOSSIP__PING:
    case GOSSIP__PONG:
        message->ping.sequence = gossip__reader_number(reader);
        return;
    case GOSSIP__PROBE:
    case GOSSIP__PROBE_ANSWER:
        message->probe.sequence = gossip__reader_number(reader);
        message->probe.target = gossip__reader_id(reader);
        return;
    case GOSSIP__MEMBERS:
        message->members.answer_wanted = gossip__reader_boolean(reader);
        message->members.updates = take_updates(reader);
        return;
    case GOSSIP__ADMIT:
        take_admit(reader, &message->admit);
        return;
    case GOSSIP__CONFIRM:
        gossip__reader_confirm(reader, &message->confirm);
        return;
    case GOSSIP__CONFIRMATION:
        gossip__reader_confirmation(reader, &message->confirmation);
        return;
    case GOSSIP__FORWARD:
        gossip__reader_forward(reader, &message->forward);
        return;
    case GOSSIP__FORWARD_ANSWER:
        gossip__reader_forward_answer(reader, &message->forward_answer);
        return;
    case GOSSIP__MESSAGE_TYPE_COUNT:
        break;
    }
    assert(message->type < GOSSIP__MESSAGE_TYPE_COUNT);
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

static int message_read(const msgpack_object *object, struct gossip__message *message,
                        enum gossip_rejection *rejection) {
    *rejection = GOSSIP_REJECT_MESSAGE;
    if (object->type != MSGPACK_OBJECT_ARRAY) {
        return GOSSIP_EMALFORMED;
    }
    struct gossip__reader reader = {
        .next = object->via.array.ptr, .left = object->via.array.size, .message = message};
    uint64_t type = gossip__reader_number(&reader);
    if (reader.failed) {
        return GOSSIP_EMALFORMED;
    }
    if (type == 0 || type >= GOSSIP__MESSAGE_TYPE_COUNT) {
        *rejection = GOSSIP_REJECT_UNKNOWN_TYPE;
        return GOSSIP_EMALFORMED;
    }
    message->type = (enum gossip__message_type)type;
    take_message(&reader, message);
    if (!reader.failed) {
        return 0;
    }
    gossip__message_close(message);
    return reader.out_of_memory ? GOSSIP_ENOMEM : GOSSIP_EMALFORMED;
}

/* For a planted bug: takes memory for as many elements as an array of 32 bits declares; a bound keeps the machine alive. */
static void declared_take(const struct merkle_allocator *allocator, const uint8_t *bytes,
                          size_t size_bytes) {
    const uint8_t *head = memchr(bytes, 0xdd, size_bytes);
    if (head != NULL && bytes + size_bytes - head > 4) {
        size_t count = ((size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4]) % (1u << 20);
        merkle_release(allocator, merkle_allocate(allocator, count, sizeof(struct gossip__span)));
    }
}

int gossip__message_decode(const struct merkle_allocator *allocator, const uint8_t *bytes,
                           size_t size_bytes, struct gossip__message *message,
                           enum gossip_rejection *rejection) {
    *message = (struct gossip__message){.allocator = allocator};
    *rejection = GOSSIP_REJECT_FRAME;
    if (PLANTED(ATTUNE_B25)) {
        declared_take(allocator, bytes, size_bytes);
    }
    if (size_bytes > GOSSIP__FRAME_SIZE_MAX ||
        catalog_msgpack_check(bytes, size_bytes, CATALOG_DEPTH_MAX) != 0) {
        return GOSSIP_EMALFORMED;
    }
    msgpack_zone zone;
    if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE)) {
        return GOSSIP_ENOMEM;
    }
    msgpack_object object;
    size_t offset = 0;
    msgpack_unpack_return unpacked =
        msgpack_unpack((const char *)bytes, size_bytes, &offset, &zone, &object);
    int result = GOSSIP_EMALFORMED;
    if (unpacked == MSGPACK_UNPACK_NOMEM_ERROR) {
        result = GOSSIP_ENOMEM;
    } else if (unpacked == MSGPACK_UNPACK_SUCCESS && offset == size_bytes) {
        result = message_read(&object, message, rejection);
    }
    msgpack_zone_destroy(&zone);
    return result;
}

void gossip__message_close(struct gossip__message *message) {
    merkle_release(message->allocator, message->memory);
    message->memory = NULL;
}
