# The first host goes alone, then two at a time. Who failed keeps its place, so that one is left; the
# second failure uses up the rest, though three were allowed.
waves 6/3
limits soak=1m failures=3 budget=2 first=alone
at 0s: submit
    offer h1
    offer h2
    offer h3
    offer h4
    offer h5
    offer h6
    wake at 1h
at 1s: h1 says ready
    h1 ready
at 2s: h2 says ready
    h2 ready
at 3s: h3 says ready
    h3 ready
at 4s: h4 says ready
    h4 ready
at 5s: h5 says ready
    h5 ready
at 6s: h6 says ready
    h6 ready
    h1 running
    start h1
    rollout running [wave_running] wave 1 of 1: 0 of 6 hosts failed, 3 allowed; one host goes alone until one is committed, 5 hosts wait to start
at 10s: h1 says probation nonce
    h1 probation
    commit h1
at 11s: h1 says committed
    h1 committed
    h2 running
    start h2
    h3 running
    start h3
at 20s: h2 says reverting functional
    h2 reverting, failed
at 21s: h2 says reverted
    h2 reverted, failed
at 30s: h3 says committed
    h3 committed
    h4 running
    start h4
at 31s: pause
    rollout running, paused [wave_running] wave 1 of 1: 1 of 6 hosts failed, 3 allowed; held, 2 hosts wait to start
at 32s: h4 says committed
    h4 committed
at 33s: resume
    h5 running
    start h5
    rollout running [wave_running] wave 1 of 1: 1 of 6 hosts failed, 3 allowed; budget 2: 1 under way and 1 failed, 1 host waits to start
at 40s: h5 says reverting functional
    h5 reverting, failed
    h6 cancelled
    cancel h6
    rollout stopping [budget_used] budget 2: 2 hosts failed, 1 host was not started yet
at 41s: h5 says reverted
    h5 reverted, failed
    rollout halted [budget_used] budget 2: 2 hosts failed, 1 host was not started yet
exit code?
    3
