package worker

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/build"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// site makes a service for a static site.
func (h *house) site(name string) *ent.ServiceInstance {
	h.t.Helper()
	return h.service("", func(n *project.NewService) {
		n.Name, n.Kind, n.Settings = name, spec.StaticSite, spec.Settings{}
		n.Source = spec.Source{Upload: &spec.UploadSource{}}
	})
}

// publish sends a site with one page, and one more that the hammer asks for.
func (h *house) publish(i *ent.ServiceInstance, text string, more ...string) *ent.Artifact {
	h.t.Helper()
	files := map[string]string{"index.html": text, "slow.html": "slow", ".env": "SECRET=1"}
	for n := 0; n < len(more); n += 2 {
		files[more[n]] = more[n+1]
	}
	return h.upload(i, files)
}

func TestStaticSite(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		p := h.start()
		i := h.site("site")
		h.publish(i, "one", "_redirects", "/old /slow\n/broken\n", ".dockerignore", "notes.html\n", "notes.html", "secret", "Procfile", "web: x")
		first := h.deploy(i, "")
		h.serves(i, "one")
		if status, body := h.get(h.host(i), "/old"); status != 200 || body != "slow" {
			t.Errorf("a redirect leads to %d %q", status, body)
		}
		for _, path := range []string{"/.env", "/.dockerignore", "/notes.html", "/notes", "/Procfile"} {
			if status, _ := h.get(h.host(i), path); status != 404 {
				t.Errorf("%s, which is not for readers, answers %d", path, status)
			}
		}
		if now := h.instance(i); now.Status != lifecycle.InstanceRunning || now.Health != lifecycle.HealthHealthy {
			t.Errorf("the instance is %s, %s", now.Status, now.Health)
		}
		if n := len(h.live(i)) + len(h.containers()); n != 0 {
			t.Errorf("%d replicas and containers are there", n)
		}
		var names []string
		for _, phase := range first.Phases {
			names = append(names, string(phase.Name))
			if phase.Status != lifecycle.PhaseSucceeded {
				t.Errorf("%s ended as %s", phase.Name, phase.Status)
			}
		}
		if got := strings.Join(names, " "); got != "QUEUE FETCH_SOURCE DETECT BUILD SWITCH_TRAFFIC" {
			t.Errorf("its phases are %s", got)
		}
		b, err := first.QueryBuild().Only(h.ctx)
		if err != nil || b.Status != lifecycle.BuildSucceeded || b.Builder != spec.Static || first.Image != nil || first.Bundle.Files != 2 {
			t.Errorf("its build is %+v, its bundle %+v, %v", b, first.Bundle, err)
		}
		said := strings.Join(p.output(first, "SYSTEM"), "\n")
		for _, want := range []string{"_redirects, line 2 is not followed", "begins with a dot", "2 files"} {
			if !strings.Contains(said, want) {
				t.Errorf("its log does not say %q: %s", want, said)
			}
		}

		// P4: neither another version nor a way back drops a request.
		stop := h.hammer(i)
		h.publish(i, "two")
		second := h.deploy(i, "")
		h.serves(i, "two")
		d, err := h.verbs.Rollback(h.ctx, first.ID)
		if err != nil {
			t.Fatal(err)
		}
		back := h.completed(d.ID)
		if *back.Conclusion != lifecycle.Succeeded || back.Bundle.Digest != first.Bundle.Digest || back.Bundle.Digest == second.Bundle.Digest {
			t.Errorf("the rollback ended as %s with %+v: %+v", *back.Conclusion, back.Bundle, back.Failure)
		}
		h.serves(i, "one")
		if n, err := db.Build.Query().Where(build.DeploymentID(back.ID)).Count(h.ctx); err != nil || n != 0 {
			t.Errorf("the rollback has %d builds, %v", n, err)
		}
		if n := stop(); n == 0 {
			t.Error("nobody asked")
		}

		// Of the same source the files are taken; what is built again is the same.
		if d, err = h.verbs.Redeploy(h.ctx, deploy.Again{DeploymentID: second.ID}); err != nil {
			t.Fatal(err)
		}
		taken := h.completed(d.ID)
		if taken.Bundle.Digest != second.Bundle.Digest || !strings.Contains(strings.Join(p.output(taken, "SYSTEM"), "\n"), "its files are used again") {
			t.Errorf("the same source is %+v, was %+v", taken.Bundle, second.Bundle)
		}
		if d, err = h.verbs.Request(h.ctx, deploy.Order{InstanceID: i.ID, SkipBuildCache: true, Trigger: lifecycle.API}); err != nil {
			t.Fatal(err)
		}
		again := h.completed(d.ID)
		if again.Bundle.Digest != second.Bundle.Digest || !strings.Contains(strings.Join(p.output(again, "SYSTEM"), "\n"), "the same as before") {
			t.Errorf("the same site is %+v, was %+v", again.Bundle, second.Bundle)
		}

		// It has no replicas, and is stopped, started and removed like anything.
		if _, err := h.verbs.Scale(h.ctx, i.ID, "", 3); !fault.Is(err, fault.Conflict) {
			t.Errorf("scaling: %v", err)
		}
		if _, err := h.verbs.RunCommand(h.ctx, deploy.Command{InstanceID: i.ID, Words: []string{"id"}, Limit: time.Minute}); !fault.Is(err, fault.Conflict) {
			t.Errorf("running a command: %v", err)
		}
		if _, err := h.verbs.Restart(h.ctx, i.ID, ""); !fault.Is(err, fault.Conflict) {
			t.Errorf("restarting: %v", err)
		}
		op, err := h.verbs.Stop(h.ctx, i.ID)
		if err != nil {
			t.Fatal(err)
		}
		h.done(op.ID)
		if status, body := h.get(h.host(i), "/"); status != 503 || !strings.Contains(body, "STOPPED") || h.instance(i).Status != lifecycle.InstanceStopped {
			t.Errorf("a stopped site answers %d %s", status, body)
		}
		if op, err = h.verbs.Start(h.ctx, i.ID); err != nil {
			t.Fatal(err)
		}
		h.done(op.ID)
		h.serves(i, "two")
		host := h.host(i)
		if op, err = h.projects.DeleteService(h.ctx, i.ServiceID); err != nil {
			t.Fatal(err)
		}
		h.done(op.ID)
		h.until("nothing answers under its name", func() bool {
			status, body := h.get(host, "/")
			return status == 404 && strings.Contains(body, "ROUTE_NOT_FOUND")
		})
	})
}

