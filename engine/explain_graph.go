package engine

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A StageNode is a stage of an Explanation as other programs draw and read it.
type StageNode struct {
	Stage int      `json:"stage"`
	Step  string   `json:"step,omitempty"`
	Ops   []string `json:"ops"` // what is fused, with how each function runs
	End   string   `json:"end"` // where the records meet or go
	Input string   `json:"input,omitempty"`
	Reads []int    `json:"reads,omitempty"` // stages
	Using []int    `json:"using,omitempty"` // stages whose records functions take whole
}

// Nodes are the stages in the order of the plan.
func (e *Explanation) Nodes() []StageNode {
	var nodes []StageNode
	g := e.Plan.Graph
	for _, step := range e.Plan.Steps {
		for _, s := range step.Stages {
			n := StageNode{
				Stage: s.ID, Step: step.Name, Ops: []string{}, End: e.end(s), Input: e.splits[s.ID], Reads: s.Inputs, Using: s.Sides,
			}
			if s.Source >= 0 {
				n.Ops = append(n.Ops, g.Ops[s.Source].Name())
			}
			for _, op := range s.Chain {
				n.Ops = append(n.Ops, g.Ops[op].Name()+e.ofChain(&g.Ops[op]))
			}
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// label is what a drawing shows of a stage.
func (n *StageNode) label(newline string) string {
	return strings.Join(append(n.Ops, "→ "+n.End), newline)
}

// JSON is the plan as an array of StageNode.
func (e *Explanation) JSON() (string, error) {
	text, err := json.MarshalIndent(e.Nodes(), "", "  ")
	return string(text), err
}

// Dot is the plan as a Graphviz graph.
func (e *Explanation) Dot() string {
	var b strings.Builder
	b.WriteString("digraph flowsh {\n  rankdir = LR\n  node [shape = box]\n")
	for _, n := range e.Nodes() {
		fmt.Fprintf(&b, "  s%d [label = %q]\n", n.Stage, n.label("\n"))
		for _, in := range n.Reads {
			fmt.Fprintf(&b, "  s%d -> s%d\n", in, n.Stage)
		}
		for _, in := range n.Using {
			fmt.Fprintf(&b, "  s%d -> s%d [style = dashed]\n", in, n.Stage)
		}
	}
	b.WriteString("}\n")
	return b.String()
}

// Mermaid is the plan as a Mermaid flowchart, which code hosts draw in Markdown.
func (e *Explanation) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, n := range e.Nodes() {
		fmt.Fprintf(&b, "  s%d[\"%s\"]\n", n.Stage, mermaidText.Replace(n.label("\n")))
		for _, in := range n.Reads {
			fmt.Fprintf(&b, "  s%d --> s%d\n", in, n.Stage)
		}
		for _, in := range n.Using {
			fmt.Fprintf(&b, "  s%d -.-> s%d\n", in, n.Stage)
		}
	}
	return b.String()
}

// mermaidText escapes what has a meaning in a quoted text of Mermaid.
var mermaidText = strings.NewReplacer(
	"\n", "<br/>", `"`, "#quot;", "#", "#35;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "`", "#96;",
)
