/* store_kit.c - see store_kit.h. */
#include "test/unit/support/store_kit.h"

#include "catalog/body.h"

#include <check.h>
#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void store_kit_place_open(struct store_kit_place *place) {
    const char *root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(place->directory, sizeof place->directory, "%s/attune-store-XXXXXX", root);
    ck_assert_ptr_nonnull(mkdtemp(place->directory));
    (void)snprintf(place->inside, sizeof place->inside, "%s/data", place->directory);
}

static void remove_tree(const char *path) {
    DIR *directory = opendir(path);
    if (directory != NULL) {
        for (struct dirent *item = readdir(directory); item != NULL; item = readdir(directory)) {
            if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0) {
                char inner[1024];
                (void)snprintf(inner, sizeof inner, "%s/%s", path, item->d_name);
                remove_tree(inner);
            }
        }
        (void)closedir(directory);
    }
    (void)remove(path);
}

void store_kit_place_close(struct store_kit_place *place) {
    remove_tree(place->directory);
}

const char *store_kit_file(const struct store_kit_place *place, const char *name) {
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", place->inside, name);
    return path;
}

bool store_kit_file_exists(const struct store_kit_place *place, const char *name) {
    struct stat status;
    return lstat(store_kit_file(place, name), &status) == 0;
}

int64_t store_kit_sql(const struct store_kit_place *place, const char *vfs, const char *sql) {
    sqlite3 *database = NULL;
    ck_assert_int_eq(
        sqlite3_open_v2(store_kit_file(place, "catalog.db"), &database, SQLITE_OPEN_READWRITE, vfs),
        SQLITE_OK);
    int64_t number = -1;
    for (const char *rest = sql; *rest != '\0';) {
        sqlite3_stmt *statement = NULL;
        int code = sqlite3_prepare_v2(database, rest, -1, &statement, &rest);
        ck_assert_msg(code == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(database));
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            number = sqlite3_column_int64(statement, 0);
        }
        ck_assert_msg(code == SQLITE_ROW || code == SQLITE_DONE, "%s: %s", sql,
                      sqlite3_errmsg(database));
        (void)sqlite3_finalize(statement);
    }
    (void)sqlite3_close(database);
    return number;
}

/* --- the model ----------------------------------------------------------------------------------------------------- */

static void forget_kept(struct store_kit_model *model) {
    for (size_t i = 0; i < model->kept_count; i++) {
        catalog_entry_release(model->kept[i]);
    }
    model->kept_count = 0;
}

void store_kit_model_close(struct store_kit_model *model) {
    for (unsigned i = 0; i < STORE_KIT_KEYS; i++) {
        catalog_entry_release(model->entries[i]);
        catalog_entry_release(model->removed[i]);
        model->entries[i] = NULL;
        model->removed[i] = NULL;
    }
    forget_kept(model);
}

void store_kit_model_copy(struct store_kit_model *to, const struct store_kit_model *from) {
    struct store_kit_model old = *to;
    *to = *from;
    for (unsigned i = 0; i < STORE_KIT_KEYS; i++) {
        if (to->entries[i] != NULL) {
            (void)catalog_entry_hold(to->entries[i]);
        }
        to->removed[i] = NULL;
    }
    for (size_t i = 0; i < to->kept_count; i++) {
        (void)catalog_entry_hold(to->kept[i]);
    }
    store_kit_model_close(&old);
}

static struct catalog_entry *make_entry(unsigned key_number, catalog_clock clock,
                                        size_t body_size_bytes) {
    static uint8_t body[CATALOG_BODY_SIZE_MAX];
    ck_assert_uint_ge(body_size_bytes, 16);
    ck_assert_uint_le(body_size_bytes, sizeof body);
    for (size_t i = 2; i < body_size_bytes; i++) {
        body[i] = (uint8_t)(clock * 31 + key_number * 7 + i);
    }
    if (body_size_bytes <= 2 + 255) { /* the shorter form, bin 8, is the only one then */
        body[0] = 0xc4;
        body[1] = (uint8_t)(body_size_bytes - 2);
    } else {
        body_size_bytes += body_size_bytes == 2 + 256; /* neither form has this size */
        body[0] = 0xc5;
        body[1] = (uint8_t)((body_size_bytes - 3) >> 8);
        body[2] = (uint8_t)((body_size_bytes - 3) & 0xff);
    }
    char entity[32], name[32];
    (void)snprintf(entity, sizeof entity, "entity%u", key_number / 4);
    (void)snprintf(name, sizeof name, "name%u", key_number);
    const struct catalog_key key = {.kind = 9,
                                    .entity = {.data = entity, .size_bytes = strlen(entity)},
                                    .name = {.data = name, .size_bytes = strlen(name)}};
    const struct catalog__stamp stamp = {.clock = clock,
                                         .origin = {.bytes = {1}},
                                         .node = {.data = "n", .size_bytes = 1},
                                         .number = 1,
                                         .state = CATALOG_ACTIVE,
                                         .body = body,
                                         .body_size_bytes = body_size_bytes};
    struct catalog_entry *entry = NULL;
    int result = catalog__entry_write(&merkle_allocator_libc, &key, NULL, &stamp, &entry);
    ck_assert_int_eq(result, 0);
    return entry;
}

void store_kit_model_put(struct store_kit_model *model, unsigned key, size_t body_size_bytes,
                         struct catalog_batch *batch) {
    ck_assert_uint_lt(key, STORE_KIT_KEYS);
    struct catalog_node_state *state = &model->state;
    state->high_water++;
    struct catalog_entry *entry = make_entry(key, state->high_water, body_size_bytes);
    if (model->entries[key] != NULL) {
        catalog_sum_remove(&state->sum, &model->entries[key]->digest);
        catalog_entry_release(model->entries[key]);
    }
    model->entries[key] = entry;
    catalog_sum_add(&state->sum, &entry->digest);
    if (batch != NULL) {
        batch->entries[batch->entry_count++] = entry;
        batch->state = *state;
    }
}

