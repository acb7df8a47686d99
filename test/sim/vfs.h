/* vfs.h - a file system for SQLite that writes down what it is told, fails and lies on demand, and knows what a power cut
 * could have left of it.
 *
 *      SQLite ---> "recording" --- longest registered directory above the file ---> struct vfs of one store
 *                   |                                                                |
 *                   v                                                                +--> log: steps, numbered from 0
 *              the system's files (a sync goes no further)                                  |
 *                                                                                           +--> image: replays the log
 *
 * What an image may hold of a file, sector by sector (512 bytes): what was there at the last honest sync, or anything
 * written to that sector since. After a sync that failed, what had been written before it stays in doubt for ever, until
 * the sector is written again and synced: kernels mark such pages clean and report success the next time. A sync that lies
 * changes nothing: what was written is still in the disk's cache, from which the next honest sync brings it to the disk.
 * Sizes are those of the last sync or of now. Names made or deleted are in doubt until the directory is synced, as SQLite
 * does it with the first sync of a WAL or journal that it opened to create.
 *
 * SQLite's randomness (salts of the WAL, randomblob) is drawn from the seed of the vfs whose file is being locked for
 * writing, anew for each transaction, and its clock stands still: the same calls give the same bytes, whatever other stores
 * do in between. While one is open "recording" is SQLite's default, which costs files of no registered directory nothing.
 *
 * Several stores at once, but one thread for each store at a time; vfs_open and vfs_close while no other thread is at work.
 *
 *      vfs.c        the registry, the log, the faults            vfs_image.c    replays the log
 *      vfs_shim.c   what SQLite calls                            vfs_draw.c     draws files, writes and reads them
 */
#ifndef TEST_SIM_VFS_H
#define TEST_SIM_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VFS_SECTOR_SIZE_BYTES = 512, VFS_PATH_SIZE_MAX = 512 };

/* catalog.db, catalog.db-wal, catalog.db-journal */
enum vfs_file { VFS_DATABASE = 0, VFS_WAL = 1, VFS_JOURNAL = 2, VFS_FILE_COUNT = 3 };
extern const char *const vfs_file_names[VFS_FILE_COUNT];

enum vfs_operation {
    VFS_WRITE = 1,
    VFS_TRUNCATE = 2,
    VFS_SYNC = 3,
    VFS_SYNC_FAILED = 4,
    VFS_CREATE = 5,
    VFS_DELETE = 6,
    VFS_DIRECTORY_SYNC = 7,
    VFS_MARK = 8, /* the test's own */
    VFS_SYNC_LIED = 9,
    VFS_REPLACED = 10, /* the database was renamed (set aside) and an empty one made, durably */
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
    char directory[VFS_PATH_SIZE_MAX]; /* absolute */
    struct vfs_fault fault;
    bool lie; /* syncs that do not fail are not done either */
    bool
        dead; /* the process has died: nothing is written any more, and each call that would fails */
    bool recording;
    struct vfs_step *steps;        /* [step_first, step_count) */
    size_t step_first, step_count; /* numbers of the first that is kept, and of the next */
    size_t step_capacity;
    size_t log_size_bytes;  /* held by the steps that are kept */
    uint64_t random;        /* state of the generator */
    uint64_t database_file; /* inode of catalog.db; 0: not opened yet */
    struct vfs *next;
};

/* Records what happens to the catalog in DIRECTORY (which exists) or below it. The first one makes "recording" known to
 * SQLite, the last one to be closed takes it back. */
void vfs_open(struct vfs *vfs, const char *directory, uint64_t seed);
void vfs_close(struct vfs *vfs);
/* Writes a mark into the log. */
void vfs_mark(struct vfs *vfs, uint64_t value);
/* Step number `position`, which has not been forgotten. */
const struct vfs_step *vfs_step(const struct vfs *vfs, size_t position);
/* Gives back the memory of the steps before `position`. */
void vfs_forget(struct vfs *vfs, size_t position);

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
    struct vfs_version *versions; /* in the order of writing */
    size_t version_count, version_capacity;
    size_t version_limit; /* above, only the last two versions of each sector are kept */
};

struct vfs_image {
    const struct vfs *vfs;
    size_t position; /* of the next step */
    struct vfs_image_file files[VFS_FILE_COUNT];
};

/* Begins at the first step that is kept, with an empty database file that is durable. */
void vfs_image_open(struct vfs_image *image, const struct vfs *vfs);
void vfs_image_close(struct vfs_image *image);
/* A second image at the same step; close both. */
void vfs_image_clone(struct vfs_image *clone, const struct vfs_image *image);
/* Replays the next step and returns it; or all steps before `position`, which is not behind. */
const struct vfs_step *vfs_image_next(struct vfs_image *image);
void vfs_image_advance(struct vfs_image *image, size_t position);

/* --- drawing (vfs_draw.c) ------------------------------------------------------------------------------------------ */

/* Draws one of the images possible here and writes its files to DIRECTORY, in place of those that are there. The image
 * stays as it is. Seed 0: all that was written is there. */
void vfs_image_write(const struct vfs_image *image, uint64_t seed, const char *directory);
/* A power cut at this step: the same, and what was drawn is durable now, nothing else is in doubt, and the steps behind have
 * never been. No file may be open. */
void vfs_image_cut(struct vfs_image *image, uint64_t seed, const char *directory);
/* The end of a process at this step: the files are as a reader saw them, what was in doubt stays so, and the steps behind
 * have never been. No file may be open. */
void vfs_image_kill(struct vfs_image *image, const char *directory);
/* Takes the files as they lie in DIRECTORY for durable ones, and the steps so far for forgotten. */
void vfs_image_load(struct vfs_image *image, const char *directory);

/* --- shared by vfs*.c ----------------------------------------------------------------------------------------------- */

/* The one whose directory holds this file; NULL: none. */
struct vfs *vfs__of_path(const char *path);
/* Appends a step, if the vfs is recording. */
void vfs__record(struct vfs *vfs, enum vfs_operation operation, int file, uint64_t offset,
                 const void *bytes, size_t size_bytes);
/* Whether this call is to fail. */
bool vfs__fails(struct vfs *vfs, unsigned call);
/* Makes "recording" known to SQLite, or unknown. */
void vfs__register(void);
void vfs__unregister(void);
/* Contents of files: given a size, what is new being zero; copied; released. */
void vfs__content_resize(struct vfs_content *content, size_t size_bytes);
void vfs__content_copy(struct vfs_content *to, const struct vfs_content *from);
/* One sector into the content, as far as it reaches. */
void vfs__content_put(struct vfs_content *content, const struct vfs_version *version);
/* A file of DIRECTORY in place of the one that is there, or its end; and read again. False: there is none. */
void vfs__file_write(const char *directory, enum vfs_file file, bool exists,
                     const struct vfs_content *content);
bool vfs__file_read(const char *directory, enum vfs_file file, struct vfs_content *content);
/* splitmix64 */
uint64_t vfs__draw(uint64_t *state);

#endif
