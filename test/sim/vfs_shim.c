/* vfs_shim.c - what SQLite calls: a VFS on top of the system's, which writes down and fails as its struct vfs says.
 *
 * Everything is passed on but syncs. What concerns the database, its WAL and its journal is written to the log, in the
 * order in which it happens; other files (the shared memory of the WAL, temporary ones) mean nothing after a crash.
 */
#include "test/sim/vfs.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct shim_file {
    sqlite3_file base;
    int file;           /* enum vfs_file, or -1 */
    bool sync_name;     /* the first sync brings the name to the disk too */
    struct vfs *vfs;    /* NULL: of no registered directory */
    sqlite3_file *real; /* right behind this structure */
};

static sqlite3_vfs shim_vfs;
static sqlite3_vfs *real_vfs;
static _Thread_local uint64_t random_state; /* what SQLite's generator is seeded with next */

static struct shim_file *shim_of(sqlite3_file *file) {
    return (struct shim_file *)(void *)file;
}

static sqlite3_file *real_of(sqlite3_file *file) {
    return shim_of(file)->real;
}

static bool is_dead(const struct shim_file *shim) {
    return shim->vfs != NULL && shim->vfs->dead;
}

/* Makes SQLite seed its generator anew, from this vfs: it has one for the whole process, whose state would depend on what
 * other stores did. */
static void take_turn(struct vfs *vfs) {
    if (vfs != NULL) {
        random_state = vfs__draw(&vfs->random);
        sqlite3_randomness(0, NULL);
    }
}

/* --- files --------------------------------------------------------------------------------------------------------- */

static int file_close(sqlite3_file *file) {
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *bytes, int size_bytes, sqlite3_int64 offset) {
    if (shim_of(file)->file >= 0 && vfs__fails(shim_of(file)->vfs, VFS_FAIL_READS)) {
        return SQLITE_IOERR_READ;
    }
    return real_of(file)->pMethods->xRead(real_of(file), bytes, size_bytes, offset);
}

static int file_write(sqlite3_file *file, const void *bytes, int size_bytes, sqlite3_int64 offset) {
    struct shim_file *shim = shim_of(file);
    if (is_dead(shim)) {
        return SQLITE_IOERR_WRITE;
    }
    int failure = SQLITE_OK;
    if (shim->file >= 0 && vfs__fails(shim->vfs, VFS_FAIL_WRITES)) {
        failure = shim->vfs->fault.full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
        size_bytes = shim->vfs->fault.full ? size_bytes / 2 : 0;
    }
    if (size_bytes > 0) {
        vfs__record(shim->vfs, VFS_WRITE, shim->file, (uint64_t)offset, bytes, (size_t)size_bytes);
        int code = shim->real->pMethods->xWrite(shim->real, bytes, size_bytes, offset);
        assert(code == SQLITE_OK); /* else the log and the file differ */
    }
    return failure;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size_bytes) {
    struct shim_file *shim = shim_of(file);
    if (is_dead(shim)) {
        return SQLITE_IOERR_TRUNCATE;
    }
    vfs__record(shim->vfs, VFS_TRUNCATE, shim->file, (uint64_t)size_bytes, NULL, 0);
    return shim->real->pMethods->xTruncate(shim->real, size_bytes);
}

static int file_sync(sqlite3_file *file, int flags) {
    (void)flags;
    struct shim_file *shim = shim_of(file);
    if (is_dead(shim)) {
        return SQLITE_IOERR_FSYNC;
    }
    if (shim->file >= 0 && vfs__fails(shim->vfs, VFS_FAIL_SYNCS)) {
        vfs__record(shim->vfs, VFS_SYNC_FAILED, shim->file, 0, NULL, 0);
        return shim->vfs->fault.full ? SQLITE_FULL : SQLITE_IOERR_FSYNC;
    }
    bool lie = shim->vfs != NULL && shim->vfs->lie;
    vfs__record(shim->vfs, lie ? VFS_SYNC_LIED : VFS_SYNC, shim->file, 0, NULL, 0);
    if (shim->sync_name) {
        shim->sync_name = false;
        if (!lie) {
            vfs__record(shim->vfs, VFS_DIRECTORY_SYNC, shim->file, 0, NULL, 0);
        }
    }
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size_bytes) {
    return real_of(file)->pMethods->xFileSize(real_of(file), size_bytes);
}

static int file_lock(sqlite3_file *file, int lock) {
    if (lock == SQLITE_LOCK_RESERVED) {
        take_turn(shim_of(file)->vfs);
    }
    return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int file_unlock(sqlite3_file *file, int lock) {
    return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int file_check_lock(sqlite3_file *file, int *reserved) {
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), reserved);
}

static int file_control(sqlite3_file *file, int operation, void *argument) {
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}

