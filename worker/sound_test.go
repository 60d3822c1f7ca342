package worker

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/invariant"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/proxy"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
)

// checker looks at the house with the eyes of nobody in it. p is at work.
func (h *house) checker(p *process) *invariant.Checker {
	return &invariant.Checker{
		DB: h.db, Runner: h.fake, Proxy: h.client, Logs: p.logDir, Sites: h.sites, Uploads: h.uploads, Keys: h.verbs.Keys, Scratch: p.Builds.Scratch, Kept: h.verbs.Kept,
		Working: true, Settle: patience,
		Overdue: func(ctx context.Context, age time.Duration) ([]string, error) {
			return p.Queue.Overdue(ctx, age, QueueDeploy, QueueKeep, QueueOperate)
		},
	}
}

// sound fails the test unless everything is as it is promised to be, within the
// patience of tests, and a clean-up leaves nothing.
func (h *house) sound(p *process) {
	h.t.Helper()
	if err := p.collect(h.ctx); err != nil {
		h.t.Errorf("clean up: %v", err)
	}
	for _, r := range h.checker(p).Run(h.ctx, nil) {
		if r.Err != nil {
			h.t.Errorf("%s: %v", r.Name, r.Err)
		}
		for _, f := range r.Found {
			h.t.Errorf("%s: %s: %s %s", r.Name, f.Object, f.Seen, f.Rule)
		}
	}
}

// No rule holds of itself: what breaks it is found, and named with what to do.
func TestTheCheckerFinds(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStage(t, db)
		p := s.start()
		s.instance = s.uploaded("app")
		first := s.deploy(s.instance, "")
		s.upload(s.instance, map[string]string{"Dockerfile": "FROM scratch\n# again\n"})
		s.configure(s.instance, "/etc/app.conf", "x = 1")
		_, err := s.projects.SetVariables(s.ctx, project.Target{InstanceID: s.instance.ID}, []project.Value{{Name: "TOKEN", Value: "hidden", Secret: true, Runtime: true}}, false)
		if err != nil {
			t.Fatal(err)
		}
		second := s.deploy(s.instance, "")
		s.running(s.instance, 1)
		docs := s.site("docs")
		s.publish(docs, "one")
		s.deploy(docs, "")
		s.sound(p)
		p.stop() // nobody heals what follows
		if t.Failed() {
			t.FailNow()
		}

		for _, w := range wrongs() {
			t.Run(w.name, func(t *testing.T) {
				c := s.checker(p)
				c.Overdue, c.Settle = nil, 0 // the queue is gone with its worker
				look := func() map[string]invariant.Finding {
					found := map[string]invariant.Finding{}
					for _, r := range c.Run(s.ctx, nil) {
						for _, f := range r.Found {
							if strings.Contains(f.Rule, w.rule) {
								found[f.Object] = f
							}
						}
					}
					return found
				}
				before := look()
				undo := w.make(&broken{house: s.house, t: t, first: first.ID, second: second.ID, checker: c})
				defer undo()
				found := look()
				maps.DeleteFunc(found, func(object string, f invariant.Finding) bool { return w.rule != nobodyLeads && before[object] == f })
				if len(found) == 0 {
					t.Fatalf("nobody finds that %q is broken", w.rule)
				}
				for object, f := range found {
					if object == "" || f.Seen == "" || f.Do == "" {
						t.Errorf("%+v does not say what is wrong, of what, or what to do", f)
					}
				}
			})
		}
	})
}

// nobodyLeads is broken as soon as the worker has ended.
const nobodyLeads = "One process reconciles"

// wrong breaks a promise.
type wrong struct {
	name string
	rule string // a part of it
	make func(*broken) (undo func())
}

const past = 1 // a time long ago, in Unix milliseconds

