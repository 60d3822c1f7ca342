package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/fault"
)

// verdict is what a check found.
type verdict string

const (
	sound   verdict = "OK"
	warning verdict = "WARNING" // it works, and should be looked after
	broken  verdict = "FAILED"
	unknown verdict = "UNKNOWN" // it could not be looked at
)

// check is one thing that was looked at.
type check struct {
	Name    string  `json:"name"`
	Verdict verdict `json:"verdict"`
	Message string  `json:"message"`
	Hint    string  `json:"hint,omitempty"` // what to do, for what is not sound
}

var verdictMarks = map[verdict]string{sound: "✓", warning: "!", broken: "✗", unknown: "-"}

func doctorCommand(getenv func(string) string) *cobra.Command {
	var s *session
	c, deep := config.Defaults(), false
	c.Data = defaultData(getenv)
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check the server and this machine for problems", Args: cobra.NoArgs,
		Long: "Asks the server how its parts are and compares clocks and versions; on the server's machine it\n" +
			"looks at the data directory, the disk, the database, the queue's Redis, the container engine, the ports and the proxy,\n" +
			"too, also while no server runs. With --data it asks the server that holds that directory. With --deep it also holds everything that is there against\n" +
			"everything that should be: rows, containers, networks, images, routes, logs, files. What is\n" +
			"found it looks at again for some seconds, since it may be about to be healed.\n" +
			"It changes nothing. The status is 0 if nothing failed, else 9.",
		Example: "  davit doctor\n  davit doctor --data /var/lib/davit\n  davit doctor --deep\n  davit doctor --json | jq 'select(.verdict != \"OK\")'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.Validate(); err != nil {
				return err
			}
			serving, here, err := s.holding(cmd, c.Data)
			if err != nil {
				return err
			}
			here = here || isLocal(s.server)
			if deep && !here {
				return fault.New(fault.Invalid, "--deep looks at the files of the server.").WithHint("Run it on the server's machine.")
			}
			stop := s.waiting(cmd.OutOrStdout(), "looking")
			checks := []check{{"server", broken, "No davit serve holds " + c.Data + ".", "Start one with \"davit serve\", or name its data directory with --data."}}
			other := "" // a Davit server that answers, wherever its data are
			if serving {
				var answered bool
				checks, answered, err = s.checkServer(cmd.Context())
				if answered && isLocal(s.server) {
					other = s.server
				}
			}
			if err == nil && here {
				// A look at the disk from here says more about one that is sound.
				checks = slices.DeleteFunc(checks, func(c check) bool { return c.Name == "disk" && c.Verdict == sound })
				checks = append(checks, checkMachine(cmd.Context(), getenv, c, other)...)
				checks = withoutMissedEngine(checks)
			}
			if err == nil && deep {
				checks = append(checks, checkDeep(cmd.Context(), c, func(part string) {
					stop()
					stop = s.waiting(cmd.OutOrStdout(), "looking at "+part)
				})...)
			}
			stop()
			if err != nil {
				return err
			}
			return s.showChecks(cmd.OutOrStdout(), checks)
		},
	}
	s = newSession(cmd, getenv)
	cmd.Flags().BoolVar(&deep, "deep", false, "hold everything that is there against everything that should be")
	cmd.Flags().StringVar(&c.Data, "data", c.Data, "data directory, on the server's machine ($DAVIT_DATA)")
	addressFlag(cmd, getenv, &c.DatabaseURL, "database-url", "PostgreSQL that has its rows, if they are not in there")
	addressFlag(cmd, getenv, &c.RedisURL, "redis-url", "Redis that has the queue, if it is not in the server")
	return cmd
}

// holding makes the server that is asked the one that holds a data directory,
// unless another is named. It reports whether there is one to ask, and whether
// the directory says that it is here.
func (s *session) holding(cmd *cobra.Command, data string) (serving, here bool, err error) {
	named := cmd.Flags().Changed("data")
	if cmd.Flags().Changed("server") || !named && s.getenv("DAVIT_SERVER") != "" {
		return true, false, nil
	}
	url, ok, err := holderURL(data)
	if err != nil && !named {
		return true, false, nil // it may be another user's, whose server a token opens all the same
	}
	if err != nil || !ok {
		return !named, named, err
	}
	token, err := localToken(data)
	if !named {
		token, err = cmp.Or(s.getenv("DAVIT_TOKEN"), token), nil
	}
	s.server, s.token = url, cmp.Or(s.token, token)
	return true, true, err
}

