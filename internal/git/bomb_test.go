package git

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // git's names of objects
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/fault"
)

// Types of objects in a pack (https://git-scm.com/docs/pack-format).
const (
	packedCommit = 1
	packedTree   = 2
	packedBlob   = 3
	packedDelta  = 6 // against what is some bytes before it
)

// packed is a pack under construction.
type packed struct {
	bytes.Buffer
	objects uint32
}

// add appends an object, whose data has the size that is said, and returns where
// it is.
func (p *packed) add(t *testing.T, kind byte, base int, data []byte) int {
	t.Helper()
	at := p.Len()
	p.objects++
	size := len(data)
	head := kind<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		p.WriteByte(head | 0x80)
		head = byte(size & 0x7f)
	}
	p.WriteByte(head)
	if kind == packedDelta {
		offset := at - base
		back := []byte{byte(offset & 0x7f)}
		for offset >>= 7; offset > 0; offset >>= 7 {
			offset--
			back = append([]byte{0x80 | byte(offset&0x7f)}, back...)
		}
		p.Write(back)
	}
	z := zlib.NewWriter(p)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return at
}

// whole is the pack with its head and its sum.
func (p *packed) whole() []byte {
	out := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), p.objects)
	out = append(out, p.Bytes()...)
	sum := sha1.Sum(out) //nolint:gosec // as above
	return append(out, sum[:]...)
}

func named(kind string, data []byte) string {
	sum := sha1.Sum(fmt.Appendf(nil, "%s %d\x00%s", kind, len(data), data)) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

// A few kilobytes of a pack unfold to a gigabyte, which no file of the commit
// needs: the memory of the machine is not theirs.
func TestAPackThatUnfoldsIsRefused(t *testing.T) {
	t.Parallel()
	const piece, pieces = 1 << 20, 1 << 10
	commit := []byte("tree " + named("tree", nil) + "\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nbomb\n")
	id := named("commit", commit)
	pack := &packed{}
	pack.add(t, packedCommit, 0, commit)
	pack.add(t, packedTree, 0, nil)
	base := pack.add(t, packedBlob, 0, make([]byte, piece))
	delta := binary.AppendUvarint(binary.AppendUvarint(nil, piece), piece*pieces)
	for range pieces {
		delta = append(delta, 0x80|0x40, piece>>16) // copy a piece, from the start
	}
	pack.add(t, packedDelta, base, delta)

	line := func(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }
	served := false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		if strings.HasSuffix(r.URL.Path, "/info/refs") {
			io.WriteString(w, line("# service=git-upload-pack\n")+"0000"+
				line(id+" HEAD\x00symref=HEAD:refs/heads/main agent=git/2 shallow allow-tip-sha1-in-want\n")+line(id+" refs/heads/main\n")+"0000")
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		if strings.Contains(string(body), "deepen") {
			io.WriteString(w, line("shallow "+id)+"0000")
		}
		if strings.Contains(string(body), "done") {
			served = true
			io.WriteString(w, line("NAK\n"))
			w.Write(pack.whole())
		}
	}))
	t.Cleanup(srv.Close)
	_, _, err := get(t, newGit(t), remote(t, srv.URL+"/bomb.git", Credential{}), Fetch{Ref: "main"})
	if !served || !fault.Is(err, fault.RequestTooLarge) {
		t.Errorf("%v, the pack was sent: %t", err, served)
	}
}