void store_kit_model_remove(struct store_kit_model *model, unsigned key,
                            struct catalog_batch *batch) {
    struct catalog_entry *entry = model->entries[key];
    if (entry == NULL) {
        return;
    }
    catalog_sum_remove(&model->state.sum, &entry->digest);
    model->entries[key] = NULL;
    if (model->removed[key] == NULL) {
        model->removed[key] = entry;
    } else {
        catalog_entry_release(entry); /* rows go by their key: one is as good as the other */
    }
    batch->removed[batch->removed_count++] = model->removed[key];
    batch->state = model->state;
}

void store_kit_model_reset(struct store_kit_model *model, struct catalog_batch *batch) {
    forget_kept(model);
    for (unsigned i = 0; i < STORE_KIT_KEYS; i++) {
        if (model->entries[i] != NULL) {
            model->kept[model->kept_count++] = model->entries[i];
            model->entries[i] = NULL;
        }
    }
    model->state.sum = (struct catalog_sum){.entry_count = 0};
    batch->reset = true;
    batch->kept = model->kept;
    batch->kept_count = model->kept_count;
    batch->state = model->state;
}

void store_kit_model_clear_kept(struct store_kit_model *model, struct catalog_batch *batch) {
    forget_kept(model);
    batch->kept_cleared = true;
}

static const struct catalog_entry *model_find(const struct store_kit_model *model,
                                              const struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    for (unsigned i = 0; i < STORE_KIT_KEYS; i++) {
        if (model->entries[i] != NULL) {
            struct catalog_key other = catalog_entry_key(model->entries[i]);
            if (catalog_key_equal(&key, &other)) {
                return model->entries[i];
            }
        }
    }
    return NULL;
}

void store_kit_model_compare(const struct store_kit_model *model, const struct catalog_load *load) {
    ck_assert_uint_eq(load->entry_count, model->state.sum.entry_count);
    for (size_t i = 0; i < load->entry_count; i++) {
        const struct catalog_entry *expected = model_find(model, load->entries[i]);
        ck_assert_ptr_nonnull(expected);
        ck_assert_uint_eq(load->entries[i]->size_bytes, expected->size_bytes);
        ck_assert_mem_eq(load->entries[i]->bytes, expected->bytes, expected->size_bytes);
        if (i > 0) {
            ck_assert_uint_lt(load->entries[i - 1]->slot, load->entries[i]->slot);
        }
    }
    ck_assert_uint_eq(load->kept_count, model->kept_count);
    ck_assert_uint_eq(load->kept_lost_count, 0);
    for (size_t i = 0; i < load->kept_count; i++) {
        ck_assert_uint_eq(load->kept[i]->size_bytes, model->kept[i]->size_bytes);
        ck_assert_mem_eq(load->kept[i]->bytes, model->kept[i]->bytes, load->kept[i]->size_bytes);
    }
    const struct catalog_node_state *state = &load->state;
    ck_assert_uint_eq(state->removed, model->state.removed);
    ck_assert(catalog_id_equal(&state->admitter_id, &model->state.admitter_id));
    ck_assert(catalog_id_equal(&state->replaced_id, &model->state.replaced_id));
    ck_assert_uint_eq(state->high_water, model->state.high_water);
    ck_assert_uint_eq(state->seen, model->state.seen);
    ck_assert_uint_eq(state->horizon, model->state.horizon);
    ck_assert_uint_eq(state->incarnation, model->state.incarnation);
    ck_assert_uint_eq(state->healing, model->state.healing);
    ck_assert_uint_eq(state->ready, model->state.ready);
    ck_assert_uint_eq(state->had_entry, model->state.had_entry);
    ck_assert_str_eq(state->cluster_name, model->state.cluster_name);
    ck_assert_str_eq(state->node_name, model->state.node_name);
    ck_assert(catalog_id_equal(&state->node_id, &model->state.node_id));
    ck_assert(catalog_id_equal(&state->cluster_id, &model->state.cluster_id));
    ck_assert_uint_eq(state->sum.entry_count, model->state.sum.entry_count);
    ck_assert(merkle_digest_equal(&state->sum.digest_sum, &model->state.sum.digest_sum));
}

/* --- the store ----------------------------------------------------------------------------------------------------- */

struct catalog_store *store_kit_open(const struct store_kit_place *place,
                                     struct catalog_load **load) {
    struct catalog_store *store = NULL;
    struct catalog_problem problem = {.code = 0};
    int result =
        catalog_store_open(&merkle_allocator_libc, place->inside, "", &store, load, &problem);
    ck_assert_msg(result == 0, "%d: %s", result, problem.message);
    return store;
}

int store_kit_commit(struct catalog_store *store, struct catalog_batch *batch) {
    return catalog_store_commit(store, &batch, 1);
}

void store_kit_fill(struct catalog_store *store, struct store_kit_model *model, unsigned first,
                    unsigned count, size_t body_size_bytes) {
    struct catalog_entry *entries[STORE_KIT_KEYS];
    struct catalog_batch batch = {.entries = entries};
    for (unsigned i = 0; i < count; i++) {
        store_kit_model_put(model, first + i, body_size_bytes, &batch);
    }
    batch.state = model->state;
    ck_assert_int_eq(store_kit_commit(store, &batch), 0);
}
