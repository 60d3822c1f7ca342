package transport

import (
	"errors"
	"testing"
	"unicode/utf8"
)

// Whatever a client sends is either a message the protocol knows or a close
// that fits into a frame.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"type":"connection_init","payload":{"authorization":"Bearer x"}}`,
		`{"type":"ping","payload":null}`,
		`{"id":"1","type":"subscribe","payload":{"query":"{a}","variables":{"n":1e400},"operationName":null,"extensions":{}}}`,
		`{"id":"1","type":"complete"}`,
		`{"type":"ü` + "\xff" + `"}`,
		`{"type":"` + "\u0000" + `"}`,
		`[{}]`, `{`, ``, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parse(data)
		if err != nil {
			c, ok := errors.AsType[*closing](err)
			if !ok || len(c.reason) > maxReason || !utf8.ValidString(c.reason) {
				t.Errorf("%v does not fit into a close frame", err)
			}
			return
		}
		if (m.kind == subscribe || m.kind == complete) && m.id == "" {
			t.Error("an operation without id")
		}
		if (m.kind == subscribe) != (m.operation != nil) {
			t.Errorf("%s with operation %v", m.kind, m.operation)
		}
	})
}
