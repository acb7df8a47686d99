/* sqlite_open.c - a connection to catalog.db: settings, tables, statements, and what SQLite's errors mean.
 *
 * WAL with synchronous=FULL: a commit returns after its frames are synced. No memory map: a bad sector comes back as an
 * error instead of a signal. Locking stays the normal one, so that an operator can read the file with sqlite3 while it is
 * in use; the price is a -shm file.
 *
 * The names and the SQL of our tables are compared with what this file would make: a damaged page of the schema can leave
 * a table that parses, and means something else. Tables and views of an operator do not matter.
 */
#include "catalog/sqlite_store.h"
#include "merkle/instrument.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

const char *catalog__store_vfs = NULL;

enum { BUSY_TIMEOUT_MS = 5000 }; /* how long an operator's transaction may be in our way */

static const char settings[] = "PRAGMA mmap_size = 0;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA wal_autocheckpoint = 1000;"
                               "PRAGMA journal_size_limit = 67108864;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA trusted_schema = OFF;";

struct object {
    const char *name;
    const char *sql;
};

/* As SQLite keeps them: the statement's own text. */
static const struct object objects[] = {
    {"node_state",
     "CREATE TABLE node_state (\n"
     "    id INTEGER PRIMARY KEY CHECK (id = 1),\n"
     "    format INTEGER NOT NULL, node_id BLOB NOT NULL, cluster_id BLOB NOT NULL,\n"
     "    cluster_name TEXT NOT NULL, node_name TEXT NOT NULL, incarnation INTEGER NOT NULL,\n"
     "    high_water INTEGER NOT NULL, seen INTEGER NOT NULL, horizon INTEGER NOT NULL,\n"
     "    ready INTEGER NOT NULL, healing INTEGER NOT NULL, had_entry INTEGER NOT NULL,\n"
     "    removed INTEGER NOT NULL, admitter_id BLOB NOT NULL, replaced_id BLOB NOT NULL,\n"
     "    entry_count INTEGER NOT NULL, digest_sum BLOB NOT NULL, digest BLOB NOT NULL,\n"
     "    member_count INTEGER NOT NULL DEFAULT 0,\n"
     "    member_sum BLOB NOT NULL DEFAULT x'00000000000000000000000000000000',\n"
     "    kept_count INTEGER NOT NULL DEFAULT 0,\n"
     "    kept_sum BLOB NOT NULL DEFAULT x'00000000000000000000000000000000')"},
    {"entries", "CREATE TABLE entries (\n"
                "    id INTEGER PRIMARY KEY, slot INTEGER NOT NULL, key TEXT NOT NULL,\n"
                "    digest BLOB NOT NULL, bytes BLOB NOT NULL)"},
    {"entries_by_slot", "CREATE UNIQUE INDEX entries_by_slot ON entries (slot, key)"},
    {"members",
     "CREATE TABLE members (\n"
     "    id BLOB PRIMARY KEY NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL,\n"
     "    incarnation INTEGER NOT NULL, state INTEGER NOT NULL, ready INTEGER NOT NULL,\n"
     "    digest BLOB NOT NULL) WITHOUT ROWID"},
    {"kept", "CREATE TABLE kept (\n"
             "    id INTEGER PRIMARY KEY, slot INTEGER NOT NULL, key TEXT NOT NULL,\n"
             "    digest BLOB NOT NULL, bytes BLOB NOT NULL)"},
    {"quarantine", "CREATE TABLE quarantine (\n"
                   "    id INTEGER PRIMARY KEY, slot, key, digest, bytes)"},
    {"proof", "CREATE TABLE proof (id INTEGER PRIMARY KEY, filler BLOB NOT NULL)"},
};
enum { OBJECT_COUNT = sizeof objects / sizeof objects[0] };

static const char put_entry[] =
    "INSERT INTO entries (slot, key, digest, bytes) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (slot, key) DO UPDATE SET digest = excluded.digest, bytes = excluded.bytes";

static const char put_member[] = "INSERT OR REPLACE INTO members (" CATALOG__MEMBER_COLUMNS
                                 ", digest) VALUES (?, ?, ?, ?, ?, ?, ?)";

