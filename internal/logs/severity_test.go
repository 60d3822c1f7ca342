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
