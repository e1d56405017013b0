# R17: the agent is killed in the middle of the package run, and again while it verifies. It joins
# what runs; nothing is done twice. Then the host reboots by itself in probation: what was verified
# before says nothing about the system that came up.
limits
at 0s: offer
    record accepted
    record staging
    record begin of stage
    run stage
    wake at 1h
at 1s: stage ended ok
    record end of stage: ok
    record begin of baseline
    run baseline
at 2s: baseline ended ok
    record end of baseline: ok
    record begin of precheck
    run precheck
at 3s: precheck ended ok
    record end of precheck: ok
    record ready
at 4s: start
    record isolating
    record changing
    record begin of arm
    run arm
at 5s: arm ended ok
    record end of arm: ok
    record begin of upgrade
    run upgrade
at 10s: restart
    record begin of upgrade
    run upgrade
at 20s: upgrade ended ok
    record end of upgrade: ok
    record verifying
    record begin of verify
    run verify
    wake at 10m20s
at 21s: restart
    record begin of verify
    run verify
    wake at 10m20s
at 22s: verify ended ok
    record end of verify: ok
    record probation
    reconnect
at 23s: link up
    record probation with nonce link_new
at 24s: commit wrong
at 25s: commit
    record probation with nonce commit_seen
    wake at 1m22s
at 30s: reboot
    record verifying
    record begin of verify
    run verify
    wake at 10m30s
at 31s: commit
at 35s: verify ended ok
    record end of verify: ok
    record probation
    reconnect
at 36s: link up
    record probation with nonce link_new
at 37s: commit
    record probation with nonce commit_seen
    wake at 1m35s
at 1m35s: time
    record begin of verify
    run verify
    wake at 11m35s
at 1m36s: verify ended ok
    record end of verify: ok
    record begin of disarm
    run disarm
at 1m36s: disarm ended ok
    record end of disarm: ok
    record committed
