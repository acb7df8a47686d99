/* entry.c - looking into entries: key, versions, pairs, and what an entry says about itself.
 *
 * The parts are found with the span reader, because a merge copies versions byte for byte, with whatever a newer format
 * appended to them. Whoever reads an entry reads bytes that were checked when they came in (entry_decode.c); what is read
 * wrong here is a fault of ours, and asserted.
 */
#include "catalog/entry.h"

#include <assert.h>
#include <string.h>

static struct catalog__span span_of(const struct catalog_entry *entry) {
    return (struct catalog__span){entry->bytes, entry->bytes + entry->size_bytes};
}

bool catalog__key_read(struct catalog__span *span, struct catalog_key *key) {
    size_t count;
    uint64_t kind;
    if (!catalog__span_array(span, &count) || count != 3 || !catalog__span_unsigned(span, &kind) ||
        kind > UINT16_MAX) {
        return false;
    }
    key->kind = (uint16_t)kind;
    return catalog__span_text(span, &key->entity) && catalog__span_text(span, &key->name);
}

/* Elements after the body: none, or `previous` and then what newer formats append; a nil stands for no `previous` only
 * where something follows, so that its absence, too, has one encoding. */
static bool read_tail(struct catalog__span *span, size_t count, struct catalog_version *version) {
    if (count == 0) {
        return true;
    }
    const uint8_t *previous;
    size_t previous_size_bytes;
    if (!catalog__span_value(span, &previous, &previous_size_bytes)) {
        return false;
    }
    if (previous[0] != 0xc0) {
        version->previous = previous;
        version->previous_size_bytes = previous_size_bytes;
    } else if (count == 1) {
        return false;
    }
    for (size_t i = 1; i < count; i++) {
        if (catalog__span_skip(span) != 0) {
            return false;
        }
    }
    return true;
}

/* Reads the shape alone; the decoder checks the meaning. */
bool catalog__version_read(struct catalog__span *span, struct catalog_version *version) {
    *version = (struct catalog_version){.bytes = span->next};
    size_t count;
    uint64_t state;
    if (!catalog__span_array(span, &count) || count < 6 ||
        !catalog__span_unsigned(span, &version->clock) ||
        !catalog__span_id(span, &version->origin) || !catalog__span_text(span, &version->node) ||
        !catalog__span_unsigned(span, &version->number) || !catalog__span_unsigned(span, &state) ||
        state == 0 || state >= CATALOG_STATE_COUNT) {
        return false;
    }
    version->state = (enum catalog_state)state;
    if (!catalog__span_value(span, &version->body, &version->body_size_bytes) ||
        !read_tail(span, count - 6, version)) {
        return false;
    }
    version->size_bytes = (size_t)(span->next - version->bytes);
    return true;
}

bool catalog__pair_read(struct catalog__span *span, struct catalog__pair *pair) {
    *pair = (struct catalog__pair){0};
    size_t count;
    return catalog__span_array(span, &count) && count == 2 &&
           catalog__span_id(span, &pair->origin) && catalog__span_unsigned(span, &pair->clock);
}

/* --- the pairs of an entry --------------------------------------------------------------------------------------- */

int catalog__version_compare(const struct catalog_version *a, const struct catalog_version *b) {
    if (a->clock != b->clock) {
        return a->clock < b->clock ? -1 : 1;
    }
    return catalog_id_compare(&a->origin, &b->origin);
}

int catalog__pair_compare(const struct catalog__pair *a, const struct catalog__pair *b) {
    if (a->clock != b->clock) {
        return a->clock < b->clock ? -1 : 1;
    }
    return catalog_id_compare(&a->origin, &b->origin);
}

static struct catalog__pair *find_pair(struct catalog__pair *pairs, size_t count,
                                       const struct catalog_id *origin) {
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = catalog_id_compare(&pairs[middle].origin, origin);
        if (order == 0) {
            return &pairs[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* Positions of the two lists in bytes whose shape is known to be right. */
struct catalog__span catalog__versions_span(struct catalog__span span, size_t *count) {
    size_t parts;
    bool found = catalog__span_array(&span, &parts) && catalog__span_skip(&span) == 0 &&
                 catalog__span_array(&span, count);
    assert(found);
    return span;
}

struct catalog__span catalog__context_span(struct catalog__span span, size_t *count) {
    size_t parts;
    bool found = catalog__span_array(&span, &parts) && catalog__span_skip(&span) == 0 &&
                 catalog__span_skip(&span) == 0 && catalog__span_array(&span, count);
    assert(found);
    return span;
}

/* False if a version is not at its origin's pair. */
bool catalog__pairs_read(struct catalog__span bytes, struct catalog__pair *pairs) {
    size_t pair_count;
    struct catalog__span span = catalog__context_span(bytes, &pair_count);
    for (size_t i = 0; i < pair_count; i++) {
        bool read = catalog__pair_read(&span, &pairs[i]);
        assert(read);
    }
    size_t version_count;
    span = catalog__versions_span(bytes, &version_count);
    for (size_t i = 0; i < version_count; i++) {
        struct catalog_version version;
        bool read = catalog__version_read(&span, &version);
        assert(read);
        struct catalog__pair *pair = find_pair(pairs, pair_count, &version.origin);
        if (pair == NULL || pair->clock != version.clock) {
            return false;
        }
        pair->version = version.bytes;
        pair->version_size_bytes = version.size_bytes;
        pair->state = version.state;
    }
    return true;
}

size_t catalog__entry_pair_count(const struct catalog_entry *entry) {
    size_t count;
    catalog__context_span(span_of(entry), &count);
    return count;
}

void catalog__entry_pairs(const struct catalog_entry *entry, struct catalog__pair *pairs) {
    bool filled = catalog__pairs_read(span_of(entry), pairs);
    assert(filled);
}

catalog_clock catalog__pairs_superseded(const struct catalog__pair *pairs, size_t count) {
    catalog_clock lowest = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].version == NULL && pairs[i].clock < lowest) {
            lowest = pairs[i].clock;
        }
    }
    return lowest;
}

