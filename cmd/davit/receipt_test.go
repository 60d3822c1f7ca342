package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/source"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store/storetest"
)

// What is announced and not yet there counts as taken.
func TestUploadsTakeNoMoreThanThereIs(t *testing.T) {
	t.Parallel()
	r := &receipts{space: func() (int64, error) { return diskFailed + 10, nil }}
	begin := func(id string, size int64, code fault.Code) *receipt {
		t.Helper()
		one, err := r.begin(id, size, func() {})
		if fault.CodeOf(err) != code && (err != nil || code != "") {
			t.Errorf("%s with %d bytes: %v, want %s", id, size, err, code)
		}
		return one
	}
	begin("a", 11, fault.DiskFull)
	a := begin("a", 7, "")
	begin("b", 4, fault.DiskFull)
	begin("b", 3, "")
	again := begin("a", 7, "") // in the place of the first
	if err := r.end(a, io.ErrUnexpectedEOF); !fault.Is(err, fault.Conflict) {
		t.Errorf("the first one ends with %v", err)
	}
	begin("c", 1, fault.DiskFull) // the second still has the room
	if err := r.end(again, nil); err != nil {
		t.Error(err)
	}
	begin("c", 7, "")
}

// A sender that comes again is received, though nobody has noticed that the
// first connection is dead.
func TestAnUploadThatComesAgainIsReceived(t *testing.T) {
	t.Parallel()
	db, ctx := storetest.SQLite(t), storetest.System(t)
	keys, err := secret.New([]byte(strings.Repeat("7", 32)))
	if err != nil {
		t.Fatal(err)
	}
	projects := &project.Service{DB: db, Keys: keys}
	ws := db.Workspace.Create().SetSlug("mine").SetName("Mine").SaveX(ctx)
	p, err := projects.Create(ctx, project.New{WorkspaceID: ws.ID, Name: "Shop"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := projects.CreateService(ctx, project.NewService{ProjectID: p.ID, Name: "Web", Kind: spec.Web, Source: spec.Source{Upload: &spec.UploadSource{}}})
	if err != nil {
		t.Fatal(err)
	}
	archive := []byte(strings.Repeat("x", 1<<16))
	up, err := projects.CreateUpload(ctx, project.NewUpload{
		ServiceID: s.ID, Filename: "a.tar.gz", SizeBytes: int64(len(archive)), SHA256: fmt.Sprintf("%x", sha256.Sum256(archive)),
	})
	if err != nil {
		t.Fatal(err)
	}
	archives, err := source.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { archives.Close() })
	u := &uploads{projects: projects, store: archives, log: slog.New(slog.DiscardHandler), receipts: receipts{space: func() (int64, error) { return 1 << 40, nil }}}
	mux := http.NewServeMux()
	mux.Handle("/uploads/{token}", u)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	put := func(ctx context.Context, body io.Reader) int {
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, srv.URL+"/uploads/"+up.Token, body)
		if err != nil {
			t.Error(err)
			return 0
		}
		req.ContentLength = int64(len(archive))
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Error(err)
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	stalled, feed := io.Pipe()
	t.Cleanup(func() { feed.Close() })
	first := make(chan int, 1)
	go func() { first <- put(t.Context(), stalled) }()
	if _, err := feed.Write(archive[:100]); err != nil { // it is under way
		t.Fatal(err)
	}
	for begun := false; !begun; {
		u.receipts.mu.Lock()
		begun = len(u.receipts.open) == 1
		u.receipts.mu.Unlock()
	}
	if got := put(t.Context(), strings.NewReader(string(archive))); got != http.StatusCreated {
		t.Errorf("the second one is answered %d", got)
	}
	if got := <-first; got != http.StatusConflict {
		t.Errorf("the first one is answered %d", got)
	}
}
