// Bench compares Davit with its peers and with the bare limit, and prints one
// table. The subjects of a scenario take turns in one run, so that whatever
// else the machine does slows all of them: the ratios are the result, the
// times beside them are this machine's. A peer that is missing is said so and
// left out.
//
// It wants the services of test/services, curl, and a davit program; make bench
// sees to that. Peers that are Debian packages it has installed, and those of
// bench/peers, which are modules of their own, it builds into bin/peers when they
// are first wanted: Traefik takes a core a quarter of an hour. C1 wants node, what
// web/package.json names, and Chromium. The working directory is the repository's.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
)

// scenario measures one promise of the performance budget.
type scenario struct {
	id, title string
	rounds    int // without -n
	run       func(context.Context, *bench) error
}

// scenarios in the order of the table.
func scenarios() []scenario {
	return []scenario{
		{"D1", "image present → first 200 through our router", 60, deployImage},
		{"D2", "one file changed → first 200 of what was built of it", 20, deployChange},
		{"D3", "deployments under 64 hammering connections", 50, deployUnderFire},
		{"J1", "request → worker starts, from idle", 200, ringToHandler},
		{"J2", "killed in the middle of a job → resumed", 10, resumeAfterKill},
		{"L1", "printf in a container → subscriber", 20, lineToSubscriber},
		{"L2", "a million lines, the control plane killed among them", 3, everyLine},
		{"L3", "the log store: lines in, bytes on disk, a needle", 5, logStores},
		{"P1", "requests through the proxy, as many as it can", 10, proxies},
		{"L4", "a log of 10,000,000 lines beside 100,000", 20, longLog},
		{"C1", "the console's log viewer, frame by frame", 5, viewerUnderLoad},
		{"F1", "all of Davit's processes, idle, 3 applications", 20, footprint},
		{"F2", "a past of 10,000 deployments beside 20", 10, past},
		{"F3", "what is held after many deployments, lines and viewers", 60, churn},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	work := func() error { return run(ctx, os.Args[1:], os.Stdout, os.Stderr) }
	if len(os.Args) == 3 && os.Args[1] == stockWorker {
		work = func() error { return runStockWorker(ctx, os.Args[2], os.Stdout) }
	}
	err := work()
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	b := &bench{progress: progress}
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := set.String("run", "", "scenarios to run, such as D1,J1; all if empty")
	set.StringVar(&b.program, "davit", "bin/davit", "the davit program")
	set.BoolVar(&b.builtOnly, "built", false, "leave out peers that would have to be built first, which takes minutes")
	n := set.Int("n", 0, "rounds of each scenario; 0: each its own number")
	asJSON := set.Bool("json", false, "print one JSON object a line")
	set.SetOutput(progress)
	set.Usage = func() {
		fmt.Fprintln(progress, "Bench compares Davit with its peers and with the bare limit. Scenarios and their rounds:")
		for _, s := range scenarios() {
			fmt.Fprintf(progress, "  %s  %s (%d)\n", s.id, s.title, s.rounds)
		}
		fmt.Fprintln(progress, "Peers of bench/peers are built into bin/peers when they are first wanted; Debian's nginx and HAProxy are installed by test/services.")
		fmt.Fprintln(progress, "BENCH_LINES is how many lines a turn of L2 and L3 has, BENCH_DEPLOYMENTS how many deployments are the past of F2,\n"+
			"BENCH_MINUTES how long F3 goes on instead of its rounds.")
		fmt.Fprintln(progress, "Flags:")
		set.PrintDefaults()
	}
	if err := set.Parse(args); err != nil {
		return err
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	for _, s := range chosen {
		b.scenario, b.rounds = s.id, s.rounds
		if *n > 0 {
			b.rounds = *n
		}
		b.say("%s: %s", s.id, s.title)
		if err := s.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", s.id, err)
		}
	}
	if *asJSON {
		for _, r := range b.rows {
			if err := json.NewEncoder(out).Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	return printTable(out, b.rows, runtime.NumCPU())
}

// choose returns the scenarios of a list of ids.
func choose(list string) ([]scenario, error) {
	if list == "" {
		return scenarios(), nil
	}
	var chosen []scenario
	for _, id := range strings.Split(list, ",") {
		before := len(chosen)
		for _, s := range scenarios() {
			if strings.EqualFold(s.id, id) {
				chosen = append(chosen, s)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("there is no scenario %q", id)
		}
	}
	return chosen, nil
}

// bench is one run.
type bench struct {
	program   string // path of davit
	builtOnly bool   // leave out peers that would have to be built
	scenario  string // id of the present one
	rounds    int
	rows      []row
	progress  io.Writer
}

// say tells a person how far the run is.
func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.progress, format+"\n", args...) }

// add appends rows to the table.
func (b *bench) add(rows ...row) {
	for _, r := range rows {
		r.Scenario = b.scenario
		b.rows = append(b.rows, r)
	}
}

// skip says loudly, here and in the table, that a peer is missing.
func (b *bench) skip(subject string, why error) {
	b.say("SKIPPED: %s, %s: %v", b.scenario, subject, why)
	b.add(row{Subject: subject, Skipped: why.Error()})
}
