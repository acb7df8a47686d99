/* sqlite_store.c - the store: opens, verifies, commits, and stops at the first failure until it has verified again.
 *
 *      open ---> verify --- sound ------------------------------> ready <---- commit
 *                 |  |                                              | a commit fails
 *                 |  +--- rows bad --> set them aside (healing) --> |
 *                 |                                                 v
 *                 +--- file beyond use --> renamed, fresh file    failed ---- reopen: close, open, verify, prove
 *
 * After a failed commit nothing that this connection says is believed: its cache, and the kernel's, may hold what the disk
 * does not. Reopening reads everything again and then proves by two commits of its own that the disk takes writes.
 */
#include "catalog/sqlite_store.h"
#include "catalog/load.h"
#include "merkle/instrument.h"

#include <assert.h>
#include <string.h>

/* --- loading ------------------------------------------------------------------------------------------------------- */

static int load_of_survey(const struct catalog_store *store, struct catalog__survey *survey,
                          struct catalog_load **load) {
    struct catalog_load *made = catalog__load_new(store->allocator);
    if (made == NULL) {
        return CATALOG_ENOMEM;
    }
    made->fresh = survey->empty;
    made->state = survey->state;
    made->quarantined_count = store->quarantined_count;
    made->rows_missing = survey->rows_missing || survey->bad_count > 0;
    if (survey->row_count > 0) {
        made->entries = merkle_allocate(store->allocator, survey->row_count, sizeof *made->entries);
        if (made->entries == NULL) {
            catalog_load_free(made);
            return CATALOG_ENOMEM;
        }
    }
    for (size_t i = 0; i < survey->row_count; i++) {
        made->entries[i] = survey->rows[i].entry; /* the reference moves */
    }
    made->entry_count = survey->row_count;
    survey->row_count = 0;
    made->kept = survey->kept;
    made->kept_count = survey->kept_count;
    made->kept_lost_count = survey->kept_lost_count;
    survey->kept = NULL;
    survey->kept_count = 0;
    made->members = survey->members;
    made->member_count = survey->member_count;
    survey->members = NULL;
    survey->member_count = 0;
    *load = made;
    return 0;
}

/* Connects, verifies, repairs. On an error the connection is closed. */
static int connect_and_survey(struct catalog_store *store, struct catalog__survey *survey,
                              struct catalog_problem *problem) {
    int result = catalog__directory_make_database(&store->directory, problem);
    if (result == 0) {
        result = catalog__store_renew_wal(store, problem);
    }
    if (result == 0) {
        result = catalog__store_connect(store, problem);
    }
    if (result != 0) {
        return result;
    }
    if (store->suspect) {
        PROBE("catalog.store_suspect");
        result = catalog__store_check_structure(store);
    }
    if (result != 0) {
        (void)catalog__store_problem(problem, result, "%.300s did not pass SQLite's check: %s",
                                     store->directory.database, catalog_error_message(result));
    }
    if (result == 0) {
        result = catalog__store_survey(store, survey, problem);
    }
    if (result == 0 && (survey->bad_count > 0 || survey->index_wrong || survey->rows_missing)) {
        PROBE("catalog.store_repaired");
        result = catalog__store_repair(store, survey, problem);
        if (result != 0) {
            catalog__survey_close(survey);
        }
    }
    if (result != 0) {
        catalog__store_disconnect(store, false);
    }
    return result;
}

/* What the load says of a file that was set aside: by this opening, or by one that ended before anything was stored in the
 * new file, and so may never have been heard. */
static int tell_of_damage(const struct catalog_store *store, const struct catalog_problem *found,
                          struct catalog_load *load, struct catalog_problem *problem) {
    char name[CATALOG__PATH_SIZE_MAX];
    int result =
        load->fresh ? catalog__directory_newest_aside(&store->directory, name, problem) : 0;
    load->damaged = result == 0 && load->fresh && name[0] != '\0';
    if (load->damaged) {
        const char *base = name + strlen(store->directory.path) + 1;
        (void)sqlite3_snprintf(sizeof load->damage, load->damage, "%.40s was set aside: %s", base,
                               found->code != 0 ? found->message
                                                : "nothing has been stored beside it since");
    }
    return result;
}

