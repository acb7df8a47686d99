/* sqlite_repair.c - sets bad rows aside, so that the rest can be used until the cluster has sent them again.
 *
 * One transaction does all of it, or nothing:
 *   1. the index goes, since it may list what is not there;
 *   2. bad rows move to the table `quarantine`, for whoever wants to look at them;
 *   3. the index is made anew from the rows;
 *   4. if rows were lost, the state row says so: healing, `seen` down to the horizon (the node can no longer stand for
 *      what it once confirmed, DESIGN 4.8), and the sum of what is left;
 *   5. SQLite checks every page: if the structure is broken too, nothing is committed, and the file is set aside.
 */
#include "catalog/sqlite_store.h"

/* Steps 1 to 3; an SQLite code. */
static int move_rows(struct catalog_store *store, const struct catalog__survey *survey) {
    int code = catalog__store_execute(store, "DROP INDEX entries_by_slot");
    sqlite3_stmt *copy = NULL, *delete_row = NULL;
    if (code == SQLITE_OK) {
        code = sqlite3_prepare_v2(store->database,
                                  "INSERT INTO quarantine (slot, key, digest, bytes) "
                                  "SELECT slot, key, digest, bytes FROM entries WHERE id = ?",
                                  -1, &copy, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_prepare_v2(store->database, "DELETE FROM entries WHERE id = ?", -1,
                                  &delete_row, NULL);
    }
    for (size_t i = 0; i < survey->bad_count && code == SQLITE_OK; i++) {
        sqlite3_stmt *const both[] = {copy, delete_row};
        for (size_t k = 0; k < 2 && code == SQLITE_OK; k++) {
            code = sqlite3_bind_int64(both[k], 1, survey->bad_ids[i]);
            if (code == SQLITE_OK) {
                (void)sqlite3_step(both[k]);
                code = sqlite3_reset(both[k]);
            }
        }
    }
    (void)sqlite3_finalize(copy);
    (void)sqlite3_finalize(delete_row);
    if (code == SQLITE_OK) {
        code = catalog__store_execute(store,
                                      "CREATE UNIQUE INDEX entries_by_slot ON entries (slot, key)");
    }
    return code;
}

static int repair_inside(struct catalog_store *store, const struct catalog__survey *survey,
                         const struct catalog_node_state *state, struct catalog_problem *problem) {
    int code = move_rows(store, survey);
    if (code == SQLITE_OK) {
        code = catalog__row_put_state(store, state);
    }
    int result = code == SQLITE_OK
                     ? 0
                     : catalog__store_refuse(store, code, "set damaged rows aside in", problem);
    if (result == 0 && catalog__store_check_structure(store) != 0) {
        result = catalog__store_problem(problem, CATALOG_EDAMAGED, "%.300s is damaged",
                                        store->directory.database);
    }
    if (result == 0) {
        code = catalog__store_run(store, CATALOG__COMMIT);
        result = code == SQLITE_OK
                     ? 0
                     : catalog__store_refuse(store, code, "set damaged rows aside in", problem);
    }
    return result;
}

int catalog__store_repair(struct catalog_store *store, struct catalog__survey *survey,
                          struct catalog_problem *problem) {
    struct catalog_node_state state = survey->state;
    if (survey->bad_count > 0 || survey->rows_missing) {
        state.healing = true;
        state.seen = state.seen < state.horizon ? state.seen : state.horizon;
        state.sum = survey->sum;
    }
    int code = catalog__store_run(store, CATALOG__BEGIN);
    if (code != SQLITE_OK) {
        return catalog__store_refuse(store, code, "set damaged rows aside in", problem);
    }
    int result = repair_inside(store, survey, &state, problem);
    if (result != 0) {
        catalog__store_rollback(store);
        return result;
    }
    survey->state = state;
    store->quarantined_count += survey->bad_count;
    return 0;
}
