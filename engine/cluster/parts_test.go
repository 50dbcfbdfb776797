package cluster

import (
	"fmt"
	"strings"
	"testing"
)

// TestPartsThatCome tells parts that are what was given from others.
func TestPartsThatCome(t *testing.T) {
	type piece struct {
		part int
		text string
	}
	given := []piece{{0, "a"}, {0, "b"}, {2, "c"}, {3, "d"}, {3, "e"}}
	var sum summer
	for _, p := range given {
		sum.add(p.part, []byte(p.text))
	}
	out := sum.output(3)
	for _, c := range []struct {
		name string
		came []piece
		want string // "": all is well
	}{
		{"all", given, ""},
		{"none", nil, "0 pieces came instead of 2"},
		{"the last is missing", given[:4], "1 pieces came instead of 2"},
		{"a part is missing", append(given[:2:2], given[3:]...), "0 pieces came instead of 1"},
		{"one more", append(given[:5:5], piece{3, "f"}), "3 pieces came instead of 2"},
		{"one of an empty part", append(append(given[:2:2], piece{1, "x"}), given[2:]...), "1 pieces came instead of 0"},
		{"another part's", append(given[:5:5], piece{4, "f"}), "a piece of part 4 came, which was not asked for"},
		{"another order", []piece{given[2], given[0], given[1], given[3], given[4]}, "0 pieces came instead of 2"},
		{"other bytes", append(given[:4:4], piece{3, "x"}), "or they are corrupt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			err := testParts(out.parts(), func(get Taker) error {
				for _, p := range c.came {
					if err := get(p.part, []byte(p.text)); err != nil {
						return err
					}
				}
				return nil
			}, func(part int, piece []byte) error {
				got += fmt.Sprint(part, string(piece), " ")
				return nil
			})
			if c.want == "" && (err != nil || got != "0a 0b 2c 3d 3e ") {
				t.Errorf("got %q, %v", got, err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
