# R21: in a running wave, the second functional failure is one more than allowed. At that report nobody
# else starts; who is under way ends, and who was good stays. A person at h2 looks at it before it goes back.
waves 5/1 2/1
limits soak=1m failures=1 budget=3
at 0s: submit
    offer h1
    offer h2
    offer h3
    offer h4
    offer h5
    offer h6
    offer h7
    wake at 1h
at 1s: h1 says ready
    h1 ready
at 1s: h2 says ready
    h2 ready
at 1s: h3 says ready
    h3 ready
at 1s: h4 says ready
    h4 ready
at 1s: h5 says ready
    h5 ready
    h1 running
    start h1
    h2 running
    start h2
    h3 running
    start h3
    rollout running [wave_running] wave 1 of 2: 0 of 5 hosts failed, 1 allowed; budget 3: 3 under way and 0 failed, 2 hosts wait to start
at 10s: h1 says probation nonce
    h1 probation
    commit h1
at 11s: h1 says committed
    h1 committed
    h4 running
    start h4
at 20s: h2 says verifying functional
    h2 running, failed
at 21s: h3 says reverting functional
    h3 reverting, failed
    cancel h4
    h5 cancelled
    cancel h5
    h6 cancelled
    cancel h6
    h7 cancelled
    cancel h7
    rollout stopping [wave_failures] wave 1 of 2: 2 of 5 hosts failed, 1 allowed
at 22s: h2 says reverting functional
    h2 reverting, failed
at 23s: h2 says reverted
    h2 reverted, failed
at 24s: h3 says reverted
    h3 reverted, failed
at 30s: h4 says probation nonce
    h4 probation
    commit h4
at 31s: h4 says committed
    h4 committed
    rollout halted [wave_failures] wave 1 of 2: 2 of 5 hosts failed, 1 allowed
exit code?
    3
