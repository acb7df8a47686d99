/* sqlite_migrate.c - a file of an older format becomes one of this format when it is opened.
 *
 * The formats of the tables have numbers of their own (`user_version`): entries and digests are the same in all of them.
 *
 *      1   the first
 *      2   what the removal of dropped entries needs (DESIGN 4.7): columns `removed`, `admitter_id`, `replaced_id`, covered by
 *          the digest of the row of state; the table `kept`, its count and sum
 *      3   the same, made with incremental vacuum (sqlite_shrink.c). A file of format 2 stays one: that property is given to
 *          an empty file only, or by a VACUUM, which is no small transaction
 *
 * All is done in one transaction, so a crash leaves the one or the other. An older attune refuses a file that was brought up to
 * date, and changes nothing: it would not know that an id was removed. The SQL of tables is compared word by word
 * (sqlite_open.c), so they are made anew instead of altered.
 */
#include "catalog/sqlite_store.h"
#include "merkle/instrument.h"

#include <assert.h>
#include <string.h>

static const char first_node_state[] =
    "CREATE TABLE node_state (\n"
    "    id INTEGER PRIMARY KEY CHECK (id = 1),\n"
    "    format INTEGER NOT NULL, node_id BLOB NOT NULL, cluster_id BLOB NOT NULL,\n"
    "    cluster_name TEXT NOT NULL, node_name TEXT NOT NULL, incarnation INTEGER NOT NULL,\n"
    "    high_water INTEGER NOT NULL, seen INTEGER NOT NULL, horizon INTEGER NOT NULL,\n"
    "    ready INTEGER NOT NULL, healing INTEGER NOT NULL, had_entry INTEGER NOT NULL,\n"
    "    entry_count INTEGER NOT NULL, digest_sum BLOB NOT NULL, digest BLOB NOT NULL,\n"
    "    member_count INTEGER NOT NULL DEFAULT 0,\n"
    "    member_sum BLOB NOT NULL DEFAULT x'00000000000000000000000000000000')";

#define FIRST_STATE_COLUMNS                                                                        \
    "format, node_id, cluster_id, cluster_name, node_name, incarnation, high_water, seen, "        \
    "horizon, ready, healing, had_entry, "
#define SUM_COLUMNS "entry_count, digest_sum"

const char *catalog__migrate_object(int64_t format, const char *name) {
    if (format <= CATALOG__FILE_FORMAT_FIRST && strcmp(name, "kept") == 0) {
        return NULL;
    }
    if (format <= CATALOG__FILE_FORMAT_FIRST && strcmp(name, "node_state") == 0) {
        return first_node_state;
    }
    return catalog__store_object(name);
}

/* What the digest of the row of state is to be; SQLITE_DONE: there is no row. */
static int new_digest(struct catalog_store *store, struct merkle_digest *digest, bool *good) {
    sqlite3_stmt *query = NULL;
    int code = sqlite3_prepare_v2(
        store->database, "SELECT " FIRST_STATE_COLUMNS SUM_COLUMNS ", digest FROM node_state", -1,
        &query, NULL);
    *good = true;
    if (code == SQLITE_OK) {
        code = sqlite3_step(query);
    }
    if (code == SQLITE_ROW) {
        struct catalog_node_state state;
        *good = catalog__row_read_first_state(query, &state);
        *digest = catalog__row_state_digest(&state);
    }
    (void)sqlite3_finalize(query);
    return code;
}

static int copy_state(struct catalog_store *store, const struct merkle_digest *digest) {
    sqlite3_stmt *copy = NULL;
    int code = sqlite3_prepare_v2(
        store->database,
        "INSERT INTO node_state (id, " CATALOG__STATE_COLUMNS ", digest, member_count, member_sum) "
        "SELECT id, " FIRST_STATE_COLUMNS "0, zeroblob(16), zeroblob(16), " SUM_COLUMNS
        ", ?, member_count, member_sum FROM first_node_state",
        -1, &copy, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_bind_blob(copy, 1, digest->bytes, sizeof digest->bytes, SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        (void)sqlite3_step(copy);
    }
    int finalized = sqlite3_finalize(copy);
    return code == SQLITE_OK ? finalized : code;
}

static int make_anew(struct catalog_store *store, const struct merkle_digest *digest, bool row) {
    int code = catalog__store_execute(store, "ALTER TABLE node_state RENAME TO first_node_state");
    if (code == SQLITE_OK) {
        code = catalog__store_execute(store, catalog__store_object("node_state"));
    }
    if (code == SQLITE_OK && row) {
        code = copy_state(store, digest);
    }
    if (code == SQLITE_OK) {
        code = catalog__store_execute(store, "DROP TABLE first_node_state");
    }
    if (code == SQLITE_OK) {
        code = catalog__store_execute(store, catalog__store_object("kept"));
    }
    char header[64];
    if (code == SQLITE_OK) {
        (void)sqlite3_snprintf(sizeof header, header, "PRAGMA user_version = %d; COMMIT",
                               CATALOG__FILE_FORMAT_TABLES);
        code = catalog__store_execute(store, header);
    }
    return code;
}

int catalog__store_migrate(struct catalog_store *store, struct catalog_problem *problem) {
    PROBE("catalog.store_migrated");
    struct merkle_digest digest = {{0}};
    bool good = true;
    int code = catalog__store_execute(store, "BEGIN IMMEDIATE");
    if (code == SQLITE_OK) {
        code = new_digest(store, &digest, &good);
    }
    if (good && (code == SQLITE_ROW || code == SQLITE_DONE)) {
        code = make_anew(store, &digest, code == SQLITE_ROW);
    }
    if (good && code == SQLITE_OK) {
        return 0;
    }
    int result = good ? catalog__store_refuse(store, code, "bring up to date", problem)
                      : catalog__store_problem(problem, CATALOG_EDAMAGED,
                                               "%.300s: the row of state is damaged",
                                               store->directory.database);
    catalog__store_rollback(store);
    return result;
}
