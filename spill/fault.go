package spill

import "github.com/flowsh/flowsh/engine/host"

// The steps at which a store on disk can fail.
var (
	pointCreate = host.NewPoint("spill.create") // a folder, a segment or a database is opened
	pointWrite  = host.NewPoint("spill.write")
	pointRead   = host.NewPoint("spill.read")
	pointSync   = host.NewPoint("spill.sync")   // of a store that is to be kept; scratch files are not synced
	pointRemove = host.NewPoint("spill.remove") // a segment or a folder is removed
)
