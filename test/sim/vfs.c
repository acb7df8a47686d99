/* vfs.c - the recording side: an SQLite VFS on top of the system's.
 *
 * Everything is passed on but syncs. What concerns the database, its WAL and its journal is written to the log, in the
 * order in which it happens; other files (the shared memory of the WAL, temporary ones) mean nothing after a crash.
 */
#include "test/sim/vfs.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct shim_file {
    sqlite3_file base;
    int file;           /* enum vfs_file, or -1 */
    sqlite3_file *real; /* right behind this structure */
};

static sqlite3_vfs shim_vfs;
static sqlite3_vfs *real_vfs;
static struct vfs *opened;

static sqlite3_file *real_of(sqlite3_file *file) {
    return ((struct shim_file *)(void *)file)->real;
}

static int file_of(sqlite3_file *file) {
    return ((struct shim_file *)(void *)file)->file;
}

static void record(int file, enum vfs_operation operation, uint64_t offset, const void *bytes,
                   size_t size_bytes) {
    if (opened == NULL || !opened->recording || file < 0) {
        return;
    }
    if (opened->step_count == opened->step_capacity) {
        opened->step_capacity = opened->step_capacity * 2 + 256;
        opened->steps = realloc(opened->steps, opened->step_capacity * sizeof *opened->steps);
        assert(opened->steps != NULL);
    }
    uint8_t *copy = NULL;
    if (bytes != NULL && size_bytes > 0) {
        copy = malloc(size_bytes);
        assert(copy != NULL);
        memcpy(copy, bytes, size_bytes);
    }
    opened->steps[opened->step_count++] = (struct vfs_step){.operation = operation,
                                                            .file = (enum vfs_file)file,
                                                            .offset = offset,
                                                            .size_bytes = size_bytes,
                                                            .bytes = copy};
}

/* Whether this call is to fail. */
static bool fails(unsigned call) {
    if (opened == NULL || (opened->fault.calls & call) == 0) {
        return false;
    }
    struct vfs_fault *fault = &opened->fault;
    if (fault->allowed > 0) {
        fault->allowed--;
        return false;
    }
    if (fault->fired > 0 && !fault->repeat) {
        return false;
    }
    fault->fired++;
    return true;
}

/* --- files --------------------------------------------------------------------------------------------------------- */

static int file_close(sqlite3_file *file) {
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *bytes, int size_bytes, sqlite3_int64 offset) {
    if (file_of(file) >= 0 && fails(VFS_FAIL_READS)) {
        return SQLITE_IOERR_READ;
    }
    return real_of(file)->pMethods->xRead(real_of(file), bytes, size_bytes, offset);
}

static int file_write(sqlite3_file *file, const void *bytes, int size_bytes, sqlite3_int64 offset) {
    int failure = SQLITE_OK;
    if (file_of(file) >= 0 && fails(VFS_FAIL_WRITES)) {
        failure = opened->fault.full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
        size_bytes = opened->fault.full ? size_bytes / 2 : 0;
    }
    if (size_bytes > 0) {
        record(file_of(file), VFS_WRITE, (uint64_t)offset, bytes, (size_t)size_bytes);
        int code = real_of(file)->pMethods->xWrite(real_of(file), bytes, size_bytes, offset);
        assert(code == SQLITE_OK);
    }
    return failure;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size_bytes) {
    record(file_of(file), VFS_TRUNCATE, (uint64_t)size_bytes, NULL, 0);
    return real_of(file)->pMethods->xTruncate(real_of(file), size_bytes);
}

static int file_sync(sqlite3_file *file, int flags) {
    (void)flags;
    if (file_of(file) >= 0 && fails(VFS_FAIL_SYNCS)) {
        record(file_of(file), VFS_SYNC_FAILED, 0, NULL, 0);
        return opened->fault.full ? SQLITE_FULL : SQLITE_IOERR_FSYNC;
    }
    record(file_of(file), VFS_SYNC, 0, NULL, 0);
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size_bytes) {
    return real_of(file)->pMethods->xFileSize(real_of(file), size_bytes);
}

static int file_lock(sqlite3_file *file, int lock) {
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

static int vfs_open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                         int *flags_out) {
    (void)vfs;
    struct shim_file *shim = (struct shim_file *)(void *)file;
    *shim = (struct shim_file){.file = -1, .real = (sqlite3_file *)(void *)(shim + 1)};
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0) {
        shim->file = VFS_DATABASE;
    } else if ((flags & SQLITE_OPEN_WAL) != 0) {
        shim->file = VFS_WAL;
    } else if ((flags & SQLITE_OPEN_MAIN_JOURNAL) != 0) {
        shim->file = VFS_JOURNAL;
    }
    int existed = 0;
    if (name != NULL && shim->file >= 0) {
        (void)real_vfs->xAccess(real_vfs, name, SQLITE_ACCESS_EXISTS, &existed);
    }
    int code = real_vfs->xOpen(real_vfs, name, shim->real, flags, flags_out);
    if (shim->real->pMethods != NULL) {
        shim->base.pMethods = &file_methods;
    }
    if (code == SQLITE_OK && existed == 0) {
        record(shim->file, VFS_CREATE, 0, NULL, 0);
    }
    return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_directory) {
    (void)vfs;
    size_t size = strlen(name);
    int file = size > 4 && strcmp(name + size - 4, "-wal") == 0       ? (int)VFS_WAL
               : size > 8 && strcmp(name + size - 8, "-journal") == 0 ? (int)VFS_JOURNAL
                                                                      : -1;
    int code = real_vfs->xDelete(real_vfs, name, 0);
    if (code == SQLITE_OK) {
        record(file, VFS_DELETE, 0, NULL, 0);
        if (sync_directory != 0) {
            record(file, VFS_DIRECTORY_SYNC, 0, NULL, 0);
        }
    }
    return code;
}

void vfs_open(struct vfs *vfs) {
    assert(opened == NULL);
    *vfs = (struct vfs){.recording = false};
    opened = vfs;
    real_vfs = sqlite3_vfs_find("unix");
    assert(real_vfs != NULL);
    shim_vfs = *real_vfs;
    shim_vfs.pNext = NULL;
    shim_vfs.zName = "recording";
    shim_vfs.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
    shim_vfs.xOpen = vfs_open_file;
    shim_vfs.xDelete = vfs_delete;
    int code = sqlite3_vfs_register(&shim_vfs, 0);
    assert(code == SQLITE_OK);
}

void vfs_close(struct vfs *vfs) {
    assert(opened == vfs);
    (void)sqlite3_vfs_unregister(&shim_vfs);
    for (size_t i = 0; i < vfs->step_count; i++) {
        free(vfs->steps[i].bytes);
    }
    free(vfs->steps);
    opened = NULL;
    *vfs = (struct vfs){.recording = false};
}

void vfs_mark(struct vfs *vfs, uint64_t value) {
    assert(vfs == opened);
    record(VFS_DATABASE, VFS_MARK, value, NULL, 0);
}
