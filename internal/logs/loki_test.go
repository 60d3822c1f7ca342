package logs

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Only what Loki says of an entry, and will always say, is given up on.
func TestWhatIsRefusedForGood(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		status int
		body   string
		want   bool
	}{
		{http.StatusBadRequest, "entry for stream '{}' has timestamp too old: 2020-01-01T00:00:00Z, oldest acceptable timestamp is: 2026-01-01T00:00:00Z", true},
		{http.StatusBadRequest, "entry with timestamp 1 ignored, reason: 'entry too far behind, entry timestamp is: 1, oldest acceptable timestamp is: 2'", true},
		{http.StatusBadRequest, "Max entry size '10' bytes exceeded for stream '{}' while adding an entry with length '11' bytes", true},
		{http.StatusBadRequest, "stream '{}' includes structured metadata, but this feature is disallowed.", false},
		{http.StatusBadRequest, "entry for stream '{}' has timestamp too new: 2030-01-01T00:00:00Z", false},
		{http.StatusTooManyRequests, "ingestion rate limit exceeded: too old", false},
		{http.StatusUnauthorized, "no org id", false},
		{http.StatusNotFound, "404 page not found", false},
		{http.StatusBadGateway, "", false},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, c.body, c.status) }))
		k, err := newLoki(s.URL, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := k.push(t.Context(), map[string]string{"stream": "build"}, []lokiEntry{{stamp: 1, message: "x"}}); err == nil || errors.Is(err, errRefused) != c.want {
			t.Errorf("%d %s: %v", c.status, c.body, err)
		}
		k.close()
		s.Close()
	}
}

func TestAnAnswerThatIsNotLokis(t *testing.T) {
	t.Parallel()

	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }))
	t.Cleanup(s.Close)
	k, err := newLoki(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.close)
	if _, err := k.query(t.Context(), "{}", 0, 1, 1, false); err == nil || errors.Is(err, errRefused) {
		t.Errorf("query: %v", err)
	}
	if _, err := k.version(t.Context()); err == nil {
		t.Error("a page of HTML is a Loki")
	}
	for _, bad := range []string{"", "loki:3100", "ftp://loki", "http://"} {
		if _, err := newLoki(bad, ""); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// A page that greets everybody is not Loki, which has nothing to say to a push.
func TestAPushThatIsAnsweredWithAPageIsNotTaken(t *testing.T) {
	t.Parallel()

	for body, taken := range map[string]bool{"": true, "<html>Welcome</html>": false} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
		t.Cleanup(s.Close)
		k, err := newLoki(s.URL, "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(k.close)
		err = k.push(t.Context(), map[string]string{"stream": "build"}, []lokiEntry{{stamp: 1, message: "x"}})
		if (err == nil) != taken || errors.Is(err, errRefused) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// Whoever answers in Loki's place does not get the lines sent elsewhere.
func TestLinesFollowNoRedirect(t *testing.T) {
	t.Parallel()

	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("lines went elsewhere") }))
	t.Cleanup(other.Close)
	s := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	t.Cleanup(s.Close)
	k, err := newLoki(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.close)
	if err := k.push(t.Context(), map[string]string{"stream": "build"}, []lokiEntry{{stamp: 1, message: "x"}}); err == nil {
		t.Error("a redirect counts as taken")
	}
}
