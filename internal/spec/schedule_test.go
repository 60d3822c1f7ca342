package spec

import (
	"slices"
	"testing"
	"time"
)

func TestScheduleNext(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, text, zone, from string
		want                   []string
	}{
		{"minutes", "*/20 * * * *", "", "2026-01-31T23:45:10Z", []string{"2026-02-01T00:00:00Z", "2026-02-01T00:20:00Z"}},
		{"working days", "30 4 * * 1-5", "Europe/Berlin", "2026-11-27T12:00:00Z", []string{"2026-11-30T03:30:00Z", "2026-12-01T03:30:00Z"}},
		{"a tick itself is not after itself", "0 0 1 * *", "", "2026-01-01T00:00:00Z", []string{"2026-02-01T00:00:00Z"}},
		{"the skipped hour: once, when the clocks have gone forward", "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
		{"the repeated hour: once, the first time", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"asked between the two", "30 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00Z", []string{"2026-10-26T01:30:00Z"}},
		{"asked in the second", "30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", []string{"2026-10-26T01:30:00Z"}},
		{"every hour goes on evenly in autumn", "0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", []string{"2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"}},
		{"and in spring", "0 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"}},
		{"half an hour of summer", "45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", []string{"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
		{"a leap day", "0 0 29 2 *", "", "2026-01-01T00:00:00Z", []string{"2028-02-29T00:00:00Z"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := ParseSchedule(tt.text, tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, tt.from)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for range tt.want {
				at = s.Next(at)
				got = append(got, at.Format(time.RFC3339))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestParseScheduleRefuses(t *testing.T) {
	t.Parallel()
	for _, bad := range [][2]string{
		{"", ""},
		{"* * * *", ""},
		{"* * * * * *", ""},
		{"@daily", ""},
		{"@every 1s", ""},
		{"TZ=UTC * * * * *", ""},
		{"60 * * * *", ""},
		{"* * 30 2 *", ""},
		{"* * * * *\n", ""},
		{"x * * * *", ""},
		{"* * * * *", "Nowhere/Land"},
		{"* * * * *", "../../etc/passwd"},
		{"* * * * *", "Local"},
		{"* * * * *", "/etc/localtime"},
	} {
		if _, err := ParseSchedule(bad[0], bad[1]); err == nil {
			t.Errorf("%q in %q is taken", bad[0], bad[1])
		}
	}
}
