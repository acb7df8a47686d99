/* sqlite_store.h - the inside of the store (private to catalog/).
 *
 *      sqlite_store.c    the contract of catalog.h: open, commit, reopen, close
 *      sqlite_open.c     a connection: settings, schema, statements; what SQLite's errors mean
 *      sqlite_migrate.c  brings a file of an older format up to this one
 *      sqlite_rows.c     rows out of structures and back, and their digests
 *      sqlite_kept.c     the rows of what this node alone had when it took a new id
 *      sqlite_verify.c   reads all rows, compares them with their digests and sums
 *      sqlite_repair.c   sets bad rows aside
 *      sqlite_wal.c      makes sure that what recovery would read is on the disk
 *      sqlite_wal_check.c    tells damage in the middle of a WAL from its end
 *
 * docs/FORMAT.md describes the tables.
 */
#ifndef CATALOG_SQLITE_STORE_H
#define CATALOG_SQLITE_STORE_H

#include "catalog/store.h"
#include "catalog/store_directory.h"

#include <sqlite3.h>

enum {
    CATALOG__APPLICATION_ID = 0x6174746e, /* "attn", in the header of the file */
    CATALOG__FILE_FORMAT = 3,             /* of a new file: its `user_version` */
    CATALOG__FILE_FORMAT_TABLES = 2,      /* from here on the tables are as they are now */
    CATALOG__FILE_FORMAT_SHRINKS =
        3, /* from here on with incremental vacuum, which only a new file can get */
    CATALOG__FILE_FORMAT_FIRST = 1, /* the oldest that can be opened */
    CATALOG__KEY_TEXT_SIZE_MAX = 16 + 2 * (CATALOG_NAME_SIZE_MAX + 1),
};

#define CATALOG__SEED_ROW UINT64_C(0x6174747565000005) /* digests of state and member rows */

enum catalog__statement {
    CATALOG__BEGIN = 0,
    CATALOG__COMMIT = 1,
    CATALOG__PUT_ENTRY = 2,
    CATALOG__PUT_STATE = 3,
    CATALOG__PUT_MEMBER = 4,
    CATALOG__CLEAR_MEMBERS = 5,
    CATALOG__READ_MEMBER_DIGESTS = 6,
    CATALOG__PUT_MEMBER_SUM = 7,
    CATALOG__CLEAR_QUARANTINE = 8,
    CATALOG__REMOVE_ENTRY = 9,
    CATALOG__CLEAR_ENTRIES = 10,
    CATALOG__PUT_KEPT = 11,
    CATALOG__CLEAR_KEPT = 12,
    CATALOG__READ_KEPT_DIGESTS = 13,
    CATALOG__PUT_KEPT_SUM = 14,
    CATALOG__STATEMENT_COUNT = 15,
};

struct catalog_store {
    const struct merkle_allocator *allocator;
    struct catalog__directory directory;
    char cluster_name[CATALOG_NAME_SIZE_MAX + 1]; /* empty: any */
    sqlite3 *database;                            /* NULL: closed after a failure */
    sqlite3_stmt *statements[CATALOG__STATEMENT_COUNT];
    uint64_t quarantined_count;
    bool shrinks; /* the transaction under way moves pages out of the end of the file */
    bool failed;  /* a commit failed: nothing is taken until a reopen */
    bool
        suspect; /* SQLite found the file's structure broken: look at all of it before it is used again */
};

/* The VFS that stores are opened with; NULL: the system's. For tests; set it while no store is open. */
extern const char *catalog__store_vfs;

/* --- sqlite_open.c ------------------------------------------------------------------------------------------------- */

/* What an SQLite error means here: CATALOG_EFULL, CATALOG_EDAMAGED, CATALOG_EPERMISSION, CATALOG_ENOMEM, else
 * CATALOG_EIO (descriptors that have run out as well). `database` (may be NULL) is asked for the system's error. */
int catalog__store_fault(sqlite3 *database, int sqlite_code);
/* The same with a sentence. */
int catalog__store_refuse(const struct catalog_store *store, int sqlite_code, const char *what,
                          struct catalog_problem *problem);
/* The same where no connection can be asked for the system's error; 0: there is none. */
int catalog__store_refuse_system(const struct catalog_store *store, int sqlite_code,
                                 int system_error, const char *what,
                                 struct catalog_problem *problem);

