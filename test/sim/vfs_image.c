/* vfs_image.c - what a power cut could have left: replays the log and draws from what is possible. See vfs.h. */
#include "test/sim/vfs.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[VFS_FILE_COUNT] = {"catalog.db", "catalog.db-wal",
                                                  "catalog.db-journal"};

/* splitmix64 */
static uint64_t draw(uint64_t *seed) {
    uint64_t value = (*seed += UINT64_C(0x9e3779b97f4a7c15));
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

/* Gives the content this size; what is new is zero. The memory is always a whole number of sectors. */
static void content_resize(struct vfs_content *content, size_t size_bytes) {
    if (size_bytes + VFS_SECTOR_SIZE_BYTES > content->capacity_bytes) {
        size_t capacity = (size_bytes / VFS_SECTOR_SIZE_BYTES + 1) * 2 * VFS_SECTOR_SIZE_BYTES;
        content->bytes = realloc(content->bytes, capacity);
        assert(content->bytes != NULL);
        memset(content->bytes + content->capacity_bytes, 0, capacity - content->capacity_bytes);
        content->capacity_bytes = capacity;
    }
    if (size_bytes < content->size_bytes) {
        memset(content->bytes + size_bytes, 0, content->capacity_bytes - size_bytes);
    }
    content->size_bytes = size_bytes;
}

static void content_copy(struct vfs_content *to, const struct vfs_content *from) {
    content_resize(to, from->size_bytes);
    if (from->size_bytes > 0) {
        assert(to->bytes != NULL);
        memcpy(to->bytes, from->bytes, from->size_bytes);
    }
}

static void content_put(struct vfs_content *content, const struct vfs_version *version) {
    size_t offset = version->sector * VFS_SECTOR_SIZE_BYTES;
    if (offset >= content->size_bytes) {
        return;
    }
    size_t rest = content->size_bytes - offset;
    memcpy(content->bytes + offset, version->bytes,
           rest < VFS_SECTOR_SIZE_BYTES ? rest : VFS_SECTOR_SIZE_BYTES);
}

static void replay_write(struct vfs_image_file *file, const struct vfs_step *step) {
    size_t end = (size_t)step->offset + step->size_bytes;
    if (end > file->now.size_bytes) {
        content_resize(&file->now, end);
    }
    memcpy(file->now.bytes + step->offset, step->bytes, step->size_bytes);
    for (size_t sector = (size_t)step->offset / VFS_SECTOR_SIZE_BYTES;
         sector * VFS_SECTOR_SIZE_BYTES < end; sector++) {
        if (file->version_count == file->version_capacity) {
            file->version_capacity = file->version_capacity * 2 + 64;
            file->versions =
                realloc(file->versions, file->version_capacity * sizeof *file->versions);
            assert(file->versions != NULL);
        }
        struct vfs_version *version = &file->versions[file->version_count++];
        version->sector = sector;
        version->lost = false;
        memcpy(version->bytes, file->now.bytes + sector * VFS_SECTOR_SIZE_BYTES,
               VFS_SECTOR_SIZE_BYTES);
    }
}

static bool written_after(const struct vfs_image_file *file, size_t index) {
    for (size_t i = index + 1; i < file->version_count; i++) {
        if (file->versions[i].sector == file->versions[index].sector && !file->versions[i].lost) {
            return true;
        }
    }
    return false;
}

static void replay_sync(struct vfs_image_file *file) {
    content_resize(&file->durable, file->now.size_bytes);
    size_t kept = 0;
    for (size_t i = 0; i < file->version_count; i++) {
        if (!file->versions[i].lost) {
            content_put(&file->durable, &file->versions[i]);
        } else if (!written_after(file, i)) {
            file->versions[kept++] = file->versions[i];
        }
    }
    file->version_count = kept;
}

static void replay_directory_sync(struct vfs_image *image) {
    for (size_t i = 0; i < VFS_FILE_COUNT; i++) {
        image->files[i].name_in_doubt = false;
        image->files[i].ghost_exists = false;
    }
}

static void replay_delete(struct vfs_image_file *file) {
    if (!file->name_in_doubt) {
        content_copy(&file->ghost, &file->durable);
        file->ghost_exists = true;
    }
    content_resize(&file->durable, 0);
    content_resize(&file->now, 0);
    file->version_count = 0;
    file->exists = false;
    file->name_in_doubt = false;
}

void vfs_image_open(struct vfs_image *image, const struct vfs *vfs) {
    *image = (struct vfs_image){.vfs = vfs};
    image->files[VFS_DATABASE].exists = true;
}

void vfs_image_close(struct vfs_image *image) {
    for (size_t i = 0; i < VFS_FILE_COUNT; i++) {
        free(image->files[i].durable.bytes);
        free(image->files[i].now.bytes);
        free(image->files[i].ghost.bytes);
        free(image->files[i].versions);
    }
}

const struct vfs_step *vfs_image_next(struct vfs_image *image) {
    assert(image->position < image->vfs->step_count);
    const struct vfs_step *step = &image->vfs->steps[image->position++];
    struct vfs_image_file *file = &image->files[step->file];
    switch (step->operation) {
    case VFS_WRITE:
        replay_write(file, step);
        break;
    case VFS_TRUNCATE:
        content_resize(&file->now, (size_t)step->offset);
        break;
    case VFS_SYNC:
        replay_sync(file);
        if (file->name_in_doubt) {
            replay_directory_sync(image);
        }
        break;
    case VFS_SYNC_FAILED:
        for (size_t i = 0; i < file->version_count; i++) {
            file->versions[i].lost = true;
        }
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
    case VFS_MARK:
        break;
    }
    return step;
}

static void write_content(const char *path, const struct vfs_content *content) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert(fd >= 0);
    ssize_t size = content->size_bytes > 0 ? write(fd, content->bytes, content->size_bytes) : 0;
    assert(size == (ssize_t)content->size_bytes);
    (void)close(fd);
}

/* One drawing in four keeps all that was written, one in four nothing; the others toss a coin for each sector. */
static void draw_content(const struct vfs_image_file *file, uint64_t *seed,
                         struct vfs_content *drawn) {
    uint64_t style = draw(seed) % 4;
    content_copy(drawn, &file->durable);
    bool keep_size = style == 0 || (style > 1 && draw(seed) % 2 == 0);
    content_resize(drawn, keep_size ? file->now.size_bytes : file->durable.size_bytes);
    for (size_t i = 0; i < file->version_count; i++) {
        bool keep = style == 0 || (style > 1 && draw(seed) % 2 == 0);
        if (keep) {
            content_put(drawn, &file->versions[i]);
        }
    }
}

void vfs_image_write(const struct vfs_image *image, uint64_t seed, const char *directory) {
    for (size_t i = 0; i < VFS_FILE_COUNT; i++) {
        const struct vfs_image_file *file = &image->files[i];
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        bool old_name = (file->name_in_doubt || !file->exists) && draw(&seed) % 2 == 0;
        bool there = old_name ? file->ghost_exists : file->exists;
        if (!there) {
            (void)unlink(path);
        } else if (old_name) {
            write_content(path, &file->ghost);
        } else {
            struct vfs_content drawn = {.bytes = NULL};
            draw_content(file, &seed, &drawn);
            write_content(path, &drawn);
            free(drawn.bytes);
        }
    }
    char path[512];
    (void)snprintf(path, sizeof path, "%s/catalog.db-shm", directory);
    (void)unlink(path);
}