func wrongs() []wrong {
	column := func(table, column string, of func(*broken) string, value any) func(*broken) func() {
		return func(b *broken) func() { return b.column(table, column, of(b), value) }
	}
	first := func(b *broken) string { return b.first }
	second := func(b *broken) string { return b.second }
	open := func(b *broken) func() {
		return undoAll(b.column("deployments", "status", b.first, "BUILDING"), b.column("deployments", "deadline_at", b.first, past))
	}
	return []wrong{
		{"a deployment that nobody ends", "ends by its deadline", open},
		{"a deployment without a deadline", "ends by its deadline", column("deployments", "status", first, "QUEUED")},
		{"an end without a conclusion", "agrees with itself", column("deployments", "conclusion", first, nil)},
		{"a success without a switch", "agrees with itself", column("deployments", "traffic_switched_at", first, nil)},
		{"a cancel that was switched to", "A canceled deployment never goes live", column("deployments", "cancel_reason", second, "CANCELED")},
		{"two that serve", "At most one deployment of a service serves", func(b *broken) func() {
			return undoAll(b.without("deployment_one_active", "deployments (instance_id) WHERE is_active"), b.column("deployments", "is_active", b.first, true))
		}},
		{"two that have their turn", "at a time", func(b *broken) func() {
			return undoAll(b.without("deployment_one_running", "deployments (instance_id) WHERE status IN ('PREPARING', 'BUILDING', 'DEPLOYING')"),
				b.column("deployments", "status", b.first, "BUILDING"), b.column("deployments", "status", b.second, "DEPLOYING"))
		}},
		{"a build that outlives its deployment", "No build outlives", func(b *broken) func() {
			return b.column("builds", "status", b.db.Build.Query().FirstIDX(b.ctx), "RUNNING")
		}},
		{"a hole among the events", "without a hole", func(b *broken) func() {
			b.exec("UPDATE event_counters SET seq = seq + 1")
			return func() { b.exec("UPDATE event_counters SET seq = seq - 1") }
		}},
		{"a success after a cancel", "a history that only moves forward", func(b *broken) func() {
			b.exec("UPDATE events SET type = 'deployment.canceled' WHERE type = 'deployment.live' AND subject_id = ?", b.second)
			return func() {
				b.exec("UPDATE events SET type = 'deployment.live' WHERE type = 'deployment.canceled' AND subject_id = ?", b.second)
			}
		}},
		{"a row that ended otherwise than its events", "ended as its events say", column("deployments", "conclusion", first, "FAILED")},
		{"a lease for ever", "A lease ends", column("deployments", "lease_until", second, time.Now().Add(time.Hour).UnixMilli())},
		{"nobody who reconciles", nobodyLeads, func(*broken) func() { return func() {} }},
		{"work that nobody takes up", "is taken up", open},
		{"an outbox that is full", "The outbox is emptied", func(b *broken) func() {
			b.exec("INSERT INTO outboxes (id, task, target_id, created_at) VALUES (?, 'x', 'y', ?)", ident.New(ident.Outbox), time.Now().UTC().Add(-time.Hour))
			return func() { b.exec("DELETE FROM outboxes") }
		}},
		{"a doorbell for what has ended", "Doorbells are answered", func(b *broken) func() {
			b.checker.Overdue = func(context.Context, time.Duration) ([]string, error) { return []string{b.first}, nil }
			return func() {}
		}},
		{"a container that no row knows", "outlives its row in the engine", func(b *broken) func() {
			return b.container(runner.Spec{Name: "davit-orphan", ReplicaID: ident.New(ident.Replica)})
		}},
		{"a replica without a container", "A replica that runs", func(b *broken) func() {
			_, name := b.replica()
			b.fake.Kill(name, 1, false)
			return func() {
				if err := b.fake.Start(b.ctx, name); err != nil {
					b.t.Error(err)
				}
			}
		}},
		{"requests that go elsewhere", "at the address requests go to", func(b *broken) func() {
			id, _ := b.replica()
			return b.column("replicas", "addr", id, "127.0.0.1:1")
		}},
		{"a replica that requests cannot go to", "at the address requests go to", func(b *broken) func() {
			id, _ := b.replica()
			return b.column("replicas", "addr", id, nil)
		}},
		{"a replica that stays", "on its way out", column("deployments", "is_active", second, false)},
		{"a container from later", "a claim that was made", func(b *broken) func() {
			i := b.db.ServiceInstance.Query().FirstIDX(b.ctx)
			return undoAll(b.column("deployments", "epoch", b.second, 0), b.column("service_instances", "epoch", i, 0))
		}},
		{"a network without an environment", "outlives its row in the engine", func(b *broken) func() {
			if _, err := b.fake.EnsureNetwork(b.ctx, "davit-env-gone"); err != nil {
				b.t.Fatal(err)
			}
			return func() {
				if err := b.fake.RemoveNetwork(b.ctx, "davit-env-gone"); err != nil {
					b.t.Error(err)
				}
			}
		}},
		{"an image that nothing needs", "outlives the next clean-up", func(b *broken) func() {
			return undoAll(b.column("deployments", "image", b.first, nil), b.column("deployments", "bundle", b.first, nil))
		}},
		{"a site that nothing needs", "outlives the next clean-up", func(b *broken) func() {
			return b.file(b.sites.Dir(), "bundles", strings.Repeat("a", 64)+".json")
		}},
		{"an upload that nothing needs", "outlives the next clean-up", func(b *broken) func() {
			b.exec("UPDATE artifacts SET sha256 = 'x' || sha256")
			return func() { b.exec("UPDATE artifacts SET sha256 = substr(sha256, 2)") }
		}},
		{"an unpacked source that nothing needs", "outlives the next clean-up", func(b *broken) func() {
			return b.file(b.checker.Scratch, b.first+"-1")
		}},
		{"an image that is gone", "The image of a deployment", column("deployments", "image", first, `{"id":"sha256:`+strings.Repeat("0", 64)+`"}`)},
		{"a site that is gone", "The files of a static site", column("deployments", "bundle", first, `{"digest":"`+strings.Repeat("0", 64)+`"}`)},
		{"a file of a site that is gone", "The files of a static site", func(b *broken) func() {
			return b.moved(filepath.Join(b.sites.Dir(), "blobs", "*", "*"))
		}},
		{"a list of a site's files that is damaged", "The files of a static site", func(b *broken) func() {
			return b.damaged(filepath.Join(b.sites.Dir(), "bundles", "*.json"))
		}},
		{"sites without their directory", "The files of a static site", func(b *broken) func() {
			b.checker.Sites = nil
			return func() {}
		}},
		{"an upload that is gone", "A source that was received", func(b *broken) func() {
			b.exec("UPDATE artifacts SET sha256 = 'x' || sha256")
			return func() { b.exec("UPDATE artifacts SET sha256 = substr(sha256, 2)") }
		}},
		{"an upload of another size", "A source that was received", func(b *broken) func() {
			b.exec("UPDATE artifacts SET size_bytes = size_bytes + 1")
			return func() { b.exec("UPDATE artifacts SET size_bytes = size_bytes - 1") }
		}},
		{"a variable that cannot be opened", "What is sealed can be opened", func(b *broken) func() {
			return b.column("variable_versions", "sealed", b.db.VariableVersion.Query().FirstIDX(b.ctx), []byte("junk"))
		}},
		{"a config file that cannot be opened", "What is sealed can be opened", func(b *broken) func() {
			return b.column("file_versions", "sealed", b.db.FileVersion.Query().FirstIDX(b.ctx), []byte("junk"))
		}},
		{"a key that is gone", "What is sealed can be opened", func(b *broken) func() {
			b.checker.Keys = nil
			return func() {}
		}},
		{"a key of another installation", "What is sealed can be opened", func(b *broken) func() {
			var err error
			if b.checker.Keys, err = secret.New(make([]byte, secret.KeySize)); err != nil {
				b.t.Fatal(err)
			}
			return func() {}
		}},
		{"a value that is gone", "The values of a deployment", column("deployments", "variables", first, `[{"name":"TOKEN","versionId":"vrv_gone"}]`)},
		{"a config file of an instance that is gone", "The values of a deployment", func(b *broken) func() {
			id := b.db.FileVersion.Query().FirstIDX(b.ctx)
			b.exec("UPDATE file_versions SET id = 'flv_gone' WHERE id = ?", id)
			return func() { b.exec("UPDATE file_versions SET id = ? WHERE id = 'flv_gone'", id) }
		}},
		{"a log of what is gone", "outlives the next clean-up", func(b *broken) func() {
			return b.file(b.logDir, ident.New(ident.Instance), "x")
		}},
		{"a line that is gone", "numbered without a hole", func(b *broken) func() {
			return b.cutLog()
		}},
		{"a route that is gone", "routes as the rows say", func(b *broken) func() { return b.push(func(t *proxy.Table) { t.Routes = nil }) }},
		{"a replica that gets no requests", "to the replicas that the rows say", func(b *broken) func() {
			return b.push(func(t *proxy.Table) { t.Routes[0].Targets = nil })
		}},
		{"routes that were not saved", "has saved", func(b *broken) func() {
			hold := b.data + "/held"
			saved := b.data + "/proxy-table.json"
			text, err := os.ReadFile(saved)
			if err != nil {
				b.t.Fatal(err)
			}
			if err := os.WriteFile(hold, text, 0o600); err != nil {
				b.t.Fatal(err)
			}
			if err := os.WriteFile(saved, []byte(`{"installation":"x","version":1,"routes":[]}`), 0o600); err != nil {
				b.t.Fatal(err)
			}
			return func() {
				if err := os.Rename(hold, saved); err != nil {
					b.t.Error(err)
				}
			}
		}},
	}
}
