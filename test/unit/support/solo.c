/* solo.c - see solo.h. */
#include "test/unit/support/solo.h"

#include "test/unit/support/entry_maker.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- steps ---------------------------------------------------------------------------------- */

static void frames_keep(struct solo *solo) {
    for (size_t i = 0; i < solo->update->send_count; i++) {
        const struct gossip_send *send = &solo->update->sends[i];
        assert(solo->frame_count < SOLO_FRAMES_MAX && send->size_bytes > 4);
        struct solo_frame *frame = &solo->frames[solo->frame_count++];
        frame->connection = send->connection;
        frame->size_bytes = send->size_bytes - 4;
        frame->bytes = malloc(frame->size_bytes);
        assert(frame->bytes != NULL);
        memcpy(frame->bytes, send->frame + 4, frame->size_bytes);
    }
}

void solo_step(struct solo *solo, struct gossip_event event) {
    event.now_ms = solo->now_ms;
    event.wall_ms = SOLO_WALL_MS + solo->now_ms - solo->wall_late_ms;
    solo->result = gossip_step(solo->engine, &event, &solo->update);
    if (solo->result != 0) {
        return;
    }
    gossip_verify(solo->engine);
    for (size_t i = 0; i < solo->update->batch_count; i++) {
        assert(solo->update->batches[i].ticket == solo->ticket_last + 1);
        solo->ticket_last++;
    }
    for (size_t i = 0; i < solo->update->reply_count; i++) {
        assert(solo->reply_count < SOLO_REPLIES_MAX);
        solo->replies[solo->reply_count++] = solo->update->replies[i];
    }
    for (size_t i = 0; i < solo->update->notice_count; i++) {
        solo->notices[solo->update->notices[i].type]++;
    }
    for (size_t i = 0; i < solo->update->connection_count; i++) {
        if (solo->update->connections[i].action == GOSSIP_CLOSE) {
            assert(solo->closed_count < SOLO_FRAMES_MAX);
            solo->reasons[solo->closed_count] = solo->update->connections[i].reason;
            solo->closed[solo->closed_count++] = solo->update->connections[i].connection;
        }
    }
    frames_keep(solo);
}

void solo_run(struct solo *solo, gossip_duration_ms span_ms) {
    gossip_time_ms end_ms = solo->now_ms + span_ms;
    unsigned steps_at_once = 0;
    while (solo->result == 0 && gossip_deadline(solo->engine) <= end_ms) {
        gossip_time_ms due_ms = gossip_deadline(solo->engine);
        steps_at_once = due_ms > solo->now_ms ? 0 : steps_at_once + 1;
        assert(steps_at_once < 1000); /* a deadline that a tick does not move */
        solo->now_ms = due_ms > solo->now_ms ? due_ms : solo->now_ms;
        solo_step(solo, (struct gossip_event){.type = GOSSIP_TICK});
    }
    solo->now_ms = end_ms;
}

static void decoded_close(struct solo *solo) {
    if (solo->decoded.allocator != NULL) {
        gossip__message_close(&solo->decoded);
    }
    solo->decoded = (struct gossip__message){0};
}

void solo_clear(struct solo *solo) {
    for (size_t i = 0; i < solo->frame_count; i++) {
        free(solo->frames[i].bytes);
    }
    decoded_close(solo);
    solo->frame_count = 0;
    solo->reply_count = 0;
    solo->closed_count = 0;
    memset(solo->notices, 0, sizeof solo->notices);
}

/* --- life ----------------------------------------------------------------------------------- */

struct solo *solo_new_with(const struct merkle_allocator *allocator) {
    struct solo *solo = calloc(1, sizeof *solo);
    assert(solo != NULL);
    solo->now_ms = 1000;
    solo->ticket_oldest = 1;
    struct gossip_config config = {
        .allocator = allocator,
        .cluster_name = "test",
        .node_name = "solo",
        .address = "solo:1",
        .interval_ms = 1000,
        .freshness_limit_ms = 5000,
        .random_seed = 7,
        .origin = entry_maker_id(0x51),
        .fresh_node_id = entry_maker_id(0x50),
        .fresh_cluster_id = entry_maker_id(0x52),
    };
    const struct catalog_load load = {.fresh = true};
    solo->result = gossip_new(&config, &load, &solo->engine);
    if (solo->result == 0) {
        solo_step(solo, (struct gossip_event){.type = GOSSIP_START});
    }
    return solo;
}

struct solo *solo_new(void) {
    struct solo *solo = solo_new_with(&merkle_allocator_libc);
    assert(solo->result == 0);
    solo_store_all(solo);
    assert(solo->engine->stored.ready);
    solo_clear(solo);
    return solo;
}

void solo_free(struct solo *solo) {
    solo_clear(solo);
    gossip_free(solo->engine);
    pair_disk_close(&solo->disk);
    free(solo);
}

/* --- the disk ------------------------------------------------------------------------------- */

