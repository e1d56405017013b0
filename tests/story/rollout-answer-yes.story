# R22: a person says yes, twice. An answer to a failure that there never was means nothing.
waves 2/0
limits answer=150s otherwise=stop
at 0s: submit
    offer h1
    offer h2
    wake at 1h
at 1s: h1 says ready
    h1 ready
at 1s: h2 says ready
    h2 running
    h1 running
    start h1
    h2 running
    start h2
    rollout running [wave_running] wave 1 of 1: 0 of 2 hosts failed, 0 allowed; waits for the end of the others
at 5s: h1 says committed
    h1 committed
at 10s: h2 says reverting severe
    h2 reverting, failed
    rollout stopping, paused [severe_failure] wave 1 of 1: a host failed severely; 2 hosts are changed; without an answer within 150 s they stay so, and the rollout ends
    wake at 2m40s
at 11s: answer 2 yes
at 12s: answer 1 yes
    h2 reverting, failed
    revert h2
    h1 reverting
    revert h1
    rollout rolling_back [rollback_approved] wave 1 of 1: a host failed severely; a person approved that every host that was started is taken back
    wake at 1h
at 13s: answer 1 yes
at 14s: h1 says reverted
    h1 reverted
at 15s: h2 says reverted
    h2 reverted, failed
    rollout rolled_back [rolled_back] 2 of 2 started hosts are as before
exit code?
    5
