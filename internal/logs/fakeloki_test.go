//go:build !loki

package logs

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// lokiURL returns where a Loki is: here one of ours in memory, which passes
// the tests that a real one passes with the tag loki.
func lokiURL(tb testing.TB) string {
	tb.Helper()
	s := httptest.NewServer(&fakeLoki{})
	tb.Cleanup(s.Close)
	return s.URL
}

type fakeLoki struct {
	tooNew func(time.Time) bool // what it refuses for now; nil: nothing

	mu      sync.Mutex
	streams []fakeStream
	entries map[string]bool
}

type fakeStream struct {
	labels map[string]string
	lokiEntry
}

func (f *fakeLoki) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch r.URL.Path {
	case "/loki/api/v1/push":
		f.push(w, r)
	case "/loki/api/v1/query_range":
		f.query(w, r)
	case "/loki/api/v1/status/buildinfo":
		fmt.Fprint(w, `{"version":"3.7.8"}`)
	default:
		http.NotFound(w, r)
	}
}

func (f *fakeLoki) push(w http.ResponseWriter, r *http.Request) {
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var body struct {
		Streams []struct {
			Stream map[string]string
			Values [][]json.RawMessage
		}
	}
	if err := json.NewDecoder(z).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	refused := ""
	if f.entries == nil {
		f.entries = map[string]bool{}
	}
	for _, s := range body.Streams {
		for _, v := range s.Values {
			var stamp string
			e := fakeStream{labels: s.Stream}
			if json.Unmarshal(v[0], &stamp) != nil || json.Unmarshal(v[1], &e.message) != nil || json.Unmarshal(v[2], &e.meta) != nil {
				http.Error(w, "not an entry", http.StatusBadRequest)
				return
			}
			e.stamp, _ = strconv.ParseInt(stamp, 10, 64)
			if f.tooNew != nil && f.tooNew(time.Unix(0, e.stamp)) {
				refused = fmt.Sprintf("entry for stream '%v' has timestamp too new: %v", s.Stream, time.Unix(0, e.stamp))
				continue
			}
			if oldest := time.Now().Add(-7 * 24 * time.Hour); e.stamp < oldest.UnixNano() {
				refused = fmt.Sprintf("entry for stream '%v' has timestamp too old: %v, oldest acceptable timestamp is: %v", s.Stream, time.Unix(0, e.stamp), oldest)
				continue
			}
			// As in a Loki before 3.7: whatever else it has, an entry is its time
			// and its line.
			entry := fmt.Sprint(s.Stream, e.stamp, e.message)
			if !f.entries[entry] {
				f.streams = append(f.streams, e)
			}
			f.entries[entry] = true
		}
	}
	if refused != "" {
		http.Error(w, refused, http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

var (
	fakeLabel   = regexp.MustCompile(`([a-z]+)="([^"]*)"[,}]`)
	fakeLiteral = regexp.MustCompile(`\|= ("(?:[^"\\]|\\.)*")`)
	fakeMeta    = regexp.MustCompile(` \| number="(\d+)" \| seq >= (\d+) \| seq <= (\d+)$`)
)

func (f *fakeLoki) query(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	logQL := q.Get("query")
	var number string
	var from, to, limit uint64
	var start, end int64
	if m := fakeMeta.FindStringSubmatch(logQL); m != nil {
		number = m[1]
		from, _ = strconv.ParseUint(m[2], 10, 64)
		to, _ = strconv.ParseUint(m[3], 10, 64)
	}
	limit, _ = strconv.ParseUint(q.Get("limit"), 10, 64)
	start, _ = strconv.ParseInt(q.Get("start"), 10, 64)
	end, _ = strconv.ParseInt(q.Get("end"), 10, 64)
	literal := ""
	if m := fakeLiteral.FindStringSubmatch(logQL); m != nil {
		literal, _ = strconv.Unquote(m[1])
	}
	selector := logQL[:strings.Index(logQL, "}")+1]
	var found []lokiEntry
	for _, e := range f.streams {
		seq, _ := strconv.ParseUint(e.meta.Seq, 10, 64)
		matches := e.meta.Number == number && seq >= from && seq <= to && e.stamp >= start && e.stamp < end && strings.Contains(e.message, literal)
		for _, m := range fakeLabel.FindAllStringSubmatch(selector, -1) {
			matches = matches && e.labels[m[1]] == m[2]
		}
		if matches && !slices.Contains(found, e.lokiEntry) {
			found = append(found, e.lokiEntry)
		}
	}
	slices.SortStableFunc(found, func(a, b lokiEntry) int { return cmp.Compare(a.stamp, b.stamp) })
	if q.Get("direction") == "backward" {
		slices.Reverse(found)
	}
	var values []any
	for _, e := range found[:min(len(found), int(limit))] {
		values = append(values, []any{strconv.FormatInt(e.stamp, 10), e.message, map[string]any{"structuredMetadata": e.meta}})
	}
	answer := map[string]any{"status": "success", "data": map[string]any{"resultType": "streams", "result": []any{map[string]any{"stream": map[string]string{}, "values": values}}}}
	json.NewEncoder(w).Encode(answer)
}
