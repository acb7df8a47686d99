/* entry_maker_codec.c - entries for tests (entry_maker.h). */
#include "test/unit/support/entry_maker.h"

#include <assert.h>
#include <msgpack.h>
#include <string.h>

static int append(void *context, const char *bytes, size_t size_bytes) {
    return merkle_buffer_append(context, bytes, size_bytes);
}

struct catalog_id entry_maker_id(uint8_t byte) {
    struct catalog_id id;
    memset(id.bytes, byte, sizeof id.bytes);
    return id;
}

struct catalog_text entry_maker_text(const char *text) {
    return (struct catalog_text){text, strlen(text)};
}

struct catalog_key entry_maker_key(uint16_t kind, const char *entity, const char *name) {
    return (struct catalog_key){kind, entry_maker_text(entity), entry_maker_text(name)};
}

const char *entry_maker_body(char field, size_t *size_bytes) {
    static char bodies[256][32];
    char *body = bodies[(uint8_t)field];
    memcpy(body,
           "\x82\xa6"
           "fields"
           "\x91\xa1?\xa4"
           "type"
           "\xa8"
           "not_null",
           25);
    body[10] = field;
    *size_bytes = 25;
    return body;
}

static void pack_version(msgpack_packer *packer, const struct made_version *version) {
    struct catalog_id origin = entry_maker_id(version->origin);
    msgpack_pack_array(packer, 6 + version->tail_count);
    msgpack_pack_uint64(packer, version->clock);
    msgpack_pack_bin_with_body(packer, origin.bytes, sizeof origin.bytes);
    msgpack_pack_str_with_body(packer, version->node, strlen(version->node));
    msgpack_pack_uint64(packer, version->number);
    msgpack_pack_uint8(packer, version->state);
    if (version->body != NULL) {
        append(packer->data, version->body, version->body_size_bytes);
    } else {
        msgpack_pack_nil(packer);
    }
    append(packer->data, version->tail, version->tail_size_bytes);
}

void entry_maker_bytes(const struct catalog_key *key, const struct made_version *versions,
                       size_t version_count, const struct made_pair *pairs, size_t pair_count,
                       struct merkle_buffer *bytes) {
    msgpack_packer packer;
    msgpack_packer_init(&packer, bytes, append);
    msgpack_pack_array(&packer, 3);
    msgpack_pack_array(&packer, 3);
    msgpack_pack_uint16(&packer, key->kind);
    msgpack_pack_str_with_body(&packer, key->entity.data, key->entity.size_bytes);
    msgpack_pack_str_with_body(&packer, key->name.data, key->name.size_bytes);
    msgpack_pack_array(&packer, version_count);
    for (size_t i = 0; i < version_count; i++) {
        pack_version(&packer, &versions[i]);
    }
    msgpack_pack_array(&packer, pair_count);
    for (size_t i = 0; i < pair_count; i++) {
        struct catalog_id origin = entry_maker_id(pairs[i].origin);
        msgpack_pack_array(&packer, 2);
        msgpack_pack_bin_with_body(&packer, origin.bytes, sizeof origin.bytes);
        msgpack_pack_uint64(&packer, pairs[i].clock);
    }
    assert(!bytes->failed);
}

struct catalog_entry *entry_maker_entry(const struct catalog_key *key,
                                        const struct made_version *versions, size_t version_count,
                                        const struct made_pair *pairs, size_t pair_count) {
    struct merkle_buffer bytes;
    merkle_buffer_init(&bytes, &merkle_allocator_libc);
    entry_maker_bytes(key, versions, version_count, pairs, pair_count, &bytes);
    struct catalog_entry *entry;
    int result = catalog_entry_decode(&merkle_allocator_libc, bytes.data, bytes.size_bytes, &entry);
    assert(result == 0);
    merkle_buffer_close(&bytes);
    return entry;
}

struct catalog_entry *entry_maker_lines(const struct catalog_key *key,
                                        const struct made_line *lines, size_t count) {
    struct made_version versions[8];
    struct made_pair pairs[8];
    size_t version_count = 0;
    size_t pair_count = 0;
    assert(count <= 8);
    for (unsigned origin = 1; origin < 10; origin++) {
        for (size_t i = 0; i < count; i++) {
            if (lines[i].origin == origin) {
                pairs[pair_count++] = (struct made_pair){lines[i].origin, lines[i].clock};
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (lines[i].state == 0) {
            continue;
        }
        struct made_version *version = &versions[version_count++];
        *version = (struct made_version){
            lines[i].clock, lines[i].origin, "n", 1, lines[i].state, NULL, 0, NULL, 0, 0};
        if (lines[i].state != CATALOG_DROPPED) {
            version->body = entry_maker_body(lines[i].field, &version->body_size_bytes);
        }
    }
    return entry_maker_entry(key, versions, version_count, pairs, pair_count);
}
