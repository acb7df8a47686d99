/* message_write_codec.c - messages as frames.
 *
 *      +------------------+---------------------------------------+
 *      | length, 4 bytes  | MessagePack array [type, field, ...]  |
 *      +------------------+---------------------------------------+
 *
 * msgpack-c picks the shortest form of each number, which is the canonical one. A failed append marks the buffer, so that
 * it is looked at once, at the end; then the buffer is put back to where it was.
 */
#include "gossip/bounds.h"
#include "gossip/message.h"

#include <assert.h>
#include <msgpack.h>

enum { LENGTH_SIZE_BYTES = 4 };

/* --- fields ------------------------------------------------------------------------------------------------------ */

static int buffer_write(void *context, const char *bytes, size_t size_bytes) {
    return merkle_buffer_append(context, bytes, size_bytes);
}

static void put_array(msgpack_packer *packer, size_t count) {
    (void)msgpack_pack_array(packer, count);
}

static void put_number(msgpack_packer *packer, uint64_t number) {
    (void)msgpack_pack_uint64(packer, number);
}

/* A difference of two clocks modulo 2^64, as a signed number: what is small either way takes few bytes. */
static void put_difference(msgpack_packer *packer, uint64_t a, uint64_t b) {
    (void)msgpack_pack_int64(packer, (int64_t)(a - b));
}

static void put_boolean(msgpack_packer *packer, bool boolean) {
    (void)(boolean ? msgpack_pack_true(packer) : msgpack_pack_false(packer));
}

static void put_bytes(msgpack_packer *packer, const void *bytes, size_t size_bytes) {
    (void)msgpack_pack_bin_with_body(packer, bytes, size_bytes);
}

static void put_text(msgpack_packer *packer, struct catalog_text text) {
    (void)msgpack_pack_str_with_body(packer, text.data, text.size_bytes);
}

static void put_id(msgpack_packer *packer, const struct catalog_id *id) {
    if (catalog_id_is_none(id)) {
        (void)msgpack_pack_nil(packer);
    } else {
        put_bytes(packer, id->bytes, sizeof id->bytes);
    }
}

static void put_updates(msgpack_packer *packer, const struct gossip__member_updates *updates) {
    put_array(packer, updates->count);
    for (size_t i = 0; i < updates->count; i++) {
        const struct gossip__member_update *row = &updates->rows[i];
        put_array(packer, 6);
        put_id(packer, &row->id);
        put_text(packer, row->name);
        put_text(packer, row->address);
        put_number(packer, row->incarnation);
        put_number(packer, (uint64_t)row->state);
        put_boolean(packer, row->ready);
    }
}

static void put_entries(msgpack_packer *packer, const struct gossip__span *entries, size_t count) {
    put_array(packer, count);
    for (size_t i = 0; i < count; i++) {
        put_bytes(packer, entries[i].data, entries[i].size_bytes);
    }
}

/* --- messages ---------------------------------------------------------------------------------------------------- */

static void begin(msgpack_packer *packer, enum gossip__message_type type, size_t field_count) {
    put_array(packer, 1 + field_count);
    put_number(packer, (uint64_t)type);
}

static void put_hello(msgpack_packer *packer, const struct gossip__hello *hello) {
    bool replaces = !catalog_id_is_none(&hello->replaces);
    begin(packer, GOSSIP__HELLO, replaces ? 14 : 13);
    put_number(packer, hello->protocol_min);
    put_number(packer, hello->protocol_max);
    put_number(packer, hello->format);
    put_text(packer, hello->cluster_name);
    put_id(packer, &hello->cluster_id);
    put_id(packer, &hello->node_id);
    put_id(packer, &hello->origin);
    put_text(packer, hello->name);
    put_text(packer, hello->address);
    put_number(packer, hello->incarnation);
    put_boolean(packer, hello->ready);
    put_boolean(packer, hello->had_entry);
    put_boolean(packer, hello->removed);
    if (replaces) {
        put_id(packer, &hello->replaces);
    }
}

static void put_refuse(msgpack_packer *packer, const struct gossip__refuse *refuse) {
    begin(packer, GOSSIP__REFUSE, 2);
    put_number(packer, (uint64_t)refuse->reason);
    put_text(packer, refuse->text);
}

/* In a cluster at rest neither of the last two fields is there: a DIGEST and its answer take about 100 bytes together. */
static void put_digest(msgpack_packer *packer, enum gossip__message_type type,
                       const struct gossip__digest *digest) {
    bool answer = type == GOSSIP__DIGEST_ANSWER;
    bool tail =
        digest->updates.count > 0 || (answer ? digest->walk.size_bytes > 0 : digest->wall_s != 0);
    begin(packer, type, (answer ? 1u : 0u) + (tail ? 11u : 9u));
    put_number(packer, digest->exchange);
    put_bytes(packer, digest->root.bytes, sizeof digest->root.bytes);
    put_number(packer, digest->count);
    put_number(packer, digest->clock);
    put_difference(packer, digest->clock, digest->seen);
    put_difference(packer, digest->seen, digest->horizon);
    put_number(packer, digest->changes);
    put_bytes(packer, digest->table.bytes, sizeof digest->table.bytes);
    put_number(packer, (digest->ready ? 1u : 0u) | (digest->healing ? 2u : 0u) |
                           (digest->settling ? 4u : 0u) | (digest->whole ? 8u : 0u));
    if (answer) {
        put_number(packer, digest->age_known ? digest->age_ms + 1 : 0);
    }
    if (!tail) {
        return;
    }
    if (answer) {
        put_bytes(packer, digest->walk.data, digest->walk.size_bytes);
    } else {
        put_number(packer, digest->wall_s);
    }
    put_updates(packer, &digest->updates);
}

