package logs

import "bytes"

// detectSeverity reads what a message says about itself: the "level" or
// "severity" of a JSON object, a leading word such as ERROR, also behind a
// timestamp, or level= as in logfmt. It is a guess made at the speed of the
// stream, not a parser.
func detectSeverity(m []byte) Severity {
	for len(m) > 0 && (m[0] == ' ' || m[0] == '\t' || m[0] == esc) {
		if m[0] != esc {
			m = m[1:]
			continue
		}
		end := bytes.IndexByte(m, 'm') // only colour sequences are left in a message
		if end < 0 {
			return SeverityUnknown
		}
		m = m[end+1:]
	}
	if len(m) == 0 {
		return SeverityUnknown
	}
	if m[0] == '{' {
		return jsonSeverity(m)
	}
	if s := leadingSeverity(m); s != SeverityUnknown {
		return s
	}
	return logfmtSeverity(m)
}

var jsonKeys = [][]byte{[]byte(`"level"`), []byte(`"severity"`)}

func jsonSeverity(m []byte) Severity {
	for _, key := range jsonKeys {
		i := bytes.Index(m, key)
		if i < 0 {
			continue
		}
		v := bytes.TrimLeft(m[i+len(key):], " :\t")
		if len(v) > 0 && v[0] == '"' {
			return wordSeverity(v[1:])
		}
		if len(v) > 1 && v[0] >= '1' && v[0] <= '6' && v[1] == '0' { // bunyan and pino: 10 to 60
			return SeverityTrace + Severity(v[0]-'1')
		}
	}
	return SeverityUnknown
}

// leadingSeverity looks at the first word behind what begins with a digit,
// which is a date, a time or a process id.
func leadingSeverity(m []byte) Severity {
	const words = 4
	for range words {
		word := bytes.TrimLeft(m, " \t[(<|")
		if len(word) == 0 {
			return SeverityUnknown
		}
		if word[0] < '0' || word[0] > '9' {
			return wordSeverity(word)
		}
		space := bytes.IndexByte(word, ' ')
		if space < 0 {
			return SeverityUnknown
		}
		m = word[space:]
	}
	return SeverityUnknown
}

var logfmtKey = []byte("level=")

func logfmtSeverity(m []byte) Severity {
	i := bytes.Index(m, logfmtKey)
	if i < 0 || i > 0 && m[i-1] != ' ' {
		return SeverityUnknown
	}
	return wordSeverity(bytes.TrimLeft(m[i+len(logfmtKey):], `"`))
}

// wordSeverity reads the word m begins with, in any case.
func wordSeverity(m []byte) Severity {
	var buf [len("emergency")]byte
	n := 0
	for ; n < len(m); n++ {
		c := m[n] | 0x20 // lower case
		if c < 'a' || c > 'z' {
			break
		}
		if n == len(buf) {
			return SeverityUnknown
		}
		buf[n] = c
	}
	switch string(buf[:n]) {
	case "trace":
		return SeverityTrace
	case "debug":
		return SeverityDebug
	case "info", "notice":
		return SeverityInfo
	case "warn", "warning":
		return SeverityWarn
	case "error", "err":
		return SeverityError
	case "fatal", "panic", "critical", "crit", "alert", "emergency":
		return SeverityFatal
	}
	return SeverityUnknown
}