static const char *const statements[CATALOG__STATEMENT_COUNT] = {
    [CATALOG__BEGIN] = "BEGIN IMMEDIATE",
    [CATALOG__COMMIT] = "COMMIT",
    [CATALOG__PUT_ENTRY] = put_entry,
    [CATALOG__PUT_STATE] =
        "INSERT INTO node_state (id, " CATALOG__STATE_COLUMNS ", digest) "
        "VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET (" CATALOG__STATE_COLUMNS ", digest) = "
        "(excluded.format, excluded.node_id, excluded.cluster_id, excluded.cluster_name, "
        "excluded.node_name, excluded.incarnation, excluded.high_water, excluded.seen, "
        "excluded.horizon, excluded.ready, excluded.healing, excluded.had_entry, "
        "excluded.removed, excluded.admitter_id, excluded.replaced_id, "
        "excluded.entry_count, excluded.digest_sum, excluded.digest)",
    [CATALOG__PUT_MEMBER] = put_member,
    [CATALOG__CLEAR_MEMBERS] = "DELETE FROM members",
    [CATALOG__READ_MEMBER_DIGESTS] = "SELECT digest FROM members",
    [CATALOG__PUT_MEMBER_SUM] = "UPDATE node_state SET member_count = ?, member_sum = ?",
    [CATALOG__CLEAR_QUARANTINE] = "DELETE FROM quarantine",
    [CATALOG__REMOVE_ENTRY] = "DELETE FROM entries WHERE slot = ? AND key = ?",
    [CATALOG__CLEAR_ENTRIES] = "DELETE FROM entries",
    [CATALOG__PUT_KEPT] = "INSERT INTO kept (slot, key, digest, bytes) VALUES (?, ?, ?, ?)",
    [CATALOG__CLEAR_KEPT] = "DELETE FROM kept",
    [CATALOG__READ_KEPT_DIGESTS] = "SELECT digest FROM kept",
    [CATALOG__PUT_KEPT_SUM] = "UPDATE node_state SET kept_count = ?, kept_sum = ?",
};

/* A file that cannot be opened. */
static int fault_of_open(int system_error) {
    switch (system_error) {
    case ENOSPC:
    case EDQUOT:
        return CATALOG_EFULL;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EIO:
        return CATALOG_EIO;
    default:
        return CATALOG_EPERMISSION;
    }
}

static int fault_of(int sqlite_code, int system_error) {
    switch (sqlite_code & 0xff) {
    case SQLITE_FULL:
        return CATALOG_EFULL;
    case SQLITE_IOERR:
        if (sqlite_code == SQLITE_IOERR_NOMEM) {
            return CATALOG_ENOMEM;
        }
        if (sqlite_code == SQLITE_IOERR_CORRUPTFS) {
            return CATALOG_EIO;
        }
        return system_error == ENOSPC || system_error == EDQUOT ? CATALOG_EFULL : CATALOG_EIO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:      /* our statements are right: the schema is not what it was */
    case SQLITE_CONSTRAINT: /* they break none in a sound file */
    case SQLITE_MISMATCH:
        return CATALOG_EDAMAGED;
    case SQLITE_NOMEM:
        return CATALOG_ENOMEM;
    case SQLITE_CANTOPEN:
        return fault_of_open(system_error);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return CATALOG_EPERMISSION;
    default:
        return CATALOG_EIO;
    }
}

int catalog__store_fault(sqlite3 *database, int sqlite_code) {
    return fault_of(sqlite_code, database != NULL ? sqlite3_system_errno(database) : 0);
}

int catalog__store_refuse_system(const struct catalog_store *store, int sqlite_code,
                                 int system_error, const char *what,
                                 struct catalog_problem *problem) {
    int code = fault_of(sqlite_code, system_error);
    const char *advice = code == CATALOG_EFULL ? ": make room on the disk"
                         : code == CATALOG_EPERMISSION
                             ? ": check who owns the files, and their mode"
                             : "";
    bool told = (sqlite_code & 0xff) == SQLITE_CANTOPEN && system_error != 0;
    return catalog__store_problem(problem, code, "cannot %s %.300s: %s%s%s%s", what,
                                  store->directory.database, sqlite3_errstr(sqlite_code),
                                  told ? ": " : "", told ? strerror(system_error) : "", advice);
}

int catalog__store_refuse(const struct catalog_store *store, int sqlite_code, const char *what,
                          struct catalog_problem *problem) {
    int system_error = store->database != NULL ? sqlite3_system_errno(store->database) : 0;
    return catalog__store_refuse_system(store, sqlite_code, system_error, what, problem);
}

int catalog__store_execute(struct catalog_store *store, const char *sql) {
    return sqlite3_exec(store->database, sql, NULL, NULL, NULL);
}

int catalog__store_run(struct catalog_store *store, enum catalog__statement statement) {
    sqlite3_stmt *prepared = store->statements[statement];
    int step = sqlite3_step(prepared);
    int reset = sqlite3_reset(prepared);
    return step == SQLITE_DONE ? SQLITE_OK : reset != SQLITE_OK ? reset : SQLITE_ERROR;
}

