package prefault

import (
	"slices"
	"testing"
	"unsafe"
)

func TestMappings(t *testing.T) {
	for _, tt := range []struct {
		name, list string
		want       []mapping
	}{
		{"none", "", nil},
		{
			"a program, its data and memory",
			"00400000-011a9000 r-xp 00000000 fe:01 1234   /usr/bin/flowsh\n020c3000-021a2000 rw-p 01cc3000 fe:01 1234 /usr/bin/flowsh\nef91ec00000-ef921000000 rw-p 00000000 00:00 0 \n",
			[]mapping{{0x400000, 0x11a9000, false, true}, {0x20c3000, 0x21a2000, true, true}, {0xef91ec00000, 0xef921000000, true, false}},
		},
		{"what is no file", "7ffe84c42000-7ffe84c63000 rw-p 00000000 00:00 0   [stack]\n", []mapping{{0x7ffe84c42000, 0x7ffe84c63000, true, false}}},
		{"cut in a line", "1000-2000 r--p 0 0:0 0 /a\n2000-3000 r--p 0 0:0 0 /", []mapping{{0x1000, 0x2000, false, true}}},
		{"cut in a number", "1000-2000 r--p 0 0:0 0 /a\n2000-30", []mapping{{0x1000, 0x2000, false, true}}},
		{"cut before a number", "1000-2000 r--p 0 0:0 0 /a\n2000", []mapping{{0x1000, 0x2000, false, true}}},
		{"no such list", "Permission denied\n", nil},
	} {
		if got := slices.Collect(mappings([]byte(tt.list))); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestMappingsOfThisProcess finds its heap and its program.
func TestMappingsOfThisProcess(t *testing.T) {
	object := uintptr(unsafe.Pointer(new([page]byte)))
	var heap, program bool
	for m := range mappings(readMaps()) {
		heap = heap || m.from <= object && object < m.to && m.writable && !m.file
		program = program || m.file && !m.writable
	}
	if !heap || !program {
		t.Errorf("found: heap %v, program %v", heap, program)
	}
}
