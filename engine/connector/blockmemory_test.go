package connector

import "testing"

// TestBlockMemoryIsUsedAgainWhenNobodyHasIt checks that memory comes back neither before its last user has left it nor
// for more bytes than it has.
func TestBlockMemoryIsUsedAgainWhenNobodyHasIt(t *testing.T) {
	m := newBlockMemory(100)
	if len(m.bytes) < 100 {
		t.Fatalf("%d bytes for 100", len(m.bytes))
	}
	blocks := []*Block{{Data: m.bytes[:10], memory: m}, {Data: m.bytes[10:20], memory: m}}
	m.users.Add(int32(len(blocks)))
	m.leave() // as its reader does
	blocks[0].Release()
	if other := newBlockMemory(100); other == m {
		t.Fatal("memory of a block that is in use was given out again")
	}
	if blocks[1].Data == nil || blocks[0].Data != nil {
		t.Fatal("a block is not what it was, or one that was released has data")
	}
	blocks[1].Release()
	if users := m.users.Load(); users != 0 {
		t.Fatalf("%d users of memory that everybody left", users)
	}
	if larger := newBlockMemory(len(m.bytes) + 1); larger == m || len(larger.bytes) <= len(m.bytes) {
		t.Fatal("memory was given out for more than it has")
	}
}

// TestBlockMemoryOfSizesThatDiffer is about readers that have something of a record left over from the block before.
func TestBlockMemoryOfSizesThatDiffer(t *testing.T) {
	if a, b := inSteps(2*stepReused+100), inSteps(2*stepReused+5000); a != b {
		t.Errorf("%d and %d bytes", a, b)
	}
	if size := inSteps(2 * stepReused); size != 2*stepReused {
		t.Errorf("%d bytes for %d", size, 2*stepReused)
	}
}

// TestBlockWithoutMemoryCanBeReleased is about blocks that are not read into a blockMemory.
func TestBlockWithoutMemoryCanBeReleased(t *testing.T) {
	b := &Block{Data: []byte("whole text")}
	b.Release()
	if b.Data != nil {
		t.Fatal("a released block has data")
	}
}
