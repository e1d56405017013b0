/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/apt.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"

static int list_caches(struct agent_packages_job *job, struct agent_packages_paths *paths,
                       struct bl_error *err)
{
    return agent_packages_paths_add(job, paths, AGENT_PACKAGES_HOST_ARCHIVE,
                                    strlen(AGENT_PACKAGES_HOST_ARCHIVE), err);
}

/* apt's exit code tells of every script that failed. */
static bool has_failed(const struct agent_packages_output *output)
{
    return false;
}

const struct agent_packages_tools agent_packages_apt_tools = {
    .refresh_anew = agent_packages_apt_refresh_anew,
    .download_words = "apt-get download",
    .change_words = "apt-get install",
    .audit_remedy = "see `dpkg --audit`",
    .former_remedy = "put the package file into /var/cache/apt/archives, or install dpkg-repack",
    .file_name = agent_packages_apt_file_name,
    .read_file = agent_packages_apt_read_file,
    .download = agent_packages_apt_download,
    .list_caches = list_caches,
    .rebuild = agent_packages_apt_repack,
    .conffiles = agent_packages_apt_conffiles,
    .stand = agent_packages_apt_stand,
    .rehearse_forward = agent_packages_apt_rehearse_forward,
    .parse_progress = agent_packages_apt_parse_progress,
    .change = agent_packages_apt_change,
    .has_failed = has_failed,
    .blame = agent_packages_apt_blame,
    .audit = agent_packages_apt_audit,
    .set_marks = agent_packages_apt_set_marks,
    .restore_steps = agent_packages_apt_restore_steps,
};

static int fetch(struct agent_packages_job *job, const struct agent_packages_changes *changes,
                 struct bl_error *err)
{
    return agent_packages_fetch(job, &agent_packages_apt_tools, changes, err);
}

static int apply(struct agent_packages_job *job, const struct agent_packages_way_back *way_back,
                 struct bl_error *err)
{
    return agent_packages_apply(job, &agent_packages_apt_tools, way_back, err);
}

static int restore(struct agent_packages_job *job, const struct agent_packages_way_back *way_back,
                   struct bl_error *err)
{
    return agent_packages_restore(job, &agent_packages_apt_tools, way_back, err);
}

const struct agent_packages_backend agent_packages_apt = {
    .name = "apt",
    .audit_remedy = "`dpkg --configure -a`, `apt-get -f install`, `dpkg --audit`",
    .prepare = agent_packages_apt_prepare,
    .await_lock = agent_packages_apt_await_lock,
    .audit = agent_packages_apt_audit,
    .half_done = agent_packages_apt_half_done,
    .assume_whole = agent_packages_apt_assume_whole,
    .repair_words = "unpacking again what was half unpacked, and `dpkg --configure -a`",
    .repair = agent_packages_apt_repair,
    .refresh = agent_packages_apt_refresh,
    .resolve = agent_packages_apt_resolve,
    .keys = &agent_packages_apt_keys,
    .indexes = &agent_packages_apt_indexes,
    .can_replace_conffiles = true,
    .fetch = fetch,
    .collect = agent_packages_apt_collect,
    .rehearse = agent_packages_apt_rehearse,
    .apply = apply,
    .restore = restore,
    .installed = agent_packages_apt_find_installed,
    .inspect = agent_packages_apt_inspect,
};

/*
 * Read after the host's configuration. The host's hooks on `update` are for the host's lists; and
 * what is not signed is not installed by us, even where the host's own apt would.
 */
static const char repositories_config[] = "Dir::Cache::pkgcache \"\";\n"
                                          "Dir::Cache::archives \"archives\";\n"
                                          "#clear APT::Update::Pre-Invoke;\n"
                                          "#clear APT::Update::Post-Invoke;\n"
                                          "#clear APT::Update::Post-Invoke-Success;\n"
                                          "APT::Update::Error-Mode \"any\";\n"
                                          "APT::Get::AllowUnauthenticated \"0\";\n"
                                          "Acquire::Check-Valid-Until \"1\";\n"
                                          "Acquire::Check-Date \"1\";\n"
                                          "Acquire::AllowInsecureRepositories \"0\";\n"
                                          "Acquire::AllowWeakRepositories \"0\";\n"
                                          "Acquire::AllowDowngradeToInsecureRepositories \"0\";\n"
                                          "APT::Get::AutomaticRemove \"0\";\n"
                                          "APT::Get::Purge \"0\";\n";

/*
 * Without a terminal of apt's own, dpkg writes straight to our log and does not lose its output when
 * apt dies. Weak dependencies were decided on when the set was pinned. What looks at packages before
 * they are installed (apt-listchanges, apt-listbugs, dpkg-preconfigure) is for people who sit there. What
 * the host's dpkg.cfg says of configuration files is undone, since dpkg would take the new one first.
 */
