/* vfs_image.c - what a power cut could have left: replays the log of a vfs. See vfs.h. */
#include "test/sim/vfs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { VERSIONS_KEPT = 2, VERSION_LIMIT_LEAST = 2048 };

/* --- contents ------------------------------------------------------------------------------------------------------ */

/* The memory is always a whole number of sectors, and zero behind the end. */
void vfs__content_resize(struct vfs_content *content, size_t size_bytes) {
    if (size_bytes + VFS_SECTOR_SIZE_BYTES > content->capacity_bytes) {
        size_t capacity = (size_bytes / VFS_SECTOR_SIZE_BYTES + 1) * 2 * VFS_SECTOR_SIZE_BYTES;
        content->bytes = realloc(content->bytes, capacity);
        assert(content->bytes != NULL);
        memset(content->bytes + content->capacity_bytes, 0, capacity - content->capacity_bytes);
        content->capacity_bytes = capacity;
    }
    if (size_bytes < content->size_bytes) {
        memset(content->bytes + size_bytes, 0, content->size_bytes - size_bytes);
    }
    content->size_bytes = size_bytes;
}

void vfs__content_copy(struct vfs_content *to, const struct vfs_content *from) {
    vfs__content_resize(to, from->size_bytes);
    if (from->size_bytes > 0) {
        assert(to->bytes != NULL);
        memcpy(to->bytes, from->bytes, from->size_bytes);
    }
}

void vfs__content_put(struct vfs_content *content, const struct vfs_version *version) {
    size_t offset = version->sector * VFS_SECTOR_SIZE_BYTES;
    if (offset >= content->size_bytes) {
        return;
    }
    size_t rest = content->size_bytes - offset;
    memcpy(content->bytes + offset, version->bytes,
           rest < VFS_SECTOR_SIZE_BYTES ? rest : VFS_SECTOR_SIZE_BYTES);
}

/* --- versions ------------------------------------------------------------------------------------------------------ */

/* Keeps the last versions of each sector: fewer images than there could be, in bounded memory. A disk that lies for hours
 * would fill it otherwise. */
static void forget_old_versions(struct vfs_image_file *file) {
    size_t sector_max = 0;
    for (size_t i = 0; i < file->version_count; i++) {
        sector_max = file->versions[i].sector > sector_max ? file->versions[i].sector : sector_max;
    }
    uint8_t *seen = calloc(sector_max + 1, 1);
    assert(seen != NULL);
    size_t first_kept = file->version_count;
    for (size_t i = file->version_count; i-- > 0;) {
        uint8_t *times = &seen[file->versions[i].sector];
        if (*times < VERSIONS_KEPT) {
            (*times)++;
            file->versions[--first_kept] = file->versions[i];
        }
    }
    free(seen);
    file->version_count -= first_kept;
    memmove(file->versions, file->versions + first_kept,
            file->version_count * sizeof *file->versions);
    file->version_limit = file->version_count * 2;
}

static void add_version(struct vfs_image_file *file, size_t sector) {
    if (file->version_limit < VERSION_LIMIT_LEAST) {
        file->version_limit = VERSION_LIMIT_LEAST;
    }
    if (file->version_count == file->version_limit) {
        forget_old_versions(file);
    }
    if (file->version_count == file->version_capacity) {
        file->version_capacity = file->version_capacity * 2 + 64;
        file->versions = realloc(file->versions, file->version_capacity * sizeof *file->versions);
        assert(file->versions != NULL);
    }
    struct vfs_version *version = &file->versions[file->version_count++];
    version->sector = sector;
    version->lost = false;
    memcpy(version->bytes, file->now.bytes + sector * VFS_SECTOR_SIZE_BYTES, VFS_SECTOR_SIZE_BYTES);
}

static bool written_after(const struct vfs_image_file *file, size_t index) {
    for (size_t i = index + 1; i < file->version_count; i++) {
        if (file->versions[i].sector == file->versions[index].sector && !file->versions[i].lost) {
            return true;
        }
    }
    return false;
}

/* --- replaying ----------------------------------------------------------------------------------------------------- */

/* Nothing is in doubt, and the bytes are those that are there: nothing comes into doubt. An opening writes the whole WAL over
 * itself. */
static bool changes_nothing(const struct vfs_image_file *file, const struct vfs_step *step) {
    return file->version_count == 0 &&
           step->offset + step->size_bytes <= file->durable.size_bytes &&
           step->offset + step->size_bytes <= file->now.size_bytes &&
           memcmp(file->durable.bytes + step->offset, step->bytes, step->size_bytes) == 0 &&
           memcmp(file->now.bytes + step->offset, step->bytes, step->size_bytes) == 0;
}