int catalog__store_number(struct catalog_store *store, const char *sql, int64_t *number) {
    sqlite3_stmt *query = NULL;
    int code = sqlite3_prepare_v2(store->database, sql, -1, &query, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(query);
        *number = code == SQLITE_ROW ? sqlite3_column_int64(query, 0) : 0;
        code = code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
    }
    (void)sqlite3_finalize(query);
    return code;
}

void catalog__store_rollback(struct catalog_store *store) {
    if (store->database != NULL && sqlite3_get_autocommit(store->database) == 0) {
        (void)catalog__store_execute(store, "ROLLBACK");
    }
}

/* Whether the one row that a query gives is this text. */
static int text_is(struct catalog_store *store, const char *sql, const char *expected,
                   bool *equal) {
    sqlite3_stmt *query = NULL;
    int code = sqlite3_prepare_v2(store->database, sql, -1, &query, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(query);
        const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(query, 0) : NULL;
        *equal = text != NULL && strcmp(text, expected) == 0;
        code = code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
    }
    (void)sqlite3_finalize(query);
    return code;
}

int catalog__store_check_structure(struct catalog_store *store) {
    bool sound = false;
    int code = text_is(store, "PRAGMA integrity_check(1)", "ok", &sound);
    if (code != SQLITE_OK) {
        return catalog__store_fault(store->database, code);
    }
    return sound ? 0 : CATALOG_EDAMAGED;
}

static int make_tables(struct catalog_store *store) {
    /* It is a property of the file that can be given to an empty one only (sqlite_shrink.c). */
    int code = catalog__store_execute(store, "PRAGMA auto_vacuum = INCREMENTAL; BEGIN IMMEDIATE");
    for (size_t i = 0; i < OBJECT_COUNT && code == SQLITE_OK; i++) {
        code = catalog__store_execute(store, objects[i].sql);
    }
    char header[96];
    if (code == SQLITE_OK) {
        (void)sqlite3_snprintf(sizeof header, header,
                               "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
                               CATALOG__APPLICATION_ID, CATALOG__FILE_FORMAT);
        code = catalog__store_execute(store, header);
    }
    if (code != SQLITE_OK) {
        catalog__store_rollback(store);
    }
    return code;
}

const char *catalog__store_object(const char *name) {
    for (size_t i = 0; i < OBJECT_COUNT; i++) {
        if (strcmp(objects[i].name, name) == 0) {
            return objects[i].sql;
        }
    }
    return NULL;
}

/* Whether our tables are there, word by word, as this format has them. */
static int check_tables(struct catalog_store *store, int64_t format, bool *equal) {
    sqlite3_stmt *query = NULL;
    int code = sqlite3_prepare_v2(store->database,
                                  "SELECT sql FROM sqlite_schema WHERE name = ? AND type IN "
                                  "('table', 'index')",
                                  -1, &query, NULL);
    *equal = true;
    for (size_t i = 0; i < OBJECT_COUNT && code == SQLITE_OK && *equal; i++) {
        const char *expected = catalog__migrate_object(format, objects[i].name);
        if (expected == NULL) {
            continue;
        }
        code = sqlite3_bind_text(query, 1, objects[i].name, -1, SQLITE_STATIC);
        if (code != SQLITE_OK) {
            break;
        }
        int step = sqlite3_step(query);
        const char *sql = step == SQLITE_ROW ? (const char *)sqlite3_column_text(query, 0) : NULL;
        *equal = sql != NULL && strcmp(sql, expected) == 0;
        code = sqlite3_reset(query);
    }
    (void)sqlite3_finalize(query);
    return code;
}

/* SQLite takes a file as read-only for its mode, or because its header asks for a newer SQLite, which none of ours does. */
static int read_only(struct catalog_store *store, struct catalog_problem *problem) {
    if (access(store->directory.database, W_OK) != 0) {
        return catalog__store_refuse(store, SQLITE_READONLY, "write to", problem);
    }
    return catalog__store_problem(problem, CATALOG_EDAMAGED, "%.300s has a damaged header",
                                  store->directory.database);
}