static const char files_config[] = "Dir::Etc::SourceList \"/dev/null\";\n"
                                   "Dir::Etc::SourceParts \"/dev/null\";\n"
                                   "Dir::Cache::archives \"archives\";\n"
                                   "Dir::Cache::pkgcache \"\";\n"
                                   "Dir::Cache::srcpkgcache \"\";\n"
                                   "APT::Sandbox::User \"root\";\n"
                                   "APT::Install-Recommends \"0\";\n"
                                   "APT::Get::AutomaticRemove \"0\";\n"
                                   "APT::Get::Purge \"0\";\n"
                                   "Dpkg::Use-Pty \"0\";\n"
                                   "#clear DPkg::Pre-Install-Pkgs;\n"
                                   "DPkg::Options { \"--no-force-confask\"; };\n";
static const char keep_config[] = "DPkg::Options { \"--no-force-confnew\"; \"--force-confdef\"; "
                                  "\"--force-confold\"; };\n";
static const char replace_config[] = "DPkg::Options { \"--no-force-confold\"; "
                                     "\"--no-force-confdef\"; \"--force-confnew\"; };\n";

/* In the job's own directory: another job may be writing its own at this moment. */
static int write_config(struct agent_packages_job *job, const char *name, const char *places,
                        const char *rest, struct bl_error *err)
{
    const char *text;
    int r = agent_packages_memory_format(job->memory, &text, err, "%s%s", places, rest);

    return r < 0 ? r : bl_file_replace(job->job_fd, name, text, strlen(text), err);
}

int agent_packages_apt_prepare(struct agent_packages_job *job, struct bl_error *err)
{
    static const char *const directories[] = {"apt/lists", "apt/none", "apt/files", "apt/archives"};
    BL_AUTO_FD int cache_fd = -1;
    const char *text, *conffiles;
    int r;

    /* Not secret and open to look into: apt reads and downloads as a user without rights. */
    r = bl_dir_make(AT_FDCWD, job->cache_dir, 0755, err);
    if (r < 0)
        return r;
    cache_fd = bl_dir_open(AT_FDCWD, job->cache_dir, err);
    if (cache_fd < 0)
        return cache_fd;
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        r = bl_dir_make(cache_fd, directories[i], 0755, err);
        if (r < 0)
            return r;
    }

    conffiles = job->replace_conffiles ? replace_config : keep_config;
    if ((r = agent_packages_memory_format(job->memory, &text, err,
                                          "Dir::State::Lists \"%s/apt/lists\";\n"
                                          "Dir::Cache \"%s/apt\";\n",
                                          job->cache_dir, job->cache_dir)) < 0 ||
        (r = write_config(job, "repositories.conf", text, repositories_config, err)) < 0 ||
        (r = agent_packages_memory_format(job->memory, &text, err,
                                          "Dir::State::Lists \"%s/apt/none\";\n"
                                          "Dir::Cache \"%s/apt/files\";\n%s",
                                          job->cache_dir, job->cache_dir, conffiles)) < 0)
        return r;

    return write_config(job, "files.conf", text, files_config, err);
}

int agent_packages_apt_begin(struct agent_packages_job *job, enum agent_packages_apt_world world,
                             struct agent_packages_args *args, struct bl_error *err)
{
    static const char *const first[] = {AGENT_PACKAGES_APT_GET, "-c", NULL};
    static const char *const more[] = {"-q", "-y", NULL};
    int r;

    *args = (struct agent_packages_args){0};
    r = agent_packages_args_add_all(job, args, first, err);
    if (r < 0)
        return r;
    r = agent_packages_args_format(job, args, err, "%s/%s.conf", job->job_path,
                                   world == AGENT_PACKAGES_APT_REPOSITORIES ? "repositories"
                                                                            : "files");
    if (r < 0)
        return r;
    r = agent_packages_args_format(job, args, err, "-oDPkg::Lock::Timeout=%lld",
                                   (long long)(job->lock_wait_ms / 1000));
    if (r >= 0 && job->assumed_status != NULL)
        r = agent_packages_args_format(job, args, err, "-oDir::State::status=%s",
                                       job->assumed_status);
    if (r < 0)
        return r;

    return agent_packages_args_add_all(job, args, more, err);
}

static bool is_state_of(const struct agent_packages_state *state,
                        const struct agent_packages_stanza_key *key)
{
    return strcmp(state->name, key->name) == 0 && strcmp(state->arch, key->arch) == 0;
}

