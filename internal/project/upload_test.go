package project_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/davitdev/davit/ent/artifact"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

func TestUploads(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := w.project("Shop")
		svc := must(w.CreateService(w.owner, project.NewService{ProjectID: p.ID, Name: "Web", Kind: spec.Web, Source: spec.Source{Upload: &spec.UploadSource{}}}))(t)
		sum := strings.Repeat("ab", 32)
		in := project.NewUpload{ServiceID: svc.ID, Filename: "src.tar.gz", SizeBytes: 10, SHA256: sum}
		up := must(w.CreateUpload(w.editor, in))(t)
		if up.Token == "" || up.Artifact.Sha256 != sum || up.Artifact.ReceivedAt != nil || up.Artifact.QueryService().OnlyX(w.sys).ID != svc.ID {
			t.Errorf("got %+v", up)
		}
		if a := db.Artifact.GetX(w.sys, up.Artifact.ID); a.UploadHash == nil || strings.Contains(*a.UploadHash, up.Token) {
			t.Error("the token lies open in the database")
		}
		got := must(w.ExpectedUpload(w.sys, up.Token))(t)
		if got.ID != up.Artifact.ID {
			t.Errorf("the token is for %s", got.ID)
		}
		for _, token := range []string{"", "x", strings.ToLower(up.Token), "\x00"} {
			_, err := w.ExpectedUpload(w.sys, token)
			wantCode(t, "another token", err, fault.UploadExpired)
		}

		// Of two who send it at once one is first.
		errs := make([]error, 4)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { _, errs[i] = w.ReceiveUpload(w.sys, up.Artifact.ID) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wantCode(t, "the second", err, fault.UploadExpired)
		}
		if won != 1 {
			t.Errorf("%d received it, want 1", won)
		}
		_, err := w.ExpectedUpload(w.sys, up.Token)
		wantCode(t, "a used token", err, fault.UploadExpired)
		if now := db.Service.GetX(w.sys, svc.ID); now.Source.Upload.ArtifactID != up.Artifact.ID || now.Version != 2 {
			t.Errorf("the service comes from %+v", now.Source.Upload)
		}
		w.wantEvent("service.source_uploaded", 1)

		// What is there already is not sent again.
		again := must(w.CreateUpload(w.owner, in))(t)
		if again.Token != "" || again.Artifact.ID != up.Artifact.ID {
			t.Errorf("got %+v", again)
		}
		w.wantEvent("service.source_uploaded", 1)

		// Of what is announced again and again the oldest is forgotten.
		in.SHA256 = strings.Repeat("ef", 32)
		var announced []project.Upload
		for range 21 {
			announced = append(announced, must(w.CreateUpload(w.editor, in))(t))
		}
		_, err = w.ExpectedUpload(w.sys, announced[0].Token)
		wantCode(t, "the oldest of too many", err, fault.UploadExpired)
		for _, a := range announced[1:] {
			must(w.ExpectedUpload(w.sys, a.Token))(t)
		}

		// A URL works for a while.
		in.SHA256 = strings.Repeat("cd", 32)
		late := must(w.CreateUpload(w.owner, in))(t)
		db.Artifact.Update().Where(artifact.ID(late.Artifact.ID)).SetExpiresAt(time.Now().UTC().Add(-time.Second)).ExecX(w.sys)
		_, err = w.ExpectedUpload(w.sys, late.Token)
		wantCode(t, "an expired token", err, fault.UploadExpired)
		in.SHA256 = strings.Repeat("ef", 32)
		must(w.CreateUpload(w.owner, in))(t)
		if db.Artifact.Query().Where(artifact.ID(late.Artifact.ID)).ExistX(w.sys) {
			t.Error("what expired is still announced")
		}
	})
}

func TestUploadRefuses(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		svc := w.service(w.project("Shop"), "Web")
		good := project.NewUpload{ServiceID: svc.ID, Filename: "a.zip", SizeBytes: 1, SHA256: strings.Repeat("ab", 32)}
		for what, tt := range map[string]struct {
			change func(*project.NewUpload)
			code   fault.Code
			field  string
		}{
			"no name":             {func(n *project.NewUpload) { n.Filename = "" }, fault.Invalid, "filename"},
			"a path":              {func(n *project.NewUpload) { n.Filename = "../a" }, fault.Invalid, "filename"},
			"a NUL":               {func(n *project.NewUpload) { n.Filename = "a\x00" }, fault.Invalid, "filename"},
			"nothing":             {func(n *project.NewUpload) { n.SizeBytes = 0 }, fault.Invalid, "sizeBytes"},
			"too much":            {func(n *project.NewUpload) { n.SizeBytes = project.MaxUpload + 1 }, fault.RequestTooLarge, "sizeBytes"},
			"an upper-case sum":   {func(n *project.NewUpload) { n.SHA256 = strings.ToUpper(n.SHA256) }, fault.Invalid, "sha256"},
			"a sum with a tail":   {func(n *project.NewUpload) { n.SHA256 += "\n" }, fault.Invalid, "sha256"},
			"a sum that is short": {func(n *project.NewUpload) { n.SHA256 = "ab" }, fault.Invalid, "sha256"},
		} {
			in := good
			tt.change(&in)
			_, err := w.CreateUpload(w.owner, in)
			wantField(t, what, err, tt.code, tt.field)
		}
		_, err := w.CreateUpload(w.viewer, good)
		wantCode(t, "a viewer", err, fault.Forbidden)
		_, err = w.CreateUpload(w.stranger, good)
		wantCode(t, "a stranger", err, fault.NotFound)

		// An upload does not change where a service of an image comes from.
		up := must(w.CreateUpload(w.owner, good))(t)
		must(w.ReceiveUpload(w.sys, up.Artifact.ID))(t)
		if now := db.Service.GetX(w.sys, svc.ID); now.Source.Image == nil || now.Version != 1 {
			t.Errorf("it comes from %+v", now.Source)
		}
		must(w.DeleteService(w.owner, svc.ID))(t)
		_, err = w.CreateUpload(w.owner, good)
		wantCode(t, "while the service is being deleted", err, fault.Conflict)
		if op := svc.QueryProject().QueryWorkspace().QueryOperations().OnlyX(w.sys); op.Status != lifecycle.OperationQueued {
			t.Errorf("got %+v", op)
		}
	})
}
