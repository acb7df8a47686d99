/* sqlite_verify.c - reads all that catalog.db holds, and believes none of it.
 *
 *   1. The state row and the member rows: their digests, and the sum over the members. If one is wrong, this node no
 *      longer knows what it promised, and the file is set aside as a whole.
 *   2. Each entry is decoded and compared with its digest, slot and key; bad ones are noted. Rows are read in the order in
 *      which they lie in the file and sorted in memory, which takes a fraction of what reading them in slot order does.
 *   3. The index must list just these rows: an entry that it does not find would be stored twice.
 *   4. Count and sum against the state row: a row that is gone, or an old one that came back with an old page.
 */
#include "catalog/sqlite_store.h"
#include "merkle/instrument.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void *catalog__survey_grow(const struct merkle_allocator *allocator, void *items, size_t count,
                           size_t *capacity, size_t item_size_bytes) {
    if (count < *capacity) {
        return items;
    }
    size_t wanted = *capacity < 64 ? 64 : *capacity + *capacity / 2;
    void *larger = merkle_reallocate(allocator, items, wanted, item_size_bytes);
    if (larger != NULL) {
        *capacity = wanted;
    }
    return larger;
}

static int no_memory(struct catalog_problem *problem) {
    return catalog__store_problem(problem, CATALOG_ENOMEM, "out of memory while loading");
}

static int damaged(const struct catalog_store *store, const char *what,
                   struct catalog_problem *problem) {
    return catalog__store_problem(problem, CATALOG_EDAMAGED, "%.300s: %s",
                                  store->directory.database, what);
}

/* --- state and members (step 1) ------------------------------------------------------------------------------------ */

/* The row of state. `found` is false if there is none. */
static int read_state(struct catalog_store *store, struct catalog__survey *survey,
                      struct catalog_sum *member_sum, struct catalog_sum *kept_sum, bool *found,
                      struct catalog_problem *problem) {
    sqlite3_stmt *query = NULL;
    int code = sqlite3_prepare_v2(store->database,
                                  "SELECT " CATALOG__STATE_COLUMNS
                                  ", digest, member_count, member_sum, kept_count, kept_sum "
                                  "FROM node_state",
                                  -1, &query, NULL);
    int result = 0;
    *found = false;
    if (code == SQLITE_OK) {
        code = sqlite3_step(query);
    }
    if (code == SQLITE_ROW) {
        *found = true;
        if (!catalog__row_read_state(query, &survey->state, member_sum, kept_sum)) {
            PROBE("catalog.state_row_damaged");
            result = damaged(store, "the row of state is damaged", problem);
        }
        code = SQLITE_DONE;
    }
    if (result == 0 && code != SQLITE_DONE) {
        result = catalog__store_refuse(store, code, "read", problem);
    }
    (void)sqlite3_finalize(query);
    return result;
}

static int read_members(struct catalog_store *store, struct catalog__survey *survey,
                        struct catalog_sum *sum, struct catalog_problem *problem) {
    sqlite3_stmt *query = NULL;
    int code = sqlite3_prepare_v2(store->database,
                                  "SELECT " CATALOG__MEMBER_COLUMNS ", digest FROM members", -1,
                                  &query, NULL);
    int result = 0;
    if (code == SQLITE_OK) {
        while (result == 0 && (code = sqlite3_step(query)) == SQLITE_ROW) {
            struct catalog_member_row *members =
                catalog__survey_grow(survey->allocator, survey->members, survey->member_count,
                                     &survey->member_capacity, sizeof *members);
            if (members == NULL) {
                result = no_memory(problem);
                break;
            }
            survey->members = members;
            if (catalog__row_read_member(query, &members[survey->member_count], sum)) {
                survey->member_count++;
            } else {
                PROBE("catalog.member_row_damaged");
                result = damaged(store, "a row of a member is damaged", problem);
            }
        }
    }
    if (result == 0 && code != SQLITE_DONE) {
        result = catalog__store_refuse(store, code, "read", problem);
    }
    (void)sqlite3_finalize(query);
    return result;
}

/* --- entries (step 2) ---------------------------------------------------------------------------------------------- */

static int note_bad(struct catalog__survey *survey, int64_t id) {
    int64_t *ids = catalog__survey_grow(survey->allocator, survey->bad_ids, survey->bad_count,
                                        &survey->bad_capacity, sizeof *ids);
    if (ids == NULL) {
        return CATALOG_ENOMEM;
    }
    survey->bad_ids = ids;
    ids[survey->bad_count++] = id;
    return 0;
}

static int note_row(struct catalog__survey *survey, int64_t id, struct catalog_entry *entry) {
    struct catalog__row *rows = catalog__survey_grow(
        survey->allocator, survey->rows, survey->row_count, &survey->row_capacity, sizeof *rows);
    if (rows == NULL) {
        catalog_entry_release(entry);
        return CATALOG_ENOMEM;
    }
    survey->rows = rows;
    rows[survey->row_count++] =
        (struct catalog__row){.slot = entry->slot, .id = id, .entry = entry};
    catalog_sum_add(&survey->sum, &entry->digest);
    return 0;
}

