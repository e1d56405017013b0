# R22: a person says yes, and the switch of traffic hangs: the way back begins all the same, after the
# time that the plan gave to it. belayd is ended in between: the switch is asked for once more, who has
# answered is not paged again, and nobody calls the vendor twice.
waves 2/0
limits answer=150s otherwise=stop hooks=page,traffic,vendor every=1m wait=30s
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
    rollout stopping, paused [severe_failure] wave 1 of 1: a host failed severely; 2 hosts are changed; without an answer within 120 s they stay so, and the rollout ends
    wake at 2m10s
at 20s: answer 1 yes
    call traffic, number 1
    rollout stopping [traffic_switch] wave 1 of 1: a host failed severely; a person approved that every host that was started is taken back; the way back begins when the traffic is switched, after 30 s at the latest
    wake at 50s
at 30s: restart
    call traffic, number 2
    wake at 50s
at 31s: traffic 1 ended 0
at 50s: time
    h2 reverting, failed
    revert h2
    h1 reverting
    revert h1
    call vendor, number 1
    rollout rolling_back [rollback_approved] wave 1 of 1: a host failed severely; a person approved that every host that was started is taken back
    wake at 1h30s
at 55s: restart
    revert h1
    revert h2
    call traffic, number 3
    wake at 1h55s
at 56s: h1 says reverted
    h1 reverted
at 56s: h2 says reverted
    h2 reverted, failed
    rollout rolled_back [rolled_back] 2 of 2 started hosts are as before
at 5m: traffic 3 timed out
exit code?
    5
