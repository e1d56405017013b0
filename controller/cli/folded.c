/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/folded.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "controller/outside/fold.h"

enum {
    WIDTH_MIN = 40, /* below, what is cut in two by the terminal is no worse */
};

struct folded {
    struct ctl_fold fold;
    int fd;
};

static struct folded out = {.fd = STDOUT_FILENO}, error = {.fd = STDERR_FILENO};
static bool paused;

static int write_all(void *userdata, const char *text, size_t text_bytes)
{
    const struct folded *folded = userdata;

    while (text_bytes > 0) {
        ssize_t n = write(folded->fd, text, text_bytes);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            text += n;
            text_bytes -= (size_t)n;
        }
    }

    return 0;
}

/* The stream's own buffer was the last one: all that came is to be seen, a question as well. */
static ssize_t take(void *cookie, const char *text, size_t text_bytes)
{
    struct folded *folded = cookie;
    int r;

    if (paused) {
        r = write_all(folded, text, text_bytes);
    } else {
        r = ctl_fold_put(&folded->fold, text, text_bytes);
        if (r >= 0)
            r = ctl_fold_end(&folded->fold);
    }

    return r < 0 ? 0 : (ssize_t)text_bytes; /* 0 is how a cookie tells an error */
}

static FILE *replace(struct folded *folded, FILE *stream, int buffering)
{
    struct winsize size = {0};
    FILE *own;

    if (isatty(folded->fd) != 1 || ioctl(folded->fd, TIOCGWINSZ, &size) < 0 ||
        size.ws_col < WIDTH_MIN)
        return stream;
    own = fopencookie(folded, "w", (cookie_io_functions_t){.write = take});
    if (own == NULL)
        return stream;
    ctl_fold_begin(&folded->fold, size.ws_col, write_all, folded);
    (void)setvbuf(own, NULL, buffering, BUFSIZ);

    return own;
}

void ctl_folded_begin(void)
{
    (void)fflush(stdout);
    stdout = replace(&out, stdout, _IOLBF);
    stderr = replace(&error, stderr, _IOLBF);
}

void ctl_folded_pause(bool is_paused)
{
    (void)fflush(stdout);
    paused = is_paused;
}
