package worker

import (
	"slices"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// What the API takes as a language is what detection knows.
func TestLanguagesAreThoseOfDetection(t *testing.T) {
	t.Parallel()
	if got := build.Languages(); !slices.Equal(got, spec.Languages) {
		t.Errorf("detection knows %q, settings take %q", got, spec.Languages)
	}
}

// sent makes a service of files, with settings.
func (s *stage) sent(files map[string]string, change func(*spec.Settings)) {
	s.t.Helper()
	s.instance = s.service("", func(n *project.NewService) {
		n.Source = spec.Source{Upload: &spec.UploadSource{}}
		change(&n.Settings)
	})
	s.upload(s.instance, files)
}

var shop = map[string]string{
	"package.json": `{"name":"shop","scripts":{"start":"node server.js"},"dependencies":{"express":"5"}}`,
	"server.js":    "", "package-lock.json": "{}",
	"davit.toml": "languageVersion = \"20\"\nbuildCommand = \"node of-the-file.js\"\n\n[buildArgs]\nFROM_FILE = \"1\"\nBOTH = \"file\"\n",
}

func TestSettingsReachTheBuild(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStage(t, db)
		p := s.start()
		s.sent(shop, func(c *spec.Settings) {
			c.LanguageVersion, c.InstallCommand, c.Packages = "22", "npm install --no-audit", []string{"ffmpeg"}
			c.BuildArgs, c.Port = []spec.KeyValue{{Key: "BOTH", Value: "settings"}}, 3000
		})
		if _, err := s.projects.SetVariables(s.ctx, project.Target{InstanceID: s.instance.ID}, []project.Value{
			{Name: "TOKEN", Value: "s3cret-token", Secret: true, Build: true}, {Name: "PLAIN", Value: "x", Build: true},
		}, false); err != nil {
			t.Fatal(err)
		}
		d := s.deploy(s.instance, "")
		req := s.builder.(*fakeBuilder).last()
		plan := req.Plan
		if plan.Version != "22" || plan.Install != "npm install --no-audit" || plan.Build != "node of-the-file.js" || plan.Port != 3000 || !slices.Contains(plan.Packages, "ffmpeg") {
			t.Errorf("the plan is %+v", plan)
		}
		if req.Args["BOTH"] != "settings" || req.Args["FROM_FILE"] != "1" || req.Args["PLAIN"] != "x" || string(req.Secrets["TOKEN"]) != "s3cret-token" {
			t.Errorf("the build is given %v", req.Args)
		}
		for _, want := range []string{"ARG PLAIN\n", "ARG FROM_FILE\n", "id=TOKEN", "ENV HOME=/home/app PORT=3000\n"} {
			if !strings.Contains(string(plan.Dockerfile), want) {
				t.Errorf("the Dockerfile lacks %q:\n%s", want, plan.Dockerfile)
			}
		}
		said := strings.Join(p.output(d, logs.System), "\n")
		for _, want := range []string{"The source is built as Node.js", "The settings' languageVersion replaces the one of davit.toml.", "Node.js 22 is used"} {
			if !strings.Contains(said, want) {
				t.Errorf("its log does not say %q:\n%s", want, said)
			}
		}
		if !slices.ContainsFunc(d.Phases, func(p lifecycle.Phase) bool {
			return p.Name == lifecycle.PhaseDetect && p.Detail != nil && *p.Detail == "Node.js 22 Express; node of-the-file.js; node server.js; port 3000"
		}) {
			t.Errorf("its phases are %+v", d.Phases)
		}
	})
}

func TestWhatCannotBeBuiltSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files  map[string]string
		change func(*spec.Settings)
		want   string
	}{
		"nothing to build":    {map[string]string{"README.md": "# Shop"}, func(*spec.Settings) {}, "add a Dockerfile, or a go.mod"},
		"no static site":      {map[string]string{"go.mod": "module x\n"}, func(c *spec.Settings) { c.Builder = spec.Static }, "There is no index.html"},
		"a key in davit.toml": {map[string]string{"davit.toml": "prot = 1\n"}, func(*spec.Settings) {}, `Line 1 of davit.toml has the key "prot"`},
		"another language":    {shop, func(c *spec.Settings) { c.Language = "python" }, "The language of the settings is Python, but"},
		"no such version":     {shop, func(c *spec.Settings) { c.LanguageVersion = "fast" }, `The language version "fast"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, storetest.SQLite(t))
			s.start()
			s.sent(tt.files, tt.change)
			d := s.house.completed(s.request(s.instance, "").ID)
			if d.Failure == nil || d.Failure.Code != fault.NotBuildable || d.Failure.Domain != fault.User || !strings.Contains(d.Failure.Message, tt.want) {
				t.Errorf("it ended with %+v, want %q", d.Failure, tt.want)
			}
		})
	}
}
