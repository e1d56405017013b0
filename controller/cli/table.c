/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "controller/cli/cli.h"
#include "controller/cli/commands.h"

#define PASSPHRASE_TEXT \
    "  --passphrase-file FILE  its first line; else BELAY_PASSPHRASE, else the terminal\n"

#define MATCH_TEXT                                                                                 \
    "  --match EXPRESSION      role=web, env in (prod, stage), zone!=c, !canary, os_version<12:\n" \
    "                          labels and facts, see belay-plan(5); given twice both must hold\n"

/* The one list of subcommands: dispatch, both forms of help, and what the manual is tested against. */
static const struct ctl_cli_command commands[] = {
    {"init", "make a controller: configuration, key and store",
     "--listen tcp://ADDRESS:PORT [--enroll-listen tcp://ADDRESS:PORT]\n"
     "           [--state-dir DIR] [--socket PATH] [--config FILE]",
     "Prints the controller's public key, which hosts are given when they join, and the next steps.\n"
     "Never replaces a key. The enrolment port is the one after --listen unless given.\n",
     ctl_cmd_init},
    {"keys new", "make a key pair that signs changes",
     "NAME --role operator|commander [--kdf moderate|interactive] [--passphrase-file FILE]\n"
     "       belay keys new NAME --role operator|commander --ssh-key FILE.pub",
     "  --role ROLE             what this person may sign for\n"
     "  --ssh-key FILE.pub      make none: the ssh-ed25519 key of FILE.pub, which ssh-agent holds, is\n"
     "                          the person's; ssh-agent signs, and may ask for a confirmation\n"
     "  --kdf interactive       64 MiB instead of 256 MiB to derive the key: for rehearsals\n" PASSPHRASE_TEXT
     "Keys lie in $BELAY_HOME, else ~/.config/belay. Hosts believe a key after 'belay keys trust'.\n",
     ctl_cmd_keys_new},
    {"keys list", "show the keys of this desk", "",
     "'own' keys can sign here, those of 'ssh-agent' while it holds them; the others are public keys\n"
     "of colleagues.\n",
     ctl_cmd_keys_list},
    {"keys export", "print a public key, as a colleague imports it", "NAME",
     "It holds no secret. 'belay keys import' takes it in at the desk that has root.key.\n",
     ctl_cmd_keys_export},
    {"keys passphrase", "change the passphrase of a key",
     "[NAME] [--root] [--kdf moderate|interactive] [--passphrase-file FILE]\n"
     "           [--new-passphrase-file FILE]",
     "  --root                  of a root key: of root.key, unless NAME is another root\n"
     "  --new-passphrase-file FILE  the new one is its first line; else the terminal\n" PASSPHRASE_TEXT
     "The key stays the same: copies of the former file still open with the former passphrase.\n",
     ctl_cmd_keys_passphrase},
    {"keys import", "take in a colleague's public key", "FILE.pub",
     "Hosts believe it after 'belay keys trust'.\n", ctl_cmd_keys_import},
    {"keys trust", "write and sign the trust file that hosts get",
     "[--quorum-low N+M] [--quorum-medium N+M] [--quorum-high N+M]\n"
     "           [--revoke NAME …] [--anew] [--request FILE] [--kdf …] [--passphrase-file FILE]",
     "  --quorum-high N+M       N operators and M commanders must sign (default 1+1; else 1+0)\n"
     "  --revoke NAME           no longer believe this person\n"
     "  --request FILE          write it there for 'belay roots sign' at other desks; change nothing\n"
     "  --anew                  the former roots are lost: begin a new chain with root.key. Hosts\n"
     "                          that are in have to join anew: belay(1), LOST ROOT KEYS\n" PASSPHRASE_TEXT
     "Trusts all keys of this desk, raises the version, signs with the root keys of this desk (the first\n"
     "is made at first use) and hands the file to the controller. Keep root keys safe: whoever has enough\n"
     "of them decides whom hosts believe.\n",
     ctl_cmd_keys_trust},
    {"roots new", "make another root key",
     "NAME [--kdf moderate|interactive] [--passphrase-file FILE]",
     PASSPHRASE_TEXT
     "Roots sign trust files. Hosts know it after 'belay roots change --add NAME'.\n",
     ctl_cmd_roots_new},
    {"roots list", "show the root keys", "",
     "Those of the trust file, those of this desk, and how many must sign what follows.\n",
     ctl_cmd_roots_list},
    {"roots export", "print a root's public key for another desk", "NAME", "It holds no secret.\n",
     ctl_cmd_roots_export},
    {"roots import", "take in a root's public key of another desk", "FILE.pub",
     "Hosts know it after 'belay roots change --add NAME'.\n", ctl_cmd_roots_import},
    {"roots change", "write a trust file with other roots",
     "[--add NAME …] [--remove NAME …] [--needed N] [--request FILE]\n"
     "           [--passphrase-file FILE]",
     "  --needed N              so many of the roots must sign what follows\n"
     "  --request FILE          write it there for 'belay roots sign' at other desks; change nothing\n" PASSPHRASE_TEXT
     "Enough of the former roots sign it, enough of its own, and each root that is new.\n",
     ctl_cmd_roots_change},
    {"roots sign", "sign a trust file that another desk wrote; needs no controller",
     "FILE [--yes] [--passphrase-file FILE]",
     "  --yes                   do not ask\n" PASSPHRASE_TEXT
     "FILE is of --request. Shows what changes, asks, and adds what is missing and this desk has.\n",
     ctl_cmd_roots_sign},
    {"roots take", "take a trust file that enough roots signed", "FILE",
     "It becomes that of this desk, and is handed to the controller.\n", ctl_cmd_roots_take},
    {"enroll token", "make a token that lets hosts join",
     "[--label KEY=VALUE …] [--uses N] [--expires TIME]",
     "Prints the token alone on standard output. It works N times (1) until TIME (1h) is over.\n",
     ctl_cmd_enroll_token},
    {"enroll key", "show the controller's public key", "",
     "Prints it alone: what 'belay-agent join --controller-key' wants.\n", ctl_cmd_enroll_key},
    {"desk new", "make this desk's key for a controller elsewhere",
     "NAME --address tcp://HOST:PORT --controller-key KEY",
     "  --address ADDRESS       admin.listen of the controller, as it is reached from here\n"
     "  --controller-key KEY    what 'belay enroll key' prints there, brought by a way you trust\n"
     "Prints the desk's own public key and the command that admits it there. From then on\n"
     "'belay --desk NAME COMMAND' asks that controller, or BELAY_DESK=NAME. Never replaces a key.\n",
     ctl_cmd_desk_new},
    {"desk show", "show the controllers elsewhere that this desk knows", "[NAME]",
     "Address, the controller's pinned key, and this desk's own key; needs no controller.\n",
     ctl_cmd_desk_show},
    {"desk admit", "let a desk elsewhere in", "NAME KEY",
     "KEY is what 'belay desk new' printed at that desk: compare all of it with its owner. The desk may\n"
     "look, preview, hand in what people signed, and stop things; nothing else.\n",
     ctl_cmd_desk_admit},
    {"desk list", "show the desks that may come in", "", "Revoked ones are shown, too.\n",
     ctl_cmd_desk_list},
    {"desk revoke", "no longer let a desk in", "NAME|KEY",
     "Its connections are cut at once. Its key never comes back: 'belay desk new' makes another.\n",
     ctl_cmd_desk_revoke},
    {"hosts list", "show the hosts", "[--match EXPRESSION] [--state pending|enrolled|revoked]",
     MATCH_TEXT, ctl_cmd_hosts_list},
    {"hosts show", "show all about one host", "HOST", "", ctl_cmd_hosts_show},
    {"hosts label", "set and remove labels", "HOST KEY=VALUE … [KEY- …]", "KEY- removes a label.\n",
     ctl_cmd_hosts_label},
    {"hosts approve", "let a host in that joined without a token", "ID",
     "ID: the fingerprint that the host shows, or its first 8 digits or more.\n",
     ctl_cmd_hosts_approve},
    {"hosts revoke", "no longer talk to a host", "HOST", "", ctl_cmd_hosts_revoke},
    {"ping", "ask hosts whether they are there", "[HOST …] [--match EXPRESSION] [--timeout TIME]",
     MATCH_TEXT "Ends with 3 when one did not answer, with 1 when there is none of this kind.\n",
     ctl_cmd_ping},
    {"check", "read a plan and name every mistake; needs no controller", "PLAN [--quiet]",
     "Shows the values that nobody wrote and where they come from. Ends with 1 for a bad plan.\n",
     ctl_cmd_check},
    {"preview", "show what a plan would do now; changes nothing", "PLAN [--save FILE]",
     "  --save FILE             write it down: 'run --as-previewed FILE' does no more than that\n"
     "Asks each host for its exact transaction. Ends with 1 while hosts stand in the way.\n",
     ctl_cmd_preview},
    {"run", "preview a plan, ask, sign it, and start it",
     "PLAN [--yes] [--watch] [--key NAME …] [--allow-missing] [--as-previewed FILE]\n"
     "           [--request FILE] [--passphrase-file FILE]\n"
     "       belay run --signed FILE [--yes] [--watch]",
     "  --yes                   do not ask\n"
     "  --watch                 stay and look on; Ctrl-C never stops the rollout\n"
     "  --key NAME              sign with this key; twice for two signatures\n"
     "  --allow-missing         leave out hosts that stand in the way, instead of refusing\n"
     "  --request FILE          sign, and write it there for 'belay sign' at other desks; start nothing\n"
     "  --signed FILE           start what they signed, with all its signatures\n"
     "  --as-previewed FILE     refuse what goes beyond the file of 'preview --save': more hosts,\n"
     "                          other versions, more packages, earlier waves, another plan;\n"
     "                          hosts go in the waves that it shows; good for one run\n" PASSPHRASE_TEXT
     "Prints the rollout's id alone on the first line of standard output. Nothing is printed and\n"
     "nothing done when all hosts are as the plan wants them.\n",
     ctl_cmd_run},
    {"sign", "sign a rollout that another desk prepared; needs no controller",
     "FILE [--yes] [--key NAME] [--passphrase-file FILE]",
     "  --yes                   do not ask\n" PASSPHRASE_TEXT
     "FILE is of 'belay run PLAN --request FILE'. Checks every signature and hash in it, shows what the\n"
     "signed bytes say, asks, and adds this desk's signature. 'belay run --signed FILE' starts it.\n",
     ctl_cmd_sign},
    {"status", "show how a rollout stands", "[ROLLOUT] [--wait]",
     "  --wait                  end when the rollout ends, with its exit code; with 4 when it waits for a person\n",
     ctl_cmd_status},
    {"watch", "look on until a rollout ends", "[ROLLOUT]", "Ctrl-C ends only the watching.\n",
     ctl_cmd_watch},
    {"why", "tell why a host or rollout is where it is", "[HOST|ROLLOUT]",
     "The rule that put it there, the numbers compared, what would move it, until when.\n",
     ctl_cmd_why},
    {"report", "show all that happened in a rollout", "[ROLLOUT] [--format text|md|json]", "",
     ctl_cmd_report},
    {"rollouts", "list the rollouts", "[--limit N]", "", ctl_cmd_rollouts},
    {"approve", "sign that a wave may start, or how a severe failure is answered",
     "[ROLLOUT] [--wave N | --rollback | --no-rollback] [--expires TIME] [--yes]\n"
     "           [--key NAME] [--passphrase-file FILE]",
     "  --wave N                this wave may start; default: the one that waits for it\n"
     "  --rollback              after a severe failure: every host that was changed goes back\n"
     "  --no-rollback           after a severe failure: the others stay; takes a commander\n"
     "  --expires TIME          for how long this is good (default: as long as the plan allows)\n"
     "  --yes                   do not ask\n" PASSPHRASE_TEXT
     "Shows what was signed so far and what this adds, asks, signs it with this desk's key and hands\n"
     "it in. Waves are approved by others than who requested the rollout, also ahead of time.\n",
     ctl_cmd_approve},
    {"pause", "start no more hosts; what runs goes on", "[ROLLOUT]", "", ctl_cmd_pause},
    {"resume", "go on after a pause", "[ROLLOUT]", "", ctl_cmd_resume},
    {"abort", "end a rollout: hosts not started stay as they are", "[ROLLOUT]", "", ctl_cmd_abort},
    {"rollback", "take back what a rollout changed", "[ROLLOUT] [--host HOST | --wave N]",
     "Safe to repeat.\n", ctl_cmd_rollback},
    {"retry", "do a rollout again on the hosts that failed in it",
     "[ROLLOUT] [--yes] [--watch] [--key NAME …] [--allow-missing] [--passphrase-file FILE]",
     "A new rollout of the stored plan, over the hosts that failed, were blocked, refused, lost or\n"
     "taken back. Options are those of 'belay run': it is previewed, asked for and signed anew.\n",
     ctl_cmd_retry},
    {"standby", "upgrade the hosts that a complete rollout kept as standby",
     "[ROLLOUT] [--yes] [--watch] [--key NAME …] [--allow-missing] [--passphrase-file FILE]",
     "A new rollout of the stored plan, over exactly the hosts that 'hosts.standby' kept as they were.\n"
     "Refused while that rollout runs, and when it ended otherwise than complete. Options are those of\n"
     "'belay run': it is previewed, asked for and signed anew.\n",
     ctl_cmd_standby},
    {"freeze", "let no rollout start any host for a while", "[--for TIME] [--reason TEXT]",
     "  --for TIME              it ends by itself, such as 12h; otherwise with 'unfreeze'\n"
     "What runs goes on, and so do rollbacks. Shown in the status of every rollout.\n",
     ctl_cmd_freeze},
    {"unfreeze", "end a change freeze", "", "Without one it does nothing.\n", ctl_cmd_unfreeze},
    {"deny list", "show which versions of packages nobody may install", "",
     "Those of rollouts that went back are denied by themselves, with their cause.\n",
     ctl_cmd_deny_list},
    {"deny add", "let no rollout install this version of a package", "NAME=VERSION [--reason TEXT]",
     "Preview and run refuse it from now on; so does belayd.\n", ctl_cmd_deny_add},
    {"deny lift", "let rollouts install it again", "NAME=VERSION | --rollout ROLLOUT",
     "  --rollout ROLLOUT       all that was denied because of this rollout\n", ctl_cmd_deny_lift},
    {"leases", "show what is switched off on hosts", "[--match EXPRESSION]", MATCH_TEXT,
     ctl_cmd_leases},
    {"backup", "write the whole controller into one file, while it runs", "FILE",
     "Store, key, trust file and configuration as of one instant. For root or the user 'belay' on the\n"
     "controller. Whoever has the file can be this controller to the hosts: keep it so.\n",
     ctl_cmd_backup},
    {"restore", "make a controller again from a backup", "FILE [--replace] [--config FILE]",
     "  --replace               also where a controller is: its state is kept beside\n"
     "Everything is checked before anything changes; each rollout is replayed. belayd must not run.\n"
     "A configuration that is here stays as it is.\n",
     ctl_cmd_restore},
    {"audit verify", "check the chain of the audit, and those of hosts against it", "[HOST]",
     "Ends with 1 when one is broken, or was cut off or written anew since it was told elsewhere.\n",
     ctl_cmd_audit_verify},
    {"audit accept", "say that a person has looked at what did not fit", "HOST", "",
     ctl_cmd_audit_accept},
    {"audit export", "print the audit as JSON lines", "[--limit N]", "", ctl_cmd_audit_export},
    {"audit log", "show the newest rows of the audit", "[ROLLOUT] [--limit N]", "",
     ctl_cmd_audit_log},
};
enum {
    COMMANDS = sizeof(commands) / sizeof(commands[0])
};

const struct ctl_cli_command *ctl_cli_command_at(uint32_t index)
{
    return index < COMMANDS ? &commands[index] : NULL;
}

/* How many words of argv are the name `name`; 0: none. */
static int match_words(const char *name, int argc, char **argv)
{
    const char *at = name;
    int words = 0;

    while (words < argc) {
        size_t word_bytes = strcspn(at, " ");

        if (strlen(argv[words]) != word_bytes || memcmp(argv[words], at, word_bytes) != 0)
            return 0;
        words++;
        if (at[word_bytes] == '\0')
            return words;
        at += word_bytes + 1;
    }

    return 0;
}

const struct ctl_cli_command *ctl_cli_find(int argc, char **argv, int *ret_words)
{
    for (uint32_t i = 0; i < COMMANDS; i++) {
        *ret_words = match_words(commands[i].name, argc, argv);
        if (*ret_words > 0)
            return &commands[i];
    }

    return NULL;
}
