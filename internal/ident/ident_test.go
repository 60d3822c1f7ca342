package ident_test

import (
	"encoding/base32"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/davitdev/davit/internal/ident"
)

func TestNew(t *testing.T) {
	t.Parallel()

	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = ident.New(ident.Project)
	}
	if !slices.IsSorted(ids) {
		t.Error("ids made one after the other do not sort in that order")
	}
	if n := len(slices.Compact(ids)); n != 1000 {
		t.Errorf("%d different ids, want 1000", n)
	}
	if k, ok := ident.KindOf(ids[0]); !ok || k != ident.Project {
		t.Errorf("KindOf(%q) = %q, %t", ids[0], k, ok)
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()

	for _, bad := range []string{
		"", "prj", "prj_", "prj_../../../../etc/passwd00000", "prj-00000000000000000000000000",
		"prj_0000000000000000000000000", "prj_000000000000000000000000000", "prj_0000000000000000000000000Z",
		"prj_000000000000000000000000\n0",
	} {
		if k, ok := ident.KindOf(bad); ok {
			t.Errorf("KindOf(%q) = %q, want it refused", bad, k)
		}
	}
}

// The clock was set back since an id was made.
func TestIDsSortBehindOneOfAnEarlierClock(t *testing.T) { //nolint:paralleltest // it changes what the others get
	u := uuid.Must(uuid.NewV7())
	ms := time.Now().Add(365 * 24 * time.Hour).UnixMilli()
	binary.BigEndian.PutUint64(u[:], uint64(ms)<<16|7<<12|0xfff)
	last := "dep_" + base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(u[:])
	last = strings.ToLower(last)
	ident.After("dep_nonsense")
	if id := ident.New(ident.Deployment); id >= last {
		t.Fatalf("%s is made in a year", id)
	}
	ident.After(last)
	for range 10_000 { // more than there are in a millisecond
		id := ident.New(ident.Deployment)
		if id <= last || !ident.Is(id, ident.Deployment) {
			t.Fatalf("%s follows on %s", id, last)
		}
		last = id
	}
}
