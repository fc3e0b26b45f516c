------------------------------ MODULE WalFence ------------------------------
(* One writer per log on a plain Kafka topic (docs/protocol.md, R1 and R4-R11).  Assumed is
   only that the log is append-only and totally ordered.  The network is weaker than an
   idempotent producer: what was sent may land late, past any Claim, in any order, many
   times or never; delivery reports may be missing; a claimant may read a stale end.

   What is sent stays in `net`, and a report exists for whatever landed: nothing forces
   anybody to take either, so that losing them is among the behaviours.

   Nobody reads what time it is; processes measure how long something takes, each by a
   clock of its own, which no stretch of time finds more than Rate ahead or behind.  So
   what a process keeps of time is timers that run down, and time needs no bound.     *)
EXTENDS Naturals, Sequences, FiniteSets, TLC
CONSTANTS W,            \* processes: model values, so that they are symmetric
          MaxEpoch, MaxSeq, MaxLog,
          D,            \* length of a lease
          Rate,         \* at most how far a clock drifts; 0: one true clock
          UseLease,     \* TRUE: lease reads; FALSE: barrier reads, and no clock is read
          Copies,       \* TRUE: what landed may land again
          Led,          \* TRUE: begin with a process that leads epoch 1; FALSE: with an empty log
          Mutant        \* "none", or the name of the rule that is broken
VARIABLES log,          \* all that landed
          acc,          \* offsets of it that count (R1, which needs no more than the prefix)
          net,
          skew,         \* how far each clock is ahead of the truth, 0..Rate
          st, ep,       \* idle | claiming | doubt (claiming over its own epoch) | active
          nxt, conf,    \* next seq, and the last one that is confirmed
          loff,         \* offset of the last confirmed record, or of the own Claim
          lease, ready, \* timers: how long its lease lasts, how long it still has to wait
          grant,        \* [w][s] timers: what the lease will be once s is confirmed
          snap,         \* [w][s] what was visible when s was sent: barrier reads join it
          pend,         \* records of older epochs whose outcome is not known (R8)
          acked, failed,
          vis,          \* the last offset that somebody was told of or shown
          bad           \* a strong read was stale
vars == <<log,acc,net,skew,st,ep,nxt,conf,loff,lease,ready,grant,snap,pend,acked,failed,vis,bad>>
told == <<acked,failed,vis,bad>>

C(e,w)   == [k |-> "C", e |-> e, w |-> w, s |-> 0]   \* Claim
R(e,w,s) == [k |-> "R", e |-> e, w |-> w, s |-> s]   \* Effect or Barrier
L(e,w,s) == [k |-> "L", e |-> e, w |-> w, s |-> s]   \* Release (R11)
Nothing  == [k |-> "none", e |-> 0, w |-> 0, s |-> 0]

Max(a,b) == IF a > b THEN a ELSE b
Upto(n) == {i \in acc : i <= n}
\* The acceptance state after a prefix is the last record that counted in it.
Last(n) == IF Upto(n) = {} THEN Nothing ELSE log[CHOOSE i \in Upto(n) : \A j \in Upto(n) : j <= i]
Counts(r, last) == IF r.k = "C" THEN r.e > last.e
                   ELSE /\ r.e = last.e /\ r.w = last.w
                        /\ Mutant # "no seq" => r.s = last.s + 1
Recs(n) == {log[i] : i \in Upto(n)}
Accepted == Recs(Len(log))
\* No step depends on pend, failed and acked, and none of them on a clock: with leases they are left out.
Doubtful(w) == IF UseLease THEN {} ELSE {R(ep[w],w,s) : s \in (conf[w]+1)..(nxt[w]-1)}
LeaseD == IF Mutant = "no lease margin" THEN D ELSE D - Rate    \* D(1-rho): what a leader grants itself
WaitD  == IF Mutant = "no wait margin"  THEN D ELSE D + Rate    \* D(1+rho): what a successor waits

