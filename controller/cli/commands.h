/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_COMMANDS_H
#define CTL_CLI_COMMANDS_H

#include "controller/cli/cli.h"

/* One function a row of the table in controller/cli/table.c; returns the exit code. */
int ctl_cmd_init(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_keys_new(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_keys_list(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_keys_import(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_keys_export(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_keys_passphrase(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_keys_trust(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_roots_new(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_roots_list(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_roots_import(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_roots_export(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_roots_change(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_roots_sign(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_roots_take(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_enroll_token(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_enroll_key(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_hosts_list(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_hosts_show(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_hosts_label(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_hosts_approve(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_hosts_revoke(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_ping(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_check(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_preview(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_run(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_status(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_watch(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_why(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_report(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_rollouts(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_sign(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_approve(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_pause(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_resume(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_abort(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_rollback(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_retry(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_standby(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_freeze(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_unfreeze(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_desk_new(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_desk_show(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_desk_admit(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_desk_list(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_desk_revoke(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_deny_list(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_deny_add(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_deny_lift(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_leases(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_audit_verify(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_backup(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_restore(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_audit_accept(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_audit_export(struct ctl_cli_globals *globals, int argc, char **argv);
int ctl_cmd_audit_log(struct ctl_cli_globals *globals, int argc, char **argv);

/* Looks at a rollout until it ends, as `belay watch` does; `run --watch` ends with it. */
int ctl_watch_rollout(struct ctl_cli_globals *globals, const char *rollout);

#endif
