package engine

import "github.com/flowsh/flowsh/engine/connector"

// decoder makes a worker's decoder. Where the chain reads but some members of the records, it gives only those;
// with kernels off, or compared, records are whole, for they are the reference.
func (s *stageRun) decoder() connector.Decoder {
	if p, ok := s.source.(connector.Projector); ok && s.run.options.Kernels == "on" {
		if paths, ok := s.chain.Fields(); ok {
			return p.NewProjection(paths)
		}
	}
	return s.source.NewDecoder()
}
