package worker

import (
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/store/storetest"
)

// A check that fails is told with what was answered, in which a secret may be.
func TestWhatAHealthCheckFoundHidesSecrets(t *testing.T) {
	t.Parallel()

	h := newHouse(t, storetest.SQLite(t))
	p := h.start()
	i := h.service(h.version("v1", nil), func(s *project.NewService) {
		s.Settings.HealthCheck.Path, s.Settings.HealthCheck.SuccessCodes, s.Settings.HealthCheck.StartPeriod = "/", "299", time.Second
		s.Variables = []project.Value{{Name: "APP_VERSION", Value: "hunter2-hunter2", Secret: true, Runtime: true}}
	})
	d := h.completed(h.request(i, "").ID)
	if *d.Conclusion != lifecycle.Failed || !strings.Contains(d.Failure.Message, "answered 200: ***") {
		t.Fatalf("it ended as %s: %+v", *d.Conclusion, d.Failure)
	}
	told := d.Failure.Message + strings.Join(p.output(d), "\n")
	for _, phase := range d.Phases {
		if phase.Error != nil {
			told += *phase.Error
		}
	}
	if strings.Contains(told, "hunter2") {
		t.Errorf("the secret is told: %s", told)
	}
}
