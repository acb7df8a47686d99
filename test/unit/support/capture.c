/* capture.c - see capture.h. A failed assertion of a test does not end the capture: Check's message goes elsewhere. */
#include "test/unit/support/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void capture_begin(struct capture *capture, int descriptor) {
    fflush(NULL);
    *capture = (struct capture){.target = descriptor,
                                .kept = dup(descriptor),
                                .memory = memfd_create("capture", MFD_CLOEXEC)};
    if (capture->kept < 0 || capture->memory < 0 || dup2(capture->memory, descriptor) < 0) {
        abort();
    }
}

const char *capture_end(struct capture *capture) {
    static char text[64 * 1024];
    fflush(NULL);
    ssize_t size_bytes = pread(capture->memory, text, sizeof(text) - 1, 0);
    if (size_bytes < 0 || dup2(capture->kept, capture->target) < 0) {
        abort();
    }
    close(capture->kept);
    close(capture->memory);
    text[size_bytes] = '\0';
    return text;
}
