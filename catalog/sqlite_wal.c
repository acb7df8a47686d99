/* sqlite_wal.c - makes sure that what recovery is about to read is on the disk, and all that was there.
 *
 * SQLite trusts every frame of a WAL whose checksums fit. It reads them through the page cache, where two kinds of frames
 * look good and are not on the disk:
 *
 *   1. those of a process that was killed between writing and syncing;
 *   2. those whose sync failed: the kernel marks such pages clean and may never write them, and a later sync of the same
 *      file reports success ("fsyncgate").
 *
 * If they were taken over as they are, the node would claim data that a power cut takes away (G11). Worse, a checkpoint
 * would copy them over older pages, and a power cut in its middle would leave the database in pieces: new pages here, and
 * no WAL to complete them from. Hence, before each connection the WAL is written over itself, byte for byte: that marks
 * its pages dirty again, and the sync that follows is an honest one. A crash within leaves nothing but what a crash before
 * it could have left.
 *
 * It is opened "to create" it, although it is there: so SQLite's file system syncs the directory along with it. SQLite did
 * that with the first commit, but takes no notice of a failure (no descriptor left, say); a name that a power cut takes
 * away would take all commits with it.
 *
 * The database file needs none of this: SQLite keeps the WAL, and copies it again, until a sync of the database has
 * succeeded.
 */
#include "catalog/sqlite_store.h"
#include "merkle/instrument.h"

/* SQLite's unix file system writes size modulo 128 KiB: at 128 KiB nothing, which it then calls a full disk. */
enum { CHUNK_SIZE_BYTES = 64 * 1024 };

/* SQLite would read nothing of it, and take its salts for the next log. */
static int cut(sqlite3_file *file) {
    PROBE("catalog.wal_torn_header");
    int code = file->pMethods->xTruncate(file, 0);
    return code == SQLITE_OK ? file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) : code;
}

static int rewrite(sqlite3_file *file, uint8_t *chunk) {
    sqlite3_int64 size_bytes = 0;
    int code = file->pMethods->xFileSize(file, &size_bytes);
    for (sqlite3_int64 offset = 0; offset < size_bytes && code == SQLITE_OK;) {
        sqlite3_int64 rest = size_bytes - offset;
        int part = rest < CHUNK_SIZE_BYTES ? (int)rest : CHUNK_SIZE_BYTES;
        code = file->pMethods->xRead(file, chunk, part, offset);
        if (code == SQLITE_OK) {
            code = file->pMethods->xWrite(file, chunk, part, offset);
        }
        offset += part;
    }
    if (code == SQLITE_OK && size_bytes > 0) {
        PROBE("catalog.wal_written_again");
        code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
    }
    return code;
}

/* An SQLite code; the system's error if it is not SQLITE_OK. */
struct failure {
    int code;
    int system_error;
};

static struct failure open_and_rewrite(struct catalog_store *store, sqlite3_vfs *vfs,
                                       const char *path, uint8_t *chunk, sqlite3_file *file,
                                       sqlite3_int64 *bad_offset) {
    bool torn = false;
    int exists = 0;
    int code = vfs->xAccess(vfs, path, SQLITE_ACCESS_EXISTS, &exists);
    if (code == SQLITE_OK && exists == 0) {
        return (struct failure){.code = SQLITE_OK};
    }
    if (code == SQLITE_OK) {
        code = vfs->xOpen(vfs, path, file,
                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL, NULL);
    }
    if (code == SQLITE_OK) {
        code = catalog__wal_check(store->allocator, file, bad_offset, &torn);
    }
    if (code == SQLITE_OK && *bad_offset < 0) {
        code = torn ? cut(file) : rewrite(file, chunk);
    }
    struct failure failure = {.code = code};
    if (code != SQLITE_OK) {
        failure.system_error = vfs->xGetLastError(vfs, 0, NULL);
    }
    if (file->pMethods != NULL) {
        (void)file->pMethods->xClose(file);
    }
    return failure;
}

static int renew(struct catalog_store *store, sqlite3_vfs *vfs, const char *path, uint8_t *chunk,
                 sqlite3_file *file, struct catalog_problem *problem) {
    sqlite3_int64 bad_offset = -1;
    struct failure failure = open_and_rewrite(store, vfs, path, chunk, file, &bad_offset);
    if (failure.code != SQLITE_OK) {
        return catalog__store_refuse_system(store, failure.code, failure.system_error,
                                            "write the WAL again of", problem);
    }
    if (bad_offset >= 0) {
        return catalog__store_problem(problem, CATALOG_EDAMAGED,
                                      "%.300s-wal is damaged at byte %lld: what was committed "
                                      "there and behind cannot be read",
                                      store->directory.database, (long long)bad_offset);
    }
    return 0;
}

int catalog__store_renew_wal(struct catalog_store *store, struct catalog_problem *problem) {
    sqlite3_vfs *vfs = sqlite3_vfs_find(catalog__store_vfs);
    if (vfs == NULL) {
        return catalog__store_problem(problem, CATALOG_EIO, "SQLite has no file system");
    }
    char wal[CATALOG__PATH_SIZE_MAX];
    (void)sqlite3_snprintf(sizeof wal, wal, "%s-wal", store->directory.database);
    int result = 0;
    uint8_t *chunk = merkle_allocate(store->allocator, CHUNK_SIZE_BYTES, 1);
    sqlite3_file *file = merkle_allocate_zeroed(store->allocator, 1, (size_t)vfs->szOsFile);
    /* A VFS looks for parameters behind the name, so it must be made by SQLite. */
    const char *path = sqlite3_create_filename(store->directory.database, "", wal, 0, NULL);
    if (chunk == NULL || file == NULL || path == NULL) {
        result = catalog__store_problem(problem, CATALOG_ENOMEM, "out of memory");
    } else {
        result = renew(store, vfs, sqlite3_filename_wal(path), chunk, file, problem);
    }
    sqlite3_free_filename(path);
    merkle_release(store->allocator, file);
    merkle_release(store->allocator, chunk);
    return result;
}
