/* vfs_draw.c - draws one of the files that a power cut could have left, writes it down, and reads files back. See vfs.h.
 *
 * One drawing in four keeps all that was written to a file, one in four nothing; the others toss a coin for each sector, and
 * one for the size. What was written with a name that is in doubt goes with the name.
 */
#include "test/sim/vfs.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_SIZE_BYTES = 16 * 1024 };

/* What became of one file. */
struct drawn {
    bool exists;
    struct vfs_content content;
};

static const char *path_of(char path[VFS_PATH_SIZE_MAX + 32], const char *directory,
                           const char *name) {
    int size = snprintf(path, VFS_PATH_SIZE_MAX + 32, "%s/%s", directory, name);
    assert(size > 0 && size < VFS_PATH_SIZE_MAX + 32);
    return path;
}

/* --- files --------------------------------------------------------------------------------------------------------- */

/* Writes what is not there already: a cut changes a few pages of a WAL that may have a thousand. */
static void write_difference(int fd, const struct vfs_content *content) {
    static uint8_t there[CHUNK_SIZE_BYTES];
    for (size_t offset = 0; offset < content->size_bytes; offset += CHUNK_SIZE_BYTES) {
        size_t rest = content->size_bytes - offset;
        size_t part = rest < CHUNK_SIZE_BYTES ? rest : CHUNK_SIZE_BYTES;
        ssize_t size = pread(fd, there, part, (off_t)offset);
        if (size == (ssize_t)part && memcmp(there, content->bytes + offset, part) == 0) {
            continue;
        }
        size = pwrite(fd, content->bytes + offset, part, (off_t)offset);
        assert(size == (ssize_t)part);
    }
}

void vfs__file_write(const char *directory, enum vfs_file file, bool exists,
                     const struct vfs_content *content) {
    char path[VFS_PATH_SIZE_MAX + 32];
    (void)path_of(path, directory, vfs_file_names[file]);
    if (!exists) {
        (void)unlink(path);
        return;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert(fd >= 0);
    int result = ftruncate(fd, (off_t)content->size_bytes);
    assert(result == 0);
    write_difference(fd, content);
    (void)close(fd);
}

static void remove_shared_memory(const char *directory) {
    char path[VFS_PATH_SIZE_MAX + 32];
    (void)unlink(path_of(path, directory, "catalog.db-shm"));
}

bool vfs__file_read(const char *directory, enum vfs_file file, struct vfs_content *content) {
    char path[VFS_PATH_SIZE_MAX + 32];
    int fd = open(path_of(path, directory, vfs_file_names[file]), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    struct stat status;
    int result = fstat(fd, &status);
    assert(result == 0);
    vfs__content_resize(content, (size_t)status.st_size);
    ssize_t size = status.st_size > 0 ? read(fd, content->bytes, content->size_bytes) : 0;
    assert(size == status.st_size);
    (void)close(fd);
    return true;
}

/* --- drawing ------------------------------------------------------------------------------------------------------- */

struct coin {
    uint64_t state;
    bool all; /* always that side which keeps what was written */
};

/* A number below `bound`; 0 keeps. */
static uint64_t toss(struct coin *coin, uint64_t bound) {
    return coin->all ? 0 : vfs__draw(&coin->state) % bound;
}

/* Nothing can be drawn but what a reader sees. */
static bool is_certain(const struct vfs_image_file *file) {
    return !file->name_in_doubt && !file->ghost_exists && file->version_count == 0 &&
           file->durable.size_bytes == file->now.size_bytes;
}

static void draw_content(const struct vfs_image_file *file, struct coin *coin,
                         struct vfs_content *content) {
    vfs__content_copy(content, &file->durable);
    if (is_certain(file)) {
        return;
    }
    uint64_t style = toss(coin, 4);
    bool keep_size = style == 0 || (style > 1 && toss(coin, 2) == 0);
    vfs__content_resize(content, keep_size ? file->now.size_bytes : file->durable.size_bytes);
    for (size_t i = 0; i < file->version_count; i++) {
        bool keep = style == 0 || (style > 1 && toss(coin, 2) == 0);
        if (keep) {
            vfs__content_put(content, &file->versions[i]);
        }
    }
}

static void draw_file(const struct vfs_image_file *file, struct coin *coin, struct drawn *drawn) {
    *drawn = (struct drawn){.exists = file->exists};
    if ((file->name_in_doubt || file->ghost_exists) && toss(coin, 2) == 1) {
        drawn->exists = file->ghost_exists;
        vfs__content_copy(&drawn->content, &file->ghost);
    } else if (file->exists) {
        draw_content(file, coin, &drawn->content);
    }
}

void vfs_image_write(const struct vfs_image *image, uint64_t seed, const char *directory) {
    struct coin coin = {.state = seed, .all = seed == 0};
    for (size_t i = 0; i < VFS_FILE_COUNT; i++) {
        struct drawn drawn;
        draw_file(&image->files[i], &coin, &drawn);
        vfs__file_write(directory, (enum vfs_file)i, drawn.exists, &drawn.content);
        free(drawn.content.bytes);
    }
    remove_shared_memory(directory);
}

/* Makes this the durable file, in whose place nothing else can be. Takes the content. */
static void settle(struct vfs_image_file *file, struct drawn *drawn) {
    free(file->durable.bytes);
    file->durable = drawn->content;
    vfs__content_copy(&file->now, &file->durable);
    vfs__content_resize(&file->ghost, 0);
    file->exists = drawn->exists;
    file->name_in_doubt = false;
    file->ghost_exists = false;
    file->version_count = 0;
    file->version_limit = 0;
}

void vfs_image_cut(struct vfs_image *image, uint64_t seed, const char *directory) {
    struct coin coin = {.state = seed, .all = seed == 0};
    bool steps_are_lost = image->position < image->vfs->step_count;
    for (size_t i = 0; i < VFS_FILE_COUNT; i++) {
        if (!steps_are_lost && is_certain(&image->files[i])) {
            continue; /* it stands there */
        }
        struct drawn drawn;
        draw_file(&image->files[i], &coin, &drawn);
        vfs__file_write(directory, (enum vfs_file)i, drawn.exists, &drawn.content);
        settle(&image->files[i], &drawn);
    }
    remove_shared_memory(directory);
    image->position = image->vfs->step_count;
}

void vfs_image_kill(struct vfs_image *image, const char *directory) {
    bool steps_are_lost = image->position < image->vfs->step_count;
    for (size_t i = 0; i < VFS_FILE_COUNT && steps_are_lost; i++) {
        const struct vfs_image_file *file = &image->files[i];
        vfs__file_write(directory, (enum vfs_file)i, file->exists, &file->now);
    }
    image->position = image->vfs->step_count;
}

void vfs_image_load(struct vfs_image *image, const char *directory) {
    for (size_t i = 0; i < VFS_FILE_COUNT; i++) {
        struct drawn drawn = {.exists = false};
        /* The store makes an empty database, durably, where there is none. */
        drawn.exists =
            vfs__file_read(directory, (enum vfs_file)i, &drawn.content) || i == VFS_DATABASE;
        settle(&image->files[i], &drawn);
    }
    image->position = image->vfs->step_count;
}
