# R22: a severe failure asks people. Nobody answers, belayd is even killed meanwhile: when the time is
# over by the wall clock, all that was changed goes back, who is bad first.
waves 2/1 2/0
limits failures=2 answer=150s otherwise=rollback
at 0s: submit
    offer h1
    offer h2
    offer h3
    offer h4
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
at 1s: h3 says ready
    h3 ready
at 1s: h4 says ready
    h4 ready
at 5s: h1 says committed
    h1 committed
at 6s: h2 says committed
    h2 committed
    h3 running
    start h3
    h4 running
    start h4
    rollout running [wave_running] wave 2 of 2: 0 of 2 hosts failed, 0 allowed; waits for the end of the others
at 7s: h4 says probation nonce
    h4 probation
    commit h4
at 10s: h3 says reverting severe
    h3 reverting, failed
    rollout stopping, paused [severe_failure] wave 2 of 2: a host failed severely; 4 hosts are changed; without an answer within 150 s all of them are taken back
    wake at 2m40s
at 11s: pause
at 12s: h3 says reverting severe
at 60s: restart
    commit h4
    wake at 2m40s
exit code?
    4
at 2m39s: time
    wake at 2m40s
at 2m40s: time
    h3 reverting, failed
    revert h3
    h1 reverting
    revert h1
    h2 reverting
    revert h2
    h4 reverting
    revert h4
    rollout rolling_back [answer_missing] wave 2 of 2: a host failed severely; nobody answered within 150 s; every host that was started is taken back
    wake at 1h1m
at 2m41s: answer 1 no
at 3m: h3 says reverted
    h3 reverted, failed
at 3m: h1 says reverted
    h1 reverted
at 3m: h2 says reverted
    h2 reverted
at 3m: h4 says reverted
    h4 reverted
    rollout rolled_back [rolled_back] 4 of 4 started hosts are as before
exit code?
    5