Init == /\ skew = [w \in W |-> 0] /\ net = {}
        /\ nxt = [w \in W |-> 1] /\ conf = [w \in W |-> 0]
        /\ grant = [w \in W |-> <<>>] /\ snap = [w \in W |-> <<>>]
        /\ ready = [w \in W |-> 0] /\ pend = [w \in W |-> {}]
        /\ acked = {} /\ failed = {} /\ vis = 0 /\ bad = FALSE
        /\ IF Led THEN \E a \in W : /\ log = <<C(1,a)>> /\ acc = {1}
                                    /\ st = [w \in W |-> IF w = a THEN "active" ELSE "idle"]
                                    /\ ep = [w \in W |-> IF w = a THEN 1 ELSE 0]
                                    /\ loff = [w \in W |-> IF w = a THEN 1 ELSE 0]
                                    /\ lease = [w \in W |-> IF w = a /\ UseLease THEN LeaseD ELSE 0]
           ELSE /\ log = <<>> /\ acc = {} /\ st = [w \in W |-> "idle"]
                /\ ep = [w \in W |-> 0] /\ loff = [w \in W |-> 0] /\ lease = [w \in W |-> 0]

\* R4, and R8 for a leader in doubt.  A Claim that is not read in time is followed by a higher one.
Claim(w) ==
   /\ \E n \in {Len(log), Max(Len(log),1) - 1} :      \* possibly a stale end
        LET e == Max(Last(n).e, ep[w]) + 1 IN
        /\ e <= MaxEpoch /\ ep' = [ep EXCEPT ![w] = e] /\ net' = net \cup {C(e,w)}
   /\ pend' = [pend EXCEPT ![w] = @ \cup (IF st[w] = "active" THEN Doubtful(w) ELSE {})]
   /\ st' = [st EXCEPT ![w] = IF @ \in {"active", "doubt"} THEN "doubt" ELSE "claiming"]
   /\ nxt' = [nxt EXCEPT ![w] = 1] /\ conf' = [conf EXCEPT ![w] = 0]
   /\ lease' = [lease EXCEPT ![w] = IF UseLease THEN LeaseD ELSE 0]
   /\ grant' = [grant EXCEPT ![w] = <<>>] /\ snap' = [snap EXCEPT ![w] = <<>>]
   /\ UNCHANGED <<log,acc,skew,loff,ready,told>>

Land(r) ==
   /\ Len(log) < MaxLog /\ log' = Append(log, r)
   /\ acc' = IF Counts(r, Last(Len(log))) THEN acc \cup {Len(log) + 1} ELSE acc
   /\ net' = IF Copies THEN net ELSE net \ {r}
   /\ UNCHANGED <<skew,st,ep,nxt,conf,loff,lease,ready,grant,snap,pend,told>>

\* R9: how long w waits when its Claim at offset i is read as accepted.
Ready(w, i) ==
   LET before == Last(i - 1)
       over   == IF Mutant = "any release" THEN \E j \in Upto(i) : log[j].k = "L" ELSE before.k \in {"L", "none"}
       own    == /\ st[w] = "doubt"      \* nobody else counted since it led: its own wait goes on
                 /\ CASE Mutant = "keep ready"  -> TRUE
                      [] Mutant = "own Claim"   -> before.w = w
                      [] OTHER -> \A j \in Upto(i) : j > loff[w] => log[j].w = w
   IN IF ~UseLease \/ over \/ Mutant = "no wait" THEN 0 ELSE IF own THEN ready[w] ELSE WaitD
Activate(w) ==
   /\ st[w] \in {"claiming", "doubt"}
   /\ \E i \in acc : /\ log[i] = C(ep[w],w)
                     /\ loff' = [loff EXCEPT ![w] = i]
                     /\ ready' = [ready EXCEPT ![w] = Ready(w, i)]
   /\ st' = [st EXCEPT ![w] = "active"]
   /\ UNCHANGED <<log,acc,net,skew,ep,nxt,conf,lease,grant,snap,pend,told>>

