/* entry_codec.c - entries written: from the parts of a merge, or as one new version over all that was there.
 *
 * msgpack-c packs what is new; versions go through byte for byte. A merge knows the size of its result before it is
 * written, so that an entry is one block from the beginning.
 */
#include "catalog/entry.h"
#include "merkle/instrument.h"

#include <assert.h>
#include <msgpack.h>
#include <string.h>

static_assert(sizeof(catalog_clock) == sizeof(uint64_t), "clocks are packed as 64 bits");

/* Where msgpack-c writes to: the entry's bytes, whose number was computed before. */
struct cursor {
    uint8_t *next;
    uint8_t *end;
};

static int cursor_append(void *context, const char *bytes, size_t size_bytes) {
    struct cursor *cursor = context;
    assert(size_bytes <= (size_t)(cursor->end - cursor->next));
    memcpy(cursor->next, bytes, size_bytes);
    cursor->next += size_bytes;
    return 0;
}

static size_t array_head_size(size_t count) {
    return count < 16 ? 1 : count <= UINT16_MAX ? 3 : 5;
}

static size_t unsigned_size(uint64_t number) {
    return number < 0x80          ? 1
           : number <= UINT8_MAX  ? 2
           : number <= UINT16_MAX ? 3
           : number <= UINT32_MAX ? 5
                                  : 9;
}

/* For a planted bug: what this format knows of a version comes first, and its head says how many elements that is. */
static size_t known_part(const struct catalog__pair *pair, uint8_t *head) {
    struct catalog__span span = {pair->version, pair->version + pair->version_size_bytes};
    struct catalog_version version;
    bool read = catalog__version_read(&span, &version);
    assert(read);
    bool staged = version.previous != NULL;
    const uint8_t *end = staged ? version.previous + version.previous_size_bytes
                                : version.body + version.body_size_bytes;
    *head = staged ? 0x97 : 0x96;
    return (size_t)(end - pair->version);
}

static size_t survivor_size(const struct catalog__pair *pair) {
    uint8_t head;
    return PLANTED(ATTUNE_B31) ? known_part(pair, &head) : pair->version_size_bytes;
}

static size_t count_versions(const struct catalog__pair *pairs, size_t count) {
    size_t versions = 0;
    for (size_t i = 0; i < count; i++) {
        versions += pairs[i].version != NULL;
    }
    return versions;
}

int catalog__entry_build(const struct merkle_allocator *allocator, const struct catalog_key *key,
                         const struct catalog__pair *pairs, size_t pair_count,
                         const struct catalog__pair *const *survivors, size_t survivor_count,
                         struct catalog_entry **entry) {
    assert(survivor_count > 0);
    assert(survivor_count <= pair_count);
    assert(count_versions(pairs, pair_count) == survivor_count);
    uint8_t key_bytes[CATALOG__KEY_SIZE_MAX];
    size_t key_size_bytes = catalog__key_encode(key, key_bytes);
    /* No sum can overflow: the pairs are in memory, and what they point to too. */
    size_t size_bytes =
        1 + key_size_bytes + array_head_size(survivor_count) + array_head_size(pair_count);
    for (size_t i = 0; i < survivor_count; i++) {
        size_bytes += survivor_size(survivors[i]);
    }
    for (size_t i = 0; i < pair_count; i++) {
        size_bytes += 1 + 2 + sizeof pairs[i].origin.bytes + unsigned_size(pairs[i].clock);
    }
    if (size_bytes > CATALOG_ENTRY_SIZE_MAX) {
        return CATALOG_ETOOBIG;
    }
    struct catalog_entry *made = catalog__entry_allocate(allocator, size_bytes);
    if (made == NULL) {
        return CATALOG_ENOMEM;
    }
    struct cursor cursor = {made->bytes, made->bytes + size_bytes};
    msgpack_packer packer;
    msgpack_packer_init(&packer, &cursor, cursor_append);
    msgpack_pack_array(&packer, 3);
    cursor_append(&cursor, (const char *)key_bytes, key_size_bytes);
    msgpack_pack_array(&packer, survivor_count);
    for (size_t i = 0; i < survivor_count; i++) {
        cursor_append(&cursor, (const char *)survivors[i]->version, survivor_size(survivors[i]));
        if (PLANTED(ATTUNE_B31)) {
            (void)known_part(survivors[i], cursor.next - survivor_size(survivors[i]));
        }
    }
    msgpack_pack_array(&packer, pair_count);
    for (size_t i = 0; i < pair_count; i++) {
        msgpack_pack_array(&packer, 2);
        msgpack_pack_bin_with_body(&packer, pairs[i].origin.bytes, sizeof pairs[i].origin.bytes);
        msgpack_pack_uint64(&packer, pairs[i].clock);
    }
    assert(cursor.next == cursor.end);
    catalog__entry_describe(made, catalog__pairs_superseded(pairs, pair_count));
    *entry = made;
    return 0;
}