func (s *session) showChecks(out io.Writer, checks []check) error {
	failed, warned := 0, 0
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, c := range checks {
		if c.Verdict == broken {
			failed++
		}
		if c.Verdict == warning {
			warned++
		}
		if s.json {
			if err := s.emit(out, c); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(w, "%s %s\t%s\n", verdictMarks[c.Verdict], c.Name, plain(c.Message))
		if c.Hint != "" {
			fmt.Fprintf(w, "\t%s\n", plain(c.Hint))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	switch {
	case failed > 0:
		s.say(out, "%s failed.", counted(failed, "check", "checks"))
		return exitStatus(fault.ExitOutage)
	case warned > 0:
		s.say(out, "It works, with %s to look after.", counted(warned, "thing", "things"))
	default:
		s.say(out, "All is well.")
	}
	return nil
}

// componentHints say what to do about a part of the server that does not work.
var componentHints = map[string]string{
	"database":    "Look at the log that \"davit serve\" prints, and at the disk, or whether PostgreSQL answers.",
	"queue":       "Nothing is lost, and work goes on: what is asked for is in the database. Look whether its Redis answers, and set maxmemory-policy noeviction there.",
	"runner":      "Start the container engine, or run \"davit serve --runner process\".",
	"disk":        "Builds, images and logs need space: make some. docker system df says what images and build cache take.",
	"proxy":       "Look at proxy.log in the data directory; \"davit serve\" starts the proxy again.",
	"loki":        "Nothing is lost while there is room in the data directory: logs wait there and go to Loki in order once it takes them.",
	"name server": "Containers use the engine's name server instead: names of other services may not resolve. Run the server as root, or open UDP port 53 on its bridges.",
}

const (
	skewWarned = 2 * time.Second
	skewFailed = 30 * time.Second
)

// withoutMissedEngine leaves out that no engine answers this command where the
// server says that one answers it: then it is about this shell only.
func withoutMissedEngine(checks []check) []check {
	if !slices.ContainsFunc(checks, func(c check) bool {
		return c.Name == "runner" && c.Verdict == sound && strings.HasPrefix(c.Message, "Docker ")
	}) {
		return checks
	}
	return slices.DeleteFunc(checks, func(c check) bool { return c.Name == "engine" && c.Verdict == warning && c.Message == noEngine })
}

// noEngine is said of a shell that no container engine answers.
const noEngine = "No Docker engine answers this command: a server that is started here would run applications as processes of this machine, not isolated."

// checkServer asks the server, and says whether a Davit server answered. That
// none does is a finding; an error is that nothing can be asked at all.
func (s *session) checkServer(ctx context.Context) (checks []check, answered bool, err error) {
	c, err := s.client()
	if err != nil {
		return nil, false, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 15*time.Second, fault.New(fault.DeadlineExceeded, "It did not answer in 15 seconds."))
	defer cancel()
	asked := time.Now()
	out, err := client.Platform(ctx, c)
	took := time.Since(asked)
	if err != nil {
		if ctx.Err() != nil && fault.CodeOf(err) == fault.Internal {
			return nil, false, err
		}
		class := fault.CodeOf(err).Info().Class
		return []check{unanswered(s.server, err)}, class == fault.ClassAuth || class == fault.ClassAccess, nil
	}
	p := out.Platform
	checks = []check{
		{"server", sound, fmt.Sprintf("%s answers in %s, to %s.", s.server, short(took), out.Viewer.GetDisplayName()), ""},
		sameVersion(p.Version+" "+p.Commit, Version+" "+Commit),
	}
	if len(p.Components) > 0 {
		// The first part is asked as soon as the request is there.
		checks = append(checks, checkClock(p.Components[0].CheckedAt, asked, asked.Add(took)))
	}
	for _, part := range p.Components {
		one := check{Name: part.Name, Verdict: sound, Message: "answers"}
		if part.LatencyMs != nil {
			one.Message += fmt.Sprintf(" in %s", short(time.Duration(*part.LatencyMs*float64(time.Millisecond))))
		}
		if part.Message != nil {
			one.Message = strings.TrimSuffix(*part.Message, ".") + "."
		} else {
			one.Message += "."
		}
		if !part.Healthy {
			one.Verdict, one.Hint = broken, componentHints[part.Name]
			if part.Name == "name server" || part.Name == "queue" || part.Name == "loki" { // what runs goes on without it
				one.Verdict = warning
			}
		}
		checks = append(checks, one)
	}
	return checks, true, nil
}

// unanswered is the check of a server that did not tell how it is.
func unanswered(server string, err error) check {
	one := check{Name: "server", Verdict: broken, Message: err.Error()}
	switch fault.CodeOf(err).Info().Class {
	case fault.ClassAuth, fault.ClassAccess:
		one.Message = server + " answers, but does not know who asks: " + withoutHeader(err.Error())
		one.Hint = hintFor(fault.Unauthenticated) + " \"davit doctor\" takes it as --data, too."
	case fault.ClassOutage:
		one.Hint = "Start one with \"davit serve\", or name another with --server."
	default:
	}
	return one
}

func sameVersion(server, here string) check {
	if server == here {
		return check{"version", sound, here + ", as this command.", ""}
	}
	return check{"version", warning, fmt.Sprintf("The server is %s, this command %s.", server, here), "Use the same version of both."}
}

// checkClock compares the server's clock with ours, between which a request
// that was sent and answered lies.
func checkClock(server, sent, answered time.Time) check {
	skew := time.Duration(0)
	if server.Before(sent) {
		skew = server.Sub(sent)
	} else if server.After(answered) {
		skew = server.Sub(answered)
	}
	one := check{Name: "clock", Verdict: sound, Message: "The server's and ours agree."}
	if size := skew.Abs(); size >= skewWarned {
		word := "ahead of"
		if skew < 0 {
			word = "behind"
		}
		one = check{"clock", warning, fmt.Sprintf("The server's is %s %s ours.", short(size), word), "Set both by NTP: tokens and times of logs depend on them."}
		if size >= skewFailed {
			one.Verdict = broken
		}
	}
	return one
}
