package operator

import (
	"testing"
	"unsafe"
)

// TestPrefetchTakesAnyAddress checks that addresses need not be of anything, and that none is written.
func TestPrefetchTakesAnyAddress(t *testing.T) {
	memory := []uint64{1, 2, 3}
	prefetch(nil)
	prefetch([]uintptr{0, 1, ^uintptr(0), addressOf(memory, 1), addressOf(memory, 1<<40)})
	prefetchHomes(nil, memory, 0)
	prefetchHomes([]entry{{}, {hash: 1}, {hash: 1 << 63}, {hash: 1<<64 - 1}}, memory, 62)
	prefetchHomes([]entry{{hash: 1<<64 - 1}}, memory, 0)
	if memory[0] != 1 || memory[1] != 2 || memory[2] != 3 {
		t.Errorf("memory is %d", memory)
	}
}

func TestAddressOfAnElement(t *testing.T) {
	slots := make([]hotSlot, 5)
	for i := range slots {
		if at := addressOf(slots, uint64(i)); at != uintptr(unsafe.Pointer(&slots[i])) {
			t.Errorf("element %d is at %x, addressOf says %x", i, &slots[i], at)
		}
	}
	if size := unsafe.Sizeof(hotSlot{}); size != sizeHotSlot {
		t.Errorf("a slot has %d bytes, not %d", size, sizeHotSlot)
	}
}