static void put_walk(msgpack_packer *packer, enum gossip__message_type type, uint32_t exchange,
                     uint64_t sequence, const struct gossip__span *nodes) {
    begin(packer, type, 3);
    put_number(packer, exchange);
    put_number(packer, sequence);
    put_bytes(packer, nodes->data, nodes->size_bytes);
}

static void put_pull(msgpack_packer *packer, const struct gossip__pull *pull) {
    begin(packer, GOSSIP__PULL, 3);
    put_number(packer, pull->exchange);
    put_number(packer, pull->sequence);
    put_array(packer, pull->path_count);
    for (size_t i = 0; i < pull->path_count; i++) {
        const struct gossip__pull_path *path = &pull->paths[i];
        put_array(packer, 3);
        put_number(packer, path->path.prefix);
        put_number(packer, path->path.depth);
        put_bytes(packer, path->fingerprints, path->fingerprint_count * sizeof *path->fingerprints);
    }
}

static void put_pull_range(msgpack_packer *packer, const struct gossip__pull_range *range) {
    begin(packer, GOSSIP__PULL_RANGE, 6);
    put_number(packer, range->exchange);
    put_number(packer, range->sequence);
    put_number(packer, range->slot_first);
    put_number(packer, range->slot_last);
    put_number(packer, range->skip);
    put_number(packer, range->size_max);
}

static void put_entries_message(msgpack_packer *packer, const struct gossip__entries *entries) {
    begin(packer, GOSSIP__ENTRIES, 8);
    put_number(packer, entries->exchange);
    put_number(packer, entries->sequence);
    put_number(packer, entries->horizon);
    put_number(packer, entries->missing);
    put_boolean(packer, entries->more);
    put_number(packer, entries->next_slot);
    put_number(packer, entries->next_skip);
    put_entries(packer, entries->entries, entries->entry_count);
}

static void put_push(msgpack_packer *packer, const struct gossip__push *push) {
    begin(packer, GOSSIP__PUSH, 4);
    put_number(packer, push->sequence);
    put_number(packer, push->exchange);
    put_number(packer, push->horizon);
    put_entries(packer, push->entries, push->entry_count);
}

static void put_push_ack(msgpack_packer *packer, const struct gossip__push_ack *acknowledgement) {
    begin(packer, GOSSIP__PUSH_ACK, 4);
    put_number(packer, acknowledgement->sequence);
    put_bytes(packer, acknowledgement->root.bytes, sizeof acknowledgement->root.bytes);
    put_number(packer, acknowledgement->horizon);
    put_number(packer, acknowledgement->refused);
}

static void put_probe(msgpack_packer *packer, enum gossip__message_type type,
                      const struct gossip__probe *probe) {
    begin(packer, type, 2);
    put_number(packer, probe->sequence);
    put_id(packer, &probe->target);
}

static void put_admit(msgpack_packer *packer, const struct gossip__admit *admit) {
    begin(packer, GOSSIP__ADMIT, 5);
    put_id(packer, &admit->cluster_id);
    put_number(packer, admit->horizon);
    put_number(packer, admit->clock);
    put_boolean(packer, admit->had_entry);
    put_updates(packer, &admit->updates);
}

static void put_key(msgpack_packer *packer, const struct catalog_key *key) {
    put_number(packer, key->kind);
    put_text(packer, key->entity);
    put_text(packer, key->name);
}

static void put_confirm(msgpack_packer *packer, const struct gossip__confirm *confirm) {
    begin(packer, GOSSIP__CONFIRM, 7);
    put_number(packer, confirm->sequence);
    put_number(packer, confirm->salt);
    put_number(packer, confirm->exact ? 1 : 0);
    put_key(packer, &confirm->key);
    put_array(packer, confirm->pair_count);
    for (size_t i = 0; i < confirm->pair_count; i++) {
        put_array(packer, 2);
        put_id(packer, &confirm->pairs[i].origin);
        put_number(packer, confirm->pairs[i].clock);
    }
}

static void put_confirmation(msgpack_packer *packer,
                             const struct gossip__confirmation *confirmation) {
    begin(packer, GOSSIP__CONFIRMATION, 5);
    put_number(packer, confirmation->sequence);
    put_number(packer, confirmation->salt);
    put_number(packer, (uint64_t)confirmation->result);
    put_bytes(packer, confirmation->table.bytes, sizeof confirmation->table.bytes);
    put_number(packer, confirmation->horizon);
}