Send(w) ==
   /\ st[w] = "active" /\ nxt[w] <= MaxSeq
   /\ net' = net \cup {R(ep[w],w,nxt[w])} /\ nxt' = [nxt EXCEPT ![w] = @ + 1]
   /\ grant' = [grant EXCEPT ![w] = IF UseLease THEN Append(@, LeaseD) ELSE @]
   /\ snap' = [snap EXCEPT ![w] = IF UseLease THEN @ ELSE Append(@, vis)]
   /\ UNCHANGED <<log,acc,skew,st,ep,conf,loff,lease,ready,pend,told>>

Rest(w) ==          \* it leads no more, and keeps nothing of it but what it does not know
   /\ st' = [st EXCEPT ![w] = "idle"] /\ nxt' = [nxt EXCEPT ![w] = 1] /\ conf' = [conf EXCEPT ![w] = 0]
   /\ loff' = [loff EXCEPT ![w] = 0] /\ lease' = [lease EXCEPT ![w] = 0] /\ ready' = [ready EXCEPT ![w] = 0]
   /\ grant' = [grant EXCEPT ![w] = <<>>] /\ snap' = [snap EXCEPT ![w] = <<>>]
\* R11: drained, and itself past the leases before it; no more strong reads; then the Release.
Release(w) ==
   /\ st[w] = "active" /\ conf[w] = nxt[w] - 1 /\ conf[w] <= MaxSeq
   /\ Mutant = "early release" \/ ready[w] = 0
   /\ net' = net \cup {L(ep[w],w,nxt[w])}
   /\ IF Mutant = "read after release"
      THEN /\ nxt' = [nxt EXCEPT ![w] = MaxSeq + 2] /\ conf' = [conf EXCEPT ![w] = MaxSeq + 1]
           /\ UNCHANGED <<st,loff,lease,ready,grant,snap>>
      ELSE Rest(w)
   /\ UNCHANGED <<log,acc,skew,ep,pend,told>>

\* R6: record s is confirmed at offset o.  Barrier reads that joined it are answered (R10).
Confirm(w,s,o) ==
   /\ conf' = [conf EXCEPT ![w] = s] /\ loff' = [loff EXCEPT ![w] = o]
   /\ IF UseLease THEN lease' = [lease EXCEPT ![w] = grant[w][s]] /\ UNCHANGED <<vis,bad>>
      ELSE /\ bad' = (bad \/ (IF Mutant = "late joiner" THEN vis ELSE snap[w][s]) > o)
           /\ vis' = Max(vis, o) /\ UNCHANGED lease
   /\ UNCHANGED <<log,acc,net,skew,st,ep,nxt,ready,grant,snap,pend,acked,failed>>
Pending(w) == st[w] = "active" /\ conf[w] + 1 < nxt[w]
Fast(w) ==      \* its report names the very next offset (P4)
   /\ Pending(w)
   /\ \E o \in 1..Len(log) : /\ log[o] = R(ep[w],w,conf[w]+1)
                             /\ Mutant = "any report" \/ o = loff[w] + 1
                             /\ Confirm(w, conf[w]+1, o)
Slow(w) ==      \* its own reader accepted it
   /\ Pending(w)
   /\ \E o \in acc : log[o] = R(ep[w],w,conf[w]+1) /\ Confirm(w, conf[w]+1, o)

\* R7: what it confirmed itself, or, to a client that asks again, what its log holds from before.
Reply(w) ==
   /\ st[w] = "active" /\ ready[w] = 0
   /\ \E o \in 1..loff[w] :
        /\ log[o].k = "R" /\ (IF UseLease THEN o > vis ELSE log[o] \notin acked)
        /\ o \in acc \/ (log[o].w = w /\ log[o].e = ep[w] /\ log[o].s <= conf[w])
        /\ acked' = (IF UseLease THEN acked ELSE acked \cup {log[o]}) /\ vis' = Max(vis, o)
   /\ UNCHANGED <<log,acc,net,skew,st,ep,nxt,conf,loff,lease,ready,grant,snap,pend,failed,bad>>

