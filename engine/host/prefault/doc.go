// Package prefault has the system bring the pages into memory that the start of the program touches: in a few calls, where
// each page would else cost an exception of its own, which is more than half of a short job's time in a virtual machine.
//
// It is imported for its effect, and depends on next to nothing so that it is initialised before the packages whose
// initialisation touches those pages. Where the system has no such call (it came with Linux 5.14), it does nothing.
package prefault