static int file_sector_size(sqlite3_file *file) {
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_characteristics(sqlite3_file *file) {
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int size_bytes, int extend,
                        void volatile **mapped) {
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size_bytes, extend, mapped);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    if (flags == (SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE)) {
        take_turn(shim_of(file)->vfs);
    }
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file) {
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int delete_file) {
    return real_of(file)->pMethods->xShmUnmap(real_of(file), delete_file);
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* --- the file system ----------------------------------------------------------------------------------------------- */

/* The database may have been renamed, and another one made, behind SQLite's back. */
static void notice_replacement(struct vfs *vfs, const char *name) {
    struct stat status;
    if (vfs == NULL || name == NULL || stat(name, &status) != 0) {
        return;
    }
    if (vfs->database_file != 0 && vfs->database_file != status.st_ino) {
        vfs__record(vfs, VFS_REPLACED, VFS_DATABASE, 0, NULL, 0);
    }
    vfs->database_file = status.st_ino;
}

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *flags_out) {
    (void)vfs;
    struct shim_file *shim = shim_of(file);
    *shim = (struct shim_file){.file = -1, .real = (sqlite3_file *)(void *)(shim + 1)};
    shim->vfs = vfs__of_path(name);
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0) {
        shim->file = VFS_DATABASE;
        take_turn(shim->vfs);
    } else if ((flags & SQLITE_OPEN_WAL) != 0) {
        shim->file = VFS_WAL;
    } else if ((flags & SQLITE_OPEN_MAIN_JOURNAL) != 0) {
        shim->file = VFS_JOURNAL;
    }
    shim->sync_name = shim->file > VFS_DATABASE && (flags & SQLITE_OPEN_CREATE) != 0;
    int existed = 0;
    if (name != NULL && shim->file >= 0) {
        (void)real_vfs->xAccess(real_vfs, name, SQLITE_ACCESS_EXISTS, &existed);
    }
    int code = real_vfs->xOpen(real_vfs, name, shim->real, flags, flags_out);
    if (shim->real->pMethods != NULL) {
        shim->base.pMethods = &file_methods;
    }
    if (code == SQLITE_OK && shim->file == VFS_DATABASE) {
        notice_replacement(shim->vfs, name);
    }
    if (code == SQLITE_OK && existed == 0) {
        vfs__record(shim->vfs, VFS_CREATE, shim->file, 0, NULL, 0);
    }
    return code;
}

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text), end_size = strlen(end);
    return size > end_size && strcmp(text + size - end_size, end) == 0;
}

static int shim_delete(sqlite3_vfs *shim, const char *name, int sync_directory) {
    (void)shim;
    struct vfs *vfs = vfs__of_path(name);
    if (vfs != NULL && vfs->dead) {
        return SQLITE_IOERR_DELETE;
    }
    int file = ends_with(name, "-wal")       ? (int)VFS_WAL
               : ends_with(name, "-journal") ? (int)VFS_JOURNAL
                                             : -1;
    int code = real_vfs->xDelete(real_vfs, name, 0);
    if (code == SQLITE_OK) {
        vfs__record(vfs, VFS_DELETE, file, 0, NULL, 0);
        if (sync_directory != 0 && vfs != NULL && !vfs->lie) {
            vfs__record(vfs, VFS_DIRECTORY_SYNC, file, 0, NULL, 0);
        }
    }
    return code;
}

static int shim_randomness(sqlite3_vfs *shim, int size_bytes, char *bytes) {
    (void)shim;
    uint64_t state = random_state;
    for (int i = 0; i < size_bytes; i++) {
        bytes[i] = (char)(vfs__draw(&state) & 0xff);
    }
    random_state = state;
    return size_bytes;
}

static int shim_current_time(sqlite3_vfs *shim, double *days) {
    (void)shim;
    *days = 2451544.5; /* the first of January 2000, as a Julian day */
    return SQLITE_OK;
}

static int shim_current_time_ms(sqlite3_vfs *shim, sqlite3_int64 *milliseconds) {
    (void)shim;
    *milliseconds = INT64_C(211813444800000);
    return SQLITE_OK;
}

void vfs__register(void) {
    if (real_vfs == NULL) {
        real_vfs = sqlite3_vfs_find("unix");
        assert(real_vfs != NULL);
    }
    shim_vfs = *real_vfs;
    shim_vfs.pNext = NULL;
    shim_vfs.zName = "recording";
    shim_vfs.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
    shim_vfs.xOpen = shim_open;
    shim_vfs.xDelete = shim_delete;
    shim_vfs.xRandomness = shim_randomness;
    shim_vfs.xCurrentTime = shim_current_time;
    shim_vfs.xCurrentTimeInt64 = shim_current_time_ms;
    /* SQLite asks only its default for randomness. */
    int code = sqlite3_vfs_register(&shim_vfs, 1);
    assert(code == SQLITE_OK);
}

void vfs__unregister(void) {
    (void)sqlite3_vfs_unregister(&shim_vfs);
    (void)sqlite3_vfs_register(real_vfs, 1);
    sqlite3_randomness(0, NULL);
}
