# R17: belayd is killed while a wave runs and again in a soak. Orders are repeated, deadlines and the
# soak begin anew.
waves 2/0 1/0
limits soak=10m job=1h
at 0s: submit
    offer h1
    offer h2
    offer h3
    wake at 1h
at 1s: h1 says ready
    h1 ready
at 2s: h2 says ready
    h2 running
    h1 running
    start h1
    h2 running
    start h2
    rollout running [wave_running] wave 1 of 2: 0 of 2 hosts failed, 0 allowed; waits for the end of the others
at 3s: restart
    start h1
    start h2
    offer h3
    wake at 1h3s
at 4s: h1 says probation nonce
    h1 probation
    commit h1
at 5s: restart
    commit h1
    start h2
    offer h3
    wake at 1h5s
at 6s: h1 says committed
    h1 committed
at 7s: h2 says committed
    h2 committed
    rollout soaking [wave_soaking] wave 1 of 2: 0 of 2 hosts failed, 0 allowed; all ended, watched for 600 s
    wake at 10m7s
at 8m: restart
    offer h3
    wake at 18m
at 10m7s: time
    wake at 18m
at 18m: time
    rollout staging [staging] wave 2 of 2: starts when its 1 host is ready or out
    wake at 1h8m
at 18m1s: h3 says ready
    h3 running
    h3 running
    start h3
    rollout running [wave_running] wave 2 of 2: 0 of 1 host failed, 0 allowed; waits for the end of the others