/* Opens the file and makes the tables if it has none. CATALOG_EDAMAGED: it is no database, or not one of ours;
 * CATALOG_EFORMAT; else errors of catalog__store_fault. The connection is closed on an error. */
int catalog__store_connect(struct catalog_store *store, struct catalog_problem *problem);
/* `clean`: with a checkpoint, so that no WAL is left; else the files are left as they are. */
void catalog__store_disconnect(struct catalog_store *store, bool clean);

/* Runs SQL without results, or a prepared statement that is bound; an SQLite code. */
int catalog__store_execute(struct catalog_store *store, const char *sql);
int catalog__store_run(struct catalog_store *store, enum catalog__statement statement);
/* The first column of the first row as an integer. */
int catalog__store_number(struct catalog_store *store, const char *sql, int64_t *number);
/* Forgets the open transaction, if there is one. */
void catalog__store_rollback(struct catalog_store *store);

/* The SQL of one of our tables or indexes, as this format makes it; NULL if there is none of the name. */
const char *catalog__store_object(const char *name);

/* SQLite's own check of pages and indexes: 0 or CATALOG_EDAMAGED, CATALOG_EIO, CATALOG_ENOMEM. */
int catalog__store_check_structure(struct catalog_store *store);

/* --- sqlite_migrate.c ---------------------------------------------------------------------------------------------- */

/* What stood in the place of an object in this format: the SQL of catalog__store_object, or another; NULL: nothing. */
const char *catalog__migrate_object(int64_t format, const char *name);
/* Brings a file whose tables are those of an older format up to this one, in one transaction. CATALOG_EDAMAGED: its row of
 * state is damaged; else errors of catalog__store_fault. The file is as it was then. */
int catalog__store_migrate(struct catalog_store *store, struct catalog_problem *problem);

/* --- sqlite_shrink.c --- */

/* Within a transaction that has removed rows: moves pages out of the end of the file. An SQLite code. A file that was made
 * without incremental vacuum stays as it is. */
int catalog__store_shrink(struct catalog_store *store);
/* After its commit: a checkpoint, which cuts the file. What it fails at stays in the WAL, for the next one. */
void catalog__store_shrunk(struct catalog_store *store);
/* For tests; set them while no store is open. */
struct catalog__shrink_limits {
    int64_t free_pages_min; /* with fewer it does nothing: rows to come take them */
    int64_t pages_max;      /* in one transaction */
};
extern struct catalog__shrink_limits catalog__shrink_limits;

/* --- sqlite_rows.c ------------------------------------------------------------------------------------------------- */

/* SQLite's integers are signed: the top bit is flipped, so that slots keep their order. */
int64_t catalog__slot_to_column(uint64_t slot);
uint64_t catalog__slot_from_column(int64_t column);
/* "schema/ENTITY", "constraint/ENTITY/NAME", "KIND/ENTITY/NAME"; returns the size. No NUL. */
size_t catalog__key_to_text(const struct catalog_entry *entry,
                            char text[CATALOG__KEY_TEXT_SIZE_MAX]);

/* Writers; SQLite codes. */
int catalog__row_put_entry(struct catalog_store *store, const struct catalog_entry *entry);
int catalog__row_put_kept(struct catalog_store *store, const struct catalog_entry *entry);
/* The row of the entry's key goes, whatever stands in it. */
int catalog__row_remove_entry(struct catalog_store *store, const struct catalog_entry *entry);
int catalog__row_put_state(struct catalog_store *store, const struct catalog_node_state *state);
int catalog__row_put_members(struct catalog_store *store, const struct catalog_batch *batch);

/* Takes the sum over all digests that `read` gives, and has `put` write it into the row of state. */
int catalog__row_put_sum(struct catalog_store *store, enum catalog__statement read,
                         enum catalog__statement put);

/* Readers of the row that a statement stands on. False: the row is damaged. Columns as in the SQL beside them. */
#define CATALOG__STATE_COLUMNS                                                                     \
    "format, node_id, cluster_id, cluster_name, node_name, incarnation, high_water, seen, "        \
    "horizon, ready, healing, had_entry, removed, admitter_id, replaced_id, entry_count, "         \
    "digest_sum"
#define CATALOG__MEMBER_COLUMNS "id, name, address, incarnation, state, ready"
/* CATALOG__STATE_COLUMNS, digest, member_count, member_sum, kept_count, kept_sum */
bool catalog__row_read_state(sqlite3_stmt *row, struct catalog_node_state *state,
                             struct catalog_sum *member_sum, struct catalog_sum *kept_sum);
