/* entry_decode.c - entries as bytes from a peer or a disk: the check before anything else looks at them.
 *
 * What has passed catalog_msgpack_check is taken apart by entry.c, where it stands; nothing is unpacked or allocated from a
 * declared count.
 *
 * One rule is not in the shape but in the meaning: the largest (clock, origin) of the context is that of a version. Each
 * write takes a clock above all that it has seen, and a merge keeps it so; it makes the merge closed (no two entries can
 * wipe out each other's versions and leave none), and so it is checked where entries come in.
 */
#include "catalog/entry.h"
#include "merkle/instrument.h"

#include <assert.h>
#include <string.h>

/* --- checking ---------------------------------------------------------------------------------------------------- */

static int check_clock(catalog_clock clock) {
    if (clock == 0) {
        return CATALOG_EMALFORMED;
    }
    if (clock > CATALOG_CLOCK_MAX && !PLANTED(ATTUNE_B13)) {
        PROBE("catalog.decode_clock_range");
        return CATALOG_ECLOCKRANGE;
    }
    return 0;
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

int catalog__version_check(uint16_t kind, const struct catalog_version *version) {
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
        int result = catalog__version_check(kind, &version);
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
static int check_pairs(const struct merkle_allocator *allocator, struct catalog__span bytes,
                       catalog_clock *superseded) {
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
    *superseded = catalog__pairs_superseded(pairs, count);
    merkle_release(allocator, pairs);
    return filled ? 0 : CATALOG_EMALFORMED;
}

/* --- entries ----------------------------------------------------------------------------------------------------- */

struct catalog_entry *catalog__entry_allocate(const struct merkle_allocator *allocator,
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
        PROBE("catalog.decode_no_msgpack");
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
        PROBE("catalog.decode_key");
        return result;
    }
    struct catalog_version last;
    result = check_versions(&span, key.kind, &last);
    if (result != 0) {
        PROBE("catalog.decode_versions");
        return result;
    }
    result = check_context(&span, &last);
    if (result != 0) {
        PROBE("catalog.decode_context");
        return result;
    }
    catalog_clock superseded;
    result = check_pairs(allocator, (struct catalog__span){bytes, bytes + size_bytes}, &superseded);
    if (result != 0) {
        PROBE("catalog.decode_pairs");
        return result;
    }
    struct catalog_entry *made = catalog__entry_allocate(allocator, size_bytes);
    if (made == NULL) {
        return CATALOG_ENOMEM;
    }
    memcpy(made->bytes, bytes, size_bytes);
    catalog__entry_describe(made, superseded);
    *entry = made;
    return 0;
}
