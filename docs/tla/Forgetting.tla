----------------------------- MODULE Forgetting -----------------------------
(* When the ledger may forget a decision (docs/protocol.md, R14; decision 0026).  One transaction,
   one item in each partition.  No clock has a part in it: a partition tells up to which of its own
   timestamps it is closed, so that all its Prepares up to there have ended; the ledger keeps that
   as its floor.  All messages may come late and again.  What is prepared again after its end
   gets another timestamp, and decisions name the Prepares that they counted (decision 0018).    *)
EXTENDS Naturals, Sequences, FiniteSets, TLC
CONSTANTS P,
          MaxTries,    \* Prepares in one partition: requests come many times
          MaxWrites,   \* of other items: time goes on
          Mutant       \* "none", or the name of the rule that is broken
VARIABLES plog,        \* [P -> Seq(record)]   prepare | commit | abort (of the Prepare at ts) | write
          row,         \* what stands: nothing, or [ok, names]: names are <<p, ts>>
          floor,       \* [P -> timestamp]
          proposal,    \* the votes that the coordinator counted; empty until it has all
          quit,        \* the coordinator proposes Abort, and never will propose Commit
          heard,       \* [p, ts, ok]: how a Prepare ends, under way to its partition for good
          told         \* what the client knows
vars == <<plog, row, floor, proposal, quit, heard, told>>

Nothing == [ok |-> FALSE, names |-> {}, stands |-> FALSE]
Row(ok, names) == [ok |-> ok, names |-> names, stands |-> TRUE]
Rec(k, ts)  == [k |-> k, ts |-> ts]
Max(S)      == CHOOSE x \in S : \A y \in S : y <= x
Previous(p) == Len(plog[p])
At(p, k)    == {plog[p][i].ts : i \in {j \in 1..Len(plog[p]) : plog[p][j].k = k}}
Count(p, k) == Cardinality({j \in 1..Len(plog[p]) : plog[p][j].k = k})
Open(p)     == At(p, "prepare") \ (At(p, "commit") \cup At(p, "abort"))
Closed(p)   == IF Open(p) = {} \/ Mutant = "floor over prepare" THEN Previous(p) ELSE Max(Open(p)) - 1
Prepared    == UNION {{<<p, ts>> : ts \in At(p, "prepare")} : p \in P}

Init == /\ plog = [p \in P |-> <<>>] /\ row = Nothing /\ floor = [p \in P |-> 0]
        /\ proposal = {} /\ quit = FALSE /\ heard = {} /\ told = "nothing"

Prepare(p) ==
   /\ Open(p) = {} /\ Count(p, "prepare") < MaxTries
   /\ plog' = [plog EXCEPT ![p] = Append(@, Rec("prepare", Previous(p) + 1))]
   /\ UNCHANGED <<row, floor, proposal, quit, heard, told>>
Write(p) ==
   /\ Count(p, "write") < MaxWrites
   /\ plog' = [plog EXCEPT ![p] = Append(@, Rec("write", Previous(p) + 1))]
   /\ UNCHANGED <<row, floor, proposal, quit, heard, told>>
Propose ==          \* one vote of each partition: any that it gave
   /\ proposal = {} /\ ~quit
   /\ \E S \in SUBSET Prepared :
        /\ Cardinality(S) = Cardinality(P) /\ \A p \in P : \E ts \in At(p, "prepare") : <<p, ts>> \in S
        /\ proposal' = S
   /\ UNCHANGED <<plog, row, floor, quit, heard, told>>
GiveUp ==
   /\ proposal = {} /\ quit' = TRUE /\ UNCHANGED <<plog, row, floor, proposal, heard, told>>
Below(names) == \E n \in names : n[2] <= floor[n[1]]
\* The coordinator's proposal arrives, maybe once more.
AskCommit ==
   /\ proposal # {}
   /\ \/ /\ ~row.stands
         /\ Mutant # "no floor" => ~Below(proposal)      \* else it was decided, and nobody knows how any more
         /\ row' = Row(TRUE, proposal)
      \/ /\ row.stands /\ ~row.ok                        \* whoever was told Abort is named as well
         /\ row' = IF Mutant = "refused unnamed" THEN row ELSE Row(FALSE, row.names \cup proposal)
      \/ row.stands /\ row.ok /\ row' = row
   /\ heard' = heard \cup {<<n[1], n[2], row'.ok>> : n \in proposal}
   /\ told' = IF told # "nothing" THEN told ELSE IF row'.ok THEN "done" ELSE "cancelled"
   /\ UNCHANGED <<plog, floor, proposal, quit>>
\* Somebody asks for the end of a Prepare that he finds open, or that was open when he asked.
AskAbort(n) ==
   /\ n \in Prepared
   /\ row' = IF row.stands /\ row.ok THEN row
             ELSE Row(FALSE, IF Mutant = "asker unnamed" THEN row.names ELSE row.names \cup {n})
   /\ heard' = heard \cup {<<n[1], n[2], row'.ok /\ n \in row'.names>>}
   /\ UNCHANGED <<plog, floor, proposal, quit, told>>
AskQuit ==          \* a coordinator that has given up; it tells all, whatever they have open
   /\ quit /\ ~row.stands /\ row' = Row(FALSE, {}) /\ told' = "cancelled"
   /\ UNCHANGED <<plog, floor, proposal, quit, heard>>
Finish(p) ==
   /\ \E ts \in Open(p), ok \in BOOLEAN :
        /\ <<p, ts, ok>> \in heard \/ (quit /\ ~ok)
        /\ plog' = [plog EXCEPT ![p] = Append(@, Rec(IF ok THEN "commit" ELSE "abort", ts))]
   /\ UNCHANGED <<row, floor, proposal, quit, heard, told>>
Learn(p) ==
   /\ Closed(p) > floor[p] /\ floor' = [floor EXCEPT ![p] = Closed(p)]
   /\ UNCHANGED <<plog, row, proposal, quit, heard, told>>
Forget ==
   /\ row.stands /\ (Mutant = "forget early" \/ \A n \in row.names : n[2] <= floor[n[1]])
   /\ row' = Nothing /\ UNCHANGED <<plog, floor, proposal, quit, heard, told>>

Next == \/ Propose \/ GiveUp \/ AskCommit \/ AskQuit \/ Forget
        \/ \E p \in P : Prepare(p) \/ Write(p) \/ Finish(p) \/ Learn(p)
        \/ \E n \in Prepared : AskAbort(n)
Symmetric == Permutations(P)
Spec == Init /\ [][Next]_vars

Committed == \E p \in P : At(p, "commit") # {}
Lost      == \E n \in proposal : n[2] \in At(n[1], "abort")     \* a Prepare that was counted
Atomic    == ~(Committed /\ Lost)
Once      == \A p \in P : Count(p, "commit") <= 1
TruthTold == /\ told = "done" => ~Lost
             /\ told = "cancelled" => ~Committed
\* What stands as committed can still be had by every partition that waits for it.
Kept      == \A n \in proposal : told = "done" /\ n[2] \in Open(n[1]) => row.stands /\ row.ok
=============================================================================
