/* pair_load.c - what clients and the operator ask of the engines of a pair, and names for its transcript. */
#include "test/unit/support/pair.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

const char *pair_frame_name(const uint8_t *frame, size_t size_bytes) {
    assert(size_bytes > 6);
    size_t type_at = frame[4] == 0xdc ? 7 : 5;
    return gossip__message_name((enum gossip__message_type)frame[type_at]);
}

void pair_notice_line(const struct pair *pair, char letter, const struct gossip_notice *notice,
                      char *line, size_t size_bytes) {
    static const char *const names[] = {"",        "member",  "ready",   "refused",
                                        "store",   "repair",  "futile",  "clock",
                                        "changed", "cluster", "emptied", "kept"};
    assert(notice->type < sizeof names / sizeof names[0]);
    (void)snprintf(line, size_bytes, "%6llu %c ! %s %s: %s\n", (unsigned long long)pair_now(pair),
                   letter, names[notice->type], notice->member == NULL ? "-" : notice->member,
                   notice->text == NULL ? "-" : notice->text);
}

void pair_kept_line(const struct pair *pair, char letter, const struct catalog_entry *entry,
                    char *line, size_t size_bytes) {
    struct catalog_key key = catalog_entry_key(entry);
    (void)snprintf(line, size_bytes, "%6llu %c # kept %.*s%s%.*s\n",
                   (unsigned long long)pair_now(pair), letter, (int)key.entity.size_bytes,
                   key.entity.data, key.name.size_bytes > 0 ? "/" : "", (int)key.name.size_bytes,
                   key.name.data);
}

void pair_write(struct pair *pair, char letter, uint16_t kind, const char *entity, const char *name,
                const char *json) {
    struct merkle_buffer body;
    struct catalog_problem problem;
    merkle_buffer_init(&body, &merkle_allocator_libc);
    struct catalog_write write = {
        .operation = json == NULL ? CATALOG_DROP : CATALOG_SET,
        .key = {.kind = kind, .entity = {entity, strlen(entity)}, .name = {name, strlen(name)}},
    };
    if (json != NULL) {
        int result = catalog_body_parse(kind, json, strlen(json), true, &body, &problem);
        assert(result == 0);
        write.body = body.data;
        write.body_size_bytes = body.size_bytes;
    }
    pair_operate(pair, letter,
                 &(struct gossip_operation){
                     .type = GOSSIP_WRITE, .token = 2, .writes = &write, .write_count = 1});
    merkle_buffer_close(&body);
}

/* --- agreement ------------------------------------------------------------------------------- */

const struct pair_reply *pair_reply(const struct pair *pair, char letter, uint64_t token) {
    const struct pair_replies *replies = pair_replies(pair);
    size_t size = sizeof replies->ring / sizeof *replies->ring;
    for (size_t i = replies->count; i > 0 && i + size > replies->count; i--) {
        const struct pair_reply *reply = &replies->ring[(i - 1) % size];
        if (reply->letter == letter && reply->token == token) {
            return reply;
        }
    }
    return NULL;
}

size_t pair_differences(const struct pair *pair, enum catalog_relation *first) {
    const struct pair_replies *replies = pair_replies(pair);
    size_t size = sizeof replies->ring / sizeof *replies->ring;
    assert(replies->count > 0);
    const struct pair_reply *last = &replies->ring[(replies->count - 1) % size];
    *first = last->difference_first;
    return last->difference_count;
}

void pair_reply_note(struct pair_replies *replies, char letter, gossip_time_ms now_ms,
                     const struct gossip_reply *reply) {
    struct pair_reply *note =
        &replies->ring[replies->count++ % (sizeof replies->ring / sizeof *replies->ring)];
    *note = (struct pair_reply){.letter = letter,
                                .token = reply->token,
                                .code = reply->code,
                                .line_count = reply->agreement_count,
                                .replied_ms = now_ms};
    for (size_t i = 0; i < reply->agreement_count && i < PAIR_NODES_MAX; i++) {
        const struct gossip_agreement_member *line = &reply->agreement[i];
        (void)snprintf(note->lines[i].name, sizeof note->lines[i].name, "%s", line->name);
        note->lines[i].state = line->state;
        note->lines[i].since_ms = line->since_ms;
    }
    note->has_entry = reply->staged_entry != NULL;
    if (note->has_entry) {
        note->state = (enum catalog_state)reply->staged_entry->state;
        note->number = reply->staged_entry->number;
    }
    note->difference_count = reply->difference_count;
    if (reply->difference_count > 0) {
        note->difference_first = reply->differences[0].relation;
    }
    note->problem_count = reply->plan == NULL ? 0 : reply->plan->problem_count;
    (void)snprintf(note->text, sizeof note->text, "%s", reply->text == NULL ? "" : reply->text);
}

