/* key.c - the key of an entry: what is well formed, its slot, its order; the names of kinds and states.
 *
 * The slot is the hash of the key's encoding, which is also what an entry begins with. It is written here by hand, since a
 * slot is computed for each lookup; test_key.c holds it against msgpack-c.
 */
#include "catalog/entry.h"

#include <assert.h>
#include <string.h>

const char *catalog_state_name(enum catalog_state state) {
    static const char *const names[CATALOG_STATE_COUNT] = {
        [CATALOG_ACTIVE] = "active",
        [CATALOG_PENDING_ADD] = "pending_add",
        [CATALOG_PENDING_DROP] = "pending_drop",
        [CATALOG_DROPPED] = "dropped",
    };
    return state > 0 && state < CATALOG_STATE_COUNT ? names[state] : NULL;
}

const char *catalog_kind_name(uint16_t kind) {
    switch (kind) {
    case CATALOG_SCHEMA:
        return "schema";
    case CATALOG_CONSTRAINT:
        return "constraint";
    case CATALOG_INDEX:
        return "index";
    default:
        return NULL;
    }
}

int catalog_key_check(const struct catalog_key *key) {
    if (key->kind == 0 || !catalog__name_valid(key->entity)) {
        return CATALOG_EMALFORMED;
    }
    bool named = key->name.size_bytes > 0;
    if (named && !catalog__name_valid(key->name)) {
        return CATALOG_EMALFORMED;
    }
    if (key->kind == CATALOG_SCHEMA) {
        return named ? CATALOG_EMALFORMED : 0;
    }
    bool name_needed = key->kind == CATALOG_CONSTRAINT || key->kind == CATALOG_INDEX;
    return name_needed && !named ? CATALOG_EMALFORMED : 0;
}

static uint8_t *write_kind(uint8_t *out, uint16_t kind) {
    if (kind >= 0x100) {
        *out++ = 0xcd;
        *out++ = (uint8_t)(kind >> 8);
    } else if (kind >= 0x80) {
        *out++ = 0xcc;
    }
    *out++ = (uint8_t)kind;
    return out;
}

/* A longer text than any key has is cut: the slot of such a key names nothing, and nothing is found under it. */
static uint8_t *write_text(uint8_t *out, struct catalog_text text) {
    size_t size_bytes =
        text.size_bytes < CATALOG_NAME_SIZE_MAX ? text.size_bytes : CATALOG_NAME_SIZE_MAX;
    if (size_bytes >= 32) {
        *out++ = 0xd9;
        *out++ = (uint8_t)size_bytes;
    } else {
        *out++ = (uint8_t)(0xa0 | size_bytes);
    }
    if (size_bytes > 0) {
        memcpy(out, text.data, size_bytes);
    }
    return out + size_bytes;
}

size_t catalog__key_encode(const struct catalog_key *key, uint8_t bytes[CATALOG__KEY_SIZE_MAX]) {
    uint8_t *out = bytes;
    *out++ = 0x93;
    out = write_kind(out, key->kind);
    out = write_text(out, key->entity);
    out = write_text(out, key->name);
    size_t size_bytes = (size_t)(out - bytes);
    assert(size_bytes <= CATALOG__KEY_SIZE_MAX);
    return size_bytes;
}

uint64_t catalog_key_slot(const struct catalog_key *key) {
    uint8_t bytes[CATALOG__KEY_SIZE_MAX];
    return merkle_slot_of(bytes, catalog__key_encode(key, bytes));
}

bool catalog_key_equal(const struct catalog_key *a, const struct catalog_key *b) {
    return a->kind == b->kind && catalog__text_equal(a->entity, b->entity) &&
           catalog__text_equal(a->name, b->name);
}

int catalog_key_compare(const struct catalog_key *a, const struct catalog_key *b) {
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    int order = catalog__text_compare(a->entity, b->entity);
    return order != 0 ? order : catalog__text_compare(a->name, b->name);
}