func TestASiteThatIsBuilt(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStage(t, db)
		p := s.start()
		i := s.site("site")
		_, err := s.projects.UpdateInstance(s.ctx, project.ChangeInstance{ID: i.ID, Apply: func(c spec.Settings) spec.Settings {
			c.BuildCommand, c.OutputDirectory = "node build.js", "dist"
			return c
		}})
		if err != nil {
			t.Fatal(err)
		}
		s.upload(i, map[string]string{"package.json": `{"name":"site"}`, "build.js": ""})
		d := s.deploy(i, "")
		s.serves(i, "built "+d.ID)
		b, err := d.QueryBuild().Only(s.ctx)
		if err != nil || b.Status != lifecycle.BuildSucceeded || b.Builder != spec.Static || len(b.Steps) != 1 || b.Platform == "" || d.Bundle.Files != 1 {
			t.Errorf("its build is %+v, its bundle %+v, %v", b, d.Bundle, err)
		}
		if said := p.output(d, "BUILD"); len(said) != 1 || said[0] != "building" {
			t.Errorf("its log says %q", said)
		}
		if n := len(s.containers()); n != 0 {
			t.Errorf("%d containers are there", n)
		}
	})
}

func TestASiteTakesThePlaceOfAnApplication(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		h.start()
		i := h.service(h.version("app", nil), nil)
		app := h.deploy(i, "")
		stop := h.hammer(i)
		_, err := h.projects.UpdateInstance(h.ctx, project.ChangeInstance{ID: i.ID, Apply: func(s spec.Settings) spec.Settings {
			s.Builder = spec.Static
			return s
		}})
		if err != nil {
			t.Fatal(err)
		}
		d, err := h.verbs.Request(h.ctx, deploy.Order{InstanceID: i.ID, ArtifactID: h.publish(i, "site").ID, Trigger: lifecycle.API})
		if err != nil {
			t.Fatal(err)
		}
		if site := h.completed(d.ID); *site.Conclusion != lifecycle.Succeeded {
			t.Fatalf("it ended as %s: %+v", *site.Conclusion, site.Failure)
		}
		h.serves(i, "site")
		if n := len(h.containers()); n != 0 {
			t.Errorf("%d containers are left of the application", n)
		}
		if d, err = h.verbs.Rollback(h.ctx, app.ID); err != nil {
			t.Fatal(err)
		}
		h.completed(d.ID)
		h.serves(i, "app")
		h.running(i, 1)
		stop()
	})
}