size_t solo_flying(const struct solo *solo) {
    return (size_t)(solo->ticket_last + 1 - solo->ticket_oldest);
}

void solo_store(struct solo *solo, int result) {
    assert(solo_flying(solo) > 0);
    struct gossip *engine = solo->engine;
    if (result == 0) {
        const struct gossip__flight *flight = &engine->flights[engine->flight_first];
        assert(engine->flight_count > 0 && flight->ticket == solo->ticket_oldest);
        pair_disk_store(&solo->disk, &(struct catalog_batch){.reset = flight->reset,
                                                             .kept = flight->kept,
                                                             .kept_count = flight->kept_count,
                                                             .kept_cleared = flight->kept_cleared,
                                                             .removed = flight->removed,
                                                             .removed_count = flight->removed_count,
                                                             .entries = flight->entries,
                                                             .entry_count = flight->entry_count,
                                                             .state = flight->state});
    }
    solo_step(solo, (struct gossip_event){.type = GOSSIP_STORED,
                                          .stored = {solo->ticket_oldest++, result}});
}

void solo_store_all(struct solo *solo) {
    while (solo->result == 0 && solo_flying(solo) > 0) {
        solo_store(solo, 0);
    }
}

/* --- peers ---------------------------------------------------------------------------------- */

struct catalog_id solo_peer_id(unsigned peer) {
    return entry_maker_id((uint8_t)(0x80 + peer));
}

void solo_receive_bytes(struct solo *solo, unsigned peer, const void *bytes, size_t size_bytes) {
    uint8_t *copy = malloc(size_bytes == 0 ? 1 : size_bytes);
    assert(copy != NULL);
    memcpy(copy, bytes, size_bytes);
    solo_step(solo,
              (struct gossip_event){.type = GOSSIP_MESSAGE, .message = {peer, copy, size_bytes}});
    free(copy); /* the engine may not look at it any more */
}

void solo_receive(struct solo *solo, unsigned peer, const struct gossip__message *message) {
    struct merkle_buffer frame;
    merkle_buffer_init(&frame, &merkle_allocator_libc);
    int result = gossip__message_encode(message, &frame);
    assert(result == 0);
    solo_receive_bytes(solo, peer, frame.data + 4, frame.size_bytes - 4);
    merkle_buffer_close(&frame);
}

void solo_connect(struct solo *solo, unsigned peer) {
    solo_step(solo, (struct gossip_event){.type = GOSSIP_CONNECTED, .connection = peer});
}

struct gossip__member *solo_peer(struct solo *solo, unsigned peer) {
    char name[16];
    char address[16];
    assert(peer > 0 && peer < SOLO_PEERS_MAX);
    (void)snprintf(name, sizeof name, "p%u", peer);
    (void)snprintf(address, sizeof address, "p%u:1", peer);
    solo_connect(solo, peer);
    solo_receive(
        solo, peer,
        &(struct gossip__message){.type = GOSSIP__HELLO,
                                  .hello = {.protocol_min = 1,
                                            .protocol_max = 1,
                                            .format = CATALOG_FORMAT,
                                            .cluster_name = entry_maker_text("test"),
                                            .cluster_id = solo->engine->state.cluster_id,
                                            .node_id = solo_peer_id(peer),
                                            .origin = entry_maker_id((uint8_t)(0xc0 + peer)),
                                            .name = entry_maker_text(name),
                                            .address = entry_maker_text(address),
                                            .incarnation = 1,
                                            .ready = true,
                                            .had_entry = solo->engine->state.had_entry}});
    solo_store_all(solo);
    struct catalog_id id = solo_peer_id(peer);
    struct gossip__member *member = gossip__member_find(solo->engine, &id);
    assert(member != NULL && member->session != NULL && member->session->admitted);
    return member;
}

static const struct solo_frame *frame_find(const struct solo *solo, unsigned peer,
                                           enum gossip__message_type type, size_t *count) {
    const struct solo_frame *last = NULL;
    *count = 0;
    for (size_t i = 0; i < solo->frame_count; i++) {
        const struct solo_frame *frame = &solo->frames[i];
        size_t type_at = frame->bytes[0] == 0xdc ? 3 : 1;
        if (frame->connection == peer && frame->bytes[type_at] == (uint8_t)type) {
            last = frame;
            ++*count;
        }
    }
    return last;
}

size_t solo_sent(const struct solo *solo, unsigned peer, enum gossip__message_type type) {
    size_t count;
    (void)frame_find(solo, peer, type, &count);
    return count;
}

const struct gossip__message *solo_sent_last(struct solo *solo, unsigned peer,
                                             enum gossip__message_type type) {
    size_t count;
    enum gossip_rejection rejection;
    const struct solo_frame *frame = frame_find(solo, peer, type, &count);
    assert(frame != NULL);
    decoded_close(solo);
    int result = gossip__message_decode(&merkle_allocator_libc, frame->bytes, frame->size_bytes,
                                        &solo->decoded, &rejection);
    assert(result == 0);
    return &solo->decoded;
}

