/* vfs.c - the registry of recording file systems, their logs, and the faults that are armed. See vfs.h. */
#include "test/sim/vfs.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const vfs_file_names[VFS_FILE_COUNT] = {"catalog.db", "catalog.db-wal",
                                                    "catalog.db-journal"};

static struct vfs *registry; /* a list: a simulation has a handful */

uint64_t vfs__draw(uint64_t *state) {
    uint64_t value = (*state += UINT64_C(0x9e3779b97f4a7c15));
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

/* --- the registry -------------------------------------------------------------------------------------------------- */

static bool is_below(const char *path, const char *directory) {
    size_t size = strlen(directory);
    return strncmp(path, directory, size) == 0 && path[size] == '/';
}

struct vfs *vfs__of_path(const char *path) {
    struct vfs *found = NULL;
    for (struct vfs *vfs = registry; vfs != NULL && path != NULL; vfs = vfs->next) {
        if (is_below(path, vfs->directory) &&
            (found == NULL || strlen(vfs->directory) > strlen(found->directory))) {
            found = vfs;
        }
    }
    return found;
}

void vfs_open(struct vfs *vfs, const char *directory, uint64_t seed) {
    *vfs = (struct vfs){.random = seed, .next = registry};
    char *absolute = realpath(directory, NULL);
    assert(absolute != NULL);
    assert(strlen(absolute) < sizeof vfs->directory);
    (void)snprintf(vfs->directory, sizeof vfs->directory, "%s", absolute);
    free(absolute);
    if (registry == NULL) {
        vfs__register();
    }
    registry = vfs;
}

void vfs_close(struct vfs *vfs) {
    struct vfs **link = &registry;
    while (*link != vfs) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = vfs->next;
    vfs_forget(vfs, vfs->step_count);
    free(vfs->steps);
    *vfs = (struct vfs){.recording = false};
    if (registry == NULL) {
        vfs__unregister();
    }
}

/* --- the log ------------------------------------------------------------------------------------------------------- */

void vfs__record(struct vfs *vfs, enum vfs_operation operation, int file, uint64_t offset,
                 const void *bytes, size_t size_bytes) {
    if (vfs == NULL || !vfs->recording || file < 0) {
        return;
    }
    size_t kept = vfs->step_count - vfs->step_first;
    if (kept == vfs->step_capacity) {
        vfs->step_capacity = vfs->step_capacity * 2 + 256;
        vfs->steps = realloc(vfs->steps, vfs->step_capacity * sizeof *vfs->steps);
        assert(vfs->steps != NULL);
    }
    uint8_t *copy = NULL;
    if (bytes != NULL && size_bytes > 0) {
        copy = malloc(size_bytes);
        assert(copy != NULL);
        memcpy(copy, bytes, size_bytes);
        vfs->log_size_bytes += size_bytes;
    }
    vfs->steps[kept] = (struct vfs_step){.operation = operation,
                                         .file = (enum vfs_file)file,
                                         .offset = offset,
                                         .size_bytes = size_bytes,
                                         .bytes = copy};
    vfs->step_count++;
}

void vfs_mark(struct vfs *vfs, uint64_t value) {
    vfs__record(vfs, VFS_MARK, VFS_DATABASE, value, NULL, 0);
}

const struct vfs_step *vfs_step(const struct vfs *vfs, size_t position) {
    assert(position >= vfs->step_first);
    assert(position < vfs->step_count);
    return &vfs->steps[position - vfs->step_first];
}

void vfs_forget(struct vfs *vfs, size_t position) {
    assert(position <= vfs->step_count);
    if (position <= vfs->step_first) {
        return;
    }
    size_t gone = position - vfs->step_first;
    for (size_t i = 0; i < gone; i++) {
        if (vfs->steps[i].bytes != NULL) {
            vfs->log_size_bytes -= vfs->steps[i].size_bytes;
            free(vfs->steps[i].bytes);
        }
    }
    vfs->step_first = position;
    memmove(vfs->steps, vfs->steps + gone, (vfs->step_count - position) * sizeof *vfs->steps);
}

/* --- faults -------------------------------------------------------------------------------------------------------- */

bool vfs__fails(struct vfs *vfs, unsigned call) {
    if (vfs == NULL || (vfs->fault.calls & call) == 0) {
        return false;
    }
    struct vfs_fault *fault = &vfs->fault;
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
