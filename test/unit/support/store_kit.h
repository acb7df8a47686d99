/* store_kit.h - directories, entries and batches for tests of the store. */
#ifndef TEST_UNIT_SUPPORT_STORE_KIT_H
#define TEST_UNIT_SUPPORT_STORE_KIT_H

#include "catalog/store.h"

enum { STORE_KIT_KEYS = 48, STORE_KIT_PATH_MAX = 200 };

/* A new empty directory, in memory where the system has such a place; `inside` is a name in it that does not exist yet. */
struct store_kit_place {
    char directory[STORE_KIT_PATH_MAX];
    char inside[STORE_KIT_PATH_MAX + 16];
};
void store_kit_place_open(struct store_kit_place *place);
/* Removes it with all that is in it. */
void store_kit_place_close(struct store_kit_place *place);
/* Path of a file in `inside`; valid until the fourth call after. */
const char *store_kit_file(const struct store_kit_place *place, const char *name);
bool store_kit_file_exists(const struct store_kit_place *place, const char *name);
/* Runs SQL on catalog.db through a connection of its own, as an operator would; the first column of the first row, -1 if
 * there is none. Asserts that it succeeds. */
int64_t store_kit_sql(const struct store_kit_place *place, const char *vfs, const char *sql);

/* What a store should hold. */
struct store_kit_model {
    struct catalog_entry *entries[STORE_KIT_KEYS]; /* by number of the key; NULL: absent */
    struct catalog_entry *removed[STORE_KIT_KEYS]; /* one that once was there, for batches */
    struct catalog_entry *kept[STORE_KIT_KEYS];
    size_t kept_count;
    struct catalog_node_state state;
};
void store_kit_model_close(struct store_kit_model *model);
/* A copy that holds the same entries; `to` must be zeroed or a model. */
void store_kit_model_copy(struct store_kit_model *to, const struct store_kit_model *from);
/* Puts a new version of key `key` with a body of about this size into the model, and into the batch if there is one (with
 * room for one more entry); the state's sum and clock follow, and the batch gets the state. */
void store_kit_model_put(struct store_kit_model *model, unsigned key, size_t body_size_bytes,
                         struct catalog_batch *batch);
/* Takes key `key` away, if it is there, from the model and by the batch (with room for one more in `removed`). */
void store_kit_model_remove(struct store_kit_model *model, unsigned key,
                            struct catalog_batch *batch);
/* The node starts empty: all entries go, and what they were becomes what was kept. At most once in a commit. */
void store_kit_model_reset(struct store_kit_model *model, struct catalog_batch *batch);
/* What was kept is forgotten. Not in a commit that resets. */
void store_kit_model_clear_kept(struct store_kit_model *model, struct catalog_batch *batch);
/* Asserts that a load holds just this. */
void store_kit_model_compare(const struct store_kit_model *model, const struct catalog_load *load);

/* Opens and asserts that it succeeds. */
struct catalog_store *store_kit_open(const struct store_kit_place *place,
                                     struct catalog_load **load);
int store_kit_commit(struct catalog_store *store, struct catalog_batch *batch);
/* Puts `count` keys from `first` on, one commit. Asserts that it succeeds. */
void store_kit_fill(struct catalog_store *store, struct store_kit_model *model, unsigned first,
                    unsigned count, size_t body_size_bytes);

#endif
