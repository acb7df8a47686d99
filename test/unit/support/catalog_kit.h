/* catalog_kit.h - a catalog for tests, written to with JSON bodies as a user writes. */
#ifndef TEST_UNIT_SUPPORT_CATALOG_KIT_H
#define TEST_UNIT_SUPPORT_CATALOG_KIT_H

#include "catalog/catalog.h"

enum { CATALOG_KIT_BODIES_MAX = 4096 };

struct catalog_kit {
    const struct merkle_allocator *allocator; /* of the catalog */
    struct catalog *catalog;
    struct catalog_writer writer;
    uint64_t ticket;
    struct catalog_problem problem; /* the first of the last write that was refused */
    size_t problem_count;
    size_t entry_count; /* of the last write that was taken */
    uint8_t *bodies[CATALOG_KIT_BODIES_MAX];
    size_t body_count;
};

void catalog_kit_init(struct catalog_kit *kit, const struct merkle_allocator *allocator,
                      uint8_t origin);
void catalog_kit_close(struct catalog_kit *kit);

struct catalog_text catalog_kit_text(const char *text);
struct catalog_key catalog_kit_key(uint16_t kind, const char *entity, const char *name);
/* A write of a JSON body, which must be valid. What it points to lives as long as the kit. */
struct catalog_write catalog_kit_set(struct catalog_kit *kit, uint16_t kind, const char *entity,
                                     const char *name, const char *json);
struct catalog_write catalog_kit_drop(uint16_t kind, const char *entity, const char *name);

/* Plans; memory must not be short. */
struct catalog_plan *catalog_kit_plan(struct catalog_kit *kit, const struct catalog_write *writes,
                                      size_t count);
/* Plans, puts and stores: 0, or the code of the first problem. */
int catalog_kit_apply(struct catalog_kit *kit, const struct catalog_write *writes, size_t count);
/* The same for one write. */
int catalog_kit_apply_set(struct catalog_kit *kit, uint16_t kind, const char *entity,
                          const char *name, const char *json);
int catalog_kit_apply_drop(struct catalog_kit *kit, uint16_t kind, const char *entity,
                           const char *name);
/* Merges what `from` has stored of a key into `kit`, and stores that. */
void catalog_kit_pull(struct catalog_kit *kit, struct catalog_kit *from,
                      const struct catalog_key *key);
/* The stored entry in force as a line of export; "" if there is none. Valid until the next call. */
const char *catalog_kit_show(struct catalog_kit *kit, uint16_t kind, const char *entity,
                             const char *name);

#endif