static void put_forward(msgpack_packer *packer, const struct gossip__forward *forward) {
    begin(packer, GOSSIP__FORWARD, 9);
    put_number(packer, forward->sequence);
    put_number(packer, (uint64_t)forward->staged);
    put_number(packer, (forward->skip_dead ? 1u : 0u) | (forward->cascade ? 2u : 0u) |
                           (forward->number_expected ? 4u : 0u));
    put_number(packer, forward->number);
    put_number(packer, forward->timeout_ms);
    put_key(packer, &forward->key);
    put_bytes(packer, forward->body.data, forward->body.size_bytes);
}

static void put_forward_answer(msgpack_packer *packer,
                               const struct gossip__forward_answer *answer) {
    assert(answer->code <= 0);
    begin(packer, GOSSIP__FORWARD_ANSWER, 4);
    put_number(packer, answer->sequence);
    put_number(packer, (uint64_t)-answer->code);
    put_text(packer, answer->text);
    put_array(packer, answer->line_count);
    for (size_t i = 0; i < answer->line_count; i++) {
        put_array(packer, 3);
        put_text(packer, answer->lines[i].name);
        put_number(packer, (uint64_t)answer->lines[i].state);
        put_number(packer, answer->lines[i].since_ms);
    }
}

static void put_message(msgpack_packer *packer, const struct gossip__message *message) {
    switch (message->type) {
    case GOSSIP__HELLO:
        put_hello(packer, &message->hello);
        return;
    case GOSSIP__REFUSE:
        put_refuse(packer, &message->refuse);
        return;
    case GOSSIP__DIGEST:
    case GOSSIP__DIGEST_ANSWER:
        put_digest(packer, message->type, &message->digest);
        return;
    case GOSSIP__WALK:
        put_walk(packer, message->type, message->walk.exchange, message->walk.sequence,
                 &message->walk.request);
        return;
    case GOSSIP__WALK_ANSWER:
        put_walk(packer, message->type, message->walk_answer.exchange,
                 message->walk_answer.sequence, &message->walk_answer.answer);
        return;
    case GOSSIP__PULL:
        put_pull(packer, &message->pull);
        return;
    case GOSSIP__PULL_RANGE:
        put_pull_range(packer, &message->pull_range);
        return;
    case GOSSIP__ENTRIES:
        put_entries_message(packer, &message->entries);
        return;
    case GOSSIP__PUSH:
        put_push(packer, &message->push);
        return;
    case GOSSIP__PUSH_ACK:
        put_push_ack(packer, &message->push_ack);
        return;
    case GOSSIP__PING:
    case GOSSIP__PONG:
        begin(packer, message->type, 1);
        put_number(packer, message->ping.sequence);
        return;
    case GOSSIP__PROBE:
    case GOSSIP__PROBE_ANSWER:
        put_probe(packer, message->type, &message->probe);
        return;
    case GOSSIP__MEMBERS:
        begin(packer, message->type, 2);
        put_boolean(packer, message->members.answer_wanted);
        put_updates(packer, &message->members.updates);
        return;
    case GOSSIP__ADMIT:
        put_admit(packer, &message->admit);
        return;
    case GOSSIP__CONFIRM:
        put_confirm(packer, &message->confirm);
        return;
    case GOSSIP__CONFIRMATION:
        put_confirmation(packer, &message->confirmation);
        return;
    case GOSSIP__FORWARD:
        put_forward(packer, &message->forward);
        return;
    case GOSSIP__FORWARD_ANSWER:
        put_forward_answer(packer, &message->forward_answer);
        return;
    case GOSSIP__MESSAGE_TYPE_COUNT:
        break;
    }
    assert(message->type < GOSSIP__MESSAGE_TYPE_COUNT);
}

int gossip__message_encode(const struct gossip__message *message, struct merkle_buffer *frame) {
    assert(!frame->failed);
    size_t offset = frame->size_bytes;
    static const uint8_t zeros[LENGTH_SIZE_BYTES];
    (void)merkle_buffer_append(frame, zeros, sizeof zeros);
    msgpack_packer packer;
    msgpack_packer_init(&packer, frame, buffer_write);
    put_message(&packer, message);
    if (frame->failed) {
        frame->size_bytes = offset;
        frame->failed = false;
        return GOSSIP_ENOMEM;
    }
    size_t length = frame->size_bytes - offset - LENGTH_SIZE_BYTES;
    assert(length > 0);
    if (length > GOSSIP__FRAME_SIZE_MAX) {
        frame->size_bytes = offset;
        return GOSSIP_ETOOBIG;
    }
    for (size_t i = 0; i < LENGTH_SIZE_BYTES; i++) {
        frame->data[offset + i] = (uint8_t)(length >> (8 * (LENGTH_SIZE_BYTES - 1 - i)));
    }
    return 0;
}
