//go:build !loki

package logs

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// forget is Loki's retention: it takes all lines up to seq.
func (f *fakeLoki) forget(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.streams = slices.DeleteFunc(f.streams, func(s fakeStream) bool {
		n, err := strconv.ParseUint(s.meta.Seq, 10, 64)
		return err == nil && n <= seq
	})
}

// Lines that Loki's own retention took are a gap, also for who searches, in
// whichever direction, and by whatever: they may have matched.
func TestWhatLokiNoLongerHasIsAGap(t *testing.T) {
	t.Parallel()

	fake := &fakeLoki{}
	s := httptest.NewServer(fake)
	t.Cleanup(s.Close)
	w := openBeforeLoki(t, t.TempDir(), s.URL, 1)
	w.write(t, 1, 300)
	if err := w.End(t.Context(), w.src, DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	w.shippedTo(t, 600)
	until(t, "nothing is left here", func() bool { return w.coldSegments(t) == 0 })
	const taken = 233
	for _, f := range []Filter{{}, {Search: "line 2"}, {Search: "not there"}, {MinSeverity: SeverityFatal}} {
		for _, reverse := range []bool{false, true} {
			if _, lost := w.all(t, reverse, f); lost != 0 {
				t.Fatalf("%+v, reverse %t: %d lines are lost from the start", f, reverse, lost)
			}
		}
	}
	want, _ := w.all(t, false, Filter{Search: "line 2"})
	want = slices.DeleteFunc(want, func(line string) bool {
		number, _, _ := strings.Cut(line, " ")
		seq, err := strconv.Atoi(number)
		return err == nil && seq <= taken
	})
	fake.forget(taken)
	for _, reverse := range []bool{false, true} {
		if got, lost := w.all(t, reverse, Filter{Search: "line 2"}); lost != taken || !slices.Equal(got, want) {
			t.Errorf("reverse %t: %d lines and %d lost, want %d and %d", reverse, len(got), lost, len(want), taken)
		}
		if got, lost := w.all(t, reverse, Filter{Search: "not there"}); lost != taken || len(got) != 0 {
			t.Errorf("reverse %t, of what is not there: %d lines and %d lost, want %d", reverse, len(got), lost, taken)
		}
		if got, lost := w.all(t, reverse, Filter{}); lost != taken || len(got) != 600-taken {
			t.Errorf("reverse %t, without a search: %d lines and %d lost", reverse, len(got), lost)
		}
	}
	fake.forget(600)
	if got, lost := w.all(t, false, Filter{Search: "line 2"}); lost != 600 || len(got) != 0 {
		t.Errorf("of nothing: %d lines and %d lost", len(got), lost)
	}
}

// A Loki of many tenants is told with every request whose the lines are, and who
// asks.
func TestLokiIsToldWhoseTheLinesAre(t *testing.T) {
	t.Parallel()

	fake := &fakeLoki{}
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if got := r.Header.Values("X-Scope-OrgID"); !slices.Equal(got, []string{"team-a"}) {
			http.Error(rw, fmt.Sprintf("no org id: %q", got), http.StatusUnauthorized)
			return
		}
		if user, password, _ := r.BasicAuth(); user != "davit" || password != "p@ss/word" {
			http.Error(rw, "who are you?", http.StatusUnauthorized)
			return
		}
		fake.ServeHTTP(rw, r)
	}))
	t.Cleanup(s.Close)
	url := strings.Replace(s.URL, "://", "://davit:p%40ss%2Fword@", 1)
	for tenant, ok := range map[string]bool{"team-a": true, "": false} {
		k, err := newLoki(url, tenant)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(k.close)
		ctx := context.WithoutCancel(t.Context())
		pushed := k.push(ctx, map[string]string{"stream": "build"}, []lokiEntry{{stamp: 1, message: "x"}})
		if answered := pushed == nil || strings.Contains(pushed.Error(), "too old"); answered != ok {
			t.Errorf("%q pushes: %v", tenant, pushed)
		}
		if _, err := k.query(ctx, `{stream="build"}`, 0, 1, 1, false); (err == nil) != ok {
			t.Errorf("%q asks: %v", tenant, err)
		}
		if _, err := k.version(ctx); (err == nil) != ok {
			t.Errorf("%q asks how it is: %v", tenant, err)
		}
	}
	if asked.Load() != 6 {
		t.Errorf("it was asked %d times", asked.Load())
	}
}