static void replay_write(struct vfs_image_file *file, const struct vfs_step *step) {
    if (changes_nothing(file, step)) {
        return;
    }
    size_t end = (size_t)step->offset + step->size_bytes;
    if (end > file->now.size_bytes) {
        vfs__content_resize(&file->now, end);
    }
    memcpy(file->now.bytes + step->offset, step->bytes, step->size_bytes);
    for (size_t sector = (size_t)step->offset / VFS_SECTOR_SIZE_BYTES;
         sector * VFS_SECTOR_SIZE_BYTES < end; sector++) {
        add_version(file, sector);
    }
}

static void replay_sync(struct vfs_image_file *file) {
    vfs__content_resize(&file->durable, file->now.size_bytes);
    size_t kept = 0;
    for (size_t i = 0; i < file->version_count; i++) {
        if (!file->versions[i].lost) {
            vfs__content_put(&file->durable, &file->versions[i]);
        } else if (!written_after(file, i)) {
            file->versions[kept++] = file->versions[i];
        }
    }
    file->version_count = kept;
    file->version_limit = 0;
}

static void replay_sync_failed(struct vfs_image_file *file) {
    for (size_t i = 0; i < file->version_count; i++) {
        file->versions[i].lost = true;
    }
}

static void replay_directory_sync(struct vfs_image *image) {
    for (size_t i = 0; i < VFS_FILE_COUNT; i++) {
        image->files[i].name_in_doubt = false;
        image->files[i].ghost_exists = false;
    }
}

static void empty(struct vfs_image_file *file, bool exists) {
    vfs__content_resize(&file->durable, 0);
    vfs__content_resize(&file->now, 0);
    file->version_count = 0;
    file->version_limit = 0;
    file->exists = exists;
    file->name_in_doubt = false;
}

static void replay_delete(struct vfs_image_file *file) {
    if (!file->name_in_doubt) {
        vfs__content_copy(&file->ghost, &file->durable);
        file->ghost_exists = true;
    }
    empty(file, false);
}

static void replay_replaced(struct vfs_image *image) {
    for (size_t i = 0; i < VFS_FILE_COUNT; i++) {
        empty(&image->files[i], i == VFS_DATABASE);
        image->files[i].ghost_exists = false;
    }
}

const struct vfs_step *vfs_image_next(struct vfs_image *image) {
    const struct vfs_step *step = vfs_step(image->vfs, image->position++);
    struct vfs_image_file *file = &image->files[step->file];
    switch (step->operation) {
    case VFS_WRITE:
        replay_write(file, step);
        break;
    case VFS_TRUNCATE:
        vfs__content_resize(&file->now, (size_t)step->offset);
        break;
    case VFS_SYNC:
        replay_sync(file);
        break;
    case VFS_SYNC_FAILED:
        replay_sync_failed(file);
        break;
    case VFS_CREATE:
        file->exists = true;
        file->name_in_doubt = true;
        break;
    case VFS_DELETE:
        replay_delete(file);
        break;
    case VFS_DIRECTORY_SYNC:
        replay_directory_sync(image);
        break;
    case VFS_REPLACED:
        replay_replaced(image);
        break;
    case VFS_MARK:
    case VFS_SYNC_LIED:
        break;
    }
    return step;
}

void vfs_image_advance(struct vfs_image *image, size_t position) {
    assert(position >= image->position);
    while (image->position < position) {
        (void)vfs_image_next(image);
    }
}

/* --- images -------------------------------------------------------------------------------------------------------- */

void vfs_image_open(struct vfs_image *image, const struct vfs *vfs) {
    *image = (struct vfs_image){.vfs = vfs, .position = vfs->step_first};
    image->files[VFS_DATABASE].exists = true;
}

void vfs_image_close(struct vfs_image *image) {
    for (size_t i = 0; i < VFS_FILE_COUNT; i++) {
        free(image->files[i].durable.bytes);
        free(image->files[i].now.bytes);
        free(image->files[i].ghost.bytes);
        free(image->files[i].versions);
    }
    *image = (struct vfs_image){.vfs = NULL};
}

void vfs_image_clone(struct vfs_image *clone, const struct vfs_image *image) {
    *clone = *image;
    for (size_t i = 0; i < VFS_FILE_COUNT; i++) {
        const struct vfs_image_file *from = &image->files[i];
        struct vfs_image_file *to = &clone->files[i];
        to->durable = to->now = to->ghost = (struct vfs_content){.bytes = NULL};
        vfs__content_copy(&to->durable, &from->durable);
        vfs__content_copy(&to->now, &from->now);
        vfs__content_copy(&to->ghost, &from->ghost);
        to->version_capacity = from->version_count;
        to->versions = calloc(to->version_capacity + 1, sizeof *to->versions);
        assert(to->versions != NULL);
        if (from->version_count > 0) {
            memcpy(to->versions, from->versions, from->version_count * sizeof *to->versions);
        }
    }
}
