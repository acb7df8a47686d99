/* entry.h - the inside of an entry: its bytes taken apart and put together (private to catalog/).
 *
 *      entry   [key, [version...], [pair...]]         versions ascending by (clock, origin), pairs by origin
 *      key     [kind, entity, name]
 *      version [clock, origin, node, number, state, body, previous?, ...tail of newer formats]
 *      pair    [origin, clock]                        the context: the largest clock seen of each origin
 *
 * docs/FORMAT.md says it with all bounds and with golden vectors.
 */
#ifndef CATALOG_ENTRY_H
#define CATALOG_ENTRY_H

#include "catalog/body.h"
#include "catalog/span.h"

enum {
    CATALOG__KEY_SIZE_MAX =
        1 + 3 + 2 * (2 + CATALOG_NAME_SIZE_MAX),     /* array of 3, uint 16, two str 8 */
    CATALOG__BODY_DEPTH_MAX = CATALOG_DEPTH_MAX - 3, /* entry, versions, version, then the body */
    CATALOG__FIELDS_MAX = 256,                       /* of one constraint or index */
};

/* The largest number of a version: still exact in every reader of JSON. */
#define CATALOG__NUMBER_MAX (UINT64_C(1) << 53)

/* What an entry knows of one origin: a pair of its context, and the version it stands for, if that survives. */
struct catalog__pair {
    struct catalog_id origin;
    catalog_clock clock;
    const uint8_t *version; /* whole, as encoded; NULL: superseded */
    size_t version_size_bytes;
    enum catalog_state state; /* of the version */
};

/* The key's encoding; returns its size. */
size_t catalog__key_encode(const struct catalog_key *key, uint8_t bytes[CATALOG__KEY_SIZE_MAX]);

/* Each reads one part and steps behind it; false if the bytes have another shape. The meaning is not checked. */
bool catalog__key_read(struct catalog__span *span, struct catalog_key *key);
bool catalog__version_read(struct catalog__span *span, struct catalog_version *version);
bool catalog__pair_read(struct catalog__span *span, struct catalog__pair *pair);

/* Within the bytes of an entry whose shape is right: what begins with its first version, with its first pair. */
struct catalog__span catalog__versions_span(struct catalog__span entry, size_t *count);
struct catalog__span catalog__context_span(struct catalog__span entry, size_t *count);
/* Reads all pairs, with the versions attached. False if a version is not at its origin's pair. */
bool catalog__pairs_read(struct catalog__span entry, struct catalog__pair *pairs);
/* Whether what was read means something: clock, names, state, bodies. As catalog_entry_decode answers. */
int catalog__version_check(uint16_t kind, const struct catalog_version *version);
/* A block for an entry of this size, with one reference; NULL if memory is short. */
struct catalog_entry *catalog__entry_allocate(const struct merkle_allocator *allocator,
                                              size_t size_bytes);
/* The smallest clock of a pair without a version; UINT64_MAX if there is none. */
catalog_clock catalog__pairs_superseded(const struct catalog__pair *pairs, size_t count);
/* Fills in what `bytes` of a new entry say; whoever made them has the pairs at hand, and says what is superseded. */
void catalog__entry_describe(struct catalog_entry *entry, catalog_clock superseded_clock);
/* The lowest horizon, not below this one, that changes the entry (prune.c); UINT64_MAX if none does. */
catalog_clock catalog__entry_prune_clock(const struct catalog_entry *entry, catalog_clock horizon);
bool catalog__entry_same_bytes(const struct catalog_entry *a, const struct catalog_entry *b);
/* Whether both hold the same versions, whatever their contexts. */
bool catalog__entry_same_versions(const struct catalog_entry *a, const struct catalog_entry *b);

/* Number of pairs in an entry's context, and the pairs with the versions attached (`pairs` has room for all). */
size_t catalog__entry_pair_count(const struct catalog_entry *entry);
void catalog__entry_pairs(const struct catalog_entry *entry, struct catalog__pair *pairs);

/* Order of versions: (clock, origin). */
int catalog__version_compare(const struct catalog_version *a, const struct catalog_version *b);
int catalog__pair_compare(const struct catalog__pair *a, const struct catalog__pair *b);

/* An entry of a key, of pairs in order of origin, and of those among them that have a version, in order of versions. All
 * must be well formed. CATALOG_ENOMEM, CATALOG_ETOOBIG. */
int catalog__entry_build(const struct merkle_allocator *allocator, const struct catalog_key *key,
                         const struct catalog__pair *pairs, size_t pair_count,
                         const struct catalog__pair *const *survivors, size_t survivor_count,
                         struct catalog_entry **entry);

/* Whether a canonical body has the shape that its kind demands (body.c): 0 or CATALOG_EMALFORMED. A body of an unknown kind
 * may be anything. */
int catalog__body_check(uint16_t kind, const uint8_t *body, size_t size_bytes);

/* Whether a canonical value is of a field's type. Bytes, which JSON lacks, are of none. */
bool catalog__value_is_of_type(const uint8_t *value, size_t size_bytes, enum catalog__type type);

const char *catalog__constraint_type_name(enum catalog__constraint_type type);
enum catalog__constraint_type
catalog__constraint_type_parse(struct catalog_text text); /* 0 if unknown */
const char *catalog__action_name(enum catalog__action action);
enum catalog__action catalog__action_parse(struct catalog_text text); /* 0 if unknown */

#endif
