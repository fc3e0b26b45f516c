---------------------------- MODULE Transactions ----------------------------
(* Transactions over several partitions (docs/protocol.md, R14): two-phase commit whose
   decisions stand in a ledger log.  That a log has one writer is WalFence's matter; here a
   log is a sequence.  Whoever coordinates may stop at any step, messages come late, many
   times or never, and anybody may end an orphan by asking the ledger for Abort.

   Every partition holds one item, every transaction in T writes all of them, and every
   reader in G is a TransactGetItems of all of them.  Other items of a partition are only
   there as what makes its time go on.                                                  *)
EXTENDS Naturals, Sequences, FiniteSets, TLC
CONSTANTS P, T, G,
          MaxWrites,   \* of other items, in each partition
          MaxTries,    \* Prepares of one transaction in one partition: requests come many times
          NoT,         \* no transaction
          Mutant       \* "none", or the name of the rule that is broken
VARIABLES plog,        \* [P -> Seq(record)]   prepare | commit | abort | write
          ledger,      \* Seq(decision)
          begun,       \* transactions that somebody asked for: requests to prepare are under way for good
          votes,       \* [t, p, ts] that a participant gave
          told,        \* what the client of a transaction knows
          pub,         \* [P -> closed timestamp that was given out]
          got,         \* [G -> idle | reading | done]
          seen,        \* [G -> [P -> version read]]
          sure,        \* [G -> [P -> looked at once more]]
          mustSee      \* [G -> transactions that were told done before the question]
vars == <<plog, ledger, begun, votes, told, pub, got, seen, sure, mustSee>>
readers == <<got, seen, sure, mustSee>>

Rec(k,t,ts) == [k |-> k, t |-> t, ts |-> ts]
Max(S) == CHOOSE x \in S : \A y \in S : y <= x
Min(S) == CHOOSE x \in S : \A y \in S : y >= x
Places(p,k,t) == {i \in 1..Len(plog[p]) : plog[p][i].k = k /\ plog[p][i].t = t}
Has(p,k,t)  == Places(p,k,t) # {}
Last(p,k,t) == Max({0} \cup Places(p,k,t))
Open(p)     == {t \in T : Last(p,"prepare",t) > Max({Last(p,"commit",t), Last(p,"abort",t)})}
Previous(p) == Max({0} \cup {plog[p][i].ts : i \in 1..Len(plog[p])})
Reserved(p) == {plog[p][Last(p,"prepare",t)].ts : t \in Open(p)}
Closed(p)   == IF Open(p) = {} \/ Mutant = "close over prepare" THEN Previous(p) ELSE Min(Reserved(p)) - 1
Version(p)  == Max({0} \cup {Last(p,"commit",t) : t \in T})
Decisions(t) == {i \in 1..Len(ledger) : ledger[i].t = t}
Decided(t)  == Decisions(t) # {}
Decision(t) == ledger[IF Mutant = "last decision" THEN Max(Decisions(t)) ELSE Min(Decisions(t))]
Commits(t)  == Decided(t) /\ Decision(t).ok
Votes(t)    == {v \in votes : v.t = t}

Init == /\ plog = [p \in P |-> <<>>] /\ ledger = <<>> /\ begun = {} /\ votes = {}
        /\ told = [t \in T |-> "nothing"] /\ pub = [p \in P |-> 0]
        /\ got = [g \in G |-> "idle"] /\ seen = [g \in G |-> [p \in P |-> 0]]
        /\ sure = [g \in G |-> {}] /\ mustSee = [g \in G |-> {}]

Begin(t) == /\ t \notin begun /\ begun' = begun \cup {t}
            /\ UNCHANGED <<plog,ledger,votes,told,pub,readers>>
\* A participant takes a request, however late; an item is in one open Prepare at most.
Prepare(p,t) ==
   /\ t \in begun /\ (Open(p) = {} \/ (Mutant = "no lock" /\ t \notin Open(p)))
   /\ Mutant # "forget finished" => ~Has(p,"commit",t) /\ ~Has(p,"abort",t)
   /\ Cardinality(Places(p,"prepare",t)) < MaxTries
   /\ LET ts == Previous(p) + 1 IN
        /\ plog' = [plog EXCEPT ![p] = Append(@, Rec("prepare",t,ts))]
        /\ votes' = votes \cup {[t |-> t, p |-> p, ts |-> ts]}
   /\ UNCHANGED <<ledger,begun,told,pub,readers>>
\* The ledger's leader lets the first decision about a transaction stand.
Ask(t, ok, c) ==
   /\ Mutant = "last decision" \/ ~Decided(t)
   /\ Cardinality(Decisions(t)) < 2
   /\ ledger' = Append(ledger, [t |-> t, ok |-> ok, c |-> c])
   /\ UNCHANGED <<plog,begun,votes,told,pub,readers>>
AskCommit(t) ==     \* the coordinator, who has every vote
   /\ t \in begun /\ \A p \in P : Mutant = "commit early" \/ \E v \in Votes(t) : v.p = p
   /\ LET times == {v.ts : v \in Votes(t)} IN
        /\ times # {} /\ Ask(t, TRUE, IF Mutant = "least time" THEN Min(times) ELSE Max(times))
