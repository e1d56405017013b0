/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "common/file.h"

enum {
    PASSPHRASE_BYTES_MAX = 1024,
};

int ctl_secret_make(size_t size_bytes, struct ctl_secret *ret_secret, struct bl_error *err)
{
    uint8_t *bytes = sodium_malloc(size_bytes);

    if (bytes == NULL)
        return bl_fail(err, -ENOMEM, "no guarded memory for a secret: %s", strerror(errno));

    ret_secret->bytes = bytes;
    ret_secret->size_bytes = size_bytes;
    return 0;
}

void ctl_secret_release(struct ctl_secret *secret)
{
    sodium_free(secret->bytes);
    *secret = (struct ctl_secret){0};
}

/* Reads up to the end of the first line, which is not part of the secret. */
static int read_line(int fd, struct ctl_secret *line, struct bl_error *err)
{
    size_t used = 0;

    for (;;) {
        uint8_t byte;
        ssize_t n = read(fd, &byte, 1);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bl_fail(err, -errno, "read the passphrase: %s", strerror(errno));
        if (n == 0 || byte == '\n')
            break;
        if (used == line->size_bytes) {
            return bl_fail(err, -EINVAL, "the passphrase is longer than %d bytes",
                           PASSPHRASE_BYTES_MAX);
        }
        line->bytes[used++] = byte;
    }
    if (used == 0)
        return bl_fail(err, -EINVAL, "the passphrase is empty");
    line->size_bytes = used;

    return 0;
}

static int read_from_file(const char *file, struct ctl_secret *line, struct bl_error *err)
{
    BL_AUTO_FD int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat about;
    int r;

    if (fd < 0)
        return bl_fail(err, -errno, "passphrase file '%.100s': %s", file, strerror(errno));
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && (about.st_mode & 077) != 0) {
        (void)fprintf(stderr,
                      "belay: warning: others may read the passphrase file; chmod 600 it\n");
    }
    r = read_line(fd, line, err);
    if (r < 0)
        return bl_wrap(err, "passphrase file '%.100s'", file);

    return 0;
}

static int read_from_environment(const char *value, struct ctl_secret *line, struct bl_error *err)
{
    size_t value_bytes = strlen(value);

    if (value_bytes == 0)
        return bl_fail(err, -EINVAL, "BELAY_PASSPHRASE is set but empty");
    if (value_bytes > line->size_bytes) {
        return bl_fail(err, -EINVAL, "BELAY_PASSPHRASE is longer than %d bytes",
                       PASSPHRASE_BYTES_MAX);
    }
    memcpy(line->bytes, value, value_bytes);
    line->size_bytes = value_bytes;

    return 0;
}

/* The terminal gives whole lines, so reading does not wait once it is readable. */
static int wait_for_line(int terminal_fd, int signal_fd, struct bl_error *err)
{
    struct pollfd fds[2] = {{.fd = signal_fd, .events = POLLIN},
                            {.fd = terminal_fd, .events = POLLIN}};

    while (poll(fds, 2, -1) < 0) {
        if (errno != EINTR)
            return bl_fail(err, -errno, "wait for the passphrase: %s", strerror(errno));
    }
    if (fds[0].revents != 0)
        return bl_fail(err, -ECANCELED, "interrupted");

    return 0;
}

static int ask_silently(int terminal_fd, int signal_fd, const char *prompt, struct ctl_secret *line,
                        struct bl_error *err)
{
    struct termios before, silent;
    int r;

    if (tcgetattr(terminal_fd, &before) < 0)
        return bl_fail(err, -errno, "the terminal's settings: %s", strerror(errno));
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    silent.c_lflag |= ECHONL;
    if (tcsetattr(terminal_fd, TCSAFLUSH, &silent) < 0)
        return bl_fail(err, -errno, "turn the echo off: %s", strerror(errno));
    (void)dprintf(terminal_fd, "%s: ", prompt);
    r = wait_for_line(terminal_fd, signal_fd, err);
    if (r >= 0)
        r = read_line(terminal_fd, line, err);
    (void)tcsetattr(terminal_fd, TCSAFLUSH, &before);

    return r;
}

/* Ctrl-C and its like wait until the terminal has its echo back, and then do what they always do. */
static int ask_once(int terminal_fd, const char *prompt, struct ctl_secret *line,
                    struct bl_error *err)
{
    static const int held[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    BL_AUTO_FD int signal_fd = -1;
    sigset_t signals, before;
    int r;

    (void)sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
        (void)sigaddset(&signals, held[i]);
    signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    if (signal_fd < 0 || sigprocmask(SIG_BLOCK, &signals, &before) < 0)
        return bl_fail(err, -errno, "hold signals back: %s", strerror(errno));
    r = ask_silently(terminal_fd, signal_fd, prompt, line, err);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);

    return r;
}

static int read_from_terminal(const char *purpose, bool is_new, struct ctl_secret *line,
                              struct bl_error *err)
{
    BL_AUTO_FD int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    CTL_AUTO_SECRET again = {0};
    char prompt[160];
    int r;

    if (fd < 0) {
        return bl_fail(err, -ENODATA,
                       "no terminal to ask for the passphrase of %s: use "
                       "--passphrase-file or BELAY_PASSPHRASE",
                       purpose);
    }
    (void)snprintf(prompt, sizeof(prompt), is_new ? "New passphrase for %s" : "Passphrase of %s",
                   purpose);
    r = ask_once(fd, prompt, line, err);
    if (r < 0 || !is_new)
        return r;
    r = ctl_secret_make(PASSPHRASE_BYTES_MAX, &again, err);
    if (r < 0)
        return r;
    r = ask_once(fd, "The same again", &again, err);
    if (r < 0)
        return r;
    if (again.size_bytes != line->size_bytes ||
        sodium_memcmp(again.bytes, line->bytes, line->size_bytes) != 0)
        return bl_fail(err, -EINVAL, "the two passphrases differ");

    return 0;
}

/* `value` is that of the environment; NULL = it is not looked at. */
static int get(const char *file, const char *value, const char *purpose, bool is_new,
               struct ctl_secret *ret_secret, struct bl_error *err)
{
    CTL_AUTO_SECRET line = {0};
    int r;

    r = ctl_secret_make(PASSPHRASE_BYTES_MAX, &line, err);
    if (r < 0)
        return r;
    if (file != NULL) {
        r = read_from_file(file, &line, err);
    } else if (value != NULL) {
        r = read_from_environment(value, &line, err);
    } else {
        r = read_from_terminal(purpose, is_new, &line, err);
    }
    if (r < 0)
        return r;

    *ret_secret = line;
    line = (struct ctl_secret){0};
    return 0;
}

int ctl_passphrase_get(const char *file, const char *purpose, bool is_new,
                       struct ctl_secret *ret_secret, struct bl_error *err)
{
    return get(file, getenv("BELAY_PASSPHRASE"), purpose, is_new, ret_secret, err);
}

int ctl_passphrase_get_next(const char *file, const char *purpose, struct ctl_secret *ret_secret,
                            struct bl_error *err)
{
    int r = get(file, NULL, purpose, true, ret_secret, err);

    return r != -ENODATA ? r
                         : bl_fail(err, -ENODATA,
                                   "no terminal to ask for the new passphrase of %s: use "
                                   "--new-passphrase-file",
                                   purpose);
}