/* Who wrote this file, and in which format. */
static int identify(struct catalog_store *store, struct catalog_problem *problem) {
    int64_t application = 0, format = 0, object_count = 0, vacuum = 0;
    bool utf8 = false, ours = false;
    int code = catalog__store_number(store, "PRAGMA application_id", &application);
    if (code == SQLITE_OK) {
        code = catalog__store_number(store, "PRAGMA user_version", &format);
    }
    if (code == SQLITE_OK) {
        code = catalog__store_number(store, "PRAGMA auto_vacuum", &vacuum);
    }
    if (code == SQLITE_OK) {
        code = text_is(store, "PRAGMA encoding", "UTF-8", &utf8);
    }
    if (code == SQLITE_OK) {
        code = catalog__store_number(store, "SELECT count(*) FROM sqlite_schema", &object_count);
    }
    if (code == SQLITE_OK && sqlite3_db_readonly(store->database, "main") != 0) {
        return read_only(store, problem);
    }
    if (code == SQLITE_OK && application == 0 && format == 0 && object_count == 0) {
        code = make_tables(store);
        return code == SQLITE_OK
                   ? 0
                   : catalog__store_refuse(store, code, "make the tables of", problem);
    }
    if (code == SQLITE_OK && application == CATALOG__APPLICATION_ID &&
        format > CATALOG__FILE_FORMAT) {
        return catalog__store_problem(
            problem, CATALOG_EFORMAT,
            "%.300s has the format %lld, this attune knows up to %d: install a newer one",
            store->directory.database, (long long)format, CATALOG__FILE_FORMAT);
    }
    if (code == SQLITE_OK) {
        code = check_tables(store, format, &ours);
    }
    if (code != SQLITE_OK && code != SQLITE_ERROR) {
        return catalog__store_refuse(store, code, "read", problem);
    }
    bool vacuum_fits = vacuum == (format < CATALOG__FILE_FORMAT_SHRINKS ? 0 : 2);
    if (!ours || !utf8 || !vacuum_fits || application != CATALOG__APPLICATION_ID ||
        format < CATALOG__FILE_FORMAT_FIRST) {
        return catalog__store_problem(problem, CATALOG_EDAMAGED, "%.300s is no catalog",
                                      store->directory.database);
    }
    return format < CATALOG__FILE_FORMAT_TABLES ? catalog__store_migrate(store, problem) : 0;
}

static int prepare(struct catalog_store *store) {
    for (size_t i = 0; i < CATALOG__STATEMENT_COUNT; i++) {
        int code = sqlite3_prepare_v3(store->database, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &store->statements[i], NULL);
        if (code != SQLITE_OK) {
            return code;
        }
    }
    return SQLITE_OK;
}

/* The journal's mode is part of the file, so it is set only once the file is known to be ours, or empty. */
static int configure(struct catalog_store *store, struct catalog_problem *problem) {
    bool wal = false;
    int code = text_is(store, "PRAGMA journal_mode = WAL", "wal", &wal);
    if (code == SQLITE_OK) {
        code = catalog__store_execute(store, settings);
    }
    if (PLANTED(ATTUNE_B06) && code == SQLITE_OK) {
        code = catalog__store_execute(store, "PRAGMA synchronous = OFF");
    }
    if (code == SQLITE_OK) {
        code = prepare(store);
    }
    if (code != SQLITE_OK) {
        return catalog__store_refuse(store, code, "open", problem);
    }
    return wal ? 0
               : catalog__store_problem(problem, CATALOG_EIO,
                                        "the file system of %.300s cannot hold a WAL",
                                        store->directory.database);
}

int catalog__store_connect(struct catalog_store *store, struct catalog_problem *problem) {
    int code = sqlite3_open_v2(store->directory.database, &store->database,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                               catalog__store_vfs);
    int result = 0;
    if (code == SQLITE_OK) {
        (void)sqlite3_busy_timeout(store->database, BUSY_TIMEOUT_MS);
        (void)sqlite3_db_config(store->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        /* A full synchronous setting must hold for the first transaction too. */
        code = catalog__store_execute(store, "PRAGMA mmap_size = 0; PRAGMA synchronous = FULL;");
    }
    if (code != SQLITE_OK) {
        result = catalog__store_refuse(store, code, "open", problem);
    }
    if (result == 0) {
        result = identify(store, problem);
    }
    if (result == 0) {
        result = configure(store, problem);
    }
    if (result != 0) {
        catalog__store_disconnect(store, false);
    }
    return result;
}

void catalog__store_disconnect(struct catalog_store *store, bool clean) {
    for (size_t i = 0; i < CATALOG__STATEMENT_COUNT; i++) {
        (void)sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
    if (store->database == NULL) {
        return;
    }
    if (!clean) {
        (void)sqlite3_db_config(store->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    (void)sqlite3_close_v2(store->database);
    store->database = NULL;
}
