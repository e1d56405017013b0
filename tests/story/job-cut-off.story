# R21: the change took the network away. No witness answers, three times in a row: the host goes back.
limits confirm=10m ssh_lock
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
    record begin of ssh_lock
    run ssh_lock
at 5s: ssh_lock ended ok
    record end of ssh_lock: ok
    record changing
    record begin of arm
    run arm
at 6s: arm ended ok
    record end of arm: ok
    record begin of upgrade
    run upgrade
at 7s: upgrade ended ok
    record end of upgrade: ok
    record verifying
    record begin of verify
    run verify
    wake at 10m7s
at 8s: verify ended ok
    record end of verify: ok
    record begin of ssh_unlock
    run ssh_unlock
at 9s: ssh_unlock ended ok
    record end of ssh_unlock: ok
    record probation
    reconnect
    wake at 10m7s
at 10m7s: time
    ask the witnesses
    wake at 11m7s
at 10m8s: witnesses none
at 11m7s: time
    ask the witnesses
    wake at 12m7s
at 11m8s: witnesses none
at 11m9s: witnesses none
at 12m7s: time
    ask the witnesses
    wake at 13m7s
at 12m8s: witnesses none
    record reverting cut_off
    record begin of restore
    run restore
at 12m20s: restore ended ok
    record end of restore: ok
    record begin of prove
    run prove
at 12m30s: prove ended ok
    record end of prove: ok
    record begin of disarm
    run disarm
at 12m31s: disarm ended ok
    record end of disarm: ok
    record reverted cut_off