AskAbort(t) ==      \* the coordinator after a refusal, or anybody who found an orphan
   t \in begun /\ Ask(t, FALSE, 0)
Finish(p,t) ==
   /\ t \in Open(p) /\ (Decided(t) \/ Mutant = "own abort")     \* broken: a participant gives up by itself
   /\ plog' = [plog EXCEPT ![p] = Append(@, IF Commits(t) THEN Rec("commit",t,Decision(t).c) ELSE Rec("abort",t,0))]
   /\ UNCHANGED <<ledger,begun,votes,told,pub,readers>>
Tell(t) ==          \* once the Decision is confirmed, before any participant has heard of it
   /\ told[t] = "nothing"
   /\ Decided(t) \/ (Mutant = "tell early" /\ \A p \in P : \E v \in Votes(t) : v.p = p)
   /\ told' = [told EXCEPT ![t] = IF Commits(t) \/ ~Decided(t) THEN "done" ELSE "cancelled"]
   /\ UNCHANGED <<plog,ledger,begun,votes,pub,readers>>
Write(p) ==         \* of another item: time goes on while a Prepare is open
   /\ Cardinality(Places(p,"write",NoT)) < MaxWrites
   /\ plog' = [plog EXCEPT ![p] = Append(@, Rec("write",NoT,Previous(p) + 1))]
   /\ UNCHANGED <<ledger,begun,votes,told,pub,readers>>
Publish(p) ==
   /\ Closed(p) > pub[p] /\ pub' = [pub EXCEPT ![p] = Closed(p)]
   /\ UNCHANGED <<plog,ledger,begun,votes,told,readers>>

Unread == 99
Start(g) ==
   /\ got[g] = "idle" /\ got' = [got EXCEPT ![g] = "reading"]
   /\ seen' = [seen EXCEPT ![g] = [p \in P |-> Unread]]
   /\ mustSee' = [mustSee EXCEPT ![g] = {t \in T : told[t] = "done"}]
   /\ UNCHANGED <<plog,ledger,begun,votes,told,pub,sure>>
Read(g,p) ==        \* a strong read of a prepared item waits for the outcome
   /\ got[g] = "reading" /\ seen[g][p] = Unread
   /\ Open(p) = {} \/ Mutant = "read through lock"
   /\ seen' = [seen EXCEPT ![g][p] = Version(p)]
   /\ UNCHANGED <<plog,ledger,begun,votes,told,pub,got,sure,mustSee>>
\* All are read: now each is looked at once more, one by one, and must be as it was, and free.
Recheck(g,p) ==
   /\ got[g] = "reading" /\ p \notin sure[g]
   /\ IF Mutant = "recheck at once" THEN seen[g][p] # Unread ELSE \A q \in P : seen[g][q] # Unread
   /\ Mutant # "no recheck" => /\ Version(p) = seen[g][p]
                               /\ Open(p) = {} \/ Mutant \in {"recheck versions", "read through lock"}
   /\ sure' = [sure EXCEPT ![g] = @ \cup {p}]
   /\ got' = [got EXCEPT ![g] = IF sure'[g] = P THEN "done" ELSE @]
   /\ UNCHANGED <<plog,ledger,begun,votes,told,pub,seen,mustSee>>

Next == \/ \E t \in T : Begin(t) \/ AskCommit(t) \/ AskAbort(t) \/ Tell(t)
        \/ \E p \in P : Write(p) \/ Publish(p) \/ \E t \in T : Prepare(p,t) \/ Finish(p,t)
        \/ \E g \in G : Start(g) \/ \E p \in P : Read(g,p) \/ Recheck(g,p)
Spec == Init /\ [][Next]_vars
Symmetric == Permutations(P) \cup Permutations(T) \cup Permutations(G)

Both(p,t,u) == Has(p,"commit",t) /\ Has(p,"commit",u)
First(p,t,u) == Both(p,t,u) /\ Last(p,"commit",t) < Last(p,"commit",u)
Sees(g,p,t) == Has(p,"commit",t) /\ Last(p,"commit",t) <= seen[g][p]
Done == {g \in G : got[g] = "done"}

Atomic      == \A t \in T, p, q \in P : ~(Has(p,"commit",t) /\ Has(q,"abort",t))
Once        == \A t \in T, p \in P : Cardinality(Places(p,"commit",t)) <= 1
TruthTold   == \A t \in T, p \in P : /\ told[t] = "done"      => ~Has(p,"abort",t)
                                     /\ told[t] = "cancelled" => ~Has(p,"commit",t)
SameOrder   == \A p, q \in P, t, u \in T : ~(First(p,t,u) /\ First(q,u,t))
TimesRise   == \A p \in P, t, u \in T :
                  First(p,t,u) => plog[p][Last(p,"commit",t)].ts < plog[p][Last(p,"commit",u)].ts
\* Nothing comes to stand before a closed timestamp: any cut at or before all of them is whole.
ClosedStays == \A t \in T, p \in P : Commits(t) /\ Decision(t).c <= pub[p] => Has(p,"commit",t)
ReadsWhole  == \A g \in Done, t \in T, p, q \in P : Sees(g,p,t) => Sees(g,q,t)
ReadsFresh  == \A g \in Done, p \in P : \A t \in mustSee[g] : Sees(g,p,t)
=============================================================================
