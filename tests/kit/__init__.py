"""The kit of the proofs: how faults are made, and how it is seen that nothing was lost or doubled.

oracle    upstreams that know every record they ever offered
stage     servers, catalogue and processes of one proof
fleet     real Celery processes, started again when they die
hooks     named points and counted operations of a run; `worker` is the Celery application that has them
proxy     a TCP proxy that cuts, delays, trickles, and swallows the reply of a COMMIT
checker   what must hold when all is quiet; `witness` watches in the database meanwhile
"""
