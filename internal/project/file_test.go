package project_test

import (
	"strings"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/fileversion"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

func file(path, content string) spec.ConfigFile {
	return spec.ConfigFile{Path: path, Mode: 0o644, Content: &content, Size: len(content)}
}

func TestConfigFiles(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		in := project.NewService{
			ProjectID: w.project("Shop").ID, Name: "Web", Kind: spec.Web, Source: image("nginx"),
			Settings: spec.Settings{ConfigFiles: []spec.ConfigFile{file("/etc/a", "hunter2"), file("/etc/b", "hunter2")}},
		}
		once := principal.WithIdempotencyKey(w.editor, "once")
		i := w.instance(must(w.CreateService(once, in))(t))
		must(w.CreateService(once, in))(t)
		in.Settings.ConfigFiles = []spec.ConfigFile{file("/etc/a", "hunter3"), file("/etc/b", "hunter2")}
		_, err := w.CreateService(once, in)
		wantCode(t, "another file under the same key", err, fault.IdempotencyKeyReused)
		first := i.Settings.ConfigFiles
		if len(first) != 2 || first[0].Size != 7 || first[0].Content != nil || first[0].Digest == first[1].Digest || first[0].VersionID == first[1].VersionID {
			t.Fatalf("it has %+v", first)
		}
		for _, v := range db.FileVersion.Query().AllX(w.sys) {
			if strings.Contains(string(v.Sealed), "hunter2") || v.InstanceID != i.ID {
				t.Errorf("the row %+v has %q", v, v.Sealed)
			}
		}

		// One is changed, one stays, one comes.
		change := func(as func(spec.Settings) spec.Settings) *ent.ServiceInstance {
			return must(w.UpdateInstance(w.editor, project.ChangeInstance{ID: i.ID, Apply: as}))(t)
		}
		second := change(func(s spec.Settings) spec.Settings {
			s.ConfigFiles = []spec.ConfigFile{file("/etc/a", "swordfish"), s.ConfigFiles[1], file("/etc/c", "")}
			return s
		}).Settings.ConfigFiles
		if second[0].VersionID == first[0].VersionID || second[0].Digest == first[0].Digest || second[1] != first[1] || second[2].VersionID == "" {
			t.Errorf("it has %+v after %+v", second, first)
		}
		if e := w.wantEvent("service.settings_changed", 1); !strings.Contains(e.Message, ": /etc/a, /etc/c.") || strings.Contains(e.Message, "swordfish") {
			t.Errorf("the event says %q", e.Message)
		}
		again := change(func(s spec.Settings) spec.Settings {
			s.ConfigFiles = []spec.ConfigFile{file("/etc/a", "swordfish"), file("/etc/b", "hunter2"), file("/etc/c", "")}
			return s
		}).Settings.ConfigFiles
		for n := range again {
			if again[n] != second[n] {
				t.Errorf("the same is now %+v, was %+v", again[n], second[n])
			}
		}
		if n := db.FileVersion.Query().Where(fileversion.InstanceID(i.ID)).CountX(w.sys); n != 4 {
			t.Errorf("%d versions, want 4", n)
		}
		if e := w.wantEvent("service.settings_changed", 2); strings.Contains(e.Message, "/etc") {
			t.Errorf("the event says %q", e.Message)
		}
		_, err = w.UpdateInstance(w.editor, project.ChangeInstance{ID: i.ID, Apply: func(s spec.Settings) spec.Settings {
			s.ConfigFiles = []spec.ConfigFile{{Path: "/etc/new", Mode: 0o644}}
			return s
		}})
		wantField(t, "a file without content", err, fault.Invalid, "settings.configFiles")
		if n := db.FileVersion.Query().CountX(w.viewer); n != 4 {
			t.Errorf("a viewer of the project counts %d", n)
		}
		if n := db.FileVersion.Query().CountX(w.stranger); n != 0 {
			t.Errorf("a stranger counts %d", n)
		}
	})
}
