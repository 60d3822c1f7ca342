package spec_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	. "github.com/davitdev/davit/internal/spec"
)

func TestWithDefaults(t *testing.T) {
	t.Parallel()

	got := Settings{}.WithDefaults(Web)
	if err := got.Validate("s"); err != nil {
		t.Errorf("the defaults are not valid: %v", err)
	}
	if got.HealthCheck.Kind != CheckTCP || got.Port != 0 || got.Resources.MemoryBytes != DefaultMemory || got.DrainTimeout != DefaultDrainTimeout {
		t.Errorf("got %+v", got)
	}
	if again := got.WithDefaults(Web); !cmp.Equal(again, got) {
		t.Errorf("defaults of what has them differ: %s", cmp.Diff(got, again))
	}
	if k := (Settings{}).WithDefaults(Worker).HealthCheck.Kind; k != CheckNone {
		t.Errorf("a worker is checked by %s", k)
	}
	said := Settings{HealthCheck: &HealthCheck{Kind: CheckHTTP}, Port: 3000}
	if h := said.WithDefaults(Worker).HealthCheck; h.Path != "/" || h.SuccessCodes != DefaultCodes {
		t.Errorf("an HTTP check asks for %q and expects %q", h.Path, h.SuccessCodes)
	}
	if said.HealthCheck.Path != "" {
		t.Error("WithDefaults changed what it was called on")
	}
}

// Rows keep settings as JSON: nothing may be lost on the way.
func TestSettingsSurviveTheirRow(t *testing.T) {
	t.Parallel()

	want := Settings{
		Builder: Dockerfile, DockerTarget: "final", BuildArgs: []KeyValue{{"A", "b"}}, StartCommand: "run",
		Language: "node", LanguageVersion: ">=20", InstallCommand: "npm ci", BuildCommand: "npm run build", OutputDirectory: "dist", Packages: []string{"ffmpeg"},
		HealthCheck: &HealthCheck{Kind: CheckCommand, Command: []string{"true"}, Interval: time.Second},
		Resources:   Resources{CPUMillis: 250}, DrainTimeout: time.Minute,
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Settings
	if err := json.Unmarshal(text, &got); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v: %s", err, cmp.Diff(want, got))
	}
	if text, _ := json.Marshal(Settings{}); string(text) != "{}" {
		t.Errorf("nothing said is %s", text)
	}
}

func TestReady(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		in   Source
		want bool
	}{
		{Source{}, false},
		{Source{Upload: &UploadSource{}}, false},
		{Source{Upload: &UploadSource{ArtifactID: "art_x"}}, true},
		{Source{Image: &ImageSource{Image: "nginx"}}, true},
	} {
		if got := tt.in.Ready(); got != tt.want {
			t.Errorf("%+v: %t", tt.in, got)
		}
	}
}
