package worker

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/internal/invariant"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/proxy"
	"github.com/davitdev/davit/runner"
)

// broken is a house in which something is about to be wrong.
type broken struct {
	*house
	t             *testing.T
	first, second string
	held          int // tables with what columns were
	checker       *invariant.Checker
}

func (b *broken) exec(query string, args ...any) {
	b.t.Helper()
	if n, err := b.db.Exec(b.ctx, query, args...); err != nil || n == 0 {
		b.t.Fatalf("%s: %d rows, %v", query, n, err)
	}
}

// run executes a statement that touches no rows.
func (b *broken) run(query string) {
	b.t.Helper()
	if _, err := b.db.Exec(b.ctx, query); err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
}

// column sets a column of a row, and back.
func (b *broken) column(table, column, id string, value any) (undo func()) {
	b.t.Helper()
	b.held++
	hold := fmt.Sprintf("held_%d", b.held)
	b.run("CREATE TABLE " + hold + " AS SELECT " + column + " FROM " + table + " WHERE id = '" + id + "'")
	b.exec("UPDATE "+table+" SET "+column+" = ? WHERE id = ?", value, id)
	return func() {
		b.exec("UPDATE "+table+" SET "+column+" = (SELECT "+column+" FROM "+hold+") WHERE id = ?", id)
		b.run("DROP TABLE " + hold)
	}
}

// without takes an index away.
func (b *broken) without(index, on string) (undo func()) {
	b.run("DROP INDEX " + index)
	return func() { b.run("CREATE UNIQUE INDEX " + index + " ON " + on) }
}

// file makes a file below a directory.
func (b *broken) file(elem ...string) (undo func()) {
	b.t.Helper()
	path := filepath.Join(elem...)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		b.t.Fatal(err)
	}
	old := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		b.t.Fatal(err)
	}
	return func() { os.Remove(path) }
}

// moved takes the first file of a pattern away.
func (b *broken) moved(pattern string) (undo func()) {
	b.t.Helper()
	path := b.fileOf(pattern)
	if err := os.Rename(path, path+".away"); err != nil {
		b.t.Fatal(err)
	}
	return func() {
		if err := os.Rename(path+".away", path); err != nil {
			b.t.Error(err)
		}
	}
}

// damaged writes something else into the first file of a pattern.
func (b *broken) damaged(pattern string) (undo func()) {
	b.t.Helper()
	path := b.fileOf(pattern)
	text, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	put := func(text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			b.t.Error(err)
		}
	}
	put([]byte("junk"))
	return func() { put(text) }
}

// fileOf is the first file of a pattern.
func (b *broken) fileOf(pattern string) string {
	b.t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		b.t.Fatalf("there is no %s: %v", pattern, err)
	}
	return files[0]
}

func undoAll(undo ...func()) func() {
	return func() {
		for i := len(undo) - 1; i >= 0; i-- {
			undo[i]()
		}
	}
}

func (b *broken) replica() (id, container string) {
	b.t.Helper()
	r, err := b.db.Replica.Query().Where(replica.DeploymentID(b.second), replica.StatusNEQ(lifecycle.ReplicaRemoved)).Only(b.ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	return r.ID, r.ContainerName
}

// container makes one that no row asked for.
func (b *broken) container(s runner.Spec) (undo func()) {
	b.t.Helper()
	image, err := b.fake.Pull(b.ctx, "registry.test/app:orphan", nil, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	s.Image, s.Network = image.ID, "davit-orphan"
	if _, err := b.fake.EnsureNetwork(b.ctx, s.Network); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.fake.Create(b.ctx, s); err != nil {
		b.t.Fatal(err)
	}
	return func() {
		if err := b.fake.Remove(b.ctx, s.Name); err != nil {
			b.t.Error(err)
		}
		if err := b.fake.RemoveNetwork(b.ctx, s.Network); err != nil {
			b.t.Error(err)
		}
	}
}

// push brings a changed table to the proxy, and nobody else does.
func (b *broken) push(change func(*proxy.Table)) (undo func()) {
	b.t.Helper()
	hello, err := b.client.Hello(b.ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	saved := func(version int64) (t proxy.Table) {
		b.until("the proxy has saved its table", func() bool {
			t, err = b.client.Saved()
			return err == nil && t.Version == version
		})
		return t
	}
	good := saved(hello.Table)
	put := func(t proxy.Table, version int64) {
		t.Version = version
		if _, err := b.client.Push(b.ctx, t); err != nil {
			b.t.Fatal(err)
		}
		saved(version)
	}
	bad := good
	bad.Routes = append([]proxy.Route{}, good.Routes...)
	change(&bad)
	put(bad, hello.Table+1)
	return func() { put(good, hello.Table+2) }
}

// cutLog damages a file of the log in its middle.
func (b *broken) cutLog() (undo func()) {
	b.t.Helper()
	files, err := filepath.Glob(filepath.Join(b.logDir, "ins_*", b.second, "*.stdout.*"))
	if err != nil || len(files) == 0 {
		b.t.Fatalf("the log has no files: %v", err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		b.t.Fatal(err)
	}
	bad := slices.Concat(text, text) // two frames, the first of which is damaged
	bad[80] ^= 0xff
	if err := os.WriteFile(files[0], bad, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return func() {
		if err := os.WriteFile(files[0], text, 0o600); err != nil {
			b.t.Error(err)
		}
	}
}
