# R15 R16 R17 R18 R19: one host, and everything goes well. Each step has its begin and its end on
# record; cron is paused and SSH locked for just as long as the change needs.
limits stage=1h confirm=10m watch=1m quiesce ssh_lock
at 0s: offer
    record accepted
    record staging
    record begin of stage
    run stage
    wake at 1h
at 30s: stage ended ok
    record end of stage: ok
    record begin of baseline
    run baseline
at 35s: baseline ended ok
    record end of baseline: ok
    record begin of precheck
    run precheck
at 40s: precheck ended ok
    record end of precheck: ok
    record ready
at 10m: start
    record isolating
    record begin of quiesce
    run quiesce
at 10m1s: quiesce ended ok
    record end of quiesce: ok
    record begin of ssh_lock
    run ssh_lock
at 10m2s: ssh_lock ended ok
    record end of ssh_lock: ok
    record changing
    record begin of arm
    run arm
at 10m3s: arm ended ok
    record end of arm: ok
    record begin of upgrade
    run upgrade
at 11m: upgrade ended ok
    record end of upgrade: ok
    record verifying
    record begin of verify
    run verify
    wake at 21m
at 11m10s: verify ended ok
    record end of verify: ok
    record begin of ssh_unlock
    run ssh_unlock
at 11m11s: ssh_unlock ended ok
    record end of ssh_unlock: ok
    record begin of resume
    run resume
at 11m12s: resume ended ok
    record end of resume: ok
    record probation
    reconnect
    wake at 21m
at 11m13s: link up
    record probation with nonce link_new
at 11m14s: commit
    record probation with nonce commit_seen
    wake at 12m12s
at 12m12s: time
    record begin of verify
    run verify
    wake at 22m12s
at 12m13s: verify ended ok
    record end of verify: ok
    record begin of disarm
    run disarm
at 12m13s: disarm ended ok
    record end of disarm: ok
    record committed
