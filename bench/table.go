package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// row is one line of the table.
type row struct {
	Scenario string  `json:"scenario"`
	Subject  string  `json:"subject"`
	Unit     string  `json:"unit,omitempty"` // of P50 and P99
	P50      float64 `json:"p50"`
	P99      float64 `json:"p99,omitempty"`   // 0: there is only one value
	CPU      float64 `json:"cpuMs,omitempty"` // milliseconds for one operation; 0: not measured
	Peer     string  `json:"peer,omitempty"`  // what the ratio is to
	Ratio    *spread `json:"ratio,omitempty"`
	Target   string  `json:"target,omitempty"`
	Met      *bool   `json:"met,omitempty"`
	Skipped  string  `json:"skipped,omitempty"` // why there are no figures
}

// spread of the paired ratios.
type spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// rowOf is the line of a series.
func rowOf(s series) row {
	return row{
		Subject: s.name, Unit: "ms", P50: millis(quantile(s.took, 0.5)), P99: millis(quantile(s.took, 0.99)), CPU: millis(s.cpu),
	}
}

// beside adds the ratio to a peer, and to the next rows of the table nothing.
func (r row) beside(subject, peer series) row {
	list := ratios(subject, peer)
	if len(list) > 0 {
		r.Peer, r.Ratio = peer.name, &spread{list[0], quantile(list, 0.5), list[len(list)-1]}
	}
	return r
}

// rateOf is the line of a series whose times are those of one operation among
// many: how many of them a second.
func rateOf(s series, unit string) row {
	r := row{Subject: s.name, Unit: unit, CPU: millis(s.cpu)}
	if took := quantile(s.took, 0.5); took > 0 {
		r.P50 = float64(time.Second) / float64(took)
	}
	return r
}

// rateBeside adds the ratio of a rate to a peer's.
func (r row) rateBeside(subject, peer series) row {
	r = r.beside(peer, subject) // who takes half the time does twice as much
	r.Peer = peer.name
	return r
}

// target adds what was promised and whether it is kept.
func (r row) target(text string, met bool) row {
	r.Target, r.Met = text, &met
	return r
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// printTable writes the rows for people.
func printTable(w io.Writer, rows []row, cpus int) error {
	fmt.Fprintf(w, "\n%d cores, shared. CPU/op is user + system of all processes named, without the Docker engine.\n\n", cpus)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tsubject\tp50\tp99\tCPU/op\tratio (min median max)\tto\ttarget\tverdict")
	for _, r := range rows {
		fmt.Fprintln(t, r.line())
	}
	return t.Flush()
}

func (r row) line() string {
	if r.Skipped != "" {
		return fmt.Sprintf("%s\t%s\t\t\t\t\t\t\tSKIPPED: %s", r.Scenario, r.Subject, r.Skipped)
	}
	var p99, cpu, ratio, verdict string
	if r.P99 != 0 {
		p99 = figure(r.P99, r.Unit)
	}
	switch {
	case r.CPU >= 0.1:
		cpu = figure(r.CPU, "ms")
	case r.CPU != 0:
		cpu = figure(1000*r.CPU, "µs")
	}
	if r.Ratio != nil {
		ratio = fmt.Sprintf("%.2f %.2f %.2f", r.Ratio.Min, r.Ratio.Median, r.Ratio.Max)
	}
	if r.Met != nil {
		verdict = "missed"
		if *r.Met {
			verdict = "met"
		}
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", r.Scenario, r.Subject, figure(r.P50, r.Unit), p99, cpu, ratio, r.Peer, r.Target, verdict)
}

// figure shows three digits that count.
func figure(v float64, unit string) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f %s", v, unit)
	case v >= 10:
		return fmt.Sprintf("%.1f %s", v, unit)
	default:
		return fmt.Sprintf("%.2f %s", v, unit)
	}
}
