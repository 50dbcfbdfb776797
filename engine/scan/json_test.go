package scan

import (
	"fmt"
	"strings"
	"testing"

	"go.starlark.net/lib/json"
	"go.starlark.net/starlark"
)

// library is what the scanner must agree with.
func library(text string) (starlark.Value, error) {
	decode := json.Module.Members["decode"].(*starlark.Builtin)
	return starlark.Call(new(starlark.Thread), decode, starlark.Tuple{starlark.String(text)}, nil)
}

// render tells apart what Equal does not: 1 and 1.0, 0.0 and -0.0, the order of members.
func render(v starlark.Value) string {
	switch v := v.(type) {
	case *starlark.List:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = render(v.Index(i))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case *starlark.Dict:
		var parts []string
		for _, item := range v.Items() {
			parts = append(parts, render(item[0])+":"+render(item[1]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case starlark.String:
		return fmt.Sprintf("%q", string(v))
	}
	return v.Type() + " " + v.String()
}

func checkDecode(t *testing.T, d *JSON, text string) {
	t.Helper()
	want, wantErr := library(text)
	got, err := d.Decode(text)
	if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
		t.Fatalf("Decode(%q): error %v, the library says %v", text, err, wantErr)
	}
	if err == nil && render(got) != render(want) {
		t.Fatalf("Decode(%q) = %s, the library says %s", text, render(got), render(want))
	}
}

var jsonTexts = []string{
	``, ` `, `null`, ` true `, "\tfalse\r\n", `nul`, `nullx`, `tru`,
	`0`, `-0`, `-`, `01`, `-01`, `1e2`, `1E400`, `-1e-400`, `1.`, `.5`, `-.5`, `1.5`, `0.0`, `-0.0`, `00`, `1-2`, `1+`, `--1`,
	`123456789012345678`, `1234567890123456789`, `9223372036854775807`, `9223372036854775808`, `-9223372036854775808`,
	`123456789012345678901234567890`, `2147483648`, `1_0`, `0x10`, `Infinity`, `-Infinity`, `NaN`,
	`"a"`, `""`, `"`, `"\`, `"\"`, `"a\"b"`, `"\n\t\r\b\f\/\\"`, `"\u0041\u00e9"`, `"\ud83d\ude00"`, `"\ud800"`, `"\udc00x"`,
	`"\u12"`, `"\x"`, "\"raw\ttab\"", "\"raw\nnewline\"", "\"é\"", "\"é\ttab\"", "\"\\n\ttab\"", "\"\xff\"", "\"\xc3\\n\"",
	"\"\u2028\"", "\"\x00\"", "\"\x7f\"", "\"é\\n\"", `"\uZZZZ"`, `"\u00e9\"`,
	`[]`, `[ ]`, `[1]`, `[1,]`, `[,]`, `[1 2]`, `[1, 2, [3, {}], "x"]`, `[`, `]`, `[}`, `[1`, `[1}`,
	`{}`, `{ }`, `{"a":1}`, `{"a":1,}`, `{"a"}`, `{"a":}`, `{a:1}`, `{1:2}`, `{"a":1 "b":2}`, `{"a" : 1 , "b" : [ ] }`,
	`{"a":1,"b":2,"a":3}`, `{"\u0061":1,"a":2}`, `{"a":{"a":{"a":null}}}`, `{"a":1}}`, `{"a":1} x`, `{"a":1]`,
	"{\"a\":1}\x00", "\xef\xbb\xbf{}", `{"":0}`, "{\"é\":1,\"\xff\":2,\"\ufffd\":3}",
}

func TestDecodeIsTheLibrarys(t *testing.T) {
	d := NewJSON()
	for _, text := range jsonTexts {
		checkDecode(t, d, text)
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range jsonTexts {
		f.Add(text)
	}
	d := NewJSON()
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<12 {
			return
		}
		checkDecode(t, d, text)
		checkDecode(t, d, text) // now with all its keys interned
	})
}

func TestDecodeFreezes(t *testing.T) {
	for _, text := range []string{`{"a":[{}]}`, `{"a":["\ud800"],"a":[]}`} {
		v, err := NewJSON().Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		inner, _, _ := v.(*starlark.Dict).Get(starlark.String("a"))
		if inner.(*starlark.List).Append(starlark.None) == nil {
			t.Errorf("a list in %s can be appended to", text)
		}
	}
}

func TestDecodeBoundsDepth(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	if _, err := NewJSON().Decode(nested(MaxDepth)); err != nil {
		t.Errorf("%d deep: %v", MaxDepth, err)
	}
	for _, text := range []string{
		nested(MaxDepth + 1), strings.Repeat("[", 50e6), strings.Repeat(`{"a":`, 1e6), strings.Repeat(`[{"a":`, 1e6),
	} {
		_, err := NewJSON().Decode(text)
		if err == nil || !strings.Contains(err.Error(), "nested deeper than 10000") {
			t.Errorf("%.10s... of %d bytes: error %v", text, len(text), err)
		}
	}
	if _, err := NewJSON().Decode(`"` + strings.Repeat("[", 2*MaxDepth) + `\`); !strings.Contains(err.Error(), "unclosed string") {
		t.Errorf("brackets in a string counted as depth: %v", err)
	}
}

func TestDecodeInternsKeysWithoutKeepingBlocks(t *testing.T) {
	d := NewJSON()
	for i := range 2 * maxKeys {
		checkDecode(t, d, fmt.Sprintf(`{"key%d":%d,"%s":0}`, i, i, strings.Repeat("x", maxKeyLen+1)))
	}
	if len(d.keys) != maxKeys {
		t.Errorf("%d keys interned, want %d", len(d.keys), maxKeys)
	}
}

const event = `{"ts":"2024-03-01T12:34:56.789Z","user":{"id":184467,"country":"DE"},"type":"purchase","amount":129.95,` +
	`"currency":"EUR","items":[{"sku":"A-1001","qty":2},{"sku":"B-2002","qty":1}],"session":"f3a9c1d2e4b5","ok":true,"ref":null,"ms":37}`

func BenchmarkDecode(b *testing.B) {
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	d := NewJSON()
	for b.Loop() {
		if _, err := d.Decode(event); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeLibrary(b *testing.B) {
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := library(event); err != nil {
			b.Fatal(err)
		}
	}
}
