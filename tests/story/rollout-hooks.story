# R22: a severe failure pages people at once and again each minute, switches the traffic before the way
# back begins, and calls the vendor when it has begun. Nobody answers.
waves 2/0
limits answer=150s otherwise=rollback hooks=page,traffic,vendor every=1m wait=30s
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
    call page, number 1
    rollout stopping, paused [severe_failure] wave 1 of 1: a host failed severely; 2 hosts are changed; without an answer within 120 s all of them are taken back
    wake at 2m10s
at 12s: page 1 ended 0
    wake at 1m10s
at 70s: time
    call page, number 2
    wake at 2m10s
at 75s: page 2 ended 3
at 2m10s: time
    call page, number 3
    call traffic, number 1
    rollout stopping [traffic_switch] wave 1 of 1: a host failed severely; nobody answered within 120 s; the way back begins when the traffic is switched, after 30 s at the latest
    wake at 2m40s
at 2m13s: traffic 1 ended 0
    h2 reverting, failed
    revert h2
    h1 reverting
    revert h1
    call vendor, number 1
    rollout rolling_back [answer_missing] wave 1 of 1: a host failed severely; nobody answered within 120 s; every host that was started is taken back
    wake at 1h
at 2m14s: page 1 ended 0
at 2m15s: page 3 ended 0
at 2m16s: vendor 1 ended 0
at 3m: h1 says reverted
    h1 reverted
at 3m: h2 says reverted
    h2 reverted, failed
    rollout rolled_back [rolled_back] 2 of 2 started hosts are as before
exit code?
    5
