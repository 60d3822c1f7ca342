package site

import (
	"strconv"
	"strings"
)

// choose returns the form of a file that a client prefers, and its name as a
// content coding, "" for the file as it is (RFC 9110, 12.5.3). Among equals the
// smaller one wins. A client that takes none of them gets the file as it is.
func (f *File) choose(accept []string) (Blob, string) {
	if f.Brotli == nil && f.Gzip == nil || len(accept) == 0 {
		return f.Blob, ""
	}
	q := qualities(strings.Join(accept, ","))
	best, encoding, most := f.Blob, "", q.of("identity")
	for _, form := range []struct {
		blob *Blob
		name string
	}{{f.Brotli, "br"}, {f.Gzip, "gzip"}} {
		if form.blob == nil {
			continue
		}
		if v := q.of(form.name); v > 0 && (v > most || v == most && form.blob.Size < best.Size) {
			best, encoding, most = *form.blob, form.name, v
		}
	}
	return best, encoding
}

// quality is how much a client wants each coding, in thousandths; 0 is not at
// all.
type quality map[string]int

func qualities(accept string) quality {
	q := quality{}
	for part := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(part, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "x-gzip" {
			name = "gzip"
		}
		if name == "" || len(q) == 32 {
			continue
		}
		v := 1000
		for p := range strings.SplitSeq(params, ";") {
			key, value, _ := strings.Cut(p, "=")
			if strings.EqualFold(strings.TrimSpace(key), "q") {
				v = parseQuality(strings.TrimSpace(value))
			}
		}
		if _, twice := q[name]; !twice {
			q[name] = v
		}
	}
	return q
}

// parseQuality reads 0.000 to 1.000; anything else is 0.
func parseQuality(s string) int {
	if s == "" || len(s) > 5 || s[0] != '0' && s[0] != '1' || strings.ContainsAny(s, "eExX+-_") {
		return 0
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v > 1 {
		return 0
	}
	return int(v*1000 + 0.5)
}

func (q quality) of(name string) int {
	if v, ok := q[name]; ok {
		return v
	}
	if v, ok := q["*"]; ok {
		return v
	}
	if name == "identity" {
		// Allowed unless it is ruled out, and the last choice: whoever names
		// a coding wants it.
		return 1
	}
	return 0
}