Shown(w) == LET effects == {o \in Upto(loff[w]) : log[o].k = "R"} IN
            IF effects = {} THEN 0 ELSE CHOOSE o \in effects : \A j \in effects : j <= o
\* R10: the state that it has confirmed, while its lease lasts.  A refused condition is such a read.
LeaseRead(w) ==
   /\ st[w] = "active"
   /\ IF UseLease THEN ready[w] = 0 /\ lease[w] > 0 ELSE Mutant = "no barrier"
   /\ bad' = (bad \/ vis > loff[w]) /\ vis' = Max(vis, Shown(w))
   /\ UNCHANGED <<log,acc,net,skew,st,ep,nxt,conf,loff,lease,ready,grant,snap,pend,acked,failed>>

Fenced(w) ==    \* a leader reads a higher Claim than its own
   /\ st[w] = "active" /\ \E i \in acc : log[i].k = "C" /\ log[i].e > ep[w]
   /\ pend' = [pend EXCEPT ![w] = @ \cup Doubtful(w)] /\ Rest(w)
   /\ UNCHANGED <<log,acc,net,skew,ep,told>>
\* R8: a Claim above its epoch decides a record: before it, or never.
Decide(w) ==
   /\ \E r \in pend[w], i \in acc :
        /\ Mutant = "guess" \/ (log[i].k = "C" /\ log[i].e > r.e)
        /\ failed' = IF r \in Recs(i) THEN failed ELSE failed \cup {r}
        /\ pend' = [pend EXCEPT ![w] = @ \ {r}]
   /\ UNCHANGED <<log,acc,net,skew,st,ep,nxt,conf,loff,lease,ready,grant,snap,acked,vis,bad>>

\* The clocks of S go on by one.
Pass(S) ==
   /\ lease' = [w \in W |-> IF w \in S /\ lease[w] > 0 THEN lease[w] - 1 ELSE lease[w]]
   /\ ready' = [w \in W |-> IF w \in S /\ ready[w] > 0 THEN ready[w] - 1 ELSE ready[w]]
   /\ grant' = [w \in W |-> [s \in DOMAIN grant[w] |-> IF w \in S /\ grant[w][s] > 0 THEN grant[w][s] - 1 ELSE grant[w][s]]]
   /\ UNCHANGED <<log,acc,net,st,ep,nxt,conf,loff,snap,pend,told>>
Tick    == UseLease /\ Pass(W) /\ UNCHANGED skew
Gain(w) == /\ UseLease /\ skew[w] < Rate /\ skew' = [skew EXCEPT ![w] = @ + 1] /\ Pass({w})
Lose(w) == /\ UseLease /\ skew[w] > 0    /\ skew' = [skew EXCEPT ![w] = @ - 1] /\ Pass(W \ {w})
Next == Tick \/ (\E r \in net : Land(r))
   \/ \E w \in W : Claim(w) \/ Activate(w) \/ Send(w) \/ Release(w) \/ Fast(w) \/ Slow(w)
                    \/ Reply(w) \/ LeaseRead(w) \/ Fenced(w) \/ Decide(w) \/ Gain(w) \/ Lose(w)
Spec == Init /\ [][Next]_vars
Symmetric == Permutations(W)
\* Some broken rules need no mishap to show: everything counts, and one record is under way at a time.
Orderly == acc = 1..Len(log) /\ Cardinality(net) <= 1

AckedIsDurable    == acked  \subseteq Accepted
FailedNeverLands  == failed \cap Accepted = {}
NoStaleRead       == ~bad
NoAckAndFail      == acked \cap failed = {}
OneLeaderPerEpoch == \A i, j \in acc : log[i].e = log[j].e => log[i].w = log[j].w
Gapless == \A i \in acc : (log[i].k # "C" /\ log[i].s > 1) =>
             \E j \in acc : j < i /\ log[j].e = log[i].e /\ log[j].w = log[i].w /\ log[j].s = log[i].s - 1
=============================================================================