static int read_entry(struct catalog__survey *survey, sqlite3_stmt *query, int64_t id) {
    struct catalog_entry *entry = NULL;
    int result = catalog__row_read_entry(survey->allocator, query, &entry);
    if (result == CATALOG_EDAMAGED) {
        PROBE("catalog.row_damaged");
        return note_bad(survey, id);
    }
    return result == 0 ? note_row(survey, id, entry) : result;
}

static int read_entries(struct catalog_store *store, struct catalog__survey *survey,
                        struct catalog_problem *problem) {
    sqlite3_stmt *query = NULL;
    int code = sqlite3_prepare_v2(store->database,
                                  "SELECT id, slot, key, digest, bytes FROM entries ORDER BY id",
                                  -1, &query, NULL);
    int result = 0;
    int64_t last = INT64_MIN;
    while (code == SQLITE_OK && result == 0) {
        code = sqlite3_step(query);
        if (code != SQLITE_ROW) {
            break;
        }
        int64_t id = sqlite3_column_int64(query, 0);
        if (id <= last && last != INT64_MIN) {
            PROBE("catalog.rows_out_of_order");
            /* The same page hangs in the tree twice, or at a wrong place: writing to it would spread that. */
            result = damaged(store, "rows are out of order", problem);
        } else {
            result = read_entry(survey, query, id);
            result = result == CATALOG_ENOMEM ? no_memory(problem) : result;
        }
        last = id;
        code = SQLITE_OK;
    }
    if (result == 0 && code != SQLITE_DONE) {
        result = catalog__store_refuse(store, code, "read", problem);
    }
    (void)sqlite3_finalize(query);
    return result;
}

static int compare_keys(const struct catalog_entry *a, const struct catalog_entry *b) {
    char left[CATALOG__KEY_TEXT_SIZE_MAX], right[CATALOG__KEY_TEXT_SIZE_MAX];
    size_t left_size = catalog__key_to_text(a, left), right_size = catalog__key_to_text(b, right);
    int order = memcmp(left, right, left_size < right_size ? left_size : right_size);
    return order != 0 ? order : (left_size > right_size) - (left_size < right_size);
}

/* The order of the index: slot, then key. */
static int compare_rows(const void *a, const void *b) {
    const struct catalog__row *left = a, *right = b;
    if (left->slot != right->slot) {
        return left->slot < right->slot ? -1 : 1;
    }
    int order = compare_keys(left->entry, right->entry);
    return order != 0 ? order : (left->id > right->id) - (left->id < right->id);
}

/* Sorts, and gives up all rows of a key that has several: which of them is the last is not known. */
static int sort_rows(struct catalog__survey *survey) {
    if (survey->row_count == 0) {
        return 0;
    }
    bool sorted = true;
    for (size_t i = 1; i < survey->row_count && sorted; i++) {
        sorted = survey->rows[i - 1].slot < survey->rows[i].slot;
    }
    if (sorted) {
        return 0;
    }
    qsort(survey->rows, survey->row_count, sizeof *survey->rows, compare_rows);
    size_t kept = 0;
    for (size_t i = 0; i < survey->row_count;) {
        size_t next = i + 1;
        while (next < survey->row_count && survey->rows[next].slot == survey->rows[i].slot &&
               compare_keys(survey->rows[next].entry, survey->rows[i].entry) == 0) {
            next++;
        }
        if (next == i + 1) {
            survey->rows[kept++] = survey->rows[i];
            i = next;
            continue;
        }
        for (; i < next; i++) {
            struct catalog__row row = survey->rows[i];
            int result = note_bad(survey, row.id);
            if (result != 0) {
                /* Keeps the list free of holes, so that all is released. */
                memmove(&survey->rows[kept], &survey->rows[i],
                        (survey->row_count - i) * sizeof *survey->rows);
                survey->row_count = kept + survey->row_count - i;
                return result;
            }
            catalog_sum_remove(&survey->sum, &row.entry->digest);
            catalog_entry_release(row.entry);
        }
    }
    survey->row_count = kept;
    return 0;
}

/* --- the index (step 3) -------------------------------------------------------------------------------------------- */

static bool index_row_is(sqlite3_stmt *query, const struct catalog__row *row) {
    if (sqlite3_column_int64(query, 0) != row->id ||
        catalog__slot_from_column(sqlite3_column_int64(query, 1)) != row->slot ||
        sqlite3_column_type(query, 2) != SQLITE_TEXT) {
        return false;
    }
    char text[CATALOG__KEY_TEXT_SIZE_MAX];
    size_t size_bytes = catalog__key_to_text(row->entry, text);
    const void *key = sqlite3_column_blob(query, 2);
    return key != NULL && (size_t)sqlite3_column_bytes(query, 2) == size_bytes &&
           memcmp(key, text, size_bytes) == 0;
}

