/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world/trial.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"

static struct sim_trial *shared; /* in the child: where its end is told */

struct sim_trial *sim_trial_new(void)
{
    struct sim_trial *trial =
        mmap(NULL, sizeof(*trial), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (trial == MAP_FAILED) {
        perror("no memory for a trial");
        exit(1);
    }

    return trial;
}

struct sim_trial *sim_trial_free(struct sim_trial *trial)
{
    if (trial != NULL)
        (void)munmap(trial, sizeof(*trial));

    return NULL;
}

static void save_faults(void)
{
    uint32_t count;
    const struct sim_fault_done *list = sim_fault_list(&count);

    shared->fault_count = count < SIM_TRIAL_FAULTS_MAX ? count : SIM_TRIAL_FAULTS_MAX;
    if (shared->fault_count > 0)
        memcpy(shared->faults, list, shared->fault_count * sizeof(*list));
}

static void on_abort(int signal_number)
{
    save_faults();
}

static void read_last_line(FILE *errors, char *ret_text)
{
    char line[SIM_TRIAL_TEXT_BYTES];

    rewind(errors);
    ret_text[0] = '\0';
    while (fgets(line, sizeof(line), errors) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0')
            (void)memcpy(ret_text, line, sizeof(line));
    }
}

static void run_child(const struct sim_options *options, FILE *errors)
{
    const struct sigaction action = {.sa_handler = on_abort};

    if (dup3(fileno(errors), STDERR_FILENO, 0) < 0 || sigaction(SIGABRT, &action, NULL) < 0)
        _exit(1);
    sim_run(options, &shared->outcome);
    shared->is_good = true;
    _exit(0);
}

void sim_trial_run(struct sim_trial *trial, const struct sim_options *options)
{
    FILE *errors = tmpfile();
    int status = 0;
    pid_t pid;

    if (errors == NULL) {
        perror("temporary file");
        exit(1);
    }
    trial->is_good = false;
    trial->fault_count = 0;
    shared = trial;
    (void)fflush(NULL);
    pid = fork();
    if (pid == 0)
        run_child(options, errors);
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        perror("child");
        exit(1);
    }
    if (!trial->is_good)
        read_last_line(errors, trial->text);
    (void)fclose(errors);
}
