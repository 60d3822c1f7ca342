package ident_test

import (
	"slices"
	"testing"

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
