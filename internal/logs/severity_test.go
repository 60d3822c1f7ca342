package logs

import "testing"

func TestDetectSeverity(t *testing.T) {
	t.Parallel()

	tests := []struct {
		in   string
		want Severity
	}{
		{"", SeverityUnknown},
		{"hello", SeverityUnknown},
		{"ERROR something broke", SeverityError},
		{"error: something broke", SeverityError},
		{"[WARN] disk", SeverityWarn},
		{"  Warning: disk", SeverityWarn},
		{"INFO", SeverityInfo},
		{"Information is not a level", SeverityUnknown},
		{"panic: runtime error", SeverityFatal},
		{"\x1b[31mERROR\x1b[0m red", SeverityError},
		{"\x1b[31", SeverityUnknown},
		{"2024-11-21T03:05:11.123Z ERROR x", SeverityError},
		{"2024/11/21 03:05:11 [error] 12#12: upstream", SeverityError},
		{"[2024-11-21 03:05:11,123] DEBUG in app: x", SeverityDebug},
		{"12:00:00", SeverityUnknown},
		{"1 2 3 4 5 ERROR", SeverityUnknown},
		{`{"time":"x","level":"warn","msg":"y"}`, SeverityWarn},
		{`{"severity": "CRITICAL"}`, SeverityFatal},
		{`{"level":30,"msg":"pino"}`, SeverityInfo},
		{`{"level":60}`, SeverityFatal},
		{`{"level":7}`, SeverityUnknown},
		{`{"level":`, SeverityUnknown},
		{`{"msg":"no \"level\" here"}`, SeverityUnknown},
		{"time=now level=info msg=x", SeverityInfo},
		{`time=now level="debug" msg=x`, SeverityDebug},
		{"sealevel=high", SeverityUnknown},
		{"TRACE x", SeverityTrace},
		{"emergencyemergency", SeverityUnknown},
	}
	for _, tt := range tests {
		if got := detectSeverity([]byte(tt.in)); got != tt.want {
			t.Errorf("%q is %v, want %v", tt.in, got, tt.want)
		}
	}
}

func TestSeverityNamesAreThoseOfTheAPI(t *testing.T) {
	t.Parallel()

	for s := SeverityUnknown; s <= SeverityFatal; s++ {
		if got, ok := ParseSeverity(s.String()); !ok || got != s {
			t.Errorf("ParseSeverity(%q) = %v, %t", s, got, ok)
		}
	}
	if _, ok := ParseSeverity("LOUD"); ok {
		t.Error("LOUD is no severity")
	}
	if got := Severity(200).String(); got != "UNKNOWN" {
		t.Errorf("an impossible severity is %q", got)
	}
}

// A guess about any bytes at all ends, is one there is, and does not depend on
// what is in front of the message: blanks and colours.
func FuzzDetectSeverity(f *testing.F) {
	for _, m := range []string{
		"", "ERROR x", "[2024-11-21 03:05:11,123] DEBUG x", "\x1b[31mWARN", "\x1b[31", `{"level":"info"}`, `{"severity":60`, `{"level":`,
		"level=", "a level=fatal", `level="`, "1 2 3 4", "((((", "<6>", "\xff\xfe level=error",
	} {
		f.Add([]byte(m))
	}
	f.Fuzz(func(t *testing.T, m []byte) {
		got := detectSeverity(m)
		if got < SeverityUnknown || got > SeverityFatal {
			t.Fatalf("severity %d", got)
		}
		for _, front := range []string{" ", "\t\t", "\x1b[1;31m", " \x1b[0m "} {
			if again := detectSeverity(append([]byte(front), m...)); again != got {
				t.Errorf("%v, but %v behind %q", got, again, front)
			}
		}
	})
}
