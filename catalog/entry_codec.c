/* entry_codec.c - entries as bytes: the check of what comes from a peer or a disk, and the writing.
 *
 * What is read has passed catalog_msgpack_check first and is then read by entry.c; what is written is packed by msgpack-c.
 *
 * One rule is not in the shape but in the meaning: the largest (clock, origin) of the context is that of a version. Each
 * write takes a clock above all that it has seen, and a merge keeps it so; it makes the merge closed (no two entries can
 * wipe out each other's versions and leave none), and so it is checked where entries come in.
 */
#include "catalog/entry.h"

#include <assert.h>
#include <msgpack.h>
#include <string.h>

static_assert(sizeof(catalog_clock) == sizeof(uint64_t), "clocks are packed as 64 bits");

/* --- checking ---------------------------------------------------------------------------------------------------- */

static int check_clock(catalog_clock clock) {
    if (clock == 0) {
        return CATALOG_EMALFORMED;
    }
    return clock > CATALOG_CLOCK_MAX ? CATALOG_ECLOCKRANGE : 0;
}

static int check_bodies(uint16_t kind, const struct catalog_version *version) {
    if (version->body_size_bytes > CATALOG_BODY_SIZE_MAX ||
        version->previous_size_bytes > CATALOG_BODY_SIZE_MAX) {
        return CATALOG_ETOOBIG;
    }
    if (version->previous != NULL && version->state != CATALOG_PENDING_ADD) {
        return CATALOG_EMALFORMED;
    }
    if (version->state == CATALOG_DROPPED) {
        return version->body[0] == 0xc0 ? 0 : CATALOG_EMALFORMED;
    }
    int result = catalog__body_check(kind, version->body, version->body_size_bytes);
    if (result == 0 && version->previous != NULL) {
        result = catalog__body_check(kind, version->previous, version->previous_size_bytes);
    }
    return result;
}

static int check_version(uint16_t kind, const struct catalog_version *version) {
    int result = check_clock(version->clock);
    if (result != 0) {
        return result;
    }
    if (catalog_id_is_none(&version->origin) || !catalog__name_valid(version->node) ||
        version->number == 0 || version->number > CATALOG__NUMBER_MAX) {
        return CATALOG_EMALFORMED;
    }
    return check_bodies(kind, version);
}

static int check_versions(struct catalog__span *span, uint16_t kind, struct catalog_version *last) {
    size_t count;
    if (!catalog__span_array(span, &count) || count == 0) {
        return CATALOG_EMALFORMED;
    }
    for (size_t i = 0; i < count; i++) {
        struct catalog_version version;
        if (!catalog__version_read(span, &version)) {
            return CATALOG_EMALFORMED;
        }
        int result = check_version(kind, &version);
        if (result != 0) {
            return result;
        }
        if (i > 0 && catalog__version_compare(last, &version) >= 0) {
            return CATALOG_ENOTCANONICAL;
        }
        *last = version;
    }
    return 0;
}

/* `last` is the version in force: no pair of the context may be above it. */
static int check_context(struct catalog__span *span, const struct catalog_version *last) {
    size_t count;
    if (!catalog__span_array(span, &count)) {
        return CATALOG_EMALFORMED;
    }
    struct catalog_id before = {{0}};
    for (size_t i = 0; i < count; i++) {
        struct catalog__pair pair;
        if (!catalog__pair_read(span, &pair)) {
            return CATALOG_EMALFORMED;
        }
        int result = check_clock(pair.clock);
        if (result != 0) {
            return result;
        }
        if (catalog_id_is_none(&pair.origin)) {
            return CATALOG_EMALFORMED;
        }
        if (i > 0 && catalog_id_compare(&before, &pair.origin) >= 0) {
            return CATALOG_ENOTCANONICAL;
        }
        struct catalog_version top = {.clock = pair.clock, .origin = pair.origin};
        if (catalog__version_compare(&top, last) > 0) {
            return CATALOG_EMALFORMED;
        }
        before = pair.origin;
    }
    return 0;
}

/* One version an origin, and it at context[origin]: needs the context in memory, else a hostile entry of many versions
 * and many pairs would cost their product. The block is bounded by the bytes, which hold 19 or more for each pair. */
static int check_pairs(const struct merkle_allocator *allocator, struct catalog__span bytes) {
    size_t count;
    catalog__context_span(bytes, &count);
    if (count == 0) {
        return CATALOG_EMALFORMED;
    }
    struct catalog__pair *pairs = merkle_allocate(allocator, count, sizeof *pairs);
    if (pairs == NULL) {
        return CATALOG_ENOMEM;
    }
    bool filled = catalog__pairs_read(bytes, pairs);
    merkle_release(allocator, pairs);
    return filled ? 0 : CATALOG_EMALFORMED;
}

