// Package engine runs jobs: it plans a graph of operators into stages and runs them on all cores of a machine,
// with the same bytes coming out whatever the cores, the memory and the cuts.
//
// # A tour
//
// Seven files are the way of a job from its script to its output. Read them in this order:
//
//   - cmd/flowsh/run.go reads the command line and the script, runs the job and says how it went.
//   - builtins/load.go runs the script's top level and makes one graph of either form.
//   - engine/graph.go is that graph: operators and edges as plain data; functions stand in it by reference.
//   - engine/plan.go fuses operators into stages, which end where records have to meet.
//   - engine/run.go makes the stages of a step, runs them all at once, tests the ledger and commits the outputs.
//   - engine/work.go is one stage: every worker takes the next unit of input, takes it through the stage's
//     functions and gives it to the stage's end; units are delivered in order.
//   - engine/chunk/chunk.go is a batch of records as bytes, for what does not stay in memory.
//
// Beside them, the ends of stages are in end_*.go, what a stage reads in feed.go, how stages are connected in
// edge.go and overflow.go, and how order is kept in sequence.go.
//
// # Order
//
// What comes out is fixed by ordinals (chunk.Ordinal): where a record's source record stands in the input, and how
// many records that one gave before it. Splits, blocks, batches and buckets are cut as it suits the machine and
// never show. Inside a stage units may finish in any order; everything observable about them - records, errors,
// dead letters, prints, counts - waits in the unit until its turn has come. Of two errors in a stage the one with
// the lower ordinal is reported, and of several outputs that fail the first in the plan (verdict.go). What stages before
// a take print or give up is held back until the take has wanted a record behind it (effects.go).
//
// State by key (end_group.go) is kept in hashed buckets and comes out in the order of the first ordinal of each key. An
// aggregate that can be merged is folded by every worker into a table of its own first (operator/hot.go), which grows
// where it is, outside of the heap (host/range.go), and asks for the memory of many keys at once
// (operator/prefetch.go); a user's reducer without merge= folds its records in order, each bucket on whichever core is
// free (fold.go); what waits for a lane that is slow goes to disk when the others could go on. A reducer that does
// nothing but add ints to its state, or to keys of a dict, is such an aggregate too (kernel/keyed.go): the chain gives
// what each record adds. That they are ints is known from the functions before it, in its own stage and in the one that
// it reads (known.go). Numbers that may be floats are added in order, key by key. Where keys do not repeat, records go
// past those tables into blocks of their bucket, and states that are a few ints stay there, outside of the heap
// (operator/inplace.go, host/pages.go).
//
// # Windows
//
// Windows (window.go) are a part of the key. Where the time of a record alone says in which windows it is, every worker
// places its records (window_place.go) and combines them as without windows; where it depends on the records before it -
// late ones are to be told apart, or windows are by count or by the clock - units are placed as their turn comes.
// Sessions are cut when all records are there, sorted by key and time (window_session.go). Results are brought into the
// order of their windows by one more sort (window_group.go). A scan, and a reduce with a trigger (trigger_fold.go), go
// along with the records, in order; over their share the states that were idle for longest are spilled one by one
// (trigger_spill.go).
//
// # Projection
//
// Where functions do nothing with the records of a JSON or CSV source but read members of constant names
// (kernel/fields.go), the source decodes only those (projection.go, connector/project.go) and still checks the
// rest. Where they decode the lines of a file themselves, with json.decode, compiled code finds the members that they
// read beside the lines (kernel/documents.go). What a message or a dead letter shows is the whole record: it is decoded again from its block, or behind a
// reducer, where the block is gone, read again from its file.
//
// # Joins
//
// The right side of a join ends in a stage of its own, which builds a table by key (end_join.go); the left side waits
// for it, looks its records up on all cores and hands on pairs in its own order. Where the right side does not fit its
// share of the memory, both sides are sorted by key and merged, and what comes out is sorted by the places of the
// records (operator/join_runs.go). f runs in the stage behind. What functions there read of each side is all that its
// source gives (join_readers.go).
//
// # Memory
//
// Options.Memory is one budget for the process. Half of it is for state, divided among the stages of a step that
// hold state; over its share a stage spills through spill.Store and merges back. Units in flight are bounded by
// the window of each stage's sequence, and edges by a number of batches; an edge that may not hold up its producer,
// because another consumer waits for something else, spills. Of what functions print no more is kept anywhere than the stage
// can show (kernel/print.go); what they count for a record, or in a reducer, is kept as sums of so many names (kernel/counts.go).
// The collector's limit is the whole budget.
//
// # Tasks elsewhere
//
// What a source's stage does with a split is a task (task.go), and need not be done in this process: Options.Tasks
// does tasks in other places, where an Executor takes the split through the stage's functions and, where the end
// combines records by key, through tables of its own. What comes back in pieces (piece.go) goes the way of what the
// run's own workers do (remote.go): unit by unit, in order, so that errors, dead letters, prints and records are the
// same wherever a task was done. Stages that need side inputs, or read standard input or line numbers, run here.
//
// Where the end is a sort, the task sorts its records, and gives a sorted run behind its units (operator/sortrelay.go), which
// have what the run cannot know without the records: of what classes their keys are, because the first key that does not
// compare with those before it is the error. The run keeps the chunks of all runs as it keeps runs that it has spilled
// itself, and does nothing but merge them.
//
// State by key can be divided among places (operator/ranges.go): tasks of such a stage give it, or the records on their way
// into it, in ranges of the keys, apart from all else that they give; states that are a few ints under short keys as the
// numbers that blocks hold them in (operator/drainblocks.go). The run asks for what it needs: either all ranges of
// all tasks, which it folds as it would fold its own, or for each range the groups that one more task has folded of it
// (FoldTasks) and put in the order of their first ordinals; those it merges. Both come behind all else that the tasks give.
// A record that fails in a fold waits until all ranges are there: an earlier one may fail in another.
//
// Package cluster does tasks on other machines: a Scheduler, which is a state machine, says who does what; a Job
// follows it; a Master and WorkerAgents bring the head of a job together with executors on the workers, through which
// bytes go that only the two understand. What tasks give does not go that way: every executor listens at a port of its
// node's range, and the head dials it, over mutual TLS with certificates of an authority that the head makes for the job
// (cluster/link.go). Where an executor cannot be reached it comes through the agents after all. The head is this engine,
// unchanged. It has no other network: what it has to tell servers the master posts, where that is granted
// (cluster/webhook.go).
//
// What tasks give waits in a folder of the job at the worker until it was fetched (cluster/offers.go). An executor that comes
// after the one that has made it, even of another agent with the same name, finds what is whole there and offers it to the
// head, which takes what counted before and was lost, by its hash. The agent removes the folder when the head has ended
// (cluster/held.go).
//
// Whether workers fold state by key is decided when all tasks are done that give it, by how much there is and how much
// memory the head has (cluster/shuffle.go). The tasks that fold are a group of their own, which reads another: none begins
// before all is there that it reads. They read it from each other's executors (cluster/peers.go); what cannot be read, or
// is corrupt, is lost, and the task that gave it is done again, though the head has had the rest of it. If that is so again
// and again, the head folds the ranges that are left. Executors keep what others may read until all ranges have come to the
// head.
//
// The master keeps its jobs in a queue (cluster/queue.go), a state machine whose records go through a journal
// (cluster/journal.go) before they take effect. What was fetched from workers is kept by the name and the hash of its
// task (cluster/kept.go) until the job has ended: a head that runs the job again, after the master or it was killed, takes
// it from there. So does a job that retries another (cluster/retry.go), if the fingerprints of the stage are the same
// (fingerprint.go). A run on one machine with --resume does that with a worker in its own process. What a detached
// job has put out is a flow of others (jobresult.go), which their heads read from the master's files (cluster/result.go). Receipts
// (cluster/receipt.go) note every step of a task's way; the master keeps them beside the job.
//
// A prompt (builtins/session.go) is a script that grows: each part is run behind all parts before it, and a flow that is to
// run is made a job. On a cluster the text itself is what travels, with what was collected so far, and the head comes to
// the same call of the same flow.
//
// A task that has ended its executor is done with care in one of its own (care.go, cluster/quarantine.go): every call of
// a function is noted in a file before it is made, so that the last note names the record. If the record alone ends one
// more executor, it fails like any other, with a message or as a dead letter, and the task is done without it.
//
// # Commit
//
// Outputs are written under temporary names. When all stages of a step are done and the laws of the ledger hold
// (ledger.go), every sink is flushed and synced, and then they are renamed, one after another. A step that fails
// leaves no output name behind.
//
// # Where this differs from the first design
//
//   - batch and map_batch count records over the whole flow, not within a split: a user expects all batches but
//     the last to be full, and the result must not depend on the size of splits.
//   - A flow with several readers runs once; its edges spill instead of making readers wait for each other.
//   - On a cluster the unit of work is a split of a source, or a range of the keys that the end of a source's stage folds; what
//     follows runs in the head of the job. Control messages are JSON, whose decoder takes no more memory than it is sent, instead of msgpack. A data
//     link is a session like those of control, whose streams have a credit of bytes each; the authority of a job is made
//     by its head, and not by the master, so that the agents hold nobody's keys but their own.
//   - What a head has fetched, and keeps for one that runs the job again, is in segment files whose frames are checked as they
//     are found again, not in Badger, which took longer to put it away than it takes to fetch it.
//   - A record that ends its executor is found by the note of the last call, in three executors, and not by bisection,
//     which takes one for each halving.
//   - max_demand and min_demand bound a stage's units and how many are in flight (demand.go), not single records.
//   - min and max report keys that do not compare when the results come out, for the first such group.
package engine
