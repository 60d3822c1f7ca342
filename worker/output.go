package worker

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/runner"
)

// output is the two streams of a container being written.
type output struct {
	stdout, stderr *logs.Writer
	at             runner.Position // up to which they are in the log
	doubted        runner.Position // up to which a gap says what may be missing
}

// doubt says in both streams, as far as they have lines, that some may be missing
// here: an engine that dies takes along what it had read from the application
// and neither handed on nor kept.
func (o *output) doubt() error {
	var errs []error
	taken := o.taken()
	if taken.Stdout > o.doubted.Stdout {
		errs = append(errs, o.stdout.Doubt(logs.EngineAway))
	}
	if taken.Stderr > o.doubted.Stderr {
		errs = append(errs, o.stderr.Doubt(logs.EngineAway))
	}
	o.doubted = taken
	return errors.Join(errs...)
}

// lost says in both streams that lines are missing here.
func (o *output) lost(why logs.GapReason) error {
	return errors.Join(o.stdout.Doubt(why), o.stderr.Doubt(why))
}

// open opens the streams of a container and finds where they end.
func (rec *Recorder) open(ctx context.Context, by printer, secrets []string) (*output, error) {
	out, err := rec.streams(ctx, by, secrets)
	if err != nil {
		return nil, err
	}
	if err := out.resume(ctx); err != nil {
		out.close()
		return nil, fmt.Errorf("resume log: %w", err)
	}
	return out, nil
}

// streams opens the streams of a container, which is to be followed by resume.
func (rec *Recorder) streams(ctx context.Context, by printer, secrets []string) (*output, error) {
	o := logs.WriterOptions{Mask: logs.NewMask(secrets...)}
	stdout, err := rec.Logs.Writer(ctx, by.source, logs.Stdout, by.replica, o)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	stderr, err := rec.Logs.Writer(ctx, by.source, logs.Stderr, by.replica, o)
	if err != nil {
		stdout.Close()
		return nil, fmt.Errorf("open log: %w", err)
	}
	return &output{stdout: stdout, stderr: stderr}, nil
}

// resume forgets unfinished lines and finds where to go on.
func (o *output) resume(ctx context.Context) error {
	for _, w := range []*logs.Writer{o.stdout, o.stderr} {
		if _, err := w.Resume(ctx); err != nil {
			return err
		}
	}
	o.at = o.taken()
	return nil
}

// taken is how far the streams are, with what the disk does not have yet.
func (o *output) taken() runner.Position {
	stdout, stderr := o.stdout.Position(), o.stderr.Position()
	p := runner.Position{Stdout: stdout.Lines, Stderr: stderr.Lines, Time: stdout.Time}
	if stderr.Time.After(p.Time) {
		p.Time = stderr.Time
	}
	if stdout.Whole {
		p.StdoutLast = stdout.Time
	}
	if stderr.Whole {
		p.StderrLast = stderr.Time
	}
	return p
}

// flush shows what is there of unfinished lines: they may be the last ones.
func (o *output) flush() error {
	return errors.Join(o.stdout.Flush(), o.stderr.Flush())
}

// copy writes a stream to its end. It fails with logs.ErrBehind when the log
// takes less than comes in.
func (o *output) copy(ctx context.Context, stream runner.Stream) error {
	for {
		f, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		w, doubted := o.stdout, &o.doubted.Stdout
		if f.Descriptor == runner.Stderr {
			w, doubted = o.stderr, &o.doubted.Stderr
		}
		if f.Missing > 0 {
			*doubted = max(0, *doubted-f.Missing)
			if err := w.Fewer(ctx, f.Missing); err != nil {
				return err
			}
			continue
		}
		if f.Gap {
			if err := o.gone(w); err != nil {
				return err
			}
		}
		if err := write(w, f); err != nil {
			return err
		}
	}
}

// gone says that the runner's copy lost lines before what w gets next. Of which
// output they were it does not know.
func (o *output) gone(w *logs.Writer) error {
	var errs []error
	for _, s := range []*logs.Writer{o.stdout, o.stderr} {
		if s == w || s.Position().Lines > 0 {
			errs = append(errs, s.Gap(0, logs.RetentionPassed))
		}
	}
	return errors.Join(errs...)
}

func write(w *logs.Writer, f runner.Frame) error {
	if f.Time.IsZero() && !f.Line { // of an attachment: raw bytes
		_, err := w.Write(f.Data)
		return err
	}
	return w.WriteAt(f.Time, f.Data, f.Line)
}

// close lets go of the streams, which others may continue.
func (o *output) close() {
	o.stdout.Close()
	o.stderr.Close()
}

// end closes the streams for good.
func (o *output) end(ctx context.Context) error {
	return errors.Join(o.stdout.End(ctx), o.stderr.End(ctx))
}

// renew is end for a container that another one follows.
func (o *output) renew(ctx context.Context) error {
	return errors.Join(o.stdout.Renew(ctx), o.stderr.Renew(ctx))
}

// ignoreClosed drops the error of a log that has ended or was removed already.
func ignoreClosed(err error) error {
	if fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound) || errors.Is(err, logs.ErrClosed) {
		return nil
	}
	return err
}