/* --- entries ----------------------------------------------------------------------------------------------------- */

static struct catalog_entry *entry_allocate(const struct merkle_allocator *allocator,
                                            size_t size_bytes) {
    assert(size_bytes <= CATALOG_ENTRY_SIZE_MAX);
    struct catalog_entry *entry = merkle_allocate_zeroed(allocator, 1, sizeof *entry + size_bytes);
    if (entry != NULL) {
        entry->allocator = allocator;
        entry->size_bytes = (uint32_t)size_bytes;
        atomic_init(&entry->references, 1);
    }
    return entry;
}

int catalog_entry_decode(const struct merkle_allocator *allocator, const uint8_t *bytes,
                         size_t size_bytes, struct catalog_entry **entry) {
    *entry = NULL;
    if (size_bytes > CATALOG_ENTRY_SIZE_MAX) {
        return CATALOG_ETOOBIG;
    }
    int result = catalog_msgpack_check(bytes, size_bytes, CATALOG_DEPTH_MAX);
    if (result != 0) {
        return result;
    }
    struct catalog__span span = {bytes, bytes + size_bytes};
    size_t count;
    struct catalog_key key;
    if (!catalog__span_array(&span, &count) || count != 3 || !catalog__key_read(&span, &key)) {
        return CATALOG_EMALFORMED;
    }
    result = catalog_key_check(&key);
    if (result != 0) {
        return result;
    }
    struct catalog_version last;
    result = check_versions(&span, key.kind, &last);
    if (result != 0) {
        return result;
    }
    result = check_context(&span, &last);
    if (result != 0) {
        return result;
    }
    result = check_pairs(allocator, (struct catalog__span){bytes, bytes + size_bytes});
    if (result != 0) {
        return result;
    }
    struct catalog_entry *made = entry_allocate(allocator, size_bytes);
    if (made == NULL) {
        return CATALOG_ENOMEM;
    }
    memcpy(made->bytes, bytes, size_bytes);
    catalog__entry_describe(made);
    *entry = made;
    return 0;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

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

int catalog__entry_build(const struct merkle_allocator *allocator, const struct catalog_key *key,
                         const struct catalog__pair *pairs, size_t pair_count,
                         const struct catalog__pair *const *survivors, size_t survivor_count,
                         struct catalog_entry **entry) {
    assert(survivor_count > 0);
    assert(survivor_count <= pair_count);
    uint8_t key_bytes[CATALOG__KEY_SIZE_MAX];
    size_t key_size_bytes = catalog__key_encode(key, key_bytes);
    /* No sum can overflow: the pairs are in memory, and what they point to too. */
    size_t size_bytes =
        1 + key_size_bytes + array_head_size(survivor_count) + array_head_size(pair_count);
    for (size_t i = 0; i < survivor_count; i++) {
        size_bytes += survivors[i]->version_size_bytes;
    }
    for (size_t i = 0; i < pair_count; i++) {
        size_bytes += 1 + 2 + sizeof pairs[i].origin.bytes + unsigned_size(pairs[i].clock);
    }
    if (size_bytes > CATALOG_ENTRY_SIZE_MAX) {
        return CATALOG_ETOOBIG;
    }
    struct catalog_entry *made = entry_allocate(allocator, size_bytes);
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
        cursor_append(&cursor, (const char *)survivors[i]->version,
                      survivors[i]->version_size_bytes);
    }
    msgpack_pack_array(&packer, pair_count);
    for (size_t i = 0; i < pair_count; i++) {
        msgpack_pack_array(&packer, 2);
        msgpack_pack_bin_with_body(&packer, pairs[i].origin.bytes, sizeof pairs[i].origin.bytes);
        msgpack_pack_uint64(&packer, pairs[i].clock);
    }
    assert(cursor.next == cursor.end);
    catalog__entry_describe(made);
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
    return catalog__version_read(&span, &version) ? check_version(kind, &version)
                                                  : CATALOG_EMALFORMED;
}

/* Sets origin -> clock in the pairs of what was there before, all of whose versions the new one supersedes. Returns the
 * pair of the origin; `pairs` has room for one more. */
static struct catalog__pair *supersede(struct catalog__pair *pairs, size_t *count,
                                       const struct catalog_id *origin) {
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
