# R21: a host that is committed and says that it is bad does not go back by itself: it is ordered to, and
# has failed. It proves nothing either: the next one goes alone again.
waves 3/1
limits soak=1m failures=1 first=alone
at 0s: submit
    offer h1
    offer h2
    offer h3
    wake at 1h
at 1s: h1 says ready
    h1 ready
at 1s: h2 says ready
    h2 ready
at 1s: h3 says ready
    h3 ready
    h1 running
    start h1
    rollout running [wave_running] wave 1 of 1: 0 of 3 hosts failed, 1 allowed; one host goes alone until one is committed, 2 hosts wait to start
at 10s: h1 says probation nonce
    h1 probation
    commit h1
at 11s: h1 says committed functional
    h1 reverting, failed
    h1 reverting, failed
    revert h1
at 20s: h1 says reverting
    h1 reverting, failed
at 21s: h1 says reverted
    h1 reverted, failed
    h2 running
    start h2
at 30s: h2 says probation nonce
    h2 probation
    commit h2
at 31s: h2 says committed
    h2 committed
    h3 running
    start h3
exit code?
    -1