/* As the first format had it; CATALOG__STATE_COLUMNS without those from `removed` to `replaced_id`, digest. */
bool catalog__row_read_first_state(sqlite3_stmt *row, struct catalog_node_state *state);
/* What `digest` is for this state. */
struct merkle_digest catalog__row_state_digest(const struct catalog_node_state *state);
/* CATALOG__MEMBER_COLUMNS, digest; adds the digest to `sum` */
bool catalog__row_read_member(sqlite3_stmt *row, struct catalog_member_row *member,
                              struct catalog_sum *sum);
/* id, slot, key, digest, bytes. 0, CATALOG_EDAMAGED: the row is bad; CATALOG_ENOMEM. */
int catalog__row_read_entry(const struct merkle_allocator *allocator, sqlite3_stmt *row,
                            struct catalog_entry **entry);

/* --- sqlite_verify.c ----------------------------------------------------------------------------------------------- */

/* A good row; those of bad ones are kept by id. */
struct catalog__row {
    uint64_t slot;
    int64_t id;
    struct catalog_entry *entry; /* held */
};

/* All that was found in the file. */
struct catalog__survey {
    const struct merkle_allocator *allocator;
    bool empty; /* neither state nor entries nor members: nothing was ever committed */
    struct catalog_node_state state;
    struct catalog__row *rows; /* in order of (slot, key) */
    size_t row_count, row_capacity;
    int64_t *bad_ids;
    size_t bad_count, bad_capacity;
    struct catalog_member_row *members;
    size_t member_count, member_capacity;
    struct catalog_entry **kept; /* good rows, held */
    size_t kept_count, kept_capacity;
    uint64_t kept_lost_count; /* rows that are bad or gone */
    struct catalog_sum sum;   /* over the good rows */
    bool index_wrong;         /* the index does not list the rows */
    bool rows_missing;
};

/* Reads everything. CATALOG_EDAMAGED: beyond repair by rows; CATALOG_ECLUSTER; errors of catalog__store_fault. */
int catalog__store_survey(struct catalog_store *store, struct catalog__survey *survey,
                          struct catalog_problem *problem);
void catalog__survey_close(struct catalog__survey *survey);
bool catalog__sums_equal(const struct catalog_sum *a, const struct catalog_sum *b);
/* Room for one more; grows by half. NULL: memory is short, the old block stands. */
void *catalog__survey_grow(const struct merkle_allocator *allocator, void *items, size_t count,
                           size_t *capacity, size_t item_size_bytes);

/* --- sqlite_kept.c ------------------------------------------------------------------------------------------------- */

/* What a batch says of the table `kept`; an SQLite code. After the state, whose row bears the sum. */
int catalog__kept_put(struct catalog_store *store, const struct catalog_batch *batch);
/* Reads the rows into the survey; `stored` is what the row of state says of them. Bad and missing ones are counted. 0 or
 * errors of catalog__store_fault. */
int catalog__kept_read(struct catalog_store *store, const struct catalog_sum *stored,
                       struct catalog__survey *survey, struct catalog_problem *problem);

/* --- sqlite_repair.c ----------------------------------------------------------------------------------------------- */

/* Sets aside what the survey found bad, in one transaction, and changes the survey's state to what is stored then.
 * CATALOG_EDAMAGED: the file is not sound even so. */
int catalog__store_repair(struct catalog_store *store, struct catalog__survey *survey,
                          struct catalog_problem *problem);

/* --- sqlite_wal.c -------------------------------------------------------------------------------------------------- */

/* Writes the WAL, if there is one, over itself and syncs it. Call before connecting. CATALOG_EDAMAGED: it is damaged in its
 * middle, and SQLite would show an older state; else errors of catalog__store_fault. */
int catalog__store_renew_wal(struct catalog_store *store, struct catalog_problem *problem);

/* --- sqlite_wal_check.c -------------------------------------------------------------------------------------------- */

/* An SQLite code. `*bad_offset`: where in this WAL something is that had been synced, and is no longer what it was; else -1,
 * which also damage to the last transactions comes to. `*torn`: its header's checksum does not fit, SQLite reads nothing of
 * it. */
int catalog__wal_check(const struct merkle_allocator *allocator, sqlite3_file *file,
                       sqlite3_int64 *bad_offset, bool *torn);

#endif
