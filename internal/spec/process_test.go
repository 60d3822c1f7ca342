package spec

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRuns(t *testing.T) {
	t.Parallel()

	s := Settings{Processes: []Process{{"worker", `work "a b"`, 2}, {"cron", "tick", 0}}}
	image := &ImageRef{Processes: []ImageProcess{{"worker", []string{"other"}}, {"mailer", []string{"/bin/sh", "-c", "mail | log"}}}}
	tests := []struct {
		name  string
		in    Settings
		image *ImageRef
		want  []Run
	}{
		{"nothing runs beside most services", Settings{}, &ImageRef{}, nil},
		{"the settings alone say it before there is an image", s, nil, []Run{{"cron", []string{"tick"}, 0}, {"worker", []string{"work", "a b"}, 2}}},
		{"the image's source says what the settings do not", s, image, []Run{
			{"cron", []string{"tick"}, 0}, {"mailer", []string{"/bin/sh", "-c", "mail | log"}, 1}, {"worker", []string{"work", "a b"}, 2},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, tt.in.Runs(tt.image)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
