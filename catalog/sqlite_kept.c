/* sqlite_kept.c - the table `kept`: what a node had when it took a new id and started empty (DESIGN 4.7).
 *
 * It is written in the transaction that empties the catalog, and stays until what this node alone had is in a file for
 * `import`. No other node has to have it, so a bad row cannot be healed: it is left out of the load, counted, and stays where it
 * is, for whoever wants to look at it, until the table is cleared. Count and sum in the row of state show rows that are gone.
 * Clearing gives pages back, and if one of them is another table's too that would spread the damage: so where a row is lost
 * SQLite checks all pages, and if the structure is broken the file is set aside as a whole.
 */
#include "catalog/sqlite_store.h"
#include "merkle/instrument.h"

int catalog__kept_put(struct catalog_store *store, const struct catalog_batch *batch) {
    if (!batch->reset && !batch->kept_cleared && batch->kept_count == 0) {
        return SQLITE_OK;
    }
    int code = SQLITE_OK;
    if (batch->reset) {
        code = catalog__store_run(store, CATALOG__CLEAR_KEPT);
    }
    for (size_t i = 0; i < batch->kept_count && code == SQLITE_OK; i++) {
        code = catalog__row_put_kept(store, batch->kept[i]);
    }
    if (code == SQLITE_OK && batch->kept_cleared) {
        code = catalog__store_run(store, CATALOG__CLEAR_KEPT);
    }
    return code == SQLITE_OK
               ? catalog__row_put_sum(store, CATALOG__READ_KEPT_DIGESTS, CATALOG__PUT_KEPT_SUM)
               : code;
}

/* The row that the query stands on; adds its digest to the sum if it is good. */
static int read_row(struct catalog__survey *survey, sqlite3_stmt *query, struct catalog_sum *sum) {
    struct catalog_entry **kept = catalog__survey_grow(
        survey->allocator, survey->kept, survey->kept_count, &survey->kept_capacity, sizeof *kept);
    if (kept == NULL) {
        return CATALOG_ENOMEM;
    }
    survey->kept = kept;
    int result = catalog__row_read_entry(survey->allocator, query, &kept[survey->kept_count]);
    if (result == 0) {
        catalog_sum_add(sum, &kept[survey->kept_count]->digest);
        survey->kept_count++;
    }
    return result == CATALOG_ENOMEM ? CATALOG_ENOMEM : 0;
}

static int check_structure(struct catalog_store *store, struct catalog_problem *problem) {
    int result = catalog__store_check_structure(store);
    return result == 0
               ? 0
               : catalog__store_problem(problem, result, "%.300s did not pass SQLite's check: %s",
                                        store->directory.database, catalog_error_message(result));
}

int catalog__kept_read(struct catalog_store *store, const struct catalog_sum *stored,
                       struct catalog__survey *survey, struct catalog_problem *problem) {
    struct catalog_sum sum = {.entry_count = 0};
    sqlite3_stmt *query = NULL;
    int code = sqlite3_prepare_v2(store->database,
                                  "SELECT id, slot, key, digest, bytes FROM kept ORDER BY id", -1,
                                  &query, NULL);
    int result = 0;
    if (code == SQLITE_OK) {
        while (result == 0 && (code = sqlite3_step(query)) == SQLITE_ROW) {
            result = read_row(survey, query, &sum);
        }
    }
    if (result != 0) {
        result = catalog__store_problem(problem, result, "out of memory while loading");
    } else if (code != SQLITE_DONE) {
        result = catalog__store_refuse(store, code, "read", problem);
    }
    (void)sqlite3_finalize(query);
    if (result == 0 && !catalog__sums_equal(stored, &sum)) {
        PROBE("catalog.kept_rows_lost");
        result = check_structure(store, problem);
        uint64_t lost =
            stored->entry_count > sum.entry_count ? stored->entry_count - sum.entry_count : 0;
        survey->kept_lost_count = lost > 0 ? lost : 1;
    }
    return result;
}
