/* capture.h - what is written to stdout or stderr meanwhile.
 *
 *      struct capture capture;
 *      capture_begin(&capture, STDERR_FILENO);
 *      ...
 *      const char *text = capture_end(&capture);      // valid until the next capture_end()
 */
#ifndef TEST_UNIT_SUPPORT_CAPTURE_H
#define TEST_UNIT_SUPPORT_CAPTURE_H

struct capture {
    int target, kept, memory;
};

void capture_begin(struct capture *capture, int descriptor);
const char *capture_end(struct capture *capture);

#endif