func TestSitesThatCannotBe(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		h.start()
		i := h.site("site")
		h.upload(i, map[string]string{"about.html": "x"})
		d := h.completed(h.request(i, "").ID)
		if *d.Conclusion != lifecycle.Failed || d.Failure.Code != fault.NotBuildable || !strings.Contains(d.Failure.Message, "index.html") {
			t.Errorf("a site without a page ended as %s: %+v", *d.Conclusion, d.Failure)
		}
		if now := h.instance(i); now.Status != lifecycle.NotDeployed {
			t.Errorf("the instance is %s", now.Status)
		}
		if _, err := h.verbs.Request(h.ctx, deploy.Order{InstanceID: i.ID, Image: "nginx"}); !fault.Is(err, fault.Invalid) {
			t.Errorf("an image: %v", err)
		}
		_, err := h.projects.CreateService(h.ctx, project.NewService{
			ProjectID: h.project.ID, Name: "other", Kind: spec.StaticSite, Source: spec.Source{Image: &spec.ImageSource{Image: "nginx"}},
		})
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("a site of an image: %v", err)
		}

		// Files where something has to run.
		job := h.service("", func(n *project.NewService) {
			n.Name, n.Kind, n.Settings = "job", spec.Cron, spec.Settings{Cron: "0 3 * * *"}
			n.Source = spec.Source{Upload: &spec.UploadSource{}}
		})
		h.upload(job, map[string]string{"index.html": "x"})
		if d := h.completed(h.request(job, "").ID); *d.Conclusion != lifecycle.Failed || d.Failure.Code != fault.NotBuildable || !strings.Contains(d.Failure.Message, "kind CRON") {
			t.Errorf("a cron service of files ended as %s: %+v", *d.Conclusion, d.Failure)
		}

		// Nothing is served that is not whole.
		h.publish(i, "one")
		first := h.deploy(i, "")
		h.publish(i, "two")
		h.deploy(i, "")
		if err := os.Remove(filepath.Join(h.sites.Dir(), "bundles", first.Bundle.Digest+".json")); err != nil {
			t.Fatal(err)
		}
		back, err := h.verbs.Rollback(h.ctx, first.ID)
		if err != nil {
			t.Fatal(err)
		}
		if d = h.completed(back.ID); *d.Conclusion != lifecycle.Failed || d.Failure.Code != fault.ImageNotKept {
			t.Errorf("a rollback to what is gone ended as %s: %+v", *d.Conclusion, d.Failure)
		}
		h.serves(i, "two")
	})
}

// P3 for static sites: files go with the last deployment that can be rolled back
// to them, and those that serve stay.
func TestCollectSites(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		h.verbs.Kept = 2
		p := h.start()
		p.Deploy.Kept = 2
		i := h.site("site")
		var ds []*ent.Deployment
		for n := range 4 {
			h.publish(i, fmt.Sprint("version ", n))
			ds = append(ds, h.deploy(i, ""))
		}
		collect := func() {
			t.Helper()
			if err := p.collect(h.ctx); err != nil {
				t.Fatal(err)
			}
		}
		kept := func() (out []bool) {
			for _, d := range ds {
				out = append(out, h.sites.Verify(d.Bundle.Digest) == nil)
			}
			return out
		}
		collect()
		if got := fmt.Sprint(kept()); got != "[true true true true]" {
			t.Errorf("young bundles are %s", got)
		}
		old := time.Now().Add(-deploy.SiteGrace - time.Minute)
		err := filepath.WalkDir(h.sites.Dir(), func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				err = os.Chtimes(path, old, old)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		collect()
		if got := fmt.Sprint(kept()); got != "[false false true true]" {
			t.Errorf("bundles are there: %s", got)
		}
		if _, err := h.verbs.Rollback(h.ctx, ds[0].ID); !fault.Is(err, fault.ImageNotKept) {
			t.Errorf("a rollback to what is gone: %v", err)
		}
		h.serves(i, "version 3")
		if status, body := h.get(h.host(i), "/slow"); status != 200 || body != "slow" {
			t.Errorf("what all of them share is gone: %d %q", status, body)
		}
		d, err := h.verbs.Rollback(h.ctx, ds[2].ID)
		if err != nil {
			t.Fatal(err)
		}
		h.completed(d.ID)
		h.serves(i, "version 2")
	})
}