/* Reads into the fields what is looked at often. The bytes are well formed. */
void catalog__entry_describe(struct catalog_entry *entry, catalog_clock superseded_clock) {
    struct catalog__span span = span_of(entry);
    size_t count;
    struct catalog_key key;
    bool read = catalog__span_array(&span, &count) && catalog__key_read(&span, &key) &&
                catalog__span_array(&span, &count);
    assert(read);
    assert(count > 0);
    const uint8_t *base = entry->bytes;
    entry->kind = key.kind;
    entry->entity_offset = (uint32_t)((const uint8_t *)key.entity.data - base);
    entry->entity_size_bytes = (uint32_t)key.entity.size_bytes;
    entry->name_offset = (uint32_t)((const uint8_t *)key.name.data - base);
    entry->name_size_bytes = (uint32_t)key.name.size_bytes;
    entry->version_count = (uint32_t)count;
    entry->slot = catalog_key_slot(&key);
    entry->digest = merkle_digest_of(entry->bytes, entry->size_bytes, MERKLE_SEED_ENTRY);
    entry->tombstone = true;
    struct catalog_version first = {0};
    struct catalog_version version = {0};
    for (size_t i = 0; i < count; i++) {
        read = catalog__version_read(&span, &version);
        assert(read);
        if (i == 0) {
            first = version;
        }
        bool same = version.state == first.state &&
                    version.body_size_bytes == first.body_size_bytes &&
                    memcmp(version.body, first.body, first.body_size_bytes) == 0;
        entry->conflict = entry->conflict || !same;
        entry->tombstone = entry->tombstone && version.state == CATALOG_DROPPED;
    }
    entry->clock = version.clock;
    entry->clock_highest = version.clock; /* nothing in the context is above the version in force */
    entry->number = version.number;
    entry->state = (uint8_t)version.state;
    entry->superseded_clock = superseded_clock;
    entry->prune_clock = catalog__entry_prune_clock(entry, 0);
}

struct catalog_entry *catalog_entry_hold(struct catalog_entry *entry) {
    unsigned before = atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    assert(before > 0);
    return entry;
}

void catalog_entry_release(struct catalog_entry *entry) {
    if (entry == NULL) {
        return;
    }
    unsigned before = atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before == 1) {
        merkle_release(entry->allocator, entry);
    }
}

struct catalog_key catalog_entry_key(const struct catalog_entry *entry) {
    const char *bytes = (const char *)entry->bytes;
    return (struct catalog_key){
        .kind = entry->kind,
        .entity = {bytes + entry->entity_offset, entry->entity_size_bytes},
        .name = {bytes + entry->name_offset, entry->name_size_bytes},
    };
}

size_t catalog_entry_versions(const struct catalog_entry *entry, struct catalog_version *versions,
                              size_t max) {
    size_t count;
    struct catalog__span span = catalog__versions_span(span_of(entry), &count);
    for (size_t i = 0; i < count && i < max; i++) {
        bool read = catalog__version_read(&span, &versions[i]);
        assert(read);
    }
    return count;
}

struct catalog_version catalog_entry_in_force(const struct catalog_entry *entry) {
    size_t count;
    struct catalog__span span = catalog__versions_span(span_of(entry), &count);
    for (size_t i = 1; i < count; i++) {
        int result = catalog__span_skip(&span);
        assert(result == 0);
    }
    struct catalog_version version;
    bool read = catalog__version_read(&span, &version);
    assert(read);
    return version;
}

bool catalog__entry_same_versions(const struct catalog_entry *a, const struct catalog_entry *b) {
    size_t count_a;
    size_t count_b;
    struct catalog__span versions_a = catalog__versions_span(span_of(a), &count_a);
    struct catalog__span versions_b = catalog__versions_span(span_of(b), &count_b);
    for (size_t i = 0; i < count_a && count_a == count_b; i++) {
        struct catalog_version version_a;
        struct catalog_version version_b;
        bool read = catalog__version_read(&versions_a, &version_a) &&
                    catalog__version_read(&versions_b, &version_b);
        assert(read);
        if (version_a.size_bytes != version_b.size_bytes ||
            memcmp(version_a.bytes, version_b.bytes, version_a.size_bytes) != 0) {
            return false;
        }
    }
    return count_a == count_b;
}

bool catalog__entry_same_bytes(const struct catalog_entry *a, const struct catalog_entry *b) {
    return a->size_bytes == b->size_bytes && memcmp(a->bytes, b->bytes, a->size_bytes) == 0;
}