enum gossip_close_reason solo_closed(const struct solo *solo, unsigned peer) {
    for (size_t i = 0; i < solo->closed_count; i++) {
        if (solo->closed[i] == peer) {
            return solo->reasons[i];
        }
    }
    return GOSSIP_CLOSE_NONE;
}

void solo_digest(struct solo *solo, struct gossip__message *message, uint32_t exchange) {
    struct merkle_buffer rows;
    merkle_buffer_init(&rows, &merkle_allocator_libc);
    gossip__digest_fill(solo->engine, exchange, &message->digest, &rows);
    message->digest.updates = (struct gossip__member_updates){0};
    message->digest.whole = true; /* a member that has met all */
    merkle_buffer_close(&rows);
}

void solo_answer_equal(struct solo *solo, unsigned peer) {
    struct gossip__message answer = {.type = GOSSIP__DIGEST_ANSWER};
    solo_digest(solo, &answer, solo_sent_last(solo, peer, GOSSIP__DIGEST)->digest.exchange);
    solo_receive(solo, peer, &answer);
}

/* --- clients -------------------------------------------------------------------------------- */

int solo_reply(const struct solo *solo, uint64_t token) {
    int code = 1;
    for (size_t i = 0; i < solo->reply_count; i++) {
        code = solo->replies[i].token == token ? solo->replies[i].code : code;
    }
    return code;
}

size_t solo_reply_count(const struct solo *solo, uint64_t token) {
    size_t count = 0;
    for (size_t i = 0; i < solo->reply_count; i++) {
        count += solo->replies[i].token == token;
    }
    return count;
}

int solo_write(struct solo *solo, uint64_t token, const char *entity, const char *field) {
    char json[128];
    struct merkle_buffer body;
    struct catalog_problem problem;
    int length = snprintf(json, sizeof json, "{\"fields\":{\"%s\":{\"type\":\"string\"}}}", field);
    merkle_buffer_init(&body, &merkle_allocator_libc);
    int result = catalog_body_parse(CATALOG_SCHEMA, json, (size_t)length, true, &body, &problem);
    assert(result == 0);
    const struct catalog_write write = {
        .operation = CATALOG_SET,
        .key = entry_maker_key(CATALOG_SCHEMA, entity, ""),
        .body = body.data,
        .body_size_bytes = body.size_bytes,
    };
    const struct gossip_operation operation = {
        .type = GOSSIP_WRITE, .token = token, .writes = &write, .write_count = 1};
    solo_step(solo, (struct gossip_event){.type = GOSSIP_OPERATION, .operation = &operation});
    merkle_buffer_close(&body);
    return solo_reply(solo, token);
}

int solo_ask(struct solo *solo, uint64_t token, enum gossip_operation_type type, const char *member,
             gossip_duration_ms timeout_ms) {
    const struct gossip_operation operation = {
        .type = type, .token = token, .member = entry_maker_text(member), .timeout_ms = timeout_ms};
    solo_step(solo, (struct gossip_event){.type = GOSSIP_OPERATION, .operation = &operation});
    return solo_reply(solo, token);
}

/* --- entries -------------------------------------------------------------------------------- */

catalog_clock solo_clock(unsigned count) {
    return ((SOLO_WALL_MS - 1000) << 16) + count;
}

/* A body of an unknown kind: a string of x, "bin"-free, of the size that is asked for. */
void solo_entry(struct merkle_buffer *bytes, const char *entity, catalog_clock clock,
                uint8_t origin, size_t body_size_bytes) {
    assert(body_size_bytes >= 3 + 256 && body_size_bytes <= 65535 + 3);
    char *body = malloc(body_size_bytes);
    assert(body != NULL);
    memset(body, 'x', body_size_bytes);
    body[0] = (char)0xda;
    body[1] = (char)((body_size_bytes - 3) >> 8);
    body[2] = (char)((body_size_bytes - 3) & 0xff);
    const struct catalog_key key = entry_maker_key(SOLO_KIND, entity, "n");
    const struct made_version version = {clock, origin,          "n",  1, CATALOG_ACTIVE,
                                         body,  body_size_bytes, NULL, 0, 0};
    const struct made_pair pair = {origin, clock};
    entry_maker_bytes(&key, &version, 1, &pair, 1, bytes);
    free(body);
}

struct catalog_entry *solo_find(struct solo *solo, const char *entity) {
    struct catalog_key schema = entry_maker_key(CATALOG_SCHEMA, entity, "");
    struct catalog_key other = entry_maker_key(SOLO_KIND, entity, "n");
    struct catalog_entry *entry = catalog_find(solo->engine->catalog, &schema);
    return entry != NULL ? entry : catalog_find(solo->engine->catalog, &other);
}
