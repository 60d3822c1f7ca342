package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// lokiEntry is a line as it is in Loki. Its stamp is the line's time or a
// little more: no two entries of a stream have the same one, so that they are
// in our order there, equal messages are kept, and a page ends between two of
// them. The rest is structured metadata, which makes no streams of its own.
type lokiEntry struct {
	stamp   int64
	message string
	meta    entryMeta
}

type entryMeta struct {
	Number string `json:"number"`          // of the stream: a replica's output may have several, one after the other
	Seq    string `json:"seq"`             // of the line
	Flags  string `json:"flags,omitempty"` // Line.flags, if not 0
	Late   string `json:"late,omitempty"`  // ns the stamp is above the line's time, if it is
}

// entryOf returns the entry of l behind one that has the stamp before.
func entryOf(l *Line, before int64) lokiEntry {
	e := lokiEntry{stamp: max(l.UnixNano, before+1), message: l.Message}
	e.meta.Number = strconv.FormatUint(l.Stream.Number, 10)
	e.meta.Seq = strconv.FormatUint(l.Seq, 10)
	if flags := l.flags(); flags != 0 {
		e.meta.Flags = strconv.Itoa(int(flags))
	}
	if late := e.stamp - l.UnixNano; late != 0 {
		e.meta.Late = strconv.FormatInt(late, 10)
	}
	return e
}

// line returns the line of e; false if it is none of ours.
func (e *lokiEntry) line(s *Stream) (l Line, ok bool) {
	seq, err := strconv.ParseUint(e.meta.Seq, 10, 63)
	flags, late := uint64(0), int64(0)
	var err2, err3 error
	if e.meta.Flags != "" {
		flags, err2 = strconv.ParseUint(e.meta.Flags, 10, 8)
	}
	if e.meta.Late != "" {
		late, err3 = strconv.ParseInt(e.meta.Late, 10, 64)
	}
	if err = errors.Join(err, err2, err3); err != nil || seq == 0 {
		return l, false
	}
	l = Line{Stream: s, Seq: seq, UnixNano: e.stamp - late, Message: e.message}
	l.setFlags(byte(flags))
	return l, true
}

// MarshalJSON writes what a push has for an entry.
func (e lokiEntry) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{strconv.FormatInt(e.stamp, 10), e.message, e.meta})
}

// UnmarshalJSON reads what a query gives for one.
func (e *lokiEntry) UnmarshalJSON(b []byte) error {
	var parts []json.RawMessage
	var stamp string
	var more struct {
		Meta entryMeta `json:"structuredMetadata"`
	}
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	if len(parts) < 2 {
		return errors.New("an entry has no line")
	}
	err := errors.Join(json.Unmarshal(parts[0], &stamp), json.Unmarshal(parts[1], &e.message))
	if len(parts) > 2 {
		err = errors.Join(err, json.Unmarshal(parts[2], &more))
	}
	e.meta = more.Meta
	nano, perr := strconv.ParseInt(stamp, 10, 64)
	e.stamp = nano
	return errors.Join(err, perr)
}

// streamLabels returns what selects s in Loki. The number is no label: a
// replica has another one only after its stream has ended.
func streamLabels(s *Stream) map[string]string {
	source := "deployment"
	if strings.HasPrefix(s.Source.ID, "opn_") {
		source = "operation"
	}
	labels := map[string]string{source: s.Source.ID, "stream": strings.ToLower(string(s.Kind))}
	if s.Replica != "" {
		labels["replica"] = s.Replica
	}
	return labels
}

// sharesLabels reports whether another stream of the source is the same to Loki.
func (s *Stream) sharesLabels(o *Stream) bool { return s.Kind == o.Kind && s.Replica == o.Replica }

// logQL selects the lines r of s in Loki, and those that hold literal if there
// is one.
func logQL(s *Stream, r Range, literal string) string {
	labels := streamLabels(s)
	labels["replica"] = s.Replica // "" selects those without
	var b strings.Builder
	sep := "{"
	for _, name := range []string{"deployment", "operation", "stream", "replica"} {
		if value, ok := labels[name]; ok {
			fmt.Fprintf(&b, "%s%s=%q", sep, name, value)
			sep = ","
		}
	}
	b.WriteString("}")
	if literal != "" {
		fmt.Fprintf(&b, " |= %s", strconv.Quote(literal))
	}
	fmt.Fprintf(&b, ` | number="%d" | seq >= %d | seq <= %d`, s.Number, r.From, r.To)
	return b.String()
}
