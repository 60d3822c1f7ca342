package spec

import (
	"errors"
	"strings"
	"time"
	_ "time/tzdata" // time zones are the same wherever Davit runs

	"github.com/robfig/cron/v3"

	"github.com/davitdev/davit/internal/lazy"
)

// CronOverlap says what a run that is due does while an earlier one runs.
type CronOverlap string

// The overlaps.
const (
	OverlapSkip    CronOverlap = "SKIP"
	OverlapAllow   CronOverlap = "ALLOW"
	OverlapReplace CronOverlap = "REPLACE" // the earlier one is canceled
)

// Schedule says when something is due: five fields of cron in a time zone.
type Schedule struct {
	at      cron.Schedule
	zone    *time.Location
	byClock bool // fixed hours: read off the clock on the wall
}

var (
	cronFields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	cronText   = lazy.Regexp(`^[0-9A-Za-z*/,?-]+( [0-9A-Za-z*/,?-]+){4}$`)
)

var (
	errCron = errors.New("a schedule has five fields, minute, hour, day of the month, month and day of the week, such as 30 4 * * 1-5")
	errZone = errors.New("a time zone is a name of the IANA database, such as Europe/Berlin")
)

// ParseSchedule reads five fields of cron and a time zone; "" is UTC.
func ParseSchedule(text, zone string) (Schedule, error) {
	if len(text) > 200 || !cronText().MatchString(text) {
		return Schedule{}, errCron
	}
	at, err := cronFields.Parse(text)
	if err != nil {
		return Schedule{}, errCron
	}
	if zone == "Local" || len(zone) > 64 || strings.ContainsAny(zone, `.\`) {
		return Schedule{}, errZone
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return Schedule{}, errZone
	}
	s := Schedule{at: at, zone: loc, byClock: !strings.HasPrefix(strings.Fields(text)[1], "*")}
	if s.Next(time.Now()).IsZero() {
		return Schedule{}, errors.New("there is no such day")
	}
	return s, nil
}

// Next is when it is due after t, zero for never.
//
// What is due at fixed hours is due once a day, as on a clock on the wall: in
// the hour that is skipped in spring it is due when the clocks have gone
// forward, and in the one that comes twice in autumn the first time. What is
// due every hour, or more often, goes on evenly. This is what Vixie cron does.
func (s Schedule) Next(t time.Time) time.Time {
	t = t.In(s.zone)
	if !s.byClock {
		return s.at.Next(t).UTC()
	}
	for wall := wallOf(t.Add(-3 * time.Hour)); ; { // the clock may have gone back since
		wall = s.at.Next(wall)
		if wall.IsZero() {
			return wall
		}
		if due := instantOf(wall, s.zone); due.After(t) {
			return due.UTC()
		}
	}
}

// wallOf is what a clock on the wall shows at t, as if it were UTC.
func wallOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// instantOf is the first time at which the clocks of a zone show wall; for a
// time that they skip it is when they do.
func instantOf(wall time.Time, zone *time.Location) time.Time {
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	start, end := t.ZoneBounds()
	switch shown := wallOf(t); {
	case shown.After(wall):
		return start
	case shown.Before(wall):
		return end
	}
	for _, back := range []time.Duration{2 * time.Hour, time.Hour, 30 * time.Minute} {
		if earlier := t.Add(-back); wallOf(earlier).Equal(wall) {
			return earlier
		}
	}
	return t
}