/* A package may go from "all" to the native architecture and back: it is the same one then. */
static bool is_sibling_of(const struct agent_packages_state *state,
                          const struct agent_packages_stanza_key *key)
{
    return strcmp(state->name, key->name) == 0 &&
           (strcmp(state->arch, "all") == 0 || strcmp(key->arch, "all") == 0 ||
            key->arch[0] == '\0');
}

static struct agent_packages_state pick_state(const struct agent_packages_states *states,
                                              const struct agent_packages_stanza_key *key)
{
    for (uint32_t i = 0; i < states->count; i++) {
        if (is_state_of(&states->list[i], key))
            return states->list[i];
    }
    for (uint32_t i = 0; i < states->count; i++) {
        if (is_sibling_of(&states->list[i], key))
            return states->list[i];
    }

    return (struct agent_packages_state){.name = key->name,
                                         .arch = key->arch,
                                         .version = "",
                                         .want = "unknown",
                                         .status = "not-installed",
                                         .error = "ok"};
}

int agent_packages_apt_states(struct agent_packages_job *job,
                              const struct agent_packages_stanza_key *keys, uint32_t key_count,
                              struct agent_packages_state *ret_states, struct bl_error *err)
{
    static const char format[] = AGENT_PACKAGES_APT_QUERY_FORMAT;
    static const char *const head[] = {AGENT_PACKAGES_DPKG_QUERY, "-W", "-f", format, "--", NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_LOOK};
    struct agent_packages_output output;
    struct agent_packages_states states;
    int r;

    if (key_count == 0)
        return 0;
    r = agent_packages_args_add_all(job, &command.args, head, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < key_count; i++) {
        r = agent_packages_args_add(job, &command.args, keys[i].name, err);
        if (r < 0)
            return r;
    }
    r = agent_packages_run(job, &command, &output, err);
    if (r < 0)
        return r;
    /* 1: some of the names are not known, which is an answer. */
    if (output.status != 0 && output.status != 1)
        return agent_packages_apt_blame(job, "dpkg-query", &output, err);
    r = agent_packages_apt_parse_states(job->memory, output.text, &states, err);
    if (r < 0)
        return r;

    for (uint32_t i = 0; i < key_count; i++)
        ret_states[i] = pick_state(&states, &keys[i]);

    return 0;
}

int agent_packages_apt_begin_mark(struct agent_packages_job *job, const char *verb,
                                  struct agent_packages_args *args, struct bl_error *err)
{
    int r;

    *args = (struct agent_packages_args){0};
    if ((r = agent_packages_args_add(job, args, AGENT_PACKAGES_APT_MARK, err)) < 0 ||
        (r = agent_packages_args_add(job, args, "-c", err)) < 0 ||
        (r = agent_packages_args_format(job, args, err, "%s/files.conf", job->job_path)) < 0)
        return r;

    return agent_packages_args_add(job, args, verb, err);
}

int agent_packages_apt_marks(struct agent_packages_job *job, const char *show,
                             const char **ret_text, struct bl_error *err)
{
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_LOOK};
    struct agent_packages_output output;
    int r;

    if ((r = agent_packages_apt_begin_mark(job, show, &command.args, err)) < 0)
        return r;
    r = agent_packages_run(job, &command, &output, err);
    if (r < 0)
        return r;
    if (output.status != 0)
        return agent_packages_apt_blame(job, "apt-mark", &output, err);
    *ret_text = output.text;

    return 0;
}

bool agent_packages_apt_is_marked(const char *marks, const char *name, const char *arch)
{
    char whole[2 * PROTO_NAME_BYTES_MAX + 2];
    struct agent_packages_line line;

    (void)snprintf(whole, sizeof(whole), "%s:%s", name, arch);
    while (agent_packages_next_line(&marks, &line)) {
        bool plain = line.length == strlen(name) && memcmp(line.text, name, line.length) == 0;
        bool full = line.length == strlen(whole) && memcmp(line.text, whole, line.length) == 0;

        if (plain || full)
            return true;
    }

    return false;
}

static const char *field_of(const char *text, const char *name)
{
    struct agent_packages_line line;
    size_t length = strlen(name);

    while (agent_packages_next_line(&text, &line)) {
        if (line.length > length + 2 && memcmp(line.text, name, length) == 0 &&
            line.text[length] == ':')
            return line.text + length + 2;
    }

    return "";
}

static int copy_field(struct agent_packages_job *job, const char *text, const char *name,
                      const char **ret_value, struct bl_error *err)
{
    const char *value = field_of(text, name);

    return agent_packages_memory_copy(job->memory, value, strcspn(value, "\n"), ret_value, err);
}

