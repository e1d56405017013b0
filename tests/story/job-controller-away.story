# R21: silence means back only if the host is the cause. The controller is away for an hour: others
# answer, so the host holds, says so once and keeps asking. When the controller comes back, its port
# answers before the link stands; that alone turns nothing back.
limits confirm=10m
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
at 6s: upgrade ended ok
    record end of upgrade: ok
    record verifying
    record begin of verify
    run verify
    wake at 10m6s
at 7s: verify ended ok
    record end of verify: ok
    record probation
    reconnect
at 10m6s: time
    ask the witnesses
    wake at 11m6s
at 10m7s: witnesses missing
    record probation controller_missing
at 11m6s: time
    ask the witnesses
    wake at 12m6s
at 11m7s: witnesses missing
at 12m6s: time
    ask the witnesses
    wake at 13m6s
at 12m7s: witnesses answers
    reconnect
at 12m9s: link up
    record probation with nonce link_new
at 12m10s: commit
    record probation with nonce commit_seen
    record begin of verify
    run verify
    wake at 22m10s
at 12m11s: verify ended ok
    record end of verify: ok
    record begin of disarm
    run disarm
at 12m11s: disarm ended ok
    record end of disarm: ok
    record committed