static int buffer_append(void *context, const char *bytes, size_t size_bytes) {
    return merkle_buffer_append(context, bytes, size_bytes);
}

/* Packs the stamped version and checks it as if it had come from outside: a body that is none must not get further. */
static int pack_version(uint16_t kind, const struct catalog__stamp *stamp,
                        struct merkle_buffer *buffer) {
    bool bodies_fit = stamp->body_size_bytes <= CATALOG_BODY_SIZE_MAX &&
                      stamp->previous_size_bytes <= CATALOG_BODY_SIZE_MAX;
    if (!bodies_fit || stamp->number > CATALOG__NUMBER_MAX) {
        return CATALOG_ETOOBIG;
    }
    msgpack_packer packer;
    msgpack_packer_init(&packer, buffer, buffer_append);
    msgpack_pack_array(&packer, stamp->previous != NULL ? 7 : 6);
    msgpack_pack_uint64(&packer, stamp->clock);
    msgpack_pack_bin_with_body(&packer, stamp->origin.bytes, sizeof stamp->origin.bytes);
    msgpack_pack_str_with_body(&packer, stamp->node.data, stamp->node.size_bytes);
    msgpack_pack_uint64(&packer, stamp->number);
    msgpack_pack_uint8(&packer, (uint8_t)stamp->state);
    if (stamp->body != NULL) {
        merkle_buffer_append(buffer, stamp->body, stamp->body_size_bytes);
    } else {
        msgpack_pack_nil(&packer);
    }
    if (stamp->previous != NULL) {
        merkle_buffer_append(buffer, stamp->previous, stamp->previous_size_bytes);
    }
    if (buffer->failed) {
        return CATALOG_ENOMEM;
    }
    int result =
        catalog_msgpack_check(buffer->data, buffer->size_bytes, CATALOG__BODY_DEPTH_MAX + 1);
    if (result != 0) {
        return result;
    }
    struct catalog__span span = {buffer->data, buffer->data + buffer->size_bytes};
    struct catalog_version version;
    return catalog__version_read(&span, &version) ? catalog__version_check(kind, &version)
                                                  : CATALOG_EMALFORMED;
}

/* Sets origin -> clock in the pairs of what was there before, all of whose versions the new one supersedes. Returns the
 * pair of the origin; `pairs` has room for one more. */
static struct catalog__pair *supersede(struct catalog__pair *pairs, size_t *count,
                                       const struct catalog_id *origin) {
    for (size_t i = 0; i < *count; i++) {
        pairs[i].version = NULL;
    }
    size_t at = 0;
    while (at < *count && catalog_id_compare(&pairs[at].origin, origin) < 0) {
        at++;
    }
    if (at == *count || !catalog_id_equal(&pairs[at].origin, origin)) {
        memmove(&pairs[at + 1], &pairs[at], (*count - at) * sizeof *pairs);
        (*count)++;
    }
    pairs[at] = (struct catalog__pair){.origin = *origin};
    return &pairs[at];
}

int catalog__entry_write(const struct merkle_allocator *allocator, const struct catalog_key *key,
                         struct catalog_entry *before, const struct catalog__stamp *stamp,
                         struct catalog_entry **entry) {
    *entry = NULL;
    int result = catalog_key_check(key);
    if (result != 0) {
        return result;
    }
    if (before != NULL && stamp->clock <= before->clock_highest) {
        return CATALOG_ECLOCK;
    }
    struct merkle_buffer version;
    merkle_buffer_init(&version, allocator);
    struct catalog__pair *pairs = NULL;
    result = pack_version(key->kind, stamp, &version);
    if (result != 0) {
        goto close_version;
    }
    size_t pair_count = before != NULL ? catalog__entry_pair_count(before) : 0;
    pairs = merkle_allocate(allocator, pair_count + 1, sizeof *pairs);
    if (pairs == NULL) {
        result = CATALOG_ENOMEM;
        goto close_version;
    }
    if (before != NULL) {
        catalog__entry_pairs(before, pairs);
    }
    struct catalog__pair *own = supersede(pairs, &pair_count, &stamp->origin);
    own->clock = stamp->clock;
    own->version = version.data;
    own->version_size_bytes = version.size_bytes;
    own->state = stamp->state;
    const struct catalog__pair *survivor = own;
    result = catalog__entry_build(allocator, key, pairs, pair_count, &survivor, 1, entry);
    merkle_release(allocator, pairs);
close_version:
    merkle_buffer_close(&version);
    return result;
}
