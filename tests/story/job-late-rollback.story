# R31: the whole rollout is taken back days after it was done. The host is taken out first, as for the
# change itself; a lock that fails then does not stop the way back.
limits quiesce ssh_lock keep=168h
at 0s: offer
    record accepted
    record staging
    record begin of stage
    run stage
    wake at 1h
at 1s: start
    record staging start_wanted
at 2s: stage ended ok
    record end of stage: ok
    record begin of baseline
    run baseline
at 3s: baseline ended ok
    record end of baseline: ok
    record begin of precheck
    run precheck
at 4s: precheck ended ok
    record end of precheck: ok
    record ready
    record isolating
    record begin of quiesce
    run quiesce
at 5s: quiesce ended ok
    record end of quiesce: ok
    record begin of ssh_lock
    run ssh_lock
at 6s: ssh_lock ended ok
    record end of ssh_lock: ok
    record changing
    record begin of arm
    run arm
at 7s: arm ended ok
    record end of arm: ok
    record begin of upgrade
    run upgrade
at 8s: upgrade ended ok
    record end of upgrade: ok
    record verifying
    record begin of verify
    run verify
    wake at 10m8s
at 9s: verify ended ok
    record end of verify: ok
    record begin of ssh_unlock
    run ssh_unlock
at 10s: ssh_unlock ended ok
    record end of ssh_unlock: ok
    record begin of resume
    run resume
at 11s: resume ended ok
    record end of resume: ok
    record probation
    reconnect
    wake at 10m8s
at 12s: link up
    record probation with nonce link_new
at 13s: commit
    record probation with nonce commit_seen
    wake at 1m11s
at 1m11s: time
    record begin of verify
    run verify
    wake at 11m11s
at 1m12s: verify ended ok
    record end of verify: ok
    record begin of disarm
    run disarm
at 1m12s: disarm ended ok
    record end of disarm: ok
    record committed
at 100h: revert rollback
    record reverting rollback
    record begin of quiesce
    run quiesce
at 100h1s: quiesce ended ok
    record end of quiesce: ok
    record begin of ssh_lock
    run ssh_lock
at 100h2s: ssh_lock ended failed sshd_missing
    record end of ssh_lock: failed sshd_missing
    record begin of restore
    run restore
at 100h3s: restore ended ok
    record end of restore: ok
    record begin of prove
    run prove
at 100h4s: prove ended ok
    record end of prove: ok
    record begin of ssh_unlock
    run ssh_unlock
at 100h5s: ssh_unlock ended ok
    record end of ssh_unlock: ok
    record begin of resume
    run resume
at 100h6s: resume ended ok
    record end of resume: ok
    record reverted rollback
