# R31: a host that can't be taken back, and one that does not answer: the rollback is incomplete, and
# says how many. The silent one goes back later.
waves 3/0
limits revert=1h
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
    h3 running
    h1 running
    start h1
    h2 running
    start h2
    h3 running
    start h3
    rollout running [wave_running] wave 1 of 1: 0 of 3 hosts failed, 0 allowed; waits for the end of the others
at 2s: h1 says probation
    h1 probation
at 3s: rollback wave 1
    h1 reverting
    revert h1
    h2 reverting
    revert h2
    h3 reverting
    revert h3
    rollout rolling_back [rollback_ordered] wave 1 of 1: every host that was started is taken back
at 4s: h1 says reverted
    h1 reverted
at 5s: h2 says revert_failed
    h2 revert_failed, failed
at 1h3s: time
    h3 lost, failed
    revert h3
    rollout rollback_incomplete [rollback_incomplete] 1 of 3 started hosts are as before, 1 could not go back, 1 did not answer
exit code?
    6
at 2h: h3 seen
    revert h3
at 2h1s: h3 says reverted
    h3 reverted, failed
exit code?
    6
