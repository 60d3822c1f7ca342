package secret_test

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/secret"
)

func box(t *testing.T, fill byte) *secret.Box {
	t.Helper()
	b, err := secret.New(bytes.Repeat([]byte{fill}, secret.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBox(t *testing.T) {
	t.Parallel()

	b, at := box(t, 1), secret.Place{Table: "variables", Row: "var_1", Field: "sealed"}
	sealed, err := b.Seal(at, "hunter2")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Open(at, sealed); err != nil || got != "hunter2" {
		t.Fatalf("Open = %q, %v", got, err)
	}
	if bytes.Contains(sealed, []byte("hunter2")) {
		t.Error("the sealed value shows the plain one")
	}
	if again, _ := b.Seal(at, "hunter2"); bytes.Equal(again, sealed) {
		t.Error("sealing twice gives the same bytes: equal secrets could be told")
	}

	elsewhere := at
	elsewhere.Row = "var_2"
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	for name, try := range map[string]func() (string, error){
		"a value copied to another row": func() (string, error) { return b.Open(elsewhere, sealed) },
		"another key":                   func() (string, error) { return box(t, 2).Open(at, sealed) },
		"a flipped bit":                 func() (string, error) { return b.Open(at, flipped) },
		"a torn value":                  func() (string, error) { return b.Open(at, sealed[:9]) },
		"nothing":                       func() (string, error) { return b.Open(at, nil) },
	} {
		if got, err := try(); err == nil {
			t.Errorf("%s opens as %q", name, got)
		}
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()

	b, at := box(t, 1), secret.Place{Table: "variables", Row: "var_1", Field: "sealed"}
	other := at
	other.Row = "var_2"
	first := b.Digest(at, "a")
	if again := b.Digest(at, "a"); again != first {
		t.Errorf("equal values have the digests %s and %s", first, again)
	}
	if b.Digest(at, "b") == first {
		t.Error("different values have the same digest")
	}
	if b.Digest(at, "a") == b.Digest(other, "a") {
		t.Error("equal values of two rows can be told by their digests")
	}
}

func TestLoadKey(t *testing.T) {
	t.Parallel()

	path := filepath.Join(t.TempDir(), "secret-key")
	keys := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = secret.LoadKey(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range keys[1:] {
		if !bytes.Equal(k, keys[0]) {
			t.Fatal("simultaneous first starts made different keys")
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v (%v), want 0600", info.Mode(), err)
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.LoadKey(path); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("a broken key file gives %v, want INVALID: never a new key over it", err)
	}
}