int agent_packages_apt_read_file(struct agent_packages_job *job, const char *path,
                                 struct agent_packages_file *ret_file, struct bl_error *err)
{
    const char *argv[] = {AGENT_PACKAGES_DPKG_DEB, "-f", path, "Package", "Version", "Architecture",
                          "Installed-Size",        NULL};
    struct agent_packages_output output;
    struct agent_packages_file file = {0};
    const char *size;
    struct stat st;
    int r;

    if (lstat(path, &st) < 0)
        return bl_fail(err, -errno, "'%s': %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return bl_fail(err, -EBADMSG, "'%s' is no plain file", path);
    file.size_bytes = (uint64_t)st.st_size;

    r = agent_packages_ask(job, argv, &output, err);
    if (r < 0)
        return r;
    if (output.status != 0)
        return bl_fail(err, -EBADMSG, "'%s' is no package", path);
    if ((r = copy_field(job, output.text, "Package", &file.name, err)) < 0 ||
        (r = copy_field(job, output.text, "Version", &file.version, err)) < 0 ||
        (r = copy_field(job, output.text, "Architecture", &file.arch, err)) < 0 ||
        (r = copy_field(job, output.text, "Installed-Size", &size, err)) < 0)
        return r;
    if (size[0] != '\0' && bl_text_to_u64(size, UINT32_MAX, &file.installed_kib, err) < 0)
        return bl_wrap(err, "the installed size in '%s'", path);
    *ret_file = file;

    return 0;
}

int agent_packages_apt_file_name(struct agent_packages_job *job,
                                 const struct agent_packages_wanted *wanted, const char **ret_name,
                                 struct bl_error *err)
{
    const char *version = wanted->version;
    const char *colon = strchr(version, ':');

    if (colon == NULL) {
        return agent_packages_memory_format(job->memory, ret_name, err, "%s_%s_%s.deb",
                                            wanted->name, version, wanted->arch);
    }

    return agent_packages_memory_format(job->memory, ret_name, err, "%s_%.*s%%3a%s_%s.deb",
                                        wanted->name, (int)(colon - version), version, colon + 1,
                                        wanted->arch);
}

int agent_packages_apt_blame(struct agent_packages_job *job, const char *what,
                             const struct agent_packages_output *output, struct bl_error *err)
{
    struct agent_packages_cause cause;
    char words[160];

    if (output->late) {
        cause.line = agent_packages_apt_last_action(output->text);
        return agent_packages_job_blame_late(job, what, &cause.line, err);
    }
    agent_packages_apt_find_cause(output->text, &cause);
    bl_text_escape(words, sizeof(words), cause.line.text, cause.line.length);

    return agent_packages_fail(job, err, cause.code, "see the log of the phase", -EPROTO,
                               "%s ended with %d: %s", what, output->status,
                               words[0] != '\0' ? words : "it did not say why");
}

/* dpkg cannot read its own database: half of it was written when the power failed. It names the file. */
static void find_unreadable(struct agent_packages_job *job, const char *said)
{
    for (uint32_t i = 0; i < job->result->findings_count; i++) {
        if (strcmp(job->result->findings[i].code, "package_database_broken") == 0)
            return;
    }
    agent_packages_job_find(
        job, "package_database_broken", said,
        "put that file right by hand; dpkg's former states lie in /var/backups");
}

int agent_packages_apt_audit(struct agent_packages_job *job, bool *ret_clean, struct bl_error *err)
{
    static const char *const argv[] = {AGENT_PACKAGES_DPKG, "--audit", NULL};
    struct agent_packages_output output;
    struct dirent **entries = NULL;
    bool pending = false;
    int count, r;

    r = agent_packages_ask(job, argv, &output, err);
    if (r < 0)
        return r;

    /* Updates that dpkg wrote down and never took over: it was interrupted. */
    count = scandir(AGENT_PACKAGES_UPDATES_DIR, &entries, NULL, NULL);
    for (int i = 0; i < count; i++) {
        pending = pending || strspn(entries[i]->d_name, "0123456789") > 0;
        free(entries[i]);
    }
    free(entries);
    if (output.status > 1)
        find_unreadable(job, output.text);
    *ret_clean = output.status == 0 && output.text[0] == '\0' && !pending;

    return 0;
}

int agent_packages_apt_await_lock(struct agent_packages_job *job, bool end_own,
                                  struct bl_error *err)
{
    static const char *const paths[] = {"/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock"};

    if (end_own) {
        int r = agent_packages_process_await_left_behind(job, job->lock_wait_ms, err);

        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int r = agent_packages_process_await_lock(job, paths[i], job->lock_wait_ms, end_own, err);

        if (r < 0)
            return r;
    }

    return 0;
}
