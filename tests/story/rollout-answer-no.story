# R22, R8: a person says no; what is changed stays, and the rollout ends. Another severe failure is
# another question, to which the plan's word counts when nobody answers.
waves 3/0
limits answer=150s otherwise=stop
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
at 5s: h1 says committed
    h1 committed
at 10s: h2 says reverting severe
    h2 reverting, failed
    cancel h3
    rollout stopping, paused [severe_failure] wave 1 of 1: a host failed severely; 3 hosts are changed; without an answer within 150 s they stay so, and the rollout ends
    wake at 2m40s
at 12s: answer 1 no
    rollout stopping [rollback_declined] wave 1 of 1: a host failed severely; a person decided that the other hosts stay as they are
    wake at 1h
at 13s: h2 says reverted
    h2 reverted, failed
at 20s: h3 says reverting severe
    h3 reverting, failed
    rollout stopping, paused [severe_failure] wave 1 of 1: a host failed severely; 2 hosts are changed; without an answer within 150 s they stay so, and the rollout ends
    wake at 2m50s
at 21s: h3 says reverted
    h3 reverted, failed
at 22s: answer 1 yes
at 2m50s: time
    rollout halted [answer_missing] wave 1 of 1: a host failed severely; nobody answered within 150 s; the other hosts stay as they are
    wake at 1h
exit code?
    3
at 3m: rollback
    h1 reverting
    revert h1
    rollout rolling_back [rollback_ordered] every host that was started is taken back
