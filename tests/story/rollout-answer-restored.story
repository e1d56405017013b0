# R8, R22: the controller was restored from a backup that was made while people were asked. Nobody knows what they
# said since, so they are asked anew, with the whole time; an answer to the former question counts no more.
waves 2/0
limits answer=150s otherwise=rollback
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
    rollout stopping, paused [severe_failure] wave 1 of 1: a host failed severely; 2 hosts are changed; without an answer within 150 s all of them are taken back
    wake at 2m40s
at 10s: restored
at 12m: restart
    wake at 14m30s
at 12m: answer 1 no
at 14m20s: time
    wake at 14m30s
at 14m30s: time
    h2 reverting, failed
    revert h2
    h1 reverting
    revert h1
    rollout rolling_back [answer_missing] wave 1 of 1: a host failed severely; nobody answered within 150 s; every host that was started is taken back
    wake at 1h12m