const char *pair_agreement(const struct pair *pair, char letter, uint64_t token) {
    static char text[PAIR_NODES_MAX * 24];
    const struct pair_reply *reply = pair_reply(pair, letter, token);
    text[0] = '\0';
    for (size_t i = 0; reply != NULL && i < reply->line_count; i++) {
        size_t size = strlen(text);
        (void)snprintf(text + size, sizeof text - size, "%s%s %s", i == 0 ? "" : ", ",
                       reply->lines[i].name, gossip_agreement_state_name(reply->lines[i].state));
    }
    return text;
}

void pair_agree(struct pair *pair, char letter, uint64_t token, const char *entity,
                gossip_duration_ms timeout_ms, bool skip_dead) {
    struct catalog_key key = {.kind = entity[0] == '\0' ? 0 : CATALOG_SCHEMA,
                              .entity = {entity, strlen(entity)},
                              .name = {"", 0}};
    pair_operate(pair, letter,
                 &(struct gossip_operation){.type = GOSSIP_AGREEMENT,
                                            .token = token,
                                            .key = key,
                                            .timeout_ms = timeout_ms,
                                            .skip_dead = skip_dead});
}

void pair_stage(struct pair *pair, char letter, uint64_t token, enum gossip_staged staged,
                const char *entity, const char *json, gossip_duration_ms timeout_ms) {
    struct merkle_buffer body;
    struct catalog_problem problem;
    merkle_buffer_init(&body, &merkle_allocator_libc);
    struct catalog_write write = {
        .operation = staged == GOSSIP_STAGED_DROP ? CATALOG_DROP : CATALOG_SET,
        .key = {.kind = CATALOG_SCHEMA, .entity = {entity, strlen(entity)}, .name = {"", 0}},
    };
    if (json != NULL) {
        int result = catalog_body_parse(CATALOG_SCHEMA, json, strlen(json), true, &body, &problem);
        assert(result == 0);
        write.body = body.data;
        write.body_size_bytes = body.size_bytes;
    }
    pair_operate(pair, letter,
                 &(struct gossip_operation){.type = GOSSIP_STAGED,
                                            .token = token,
                                            .writes = &write,
                                            .write_count = 1,
                                            .staged = staged,
                                            .timeout_ms = timeout_ms});
    merkle_buffer_close(&body);
}

/* --- exchanges and members ------------------------------------------------------------------- */

void pair_ask(struct pair *pair, char letter, enum gossip_operation_type type, const char *member) {
    pair_operate(
        pair, letter,
        &(struct gossip_operation){.type = type, .token = 3, .member = {member, strlen(member)}});
}

void pair_remove(struct pair *pair, char letter, const char *name) {
    pair_operate(pair, letter,
                 &(struct gossip_operation){
                     .type = GOSSIP_MEMBER_REMOVE, .token = 1, .member = {name, strlen(name)}});
}

struct gossip__member *pair_member(struct pair *pair, char letter, const char *name) {
    struct catalog_text text = {name, strlen(name)};
    return gossip__member_by_name(pair_engine(pair, letter), text);
}

bool pair_tables_equal(struct pair *pair, char a, char b) {
    struct merkle_fingerprint left = gossip__member_table_fingerprint(pair_engine(pair, a), 7);
    struct merkle_fingerprint right = gossip__member_table_fingerprint(pair_engine(pair, b), 7);
    return memcmp(&left, &right, sizeof left) == 0;
}

/* --- schemas ------------------------------------------------------------------------------------------- */

struct catalog_entry *pair_entry(struct pair *pair, char letter, const char *entity) {
    struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = {entity, strlen(entity)}};
    return catalog_find(gossip_catalog(pair_engine(pair, letter)), &key);
}

void pair_set(struct pair *pair, char letter, const char *entity, const char *json) {
    pair_write(pair, letter, CATALOG_SCHEMA, entity, "", json);
    pair_run(pair, 50);
}

void pair_must_agree(struct pair *pair, char a, char b) {
    struct merkle_digest left =
        merkle_tree_root(catalog_tree(gossip_catalog(pair_engine(pair, a))));
    struct merkle_digest right =
        merkle_tree_root(catalog_tree(gossip_catalog(pair_engine(pair, b))));
    assert(merkle_digest_equal(&left, &right));
    assert(pair_tables_equal(pair, a, b));
}
