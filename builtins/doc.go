// Package builtins is the language: it turns the text of a script into an engine.Program.
//
// Load is the way in. A script has one of two forms. In the definition form its functions are the stages, by
// their names; in the pipeline form sources are flows, operators are methods of flows, and the global job (or
// named steps) says what runs. Both become flows, immutable values that form a tree (flow.go), and the flows
// become the graph (graph.go).
//
// The package cannot know where a job runs: it imports the engine, never an executor.
package builtins
