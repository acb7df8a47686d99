/* vfs.h - a file system for SQLite that writes down what it is told, fails on demand, and knows what a power cut could have
 * left of it.
 *
 *      SQLite ---> vfs ---> the system's files          (a sync goes no further: it is written down, which is faster)
 *                   |
 *                   +--> log: write, truncate, sync, sync failed, create, delete, mark
 *                         |
 *                         +--> image: replays the log up to any point; draws file contents that a crash could leave there
 *
 * What an image may hold of a file, sector by sector (512 bytes): what was there at the last successful sync, or anything
 * written to that sector since. After a sync that failed, what had been written before it stays in doubt for ever, until
 * the sector is written again and synced: kernels mark such pages clean and report success the next time. Sizes are those
 * of the last sync or of now; names made or deleted are in doubt until the directory is synced, as SQLite does it with the
 * first sync of a new journal.
 *
 * One thread, one database at a time.
 */
#ifndef TEST_SIM_VFS_H
#define TEST_SIM_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VFS_SECTOR_SIZE_BYTES = 512 };

enum vfs_file { VFS_DATABASE = 0, VFS_WAL = 1, VFS_JOURNAL = 2, VFS_FILE_COUNT = 3 };

enum vfs_operation {
    VFS_WRITE = 1,
    VFS_TRUNCATE = 2,
    VFS_SYNC = 3,
    VFS_SYNC_FAILED = 4,
    VFS_CREATE = 5,
    VFS_DELETE = 6,
    VFS_DIRECTORY_SYNC = 7,
    VFS_MARK = 8, /* the test's own */
};

struct vfs_step {
    enum vfs_operation operation;
    enum vfs_file file;
    uint64_t offset; /* of a write; the size of a truncate; the value of a mark */
    size_t size_bytes;
    uint8_t *bytes; /* of a write */
};

/* Which calls fail: the first after `allowed` more of the chosen ones, or that and all behind it. */
enum { VFS_FAIL_WRITES = 1, VFS_FAIL_SYNCS = 2, VFS_FAIL_READS = 4 };
struct vfs_fault {
    _Atomic unsigned
        calls; /* VFS_FAIL_... or'ed; 0: none; may change while a store's thread runs */
    size_t allowed;
    bool repeat;
    bool full; /* ENOSPC (half of the write is done), else EIO */
    size_t fired;
};

struct vfs {
    struct vfs_fault fault;
    bool recording;
    struct vfs_step *steps;
    size_t step_count, step_capacity;
};

/* Makes it known to SQLite as "recording". One at a time. */
void vfs_open(struct vfs *vfs);
void vfs_close(struct vfs *vfs);
/* Writes a mark into the log. */
void vfs_mark(struct vfs *vfs, uint64_t value);

/* --- images (vfs_image.c) ------------------------------------------------------------------------------------------ */

/* A sector as it was written since the last sync. */
struct vfs_version {
    size_t sector;
    bool lost; /* a sync after it failed */
    uint8_t bytes[VFS_SECTOR_SIZE_BYTES];
};

struct vfs_content {
    uint8_t *bytes;
    size_t size_bytes, capacity_bytes;
};

struct vfs_image_file {
    bool exists;
    bool name_in_doubt;         /* made since the directory was last synced */
    bool ghost_exists;          /* a deleted file that may still be there */
    struct vfs_content durable; /* as of the last sync */
    struct vfs_content now;     /* as a reader sees it */
    struct vfs_content ghost;
    struct vfs_version *versions;
    size_t version_count, version_capacity;
};

struct vfs_image {
    const struct vfs *vfs;
    size_t position; /* steps replayed */
    struct vfs_image_file files[VFS_FILE_COUNT];
};

/* Begins before the first step, with an empty database file that is durable. */
void vfs_image_open(struct vfs_image *image, const struct vfs *vfs);
void vfs_image_close(struct vfs_image *image);
/* Replays the next step and returns it. */
const struct vfs_step *vfs_image_next(struct vfs_image *image);
/* Draws one of the images possible here and writes its files to DIRECTORY, in place of those that are there. */
void vfs_image_write(const struct vfs_image *image, uint64_t seed, const char *directory);

#endif
