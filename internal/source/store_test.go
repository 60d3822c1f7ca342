package source_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/source"
)

func openStore(t *testing.T, dir string) *source.Store {
	t.Helper()
	s, err := source.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func sumOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

func receive(t *testing.T, s *source.Store, data string) source.Artifact {
	t.Helper()
	a, err := s.Receive(t.Context(), strings.NewReader(data), sumOf(data), int64(len(data)), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestWhatWasReceivedCanBeReadListedAndRemoved(t *testing.T) {
	t.Parallel()

	dir := filepath.Join(t.TempDir(), "uploads")
	s := openStore(t, dir)
	first, second := receive(t, s, "one"), receive(t, s, "second")
	if diff := cmp.Diff(source.Artifact{SHA256: sumOf("one"), Size: 3}, first, cmpopts.IgnoreFields(source.Artifact{}, "ReceivedAt")); diff != "" {
		t.Errorf("artifact (-want +got):\n%s", diff)
	}
	info, err := os.Stat(filepath.Join(dir, first.SHA256+".tar.gz"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}

	r, err := openStore(t, dir).Open(first.SHA256) // another process
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := s.Remove(first.SHA256); err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(r); string(data) != "one" || err != nil {
		t.Errorf("read %q, %v: a reader reads on after a removal", data, err)
	}
	if _, err := s.Open(first.SHA256); !fault.Is(err, fault.NotFound) {
		t.Errorf("Open of what was removed = %v", err)
	}
	if err := s.Remove(first.SHA256); err != nil {
		t.Errorf("removing twice = %v", err)
	}
	list, err := s.List()
	if diff := cmp.Diff([]source.Artifact{second}, list); diff != "" || err != nil {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
}

func TestReceiveRefuses(t *testing.T) {
	t.Parallel()

	const data = "the bytes"
	tests := []struct {
		name string
		body io.Reader
		sum  string
		size int64
		code fault.Code
		text string
	}{
		{"other bytes than announced", strings.NewReader("the BYTES"), sumOf(data), 9, fault.UploadInvalid, "differs from the SHA-256"},
		{"fewer bytes than announced", strings.NewReader("the"), sumOf(data), 9, fault.UploadInvalid, "ended after 3 of 9 bytes"},
		{"more bytes than announced", strings.NewReader(data + "!"), sumOf(data), 9, fault.UploadInvalid, "longer than the 9 bytes"},
		{"a connection that breaks", io.MultiReader(strings.NewReader("the"), readerFunc(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF })), sumOf(data), 9, fault.UploadInvalid, "broke off after 3 of 9 bytes"},
		{"no hash", strings.NewReader(data), "../../etc/passwd", 9, fault.Invalid, "64 lower-case"},
		{"a hash in capitals", strings.NewReader(data), strings.ToUpper(sumOf(data)), 9, fault.Invalid, "64 lower-case"},
		{"no bytes", strings.NewReader(""), sumOf(""), 0, fault.Invalid, "at least one byte"},
		{"too many bytes", strings.NewReader(data), sumOf(data), 101, fault.RequestTooLarge, "at most 100 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			_, err := openStore(t, dir).Receive(t.Context(), tt.body, tt.sum, tt.size, source.Limits{Archive: 100})
			if !fault.Is(err, tt.code) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("Receive = %v, want %s with %q", err, tt.code, tt.text)
			}
			if left := files(t, dir); left != nil {
				t.Errorf("it left %v behind", left)
			}
		})
	}
}

func TestReceiveReadsNoMoreThanAnnounced(t *testing.T) {
	t.Parallel()

	read := 0
	endless := readerFunc(func(b []byte) (int, error) { read += len(b); return len(b), nil })
	if _, err := openStore(t, t.TempDir()).Receive(t.Context(), endless, sumOf(""), 10, source.Limits{}); !fault.Is(err, fault.UploadInvalid) {
		t.Errorf("Receive = %v", err)
	}
	if read > 11 {
		t.Errorf("it read %d bytes", read)
	}
}

func TestReceiveStopsWithItsContext(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	body := readerFunc(func(b []byte) (int, error) { cancel(stop); return len(b), nil })
	if _, err := openStore(t, dir).Receive(ctx, body, sumOf(""), 1<<30, source.Limits{Archive: 1 << 30}); !errors.Is(err, stop) {
		t.Errorf("Receive = %v, want the cause", err)
	}
	if left := files(t, dir); left != nil {
		t.Errorf("it left %v behind", left)
	}
}

func TestTheSameUploadAtTheSameTimeIsOneFile(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	s := openStore(t, dir)
	data := strings.Repeat("x", 1<<20)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := s.Receive(t.Context(), strings.NewReader(data), sumOf(data), int64(len(data)), source.Limits{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff([]string{sumOf(data) + ".tar.gz"}, files(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSweepRemovesOnlyWhatKilledUploadsLeft(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	s := openStore(t, dir)
	kept := receive(t, s, "kept")
	old := time.Now().Add(-2 * time.Hour)
	for name, at := range map[string]time.Time{"part-OLD": old, "part-NEW": time.Now(), kept.SHA256 + ".tar.gz": old, "not-ours": old} {
		path := filepath.Join(dir, name)
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	n, err := s.Sweep(time.Hour)
	if n != 1 || err != nil {
		t.Errorf("Sweep = %d, %v", n, err)
	}
	if left := files(t, dir); len(left) != 3 {
		t.Errorf("left are %v", left)
	}
}

// A file system of one megabyte is full for real.
func TestAFullDiskIsSaidInWords(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", dir).CombinedOutput(); err != nil {
		if os.Getuid() == 0 || os.Getenv("CI") != "" {
			t.Fatalf("mount: %v: %s", err, out)
		}
		t.Skipf("mount needs root: %v", err)
	}
	t.Cleanup(func() { exec.Command("umount", dir).Run() })

	data := strings.Repeat("x", 4<<20)
	_, err := openStore(t, filepath.Join(dir, "uploads")).Receive(t.Context(), strings.NewReader(data), sumOf(data), int64(len(data)), source.Limits{})
	if !fault.Is(err, fault.DiskFull) {
		t.Errorf("Receive = %v, want DISK_FULL", err)
	}
	if left := files(t, filepath.Join(dir, "uploads")); left != nil {
		t.Errorf("it left %v behind", left)
	}
	_, err = source.Extract(t.Context(), bytes.NewReader(archive(t, file("a", data))), filepath.Join(dir, "tree"), source.Limits{})
	if !fault.Is(err, fault.DiskFull) {
		t.Errorf("Extract = %v, want DISK_FULL", err)
	}
}
