/* entry_maker.h - entries for tests, written with msgpack-c and nothing of catalog/, so that they can also be wrong. */
#ifndef TEST_UNIT_SUPPORT_ENTRY_MAKER_H
#define TEST_UNIT_SUPPORT_ENTRY_MAKER_H

#include "catalog/catalog.h"

struct made_version {
    catalog_clock clock;
    uint8_t origin; /* all 16 bytes are this */
    const char *node;
    uint64_t number;
    uint8_t state;
    const char *body; /* MessagePack; NULL: nil */
    size_t body_size_bytes;
    const char *tail; /* what follows the body: `previous` and so on */
    size_t tail_size_bytes;
    size_t tail_count;
};
struct made_pair {
    uint8_t origin;
    catalog_clock clock;
};

/* Appends the entry's bytes. */
void entry_maker_bytes(const struct catalog_key *key, const struct made_version *versions,
                       size_t version_count, const struct made_pair *pairs, size_t pair_count,
                       struct merkle_buffer *bytes);
/* Decodes them; asserts that it succeeds. */
struct catalog_entry *entry_maker_entry(const struct catalog_key *key,
                                        const struct made_version *versions, size_t version_count,
                                        const struct made_pair *pairs, size_t pair_count);
struct catalog_id entry_maker_id(uint8_t byte);
struct catalog_text entry_maker_text(const char *text);
struct catalog_key entry_maker_key(uint16_t kind, const char *entity, const char *name);

/* An entry in short: of each origin (1 to 9) its clock, the state of its version (0: superseded), and the letter of the
 * version's body; in order of (clock, origin), at most 8. Each version is of node "n" and number 1. */
struct made_line {
    uint8_t origin;
    catalog_clock clock;
    uint8_t state;
    char field;
};
struct catalog_entry *entry_maker_lines(const struct catalog_key *key,
                                        const struct made_line *lines, size_t count);

/* A constraint body: {"fields": ["a"], "type": "not_null"} with another letter. */
const char *entry_maker_body(char field, size_t *size_bytes);

#endif