static int check_index(struct catalog_store *store, struct catalog__survey *survey,
                       struct catalog_problem *problem) {
    if (survey->bad_count > 0) {
        survey->index_wrong = true; /* it is made anew anyway */
        return 0;
    }
    sqlite3_stmt *query = NULL;
    int code = sqlite3_prepare_v2(
        store->database,
        "SELECT id, slot, key FROM entries INDEXED BY entries_by_slot ORDER BY slot, key", -1,
        &query, NULL);
    size_t count = 0;
    bool equal = true;
    while (code == SQLITE_OK && equal) {
        code = sqlite3_step(query);
        if (code != SQLITE_ROW) {
            break;
        }
        equal = count < survey->row_count && index_row_is(query, &survey->rows[count]);
        count++;
        code = SQLITE_OK;
    }
    (void)sqlite3_finalize(query);
    survey->index_wrong = !equal || (code == SQLITE_DONE && count != survey->row_count);
    if (survey->index_wrong) {
        PROBE("catalog.index_wrong");
    }
    if (survey->index_wrong || code == SQLITE_DONE) {
        return 0;
    }
    if (catalog__store_fault(store->database, code) == CATALOG_EDAMAGED) {
        survey->index_wrong = true;
        return 0;
    }
    return catalog__store_refuse(store, code, "read", problem);
}

/* --- all of it ----------------------------------------------------------------------------------------------------- */

bool catalog__sums_equal(const struct catalog_sum *a, const struct catalog_sum *b) {
    return a->entry_count == b->entry_count && merkle_digest_equal(&a->digest_sum, &b->digest_sum);
}

static int check_cluster(const struct catalog_store *store, const struct catalog__survey *survey,
                         struct catalog_problem *problem) {
    if (store->cluster_name[0] == '\0' || survey->state.cluster_name[0] == '\0' ||
        strcmp(store->cluster_name, survey->state.cluster_name) == 0) {
        return 0;
    }
    return catalog__store_problem(
        problem, CATALOG_ECLUSTER,
        "%.200s belongs to the cluster %.128s, not to %.128s: name that one, or take another "
        "directory",
        store->directory.path, survey->state.cluster_name, store->cluster_name);
}

static int survey_tables(struct catalog_store *store, struct catalog__survey *survey,
                         struct catalog_problem *problem) {
    struct catalog_sum stored_members = {.entry_count = 0}, members = {.entry_count = 0};
    struct catalog_sum stored_kept = {.entry_count = 0};
    bool state_found = false;
    int result = read_state(store, survey, &stored_members, &stored_kept, &state_found, problem);
    if (result == 0 && state_found) {
        result = check_cluster(store, survey, problem);
    }
    if (result == 0) {
        result = read_members(store, survey, &members, problem);
    }
    if (result == 0 && !catalog__sums_equal(&stored_members, &members)) {
        PROBE("catalog.member_rows_missing");
        result = damaged(store, "rows of members are missing", problem);
    }
    if (result == 0) {
        result = catalog__kept_read(store, &stored_kept, survey, problem);
    }
    if (result == 0) {
        result = read_entries(store, survey, problem);
    }
    if (result == 0 && sort_rows(survey) != 0) {
        result = no_memory(problem);
    }
    if (result == 0) {
        result = check_index(store, survey, problem);
    }
    if (result != 0) {
        return result;
    }
    survey->empty = !state_found;
    if (!state_found &&
        (survey->row_count > 0 || survey->bad_count > 0 || survey->kept_count > 0)) {
        return damaged(store, "the row of state is missing", problem);
    }
    survey->rows_missing = survey->bad_count == 0 &&
                           !catalog__sums_equal(&survey->sum, &survey->state.sum) &&
                           !PLANTED(ATTUNE_B27);
    if (survey->rows_missing) {
        PROBE("catalog.rows_missing");
    }
    return 0;
}

int catalog__store_survey(struct catalog_store *store, struct catalog__survey *survey,
                          struct catalog_problem *problem) {
    *survey = (struct catalog__survey){.allocator = store->allocator};
    int code = catalog__store_execute(store, "BEGIN");
    int result = code == SQLITE_OK ? survey_tables(store, survey, problem)
                                   : catalog__store_refuse(store, code, "read", problem);
    int64_t quarantined = 0;
    if (result == 0) {
        code = catalog__store_number(store, "SELECT count(*) FROM quarantine", &quarantined);
        result = code == SQLITE_OK ? 0 : catalog__store_refuse(store, code, "read", problem);
    }
    catalog__store_rollback(store);
    store->quarantined_count = (uint64_t)quarantined;
    if (result != 0) {
        catalog__survey_close(survey);
    }
    return result;
}

void catalog__survey_close(struct catalog__survey *survey) {
    for (size_t i = 0; i < survey->row_count; i++) {
        catalog_entry_release(survey->rows[i].entry);
    }
    for (size_t i = 0; i < survey->kept_count; i++) {
        catalog_entry_release(survey->kept[i]);
    }
    merkle_release(survey->allocator, survey->kept);
    merkle_release(survey->allocator, survey->rows);
    merkle_release(survey->allocator, survey->bad_ids);
    merkle_release(survey->allocator, survey->members);
    *survey = (struct catalog__survey){.allocator = survey->allocator};
}