static int load_of_file(struct catalog_store *store, const struct catalog_problem *found,
                        struct catalog__survey *survey, struct catalog_load **load,
                        struct catalog_problem *problem) {
    struct catalog_load *made;
    int result = load_of_survey(store, survey, &made);
    if (result != 0) {
        return catalog__store_problem(problem, result, "out of memory while loading");
    }
    result = tell_of_damage(store, found, made, problem);
    if (result != 0) {
        catalog_load_free(made);
        return result;
    }
    *load = made;
    return 0;
}

/* Connects, verifies, repairs; a file that is beyond use is renamed, and a fresh one made. */
static int load_store(struct catalog_store *store, struct catalog_load **load,
                      struct catalog_problem *problem) {
    struct catalog__survey survey;
    struct catalog_problem found = {.code = 0};
    int result = connect_and_survey(store, &survey, &found);
    if (result == CATALOG_EDAMAGED) {
        char name[CATALOG__PATH_SIZE_MAX];
        result = catalog__directory_set_aside(&store->directory, name, problem);
        store->suspect = false;
        result = result == 0 ? connect_and_survey(store, &survey, problem) : result;
    } else if (result != 0 && problem != NULL) {
        *problem = found;
    }
    if (result != 0) {
        return result;
    }
    result = load_of_file(store, &found, &survey, load, problem);
    catalog__survey_close(&survey);
    if (result != 0) {
        catalog__store_disconnect(store, false);
        return result;
    }
    store->suspect = false;
    return 0;
}

/* --- the contract -------------------------------------------------------------------------------------------------- */

int catalog_store_open(const struct merkle_allocator *allocator, const char *directory,
                       const char *cluster_name, struct catalog_store **store,
                       struct catalog_load **load, struct catalog_problem *problem) {
    struct catalog_store *made = merkle_allocate_zeroed(allocator, 1, sizeof *made);
    if (made == NULL) {
        return catalog__store_problem(problem, CATALOG_ENOMEM, "out of memory");
    }
    made->allocator = allocator;
    made->directory.lock_fd = -1;
    int result = 0;
    size_t size_bytes = cluster_name != NULL ? strlen(cluster_name) : 0;
    if (size_bytes >= sizeof made->cluster_name) {
        result = catalog__store_problem(problem, CATALOG_ETOOBIG, "the cluster's name is too long");
        goto free_store;
    }
    if (size_bytes > 0) {
        memcpy(made->cluster_name, cluster_name, size_bytes);
    }
    result = catalog__directory_open(directory, &made->directory, problem);
    if (result != 0) {
        goto free_store;
    }
    result = load_store(made, load, problem);
    if (result != 0) {
        goto close_directory;
    }
    *store = made;
    return 0;
close_directory:
    catalog__directory_close(&made->directory);
free_store:
    merkle_release(allocator, made);
    return result;
}

void catalog_store_close(struct catalog_store *store) {
    if (store == NULL) {
        return;
    }
    catalog__store_disconnect(store, !store->failed);
    catalog__directory_close(&store->directory);
    merkle_release(store->allocator, store);
}

/* The entries of one batch, as it is to leave them; an SQLite code. */
static int put_batch(struct catalog_store *store, const struct catalog_batch *batch) {
    int code = SQLITE_OK;
    if (batch->reset) {
        PROBE("catalog.store_reset");
        code = catalog__store_run(store, CATALOG__CLEAR_ENTRIES);
    }
    for (size_t i = 0; i < batch->removed_count && code == SQLITE_OK; i++) {
        code = catalog__row_remove_entry(store, batch->removed[i]);
    }
    for (size_t i = 0; i < batch->entry_count && code == SQLITE_OK; i++) {
        code = catalog__row_put_entry(store, batch->entries[i]);
    }
    return code;
}

