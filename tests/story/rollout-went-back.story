# The disk of a host was put back to a snapshot after it had committed: what it said is no longer so, and
# it is lost until it says what it is. It counts as failed.
waves 2/1 1/0
limits failures=1 job=1h
at 0s: submit
    offer h1
    offer h2
    offer h3
    wake at 1h
at 1s: h1 says ready
    h1 ready
at 1s: h2 says ready
    h2 running
    h1 running
    start h1
    h2 running
    start h2
    rollout running [wave_running] wave 1 of 2: 0 of 2 hosts failed, 1 allowed; waits for the end of the others
at 2s: h1 says probation nonce
    h1 probation
    commit h1
at 3s: h1 says committed
    h1 committed
at 4s: h1 went back
    h1 lost, failed
at 5s: h2 says probation nonce
    h2 probation
    commit h2
at 6s: h2 says committed
    h2 committed
    rollout staging [staging] wave 2 of 2: starts when its 1 host is ready or out
at 7s: h3 says ready
    h3 running
    h3 running
    start h3
    rollout running [wave_running] wave 2 of 2: 0 of 1 host failed, 0 allowed; waits for the end of the others
at 8s: h3 says probation nonce
    h3 probation
    commit h3
at 9s: h3 went back
    h3 lost, failed
    rollout halted [wave_failures] wave 2 of 2: 1 of 1 host failed, 0 allowed
at 10s: h3 says reverted
    h3 reverted, failed
exit code?
    3
