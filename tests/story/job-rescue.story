# R18 R31: a person at the rescue socket. Once the change has begun there is nothing to cancel. A hold
# stops the automatic way back, but not the one that a person orders.
limits ssh_lock
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
at 7s: cancel
at 8s: hold
    record changing held
at 20s: upgrade ended failed dpkg_failed
    record end of upgrade: failed dpkg_failed
at 21s: revert person_at_rescue
    record reverting dpkg_failed
    record begin of restore
    run restore
at 22s: revert person_at_rescue
at 30s: restore ended ok
    record end of restore: ok
    record begin of prove
    run prove
at 31s: prove ended ok
    record end of prove: ok
    record begin of ssh_unlock
    run ssh_unlock
at 32s: ssh_unlock ended ok
    record end of ssh_unlock: ok
    record begin of disarm
    run disarm
at 33s: disarm ended ok
    record end of disarm: ok
    record reverted dpkg_failed
at 34s: revert person_at_rescue
