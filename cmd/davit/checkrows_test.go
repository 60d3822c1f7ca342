//go:build unix

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/internal/wake/redistest"
)

// says fails the test unless a check found something and tells no password.
func says(t *testing.T, got check, want verdict, text string) {
	t.Helper()
	if got.Verdict != want || !strings.Contains(got.Message, text) || (got.Hint == "") != (want == sound) {
		t.Errorf("got %+v, want %s with %q", got, want, text)
	}
	if strings.Contains(got.Message+got.Hint, "s3cret") {
		t.Errorf("it tells the password: %+v", got)
	}
}

func TestDoctorAsksTheDatabaseThatHasTheRows(t *testing.T) { //nolint:tparallel // its parts follow on each other
	t.Parallel()
	database, data := storetest.PostgresURL(t), t.TempDir()
	if err := openRows(t, data, database); err != nil {
		t.Fatal(err)
	}
	c := config.Config{Data: data, DatabaseURL: database}
	says(t, checkDatabase(t.Context(), c), warning, "has the rows") // the tests' own does without fsync
	if deep := checkDeep(t.Context(), c, func(string) {}); len(deep) < 5 || deep[0].Name != "deployments" || deep[0].Verdict != sound {
		t.Errorf("with --deep it finds %+v", deep)
	}

	for _, tt := range []struct {
		name, url string
		verdict   verdict
		text      string
	}{
		{"without its URL", "", unknown, "are in PostgreSQL, at "},
		{"with another", storetest.PostgresURL(t), broken, "is empty"},
		{"while it is away", "postgres://davit:s3cret@127.0.0.1:1/davit", broken, "does not answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := config.Config{Data: data, DatabaseURL: tt.url}
			says(t, checkDatabase(t.Context(), c), tt.verdict, tt.text)
			deep := checkDeep(t.Context(), c, func(string) {})
			if len(deep) != 1 || deep[0].Verdict != broken || strings.Contains(deep[0].Message, "s3cret") {
				t.Errorf("with --deep it finds %+v", deep)
			}
		})
	}
}

func TestDoctorAsksTheRedisOfTheQueue(t *testing.T) { //nolint:tparallel // its parts follow on each other
	t.Parallel()
	url := redistest.Start(t).URL()
	closed := redistest.Start(t)
	if err := closed.Client().ConfigSet(t.Context(), "requirepass", "another").Err(); err != nil {
		t.Fatal(err)
	}
	away := redistest.Start(t)
	away.Kill()
	for _, tt := range []struct {
		name, url string
		verdict   verdict
		text      string
	}{
		{"a good one", url, sound, "eviction policy noeviction, at 127.0.0.1:"},
		{"one that throws away", redistest.Start(t, "--maxmemory-policy", "allkeys-lru").URL(), warning, "set it to noeviction"},
		{"one that is away", strings.Replace(away.URL(), "redis://", "redis://:s3cret@", 1), warning, "does not answer"},
		{"one that refuses the password", strings.Replace(closed.URL(), "redis://", "redis://:s3cret@", 1), broken, "refuses the Redis URL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checks := checkRedis(t.Context(), config.Config{Data: t.TempDir(), RedisURL: tt.url})
			if len(checks) != 1 {
				t.Fatalf("it finds %+v", checks)
			}
			says(t, checks[0], tt.verdict, tt.text)
		})
	}
	data := t.TempDir()
	if checks := checkRedis(t.Context(), config.Config{Data: data}); len(checks) != 0 {
		t.Errorf("without one it finds %+v", checks)
	}
	serving := &house{config: config.Config{Data: data}}
	defer serving.close()
	if err := serving.lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := (holder{PID: os.Getpid(), Listen: "127.0.0.1:7070", Redis: "cache:6379/0"}).write(serving.held); err != nil {
		t.Fatal(err)
	}
	checks := checkRedis(t.Context(), config.Config{Data: data})
	if len(checks) != 1 {
		t.Fatalf("without the URL of the server's it finds %+v", checks)
	}
	says(t, checks[0], unknown, "The queue is in Redis, at cache:6379/0")
}
