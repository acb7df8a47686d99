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
    static const char *const names[] = {"",       "member", "ready", "refused", "store",
                                        "repair", "futile", "clock", "changed", "cluster"};
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
