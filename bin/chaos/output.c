/* output.c - files that a command is asked to write. A run may take half an hour, so whether its report can be written is
 * looked at before it; and a run that does not take place must neither leave an empty file nor empty the last one.
 */
#include "bin/chaos/chaos.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_standard(const char *path) {
    return strcmp(path, "-") == 0;
}

static bool complain(const char *path) {
    chaos_complain("%.200s: %s", path[0] == '\0' ? "a file without a name" : path, strerror(errno));
    return false;
}

/* Pipes and devices are not tried: opening them and closing them again is seen at the other end. */
bool output_possible(const char *path) {
    struct stat status;
    if (path == NULL || is_standard(path) ||
        (stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))) {
        return true;
    }
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool made = descriptor >= 0;
    if (!made && errno == EEXIST) {
        descriptor = open(path, O_WRONLY | O_CLOEXEC);
    }
    if (descriptor < 0) {
        return complain(path);
    }
    (void)close(descriptor);
    if (made) {
        (void)unlink(path);
    }
    return true;
}

FILE *output_open(const char *path) {
    FILE *file = is_standard(path) ? stdout : fopen(path, "we");
    if (file == NULL) {
        complain(path);
    }
    return file;
}

bool output_close(const char *path, FILE *file, bool written) {
    int reason = errno;
    bool closed = file == stdout ? fflush(file) == 0 : fclose(file) == 0;
    errno = written ? errno : reason;
    return (written && closed) || complain(path);
}