static bool removes_rows(struct catalog_batch *const *batches, size_t batch_count) {
    for (size_t i = 0; i < batch_count; i++) {
        if (batches[i]->removed_count > 0 || batches[i]->reset || batches[i]->kept_cleared) {
            return true;
        }
    }
    return false;
}

static int put_all(struct catalog_store *store, struct catalog_batch *const *batches,
                   size_t batch_count) {
    int code = catalog__store_run(store, CATALOG__BEGIN);
    for (size_t i = 0; i < batch_count && code == SQLITE_OK; i++) {
        code = put_batch(store, batches[i]);
    }
    /* Each batch bears the whole state: the last one is that of the transaction. It stands before the members and what was
     * kept, whose sums are in the same row. */
    const struct catalog_node_state *state = &batches[batch_count - 1]->state;
    if (code == SQLITE_OK) {
        code = catalog__row_put_state(store, state);
    }
    for (size_t i = 0; i < batch_count && code == SQLITE_OK; i++) {
        code = catalog__kept_put(store, batches[i]);
    }
    for (size_t i = 0; i < batch_count && code == SQLITE_OK; i++) {
        code = catalog__row_put_members(store, batches[i]);
    }
    /* Healed: what was set aside has come again from the others. */
    if (code == SQLITE_OK && !state->healing && store->quarantined_count > 0) {
        PROBE("catalog.quarantine_cleared");
        code = catalog__store_run(store, CATALOG__CLEAR_QUARANTINE);
    }
    if (code == SQLITE_OK && removes_rows(batches, batch_count)) {
        code = catalog__store_shrink(store);
    }
    return code == SQLITE_OK ? catalog__store_run(store, CATALOG__COMMIT) : code;
}

int catalog_store_commit(struct catalog_store *store, struct catalog_batch *const *batches,
                         size_t batch_count) {
    assert(batch_count > 0);
    if (store->failed) {
        return CATALOG_EIO;
    }
    int code = put_all(store, batches, batch_count);
    if (code == SQLITE_OK && !batches[batch_count - 1]->state.healing) {
        store->quarantined_count = 0;
    }
    if (code == SQLITE_OK) {
        catalog__store_shrunk(store);
        return 0;
    }
    store->shrinks = false;
    int fault = catalog__store_fault(store->database, code);
    if (fault == CATALOG_EFULL) {
        PROBE("catalog.store_full");
    } else {
        PROBE("catalog.store_commit_failed");
    }
    catalog__store_rollback(store);
    store->failed = true;
    store->suspect = fault == CATALOG_EDAMAGED;
    return fault == CATALOG_EFULL ? CATALOG_EFULL : CATALOG_EIO;
}

/* Two commits: one needs 16 pages of room, the other gives them back to the file. An SQLite code. */
static int prove_room(struct catalog_store *store) {
    int code = catalog__store_execute(
        store,
        "BEGIN IMMEDIATE; INSERT OR REPLACE INTO proof VALUES (1, randomblob(65536)); COMMIT");
    if (code == SQLITE_OK) {
        code = catalog__store_execute(store, "BEGIN IMMEDIATE; DELETE FROM proof; COMMIT");
    }
    return code;
}

int catalog_store_reopen(struct catalog_store *store, struct catalog_load **load,
                         struct catalog_problem *problem) {
    catalog__store_disconnect(store, false);
    store->failed = true;
    struct catalog_load *made = NULL;
    int result = load_store(store, &made, problem);
    if (result != 0) {
        return result;
    }
    int code = prove_room(store);
    if (code != SQLITE_OK) {
        PROBE("catalog.store_not_proved");
        result = catalog__store_refuse(store, code, "write to", problem);
        store->suspect = result == CATALOG_EDAMAGED;
        catalog__store_disconnect(store, false);
        catalog_load_free(made);
        return result;
    }
    PROBE("catalog.store_reopened");
    store->failed = false;
    *load = made;
    return 0;
}
